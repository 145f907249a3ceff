"""One bidder's odd file, manifest or envelope never keeps the others' bids from being opened (issue 11, C1, C2)."""

import io
import logging
import zipfile
from pathlib import Path
from typing import Any

import pytest

from challenges import archive, records
from challenges.conflicts import concerned_codes
from challenges.enums import BidState, ChallengeState, EnvelopeKind, PanelPurpose
from challenges.models import Bid, Challenge, KeptAside
from challenges.sealing.verification import verify_record
from challenges.services import bids, hints, openers, review
from challenges.services.aside import kept_bytes
from challenges.services.retention import contents_erase, retention_ends
from core.attachments import attachments_of
from core.clock import frozen
from tests.challenges.damaged.containers import (
    CONTAINERS,
    ENVELOPES,
    MANIFESTS,
    PRICES,
    container,
    index_of,
)
from tests.challenges.damaged.files import PDF, damaged_files
from tests.challenges.damaged.hand_in import hand_in_content, hand_in_envelopes
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

FILES = damaged_files()
SOUND_FILE = ("方案.pdf", PDF)


def opened(stage: make.Stage, challenge: Challenge, kind: str = EnvelopeKind.TECHNICAL) -> dict[str, Bid]:
    """Frozen and opened; bids by their organisation's name."""
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, kind)
    return {bid.organisation.name: bid for bid in challenge.bids.select_related("organisation")}


def is_complete(challenge: Challenge, found: dict[str, Bid]) -> None:
    """Every bid is opened or unreadable with reason, fault and time, and the record of the opening verifies."""
    assert challenge.state == ChallengeState.OPENED
    for bid in found.values():
        assert bid.state in (BidState.OPENED, BidState.UNREADABLE)
        if bid.state == BidState.UNREADABLE:
            assert bid.unreadable_reason
            assert bid.unreadable_by_bidder is not None
            assert bid.unreadable_at is not None
    assert verify_record(records.challenge_record(challenge)).failures == []


def everything_goes_on(stage: make.Stage, challenge: Challenge, client: Any) -> None:
    """Formal check, conflicts, hints, draw and pages of the whole challenge, whatever was in one bid."""
    with frozen(make.after_deadline(challenge)):
        for bid in challenge.bids.filter(state=BidState.OPENED):
            review.formal_findings(bid)
        hints.hints_compute(challenge_id=challenge.pk)
        concerned_codes(challenge)
        client.force_login(stage.handler)
        assert client.get(f"/desk/challenges/items/{challenge.code}/bids/").status_code == 200
        for bid in challenge.bids.all():
            assert client.get(f"/desk/challenges/bids/{bid.public_id}/").status_code == 200
        make.pass_formal_check(stage, challenge)
        make.draw_panel(stage, challenge, PanelPurpose.REVIEW)


def test_there_are_more_than_a_hundred_ways() -> None:
    assert len(CONTAINERS) + len(MANIFESTS) + len(PRICES) + len(ENVELOPES) + len(FILES) >= 200


def test_containers_and_manifests_damaged_in_every_way_leave_the_opening_complete(clock, client) -> None:
    stage = make.make_stage()
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder("完好公司"), files=[SOUND_FILE])
    ways = CONTAINERS | {name: container(index_of(manifest)) for name, manifest in MANIFESTS.items()}
    for number, content in enumerate(ways.values()):
        hand_in_content(challenge, make.make_bidder(f"受损公司{number}"), technical=content)
    found = opened(stage, challenge)
    is_complete(challenge, found)
    assert [name for name, bid in found.items() if bid.state == BidState.OPENED] == ["完好公司"]
    blamed = {name: bid.unreadable_by_bidder for name, bid in found.items() if bid.state == BidState.UNREADABLE}
    assert set(blamed.values()) == {True}
    everything_goes_on(stage, challenge, client)


def test_envelopes_damaged_in_every_way_leave_the_opening_complete(clock) -> None:
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder("完好公司"))
    for number, damage in enumerate(ENVELOPES.values()):
        bidder = make.make_bidder(f"受损公司{number}")
        ticket = bids.sealing_ticket(challenge_id=challenge.pk, acting_user=bidder)
        keys = openers.current_envelope_keys(challenge)
        technical = make.seal(ticket.context("technical"), keys["technical"].public_key, make.manifest_of(bidder))
        price = make.seal(ticket.context("price"), keys["price"].public_key, make.price_of())
        hand_in_envelopes(challenge, bidder, {"technical": damage(technical), "price": price})
    found = opened(stage, challenge)
    is_complete(challenge, found)
    assert [name for name, bid in found.items() if bid.state == BidState.OPENED] == ["完好公司"]


