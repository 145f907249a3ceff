"""Steps that the production tests run in processes of their own, as one web request would.

`python -m tests.production.steps verify|tell_again COUNT`; the environment names the installation.
"""

import json
import sys
from typing import Any

import django

django.setup()

# ruff: noqa: E402 - models can be imported only after django.setup()
from django.db import transaction

from accounts.enums import OrganisationState, Role
from accounts.events import OrganisationTransitioned
from accounts.models import Membership, Organisation, RoleGrant, User
from core import audit, outbox
from core.middleware import request_id_scope
from core.models import Region
from tests.production.environment import REQUEST_ID


@transaction.atomic
def _organisations(count: int) -> list[Organisation]:
    """`count` verified organisations with one manager each, made without the cost of as many passwords."""
    region = Region.objects.get(code="370100")
    organisations = Organisation.objects.bulk_create(
        Organisation(
            name=f"示范单位{number}", kind="agency", level="city", region=region, state=OrganisationState.VERIFIED
        )
        for number in range(count)
    )
    people = User.objects.bulk_create(
        User(username=f"manager{number}", email=f"manager{number}@example.org", display_name=f"张{number}")
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


STEPS = {"verify": verify, "tell_again": tell_again}

if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](int(sys.argv[2]))))
