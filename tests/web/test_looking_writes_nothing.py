"""A GET writes nothing: every address of the product is looked at by everybody, and no statement changes a row.

What may be written all the same is listed with its reason. A new address is walked as soon as it exists.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice, product
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern

from accounts.enums import Role
from challenges.enums import EnvelopeKind
from challenges.models import BidDraft
from challenges.services import bids
from core.clock import frozen
from core.models import AuditEntry, OutboxEvent
from tests.factories import challenges as make
from tests.factories import make_listed_capability, make_listed_scenario, make_person
from tests.test_addresses import addresses

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

#: Of the addresses a pattern may stand for, so many are tried until one is not missing.
MOST_WAYS = 8
#: Table → why a GET may write to it.
MAY_BE_WRITTEN = {
    "django_session": "the session itself: who signed in, when the second factor was shown last",
}
#: (Name of an address, table) → why looking at it leaves something behind.
WRITTEN_ON_PURPOSE = {
    ("bids", "core_auditentry"): "who asks for sealed bids is kept in the trail, and refused",
    ("decide", "core_auditentry"): "the same: the page of the decision asks for the bids",
}
WRITES = re.compile(r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM|TRUNCATE)\s+"?(\w+)"?', re.IGNORECASE)
PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
#: What stands in an address for a parameter of this name, beside the names of rows.
WORDS = {
    "kind": ("technical", "price", "challenge", "entry", "tie"),
    "action": ("publish", "submit", "withdraw", "open"),
    "section": ("basics", "plan"),
    "form": ("xlsx", "docx", "pdf"),
    "step": ("submit", "apply"),
    "direction": ("up",),
    "token": ("token",),
    "number": ("1",),
    "year": ("2026",),
    "name": ("00000000-0000-0000-0000-000000000000",),
}


class Watched:
    """Counts the statements that change rows of other tables than may be."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        match = WRITES.match(sql)
        if match and match[1] not in MAY_BE_WRITTEN:
            self.found.append(match[1])
        return execute(sql, params, many, context)


@pytest.fixture
def ground(clock: Any) -> dict[str, Any]:
    """One challenge that takes bids and has one, one that is opened; a listed demand and a capability."""
    stage = make.make_stage(expert_count=0)
    taking, opened = make.make_open_challenges(stage, 2)
    bidder, other = make.make_bidder(), make.make_bidder()
    make.hand_in(opened, bidder)
    make.hand_in(taking, other)
    with frozen(make.after_deadline(opened)):
        bids.challenge_freeze(challenge_id=opened.pk)
        opened.refresh_from_db()
        make.open_envelopes(stage, opened, EnvelopeKind.TECHNICAL)
    scenario, capability = make_listed_scenario(), make_listed_capability()
    people = {
        "nobody": None,
        "handler": stage.handler,
        "supervisor": stage.supervisor,
        "bidder": bidder,
        "platform": stage.platform,
        "administrator": make_person(Role.SYSTEM_ADMINISTRATOR),
    }
    names = {
        "key": (taking.code, opened.code, scenario.code or str(scenario.public_id), capability.key),
        "code": (taking.annual_list.code, taking.code, "2026-4", scenario.code),
        "public_id": tuple(
            str(row.public_id)
            for row in (
                *opened.bids.all(),
                taking.programme,
                taking,
                stage.department,
                scenario,
                capability,
            )
        ),
    }
    return {"people": people, "names": names}


def ways(path: str, names: dict[str, Any]) -> Iterator[str]:
    """Addresses that a pattern stands for."""
    found = PARAMETER.findall(path)
    values = []
    for converter, name in found:
        if converter == "int":
            values.append(("1",))
        else:
            values.append(names.get(name) or WORDS.get(name) or ("1",))
    for chosen in product(*values):
        address = path
        for value in chosen:
            address = PARAMETER.sub(str(value), address, count=1)
        yield "/" + address


def plain(path: str) -> str:
    """A pattern written as an expression (the API's), as one with parameters."""
    path = re.sub(r"\(\?P<(\w+)>[^()]*(?:\([^()]*\)[^()]*)*\)", r"<str:\1>", path)
    return re.sub(r"[\^$]|\\Z|\\", "", path).replace(".<str:format>/?", "")


def walked() -> list[tuple[str, URLPattern]]:
    """Every address but the administration's, and the API's only once."""
    return [
        (plain(path), pattern)
        for path, pattern in addresses()
        if not path.startswith(("admin/", "static/")) and "format" not in path
    ]


def test_no_address_changes_a_row_when_it_is_looked_at(ground: dict[str, Any]) -> None:
    watched, answered = Watched(), set()
    written: set[tuple[str, str]] = set()
    for who, person in ground["people"].items():
        client = Client()
        if person is not None:
            client.force_login(person)
        for path, pattern in walked():
            for address in islice(ways(path, ground["names"]), MOST_WAYS):
                watched.found.clear()
                with connection.execute_wrapper(watched):
                    response = client.get(address)
                    if response.streaming:
                        b"".join(response.streaming_content)
                written |= {(pattern.name or path, table) for table in watched.found}
                assert response.status_code < 500 or response.status_code == 503, (who, address)
                if response.status_code in (200, 409):
                    answered.add(pattern.name or path)
                if response.status_code != 404:
                    break
    assert written <= set(WRITTEN_ON_PURPOSE), written - set(WRITTEN_ON_PURPOSE)
    # The walk is one only if pages were there to be looked at.
    assert len(answered) > 70, sorted(answered)
    assert {"sealing", "opening_state", "bid", "challenge", "board", "inbox", "sealing_ticket"} <= answered


def test_looking_at_the_sealing_page_keeps_no_draft_and_the_bid_has_its_name_all_the_same(clock: Any) -> None:
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    bidder = make.make_bidder()
    client = Client()
    client.force_login(bidder)
    events, entries = OutboxEvent.objects.count(), AuditEntry.objects.count()
    first = client.get(f"/desk/challenges/items/{challenge.code}/seal/ticket.json").json()
    second = client.get(f"/desk/challenges/items/{challenge.code}/seal/ticket.json").json()
    assert not BidDraft.objects.exists()
    assert (OutboxEvent.objects.count(), AuditEntry.objects.count()) == (events, entries)
    assert first["bid"] == second["bid"]
    version = make.hand_in(challenge, bidder)
    assert str(version.bid.public_id) == first["bid"]
    assert BidDraft.objects.get().bid_public_id == version.bid.public_id


def test_what_the_first_reader_after_the_deadline_closes_is_written_on_purpose(clock: Any) -> None:
    """reliability.md R5: should the clock's job be dead, the first who looks closes; nothing can be read before."""
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    with frozen(make.after_deadline(challenge)):
        assert Client().get(f"/challenges/{challenge.code}/").status_code == 200
        challenge.refresh_from_db()
    assert challenge.frozen_at is not None