def test_files_damaged_in_every_way_leave_the_opening_complete(clock, client) -> None:
    stage = make.make_stage()
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder("完好公司"), files=[SOUND_FILE])
    for number, (name, content) in enumerate(FILES.values()):
        make.hand_in(challenge, make.make_bidder(f"受损公司{number}"), files=[(name, content()), ("附.pdf", PDF)])
    found = opened(stage, challenge)
    is_complete(challenge, found)
    assert {bid.state for bid in found.values()} == {BidState.OPENED}
    for number, way in enumerate(FILES):
        bid = found[f"受损公司{number}"]
        kept = attachments_of(bid).count()
        refused = bid.technical_content.get("refused_files", [])
        assert (kept + len(refused), kept >= 1) == (2, True), way
        for row, aside in zip(refused, bid.kept_aside.all(), strict=True):
            assert (row["name"], row["reason"], row["by_bidder"]) == (aside.name, aside.reason, aside.by_bidder), way
            assert b"".join(kept_bytes(aside)) == FILES[way][1](), way
    everything_goes_on(stage, challenge, client)


def test_an_office_file_of_a_newer_zip_version_is_refused_and_kept_aside(clock) -> None:
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    name, content = FILES["docx: asks for a newer zip version"]
    make.hand_in(challenge, make.make_bidder("甲公司"), files=[(name, content())])
    make.hand_in(challenge, make.make_bidder("乙公司"))
    found = opened(stage, challenge)
    assert {bid.state for bid in found.values()} == {BidState.OPENED}
    (refused,) = found["甲公司"].technical_content["refused_files"]
    (kept,) = found["甲公司"].kept_aside.all()
    assert (refused["name"], kept.name, kept.size) == (name, name, len(content()))
    assert b"".join(kept_bytes(kept)) == content()
    assert not attachments_of(found["甲公司"]).exists()


@pytest.mark.parametrize("way", PRICES)
def test_an_odd_price_is_not_in_the_form_and_the_review_goes_on(clock, way) -> None:
    stage = make.make_stage()
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder("完好公司"))
    hand_in_content(challenge, make.make_bidder("受损公司"), price=container(index_of(PRICES[way])))
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        make.review_bids(stage, challenge)
    bid = Bid.objects.get(organisation__name="受损公司")
    assert (bid.price_content, bid.unreadable_by_bidder) == (None, True)
    assert (challenge.state, bid.kept_aside.get().kind) == (ChallengeState.REVIEWED, "price")


def test_what_is_not_in_the_form_is_kept_apart_with_its_reason_fault_and_time(clock, client, caplog) -> None:
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder("完好公司"))
    words = "绝不能出现在日志里的一句话"
    content = container(index_of({"plan": words, "members": [1, 2]}))
    hand_in_content(challenge, make.make_bidder("受损公司"), technical=content)
    with caplog.at_level(logging.DEBUG):
        found = opened(stage, challenge)
    bid = found["受损公司"]
    assert (bid.state, bid.technical_content, bid.unreadable_by_bidder) == (BidState.UNREADABLE, None, True)
    assert "不符合规定格式" in bid.unreadable_reason
    kept = bid.kept_aside.get()
    assert b"".join(kept_bytes(kept))[8 : 8 + len(content)] == content
    with kept.file.open("rb") as file:
        assert words.encode() not in file.read()
    rows = {row["bid"]: row for row in challenge.openings.get(state="done").record["envelopes"]}
    row = rows[str(bid.public_id)]
    assert (row["result"], row["by_bidder"]) == ("unreadable", True)
    assert words not in caplog.text
    assert words not in str(row)
    client.force_login(stage.handler)
    with frozen(make.after_deadline(challenge)):
        page = client.get(f"/desk/challenges/bids/{bid.public_id}/").content.decode()
    assert "不符合规定格式" in page
    assert "视为撤销" in page
    assert "判定时间" in page
    assert words not in page


@pytest.mark.parametrize("name", ["refused_files", "problems"])
def test_names_the_platform_uses_itself_are_refused(clock, name) -> None:
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    bidder = make.make_bidder("冒名公司")
    make.hand_in(challenge, bidder, manifest={**make.manifest_of(bidder), name: []})
    make.hand_in(challenge, make.make_bidder("完好公司"))
    found = opened(stage, challenge)
    assert (found["冒名公司"].state, found["完好公司"].state) == (BidState.UNREADABLE, BidState.OPENED)


def test_the_archive_names_what_was_kept_aside_and_erasing_takes_it_along(clock) -> None:
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder("甲公司"), files=[("方案.exe", b"MZ" * 50)])
    opened(stage, challenge)
    Challenge.objects.filter(pk=challenge.pk).update(state="finished")
    challenge.refresh_from_db()
    assert "方案.exe".encode() in _content_json(archive.archive_package(challenge))
    path = Path(KeptAside.objects.get().file.path)
    assert path.exists()
    with frozen(retention_ends(challenge)):
        contents_erase(challenge_id=challenge.pk)
    assert not KeptAside.objects.exists()


def _content_json(package: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(package)) as archived:
        return next(archived.read(name) for name in archived.namelist() if name.endswith("content.json"))
