"""A price is judged when it is opened: a page can be gone round, and sealed it could not be looked at (V07)."""

import pytest

from challenges.enums import EnvelopeKind
from challenges.models import BidResult, Decision
from challenges.services import bids
from core.clock import frozen
from core.errors import GuardFailed
from tests.factories import challenges as make

pytestmark = pytest.mark.django_db

SOUND = {"total_fen": 200_000_000, "grant_fen": 200_000_000, "own_fen": 0}
BROKEN = {
    "words": {"total_fen": "最低价", "grant_fen": 1, "own_fen": 0},
    "below nothing": {"total_fen": -1, "grant_fen": -1, "own_fen": 0},
    "missing": {"grant_fen": 1},
}
AGAINST_THE_RULES = {
    "parts that do not sum": {"total_fen": 1, "grant_fen": 200_000_000, "own_fen": 0},
    "grant above the cap": {"total_fen": 9_000_000_000, "grant_fen": 9_000_000_000, "own_fen": 0},
}


def reviewed(price):
    """A sound bid and one with `price`, reviewed with a price weight of 10."""
    stage = make.make_stage()
    challenge = make.make_open_challenge(stage, parameters={"price_weight_percent": 10})
    sound, other = make.make_bidder(), make.make_bidder()
    make.hand_in(challenge, sound, price=SOUND)
    make.hand_in(challenge, other, price=price)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        make.review_bids(stage, challenge)
    own = challenge.bids.get(organisation=sound.current_organisation)
    return stage, challenge, own, challenge.bids.exclude(pk=own.pk).get()


@pytest.mark.parametrize("price", BROKEN.values(), ids=BROKEN)
def test_an_amount_that_is_none_leaves_the_price_unread_and_the_review_goes_on(clock, price):
    _stage, _challenge, own, other = reviewed(price)
    assert (other.price_content, other.unreadable_by_bidder) == (None, True)
    assert list(BidResult.objects.order_by("rank").values_list("bid", "price")) == [(own.pk, 10), (other.pk, None)]


@pytest.mark.parametrize("price", AGAINST_THE_RULES.values(), ids=AGAINST_THE_RULES)
def test_a_price_against_the_rules_is_kept_with_its_faults_earns_no_points_and_cannot_win(clock, client, price):
    stage, challenge, own, other = reviewed(price)
    assert other.price_content["total_fen"] == price["total_fen"]
    assert other.price_content["problems"]
    assert own.price_content["problems"] == []
    assert list(BidResult.objects.order_by("rank").values_list("bid", "price")) == [(own.pk, 10), (other.pk, None)]
    with frozen(make.after_deadline(challenge)), pytest.raises(GuardFailed) as refusal:
        make.decide(stage, challenge, [make.winner(other)], reason="更看好。")
    assert [reason.code for reason in refusal.value.reasons] == ["winner_price"]
    assert not Decision.objects.exists()
    assert "不能中榜" in _page(client, stage, other)


def _page(client, stage, bid) -> str:
    client.force_login(stage.handler)
    return client.get(f"/desk/challenges/bids/{bid.public_id}/").content.decode()
