"""One challenge from the call to its published result, and what must not be possible on the way."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from challenges import records, selectors
from challenges.enums import BidState, ChallengeState, EnvelopeKind, ProjectState
from challenges.models import Award, Bid, Project
from challenges.sealing.verification import Anchors, verify_record
from challenges.services import bids, decision, projects
from core import relay
from core.clock import frozen
from core.errors import GuardFailed
from notifications.models import Notification
from tests.factories import challenges as make

pytestmark = pytest.mark.django_db


def test_a_challenge_runs_from_its_call_to_its_published_result(clock):
    stage = make.make_stage()
    challenge = make.make_published_challenge(stage)
    first, second = make.make_bidder("甲公司"), make.make_bidder("乙研究院")
    receipt = make.hand_in(challenge, first)
    make.hand_in(challenge, second, price=make.price_of(240_000_000))

    with frozen(make.after_deadline(challenge)):
        assert bids.challenges_freeze_due() == 1
        challenge.refresh_from_db()
        assert challenge.state == ChallengeState.CLOSED
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        assert challenge.state == ChallengeState.OPENED
        assert [bid.organisation.name for bid in selectors.bids_of(stage.handler, challenge)] == ["甲公司", "乙研究院"]
        make.pass_formal_check(stage, challenge)
        own = {bid.organisation.name: bid for bid in challenge.bids.select_related("organisation")}
        make.review_bids(
            stage,
            challenge,
            {
                str(own["甲公司"].public_id): {"technology": 55, "team": 30},
                str(own["乙研究院"].public_id): {"technology": 50, "team": 30},
            },
        )
        results = decision.ranked_results(challenge)
        assert [(row.bid.organisation.name, str(row.total), row.rank) for row in results] == [
            ("甲公司", "85.00", 1),
            ("乙研究院", "80.00", 2),
        ]
        make.decide(stage, challenge, [make.winner(own["甲公司"])])
        publicity = decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
        assert (publicity.first_day, publicity.last_day) == (date(2026, 12, 24), date(2026, 12, 31))
    record = records.challenge_record(challenge) | {"receipts": [receipt.receipt]}
    assert verify_record(record, Anchors(root=challenge.freeze["body"]["root"])).failures == []
    with frozen(make.after_deadline(challenge) + timedelta(days=8)):
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        assert dict(Bid.objects.values_list("organisation__name", "state")) == {
            "甲公司": BidState.AWARDED,
            "乙研究院": BidState.RESERVE,
        }
        project = make.contract(stage, Award.objects.get(), first, starts_on=date(2026, 12, 31))
        challenge.refresh_from_db()
        assert (project.state, challenge.state) == (ProjectState.IN_PROGRESS, ChallengeState.CONTRACTED)
        for sequence in (1, 2):
            step = {"project_public_id": project.public_id, "sequence": sequence}
            projects.milestone_report(**step, acting_user=first, report="完成。")
            projects.milestone_confirm(**step, acting_user=stage.clerk, opinion="属实。")
            projects.milestone_assess(**step, acting_user=stage.handler, conclusion="passed", assessment="通过。")
        projects.acceptance_apply(
            project_public_id=project.public_id, acting_user=first, user_opinion="满意。", report_number="KJ-1"
        )
        projects.acceptance_call(
            project_public_id=project.public_id, acting_user=stage.handler, meeting_on=date(2027, 1, 20)
        )
        projects.acceptance_conclude(
            project_public_id=project.public_id,
            acting_user=stage.approver,
            technical_passed=True,
            technical_comment="达到指标。",
            financial_passed=True,
            financial_comment="经费合规。",
        )
        projects.project_evaluate(
            project_public_id=project.public_id,
            acting_user=stage.handler,
            grade="excellent",
            comment="超额完成。",
            result_title="雨雾条件集装箱识别模块",
            result_text="已在两个闸口部署。",
        )
        projects.challenge_finish(challenge_id=challenge.pk, acting_user=stage.handler)
    challenge.refresh_from_db()
    assert challenge.state == ChallengeState.FINISHED
    assert [row.result_title for row in selectors.published_results()] == ["雨雾条件集装箱识别模块"]
    assert verify_record(records.challenge_record(challenge)).failures == []
    assert [row.ok for row in records.verify_files(challenge)] == [True] * 4


def test_a_shortlist_works_at_its_own_cost_is_tested_together_and_who_fails_stops(clock):
    """M4: up to five are shortlisted in one direction, no grant; a third party tests all on one day (§2.1)."""
    stage = make.make_stage()
    challenge = make.make_open_challenge(stage, model="M4", grant_cap_fen=None, budget_source="揭榜单位自筹")
    names = ("甲公司", "乙研究院", "丙大学")
    users = {name: make.make_bidder(name) for name in names}
    own_cost = {"total_fen": 100_000_000, "grant_fen": 0, "own_fen": 100_000_000}
    for user in users.values():
        make.hand_in(challenge, user, price=own_cost)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        make.review_bids(stage, challenge)
        shortlisted = [make.winner(bid, grant_fen=0, route="多模态融合") for bid in challenge.bids.order_by("pk")]
        with pytest.raises(GuardFailed) as refusal:
            make.decide(stage, challenge, [*shortlisted, *shortlisted])
        assert {"race_too_many", "winner_twice"} <= {reason.code for reason in refusal.value.reasons}
        make.decide(stage, challenge, shortlisted)
        decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
    with frozen(make.after_deadline(challenge) + timedelta(days=8)):
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        assert set(Bid.objects.values_list("state", flat=True)) == {BidState.AWARDED}
        challenge.refresh_from_db()
        named = [challenge, *challenge.bids.all(), *Award.objects.all()]
        assert {row.get_state_display() for row in named} == {"已入围", "入围"}
        page = Client().get(reverse("challenges:challenge", args=[challenge.code])).content.decode()
        assert "入围单位" in page
        assert "中榜" not in page
        relay.drain()
        told = Notification.objects.filter(topic="challenge.bid_concluded").values_list("body", flat=True)
        assert len(told) == len(names)
        assert not [body for body in told if "中榜" in body or "入围" not in body]
        racers = [
            make.contract(
                stage, award, users[award.bid.organisation.name], starts_on=date(2027, 1, 4), own_fen=100_000_000
            )
            for award in Award.objects.select_related("bid__organisation").order_by("pk")
        ]
        assert {(racer.is_race, racer.grant_fen, racer.first_payment_fen) for racer in racers} == {(True, 0, 0)}
        outcomes = dict(zip(racers, ("continue", "continue", "eliminated"), strict=True))
        projects.stage_assess(
            challenge_id=challenge.pk,
            acting_user=stage.approver,
            assessed_on=date(2028, 1, 4),
            assessor="省级检测中心",
            indicators=["识别率"],
            results=[
                {"project": racer.public_id, "values": {"识别率": "97"}, "outcome": outcome, "comment": "同场测试。"}
                for racer, outcome in outcomes.items()
            ],
            minutes_number="纪要〔2028〕1号",
        )
    assert list(Project.objects.order_by("pk").values_list("state", flat=True)) == [
        ProjectState.IN_PROGRESS,
        ProjectState.IN_PROGRESS,
        ProjectState.ELIMINATED,
    ]
