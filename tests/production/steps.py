"""Steps that the production tests run in processes of their own, as one web request would.

`python -m tests.production.steps verify|tell_again|… COUNT`; the environment names the installation.
"""

import json
import sys
import time
from typing import Any

import django

django.setup()

# ruff: noqa: E402 - models can be imported only after django.setup()
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.test import Client

import tests.sessions  # noqa: F401 - sessions as the sign-in pages leave them
from accounts.enums import OrganisationState, Role
from accounts.events import OrganisationTransitioned
from accounts.models import Membership, Organisation, RoleGrant, User
from core import audit, outbox, relay
from core.lanes import Lane
from core.middleware import request_id_scope
from core.models import OutboxDelivery, Region
from tests.factories import make_listed_capability, make_person, make_pooled_scenario, make_published_list
from tests.production.environment import REQUEST_ID


@transaction.atomic
def _organisations(count: int, name: str = "") -> list[Organisation]:
    """`count` verified organisations with one manager each, made without the cost of as many passwords."""
    region = Region.objects.get(code="370100")
    organisations = Organisation.objects.bulk_create(
        Organisation(
            name=f"示范单位{name}{number}", kind="agency", level="city", region=region, state=OrganisationState.VERIFIED
        )
        for number in range(count)
    )
    people = User.objects.bulk_create(
        User(username=f"manager{name}{number}", email=f"manager{name}{number}@example.org", display_name=f"张{number}")
        for number in range(count)
    )
    memberships = Membership.objects.bulk_create(
        Membership(user=person, organisation=organisation)
        for person, organisation in zip(people, organisations, strict=True)
    )
    RoleGrant.objects.bulk_create(
        RoleGrant(membership=membership, role=Role.ORGANISATION_MANAGER) for membership in memberships
    )
    return organisations


def verify(count: int) -> dict[str, Any]:
    """`count` organisations are verified in one transaction: one notice and one mail for each manager must follow."""
    organisations = _organisations(count)
    with request_id_scope(REQUEST_ID), transaction.atomic():
        for organisation in organisations:
            audit.record(None, "accounts.organisation.verify", organisation)
        outbox.publish_many(
            OrganisationTransitioned(organisation.pk, "verify", "submitted", "verified")
            for organisation in organisations
        )
    return {"organisations": len(organisations)}


@transaction.atomic
def tell_again(count: int) -> dict[str, Any]:
    """The same `count` organisations are verified a second time, which is told a second time."""
    organisations = list(Organisation.objects.order_by("pk")[:count])
    for organisation in organisations:
        audit.record(None, "accounts.organisation.verify", organisation)
        outbox.publish(OrganisationTransitioned(organisation.pk, "verify", "submitted", "verified"))
    return {"organisations": len(organisations)}


@transaction.atomic
def _verify_new(name: str, count: int, copies: int = 1) -> list[int]:
    organisations = _organisations(count, name)
    for organisation in organisations:
        audit.record(None, "accounts.organisation.verify", organisation)
    events = [OrganisationTransitioned(row.pk, "verify", "submitted", "verified") for row in organisations]
    outbox.publish_many(events * copies)
    return [row.pk for row in organisations]


def thrice(count: int) -> dict[str, Any]:
    """`count` organisations are verified, and each event stands in the outbox three times.

    One claim apart: while one relay carries out the first copies, the other has the second ones of the same events.
    """
    done = 0
    while done < count:
        part = min(relay.CLAIM_LIMIT, count - done)
        _verify_new(f"r{done}-", part, copies=3)
        done += part
    return {"organisations": done}


def keep_verifying(batch: int) -> dict[str, Any]:
    """Until standard input ends: `batch` organisations a line, in one transaction; each commit is acknowledged.

    A database that is away is waited for; an attempt without an acknowledgement may or may not have been made.
    """
    number = 0
    while True:
        line = sys.stdin.readline()
        if not line:
            break
        number += 1
        begun = time.monotonic()
        try:
            ids = _verify_new(f"{line.strip()}-", batch)
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            print(json.dumps({"refused": line.strip(), "error": type(error).__name__}), flush=True)
        else:
            seconds = round(time.monotonic() - begun, 3)
            print(json.dumps({"acknowledged": line.strip(), "ids": ids, "seconds": seconds}), flush=True)
    return {"batches": number}


def relay_notices(_count: int) -> dict[str, Any]:
    """A relay for everything but mails, until nothing is left, not even what waits to be tried again."""
    done = 0
    while OutboxDelivery.objects.filter(state="pending").exclude(handler="notifications.send_mail").exists():
        done += relay.drain(lane=Lane(without=("notifications.send_mail",)))
        time.sleep(0.1)  # what another relay holds, or what is due later
    return {"done": done}


def public_items(count: int) -> dict[str, Any]:
    """A published list with `count` demands, and as many capabilities on the shelf."""
    quarterly_list = make_published_list([make_pooled_scenario(title=f"供水管网第{n}项需求") for n in range(count)])
    capability = [make_listed_capability() for _capability in range(count)][0]
    scenario = quarterly_list.items.first().scenario
    return {"list": quarterly_list.code, "scenario": scenario.key, "capability": capability.key}


def sign_in_clerk(_count: int) -> dict[str, Any]:
    """The session of somebody who is signed in."""
    client = Client()
    client.force_login(make_person(Role.DEMAND_SUBMITTER))
    return {"session": client.cookies[settings.SESSION_COOKIE_NAME].value}


STEPS = {
    "public_items": public_items,
    "verify": verify,
    "tell_again": tell_again,
    "thrice": thrice,
    "keep_verifying": keep_verifying,
    "relay_notices": relay_notices,
    "sign_in_clerk": sign_in_clerk,
}

if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](int(sys.argv[2]))), flush=True)
