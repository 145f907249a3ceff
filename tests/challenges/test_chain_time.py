"""A database's clock that steps back makes no record look forged, and the verifier says what it found."""

from datetime import timedelta

import pytest

from challenges import records
from challenges.enums import EnvelopeKind
from challenges.models import BidVersion, ChainEntry
from challenges.sealing.receipts import time_text
from challenges.sealing.verification import CLOCK_STEPPED, verify_record
from challenges.services import bids
from core.clock import frozen, now
from core.errors import DomainError
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def stage(clock):
    return make.make_stage()


@pytest.fixture
def challenge(stage):
    return make.make_published_challenge(stage)


def times(challenge):
    return [(link.kind, link.at) for link in challenge.chain.order_by("sequence")]


def test_after_a_step_back_time_stands_still_until_the_clock_has_caught_up(stage, challenge):
    noon = now() + timedelta(days=1)
    with frozen(noon):
        make.hand_in(challenge, make.make_bidder("甲公司"))
    with frozen(noon - timedelta(hours=1)):
        late = make.hand_in(challenge, make.make_bidder("乙研究院"))
        make.hand_in(challenge, make.make_bidder("丙大学"))
    with frozen(noon + timedelta(hours=1)):
        make.hand_in(challenge, make.make_bidder("丁公司"))

    assert times(challenge)[1:] == [
        ("bid_received", time_text(noon)),
        (CLOCK_STEPPED, time_text(noon)),
        ("bid_received", time_text(noon)),
        ("bid_received", time_text(noon)),
        ("bid_received", time_text(noon + timedelta(hours=1))),
    ]
    step = challenge.chain.get(kind=CLOCK_STEPPED)
    assert step.body == {"clock": time_text(noon - timedelta(hours=1)), "last": time_text(noon)}
    assert late.receipt["body"]["received_at"] == time_text(noon) == time_text(late.received_at)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
    report = verify_record(records.challenge_record(challenge))
    assert report.failures == []
    assert [row.detail[:9] for row in report.rows if row.check == "clock"] == ["数据库时钟曾经回拨"]


def test_a_receipt_never_carries_the_deadline_even_if_the_clock_was_ahead_before(challenge):
    """The chain stands at the deadline already: what comes now is late, whatever the clock says. Nothing is kept."""
    with frozen(challenge.deadline_at - timedelta(microseconds=1)):
        make.hand_in(challenge, make.make_bidder("甲公司"))
    ChainEntry.objects.filter(challenge=challenge, kind="bid_received").update(at=time_text(challenge.deadline_at))
    bidder = make.make_bidder("乙研究院")
    uploaded = make.upload_bid(challenge, bidder)

    with pytest.raises(DomainError) as refusal:
        bids.bid_finalise(challenge_id=challenge.pk, acting_user=bidder, envelope_ids=uploaded, idempotency_key="k")

    assert refusal.value.code == "bidding_closed"
    assert BidVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"at": "2020-01-01T00:00:00.000000Z"}, "早于前一事件"),
        ({"sequence": 9}, "有事件被删去、加入或调换"),
        ({"previous_head": "0" * 64}, "与前一事件不衔接"),
        ({"kind": "renamed"}, "链头与本事件的类型、时间或摘要不符"),
        ({"body": {"changed": True}}, "内容与摘要不一致"),
    ],
)
def test_the_verifier_names_the_cause_it_found(stage, challenge, fault, said):
    make.hand_in(challenge, make.make_bidder("甲公司"))
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
    record = records.challenge_record(challenge)
    assert verify_record(record).failures == []

    record["chain"][1] |= fault

    details = [row.detail for row in verify_record(record).failures if row.check == "chain"]
    assert any(said in detail for detail in details), details
