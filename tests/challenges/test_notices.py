"""Who is told what of a challenge, and what nobody is told before the opening."""

import pytest

from challenges.enums import EnvelopeKind
from challenges.services import bids, clarification
from core.clock import frozen
from core.relay import drain
from notifications.models import Notification
from tests.factories import challenges as make

pytestmark = pytest.mark.django_db


def test_before_the_opening_only_the_bidder_learns_of_a_bid(clock):
    stage = make.make_stage()
    challenge = make.make_published_challenge(stage)
    drain()
    Notification.objects.all().delete()
    bidder = make.make_bidder()
    make.hand_in(challenge, bidder)
    drain()
    assert list(Notification.objects.values_list("recipient__username", "topic")) == [
        (bidder.username, "challenge.bid_received")
    ]


def test_an_answer_reaches_every_follower_and_names_nobody(clock):
    stage = make.make_stage()
    challenge = make.make_published_challenge(stage)
    asker, other = make.make_bidder(), make.make_bidder()
    question = clarification.question_ask(challenge_id=challenge.pk, acting_user=asker, text="是否提供现场数据？")
    clarification.challenge_follow(challenge_id=challenge.pk, acting_user=other)
    clarification.question_answer(question_public_id=question.public_id, acting_user=stage.handler, answer="提供。")
    drain()
    rows = Notification.objects.filter(topic="challenge.answered")
    assert set(rows.values_list("recipient__username", flat=True)) == {asker.username, other.username}
    assert all(asker.display_name not in row.body and str(asker.current_organisation) not in row.body for row in rows)


def test_officers_are_called_at_the_deadline_and_bidders_told_of_each_step(clock):
    stage = make.make_stage()
    challenge = make.make_published_challenge(stage)
    bidder = make.make_bidder()
    make.hand_in(challenge, bidder)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        drain()
        called = Notification.objects.filter(topic="challenge.openers_called")
        assert set(called.values_list("recipient__username", flat=True)) == {
            user.username for user in stage.opener_users
        }
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        drain()
    steps = Notification.objects.filter(topic="challenge.opening", recipient=bidder).values_list("title", flat=True)
    assert sorted(steps) == sorted(
        f"技术标书{step}：{challenge.title}"
        for step in ("开启开始", "第 1 名开启人已解封", "第 2 名开启人已解封", "开启完成")
    )
