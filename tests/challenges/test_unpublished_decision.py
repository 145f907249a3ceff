"""That a decision was taken is told by its 公示 and by nothing before (issue 11)."""

from typing import Any

import pytest
from django.urls import reverse

from challenges.enums import BidState, ChallengeState, EnvelopeKind
from challenges.models import Challenge
from challenges.records import challenge_record
from challenges.sealing.verification import verify_record
from challenges.services import bids, decision
from core.clock import frozen
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def decided(stage: make.Stage) -> tuple[Challenge, Any]:
    challenge, bidder = make.make_open_challenge(stage), make.make_bidder("中榜公司")
    make.hand_in(challenge, bidder)
    make.hand_in(challenge, make.make_bidder("落榜公司"))
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        # Clearly ahead: between equal sums the lot would decide.
        strengths = {"中榜公司": {"technology": 55, "team": 35}, "落榜公司": {"technology": 45, "team": 30}}
        names = challenge.bids.values_list("public_id", "organisation__name")
        make.review_bids(stage, challenge, {str(key): strengths[name] for key, name in names})
        make.decide(stage, challenge, [make.winner(decision.ranked_results(challenge)[0].bid)])
    challenge.refresh_from_db()
    assert challenge.state == ChallengeState.DECIDED
    return challenge, bidder


def exits(client: Any, challenge: Challenge) -> dict[str, str]:
    """What everybody can read about the challenge."""
    addresses = {
        "page": reverse("challenges:challenge", args=[challenge.code]),
        "catalogue": reverse("challenges:catalogue"),
        "list": reverse("challenges:list", args=[challenge.annual_list.code]),
        "record": reverse("challenges:record", args=[challenge.code]),
        "feed": reverse("challenges:challenge_feed", args=[challenge.code]),
        "programme feed": reverse("challenges:feed"),
        "api": f"/api/v1/challenges/{challenge.code}/",
        "api list": "/api/v1/challenges/",
        "api reviewed": "/api/v1/challenges/?state=reviewed",
        "publicities": reverse("challenges:publicities"),
        "api publicities": "/api/v1/publicities/",
    }
    answers = {name: client.get(address) for name, address in addresses.items()}
    assert {answer.status_code for answer in answers.values()} == {200}
    return {name: answer.content.decode() for name, answer in answers.items()}


def test_no_exit_tells_of_a_decision_before_its_publicity(clock, client) -> None:
    stage = make.make_stage()
    challenge, bidder = decided(stage)
    words = ("拟揭榜", "拟中榜", "decided", "纪要〔2026〕31号", str(BidState.PROPOSED), str(BidState.RESERVE))
    with frozen(make.after_deadline(challenge)):
        for name, text in exits(client, challenge).items():
            assert [word for word in words if word in text] == [], name
        assert client.get("/api/v1/challenges/?state=decided").json()["results"] == []
        found = client.get("/api/v1/challenges/?state=reviewed").json()["results"]
        assert [row["state"] for row in found] == ["reviewed"]
        record = challenge_record(challenge)
        assert verify_record(record).failures == []
        assert "decided" not in [entry["kind"] for entry in record["chain"]]
        whole = challenge_record(challenge, whole=True)
        assert whole["chain"][-1]["kind"] == "decided"
        client.force_login(bidder)
        for address in (
            reverse("challenges:bid", args=[challenge.bids.get(organisation__name="中榜公司").public_id]),
            reverse("challenges:board"),
        ):
            page = client.get(address).content.decode()
            assert [word for word in ("拟中榜", "候补", "拟揭榜") if word in page] == []


def test_those_who_decide_see_it_and_the_publicity_tells_everybody(clock, client) -> None:
    stage = make.make_stage()
    challenge, _bidder = decided(stage)
    with frozen(make.after_deadline(challenge)):
        client.force_login(stage.handler)
        assert "拟揭榜" in client.get(reverse("challenges:challenge", args=[challenge.code])).content.decode()
        decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
        challenge.refresh_from_db()
        client.logout()
        texts = exits(client, challenge)
    assert "中榜公司" in texts["publicities"] + texts["api publicities"]
    record = challenge_record(challenge)
    assert [entry["kind"] for entry in record["chain"]][-2:] == ["decided", "publicity"]
    assert record["chain"][-2]["body"]["bids"]
    assert verify_record(record).failures == []


def test_a_decision_that_was_never_publicised_stays_a_link_without_its_body(clock) -> None:
    stage = make.make_stage()
    challenge, _bidder = decided(stage)
    with frozen(make.after_deadline(challenge)):
        decision.challenge_cancel(challenge_id=challenge.pk, acting_user=stage.approver, comment="情况变化，终止。")
    challenge.refresh_from_db()
    record = challenge_record(challenge)
    bodies = {entry["kind"]: entry["body"] for entry in record["chain"]}
    assert bodies["decided"] is None
    assert verify_record(record).failures == []
