"""The acceptance scenarios of domain.md §8.3, in its order. 12 stands in tests/scenarios/test_lists.py as well."""

import io
from contextlib import ExitStack
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from docx import Document

from accounts.enums import Role
from challenges import selectors
from challenges.enums import (
    AwardState,
    BidState,
    ChallengeState,
    EnvelopeKind,
    ObjectionState,
    PanelPurpose,
    ProjectState,
    SeatState,
)
from challenges.models import (
    Affiliation,
    Award,
    Bid,
    BidVersion,
    CreditEntry,
    Employment,
    Objection,
    Opening,
    Project,
    SealedEnvelope,
)
from challenges.services import bids, credit, decision, openings, projects, review
from challenges.validators import personal_information_problems
from core.attachments import attach
from core.clock import BEIJING, frozen, today
from core.enums import PublicityClass
from core.errors import DomainError, GuardFailed, IllegalTransition, NotPermitted
from core.models import AuditEntry
from scenarios.models import OverdueQuarter
from scenarios.services import overdue_quarter_flag
from tests.factories import challenges as make
from tests.factories import make_person, make_published_list

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def stored(challenge):
    """What a refused submission must leave as it was."""
    return (
        Bid.objects.filter(challenge=challenge).count(),
        BidVersion.objects.filter(bid__challenge=challenge).count(),
        SealedEnvelope.objects.filter(challenge=challenge).count(),
        challenge.chain.count(),
    )


def test_01_an_application_a_second_after_the_deadline_is_refused_and_nothing_stored(clock):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    bidder = make.make_bidder()
    uploaded = make.upload_bid(challenge, bidder)
    before = stored(challenge)
    with frozen(challenge.deadline_at + timedelta(seconds=1)), pytest.raises(bids.BiddingClosed) as refusal:
        bids.bid_finalise(challenge_id=challenge.pk, acting_user=bidder, envelope_ids=uploaded, idempotency_key="late")
    assert "已经截止" in refusal.value.message
    assert stored(challenge) == before
    entry = AuditEntry.objects.get(action="challenges.bid.refused_late")
    assert (entry.actor, entry.detail) == (None, {"step": "finalise"})


def test_01_the_last_instant_before_the_deadline_counts_and_the_deadline_itself_does_not(clock):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    early, late = make.make_bidder(), make.make_bidder()
    uploads = {user.pk: make.upload_bid(challenge, user) for user in (early, late)}
    with frozen(challenge.deadline_at - timedelta(microseconds=1)):
        version = bids.bid_finalise(
            challenge_id=challenge.pk, acting_user=early, envelope_ids=uploads[early.pk], idempotency_key="a"
        )
    assert version.received_at < challenge.deadline_at
    with frozen(challenge.deadline_at), pytest.raises(bids.BiddingClosed):
        bids.bid_finalise(
            challenge_id=challenge.pk, acting_user=late, envelope_ids=uploads[late.pk], idempotency_key="b"
        )


def test_02_an_upload_that_starts_before_and_ends_after_the_deadline_is_refused(clock):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    bidder = make.make_bidder()
    ticket = bids.sealing_ticket(challenge_id=challenge.pk, acting_user=bidder)
    key = challenge.envelope_keys.get(kind="technical")
    data = make.seal(ticket.context("technical"), key.public_key, make.manifest_of(bidder))
    before = stored(challenge)
    with ExitStack() as time_passes:

        def slow():
            yield data[:100]
            time_passes.enter_context(frozen(challenge.deadline_at + timedelta(seconds=1)))
            yield data[100:]

        time_passes.enter_context(frozen(challenge.deadline_at - timedelta(seconds=1)))
        with pytest.raises(bids.BiddingClosed):
            bids.envelope_receive(challenge_id=challenge.pk, acting_user=bidder, kind="technical", chunks=slow())
    assert stored(challenge) == before
    assert AuditEntry.objects.get(action="challenges.bid.refused_late").detail == {"step": "upload"}


def test_03_the_handler_who_asks_for_the_number_of_applicants_before_the_deadline_is_denied_and_audited(clock):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder())
    with frozen(challenge.deadline_at - timedelta(hours=1)):
        for person in (stage.handler, stage.approver, stage.supervisor, stage.clerk, stage.platform):
            with pytest.raises(NotPermitted):
                selectors.bids_of(person, challenge)
    denied = AuditEntry.objects.filter(action="challenges.bids.read_denied")
    assert [entry.actor for entry in denied.order_by("pk")] == [
        stage.handler,
        stage.approver,
        stage.supervisor,
        stage.clerk,
        stage.platform,
    ]


def test_04_one_key_share_opens_nothing(clock):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder())
    alone = str(stage.handler.officer_keys.get().public_id)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        with pytest.raises(DomainError) as refusal:
            openings.opening_start(
                challenge_id=challenge.pk, acting_user=stage.handler, kind="technical", officers=[alone]
            )
        assert refusal.value.code == "opening_subset"
        key = openings.key_for_opening(challenge, "technical")
        officers = next(one["officers"] for one in key.wrapped if alone == one["officers"][0])
        opening = openings.opening_start(
            challenge_id=challenge.pk, acting_user=stage.handler, kind="technical", officers=officers
        )
        peeled = make.peel(stage, challenge, opening, 0)
        openings.opening_peel(opening_public_id=opening.public_id, acting_user=stage.handler, peeled=peeled)
        with pytest.raises(DomainError) as again:
            openings.opening_peel(opening_public_id=opening.public_id, acting_user=stage.handler, peeled=peeled)
    assert again.value.code == "opening_turn"
    bid = Bid.objects.get()
    assert (bid.state, bid.technical_content) == (BidState.LOCKED, None)
    challenge.refresh_from_db()
    assert (challenge.state, challenge.opened_at) == (ChallengeState.CLOSED, None)
    assert Opening.objects.get().state == "running"
    refused = AuditEntry.objects.filter(action="challenges.opening.refused").values_list("detail", flat=True)
    assert [row["code"] for row in refused.order_by("pk")] == ["opening_subset", "opening_turn"]


@pytest.fixture
def reviewing(clock):
    """A challenge under review: opened, checked, a panel drawn and declared, the review begun."""
    stage = make.make_stage()
    bidder = make.make_bidder("牵头公司")
    partner = make.make_organisation("参加公司", kind="enterprise")
    lead = bidder.current_organisation
    members = [
        {"unified_code": lead.unified_code, "name": lead.name, "role": "lead", "share_percent": "60"},
        {"unified_code": partner.unified_code, "name": partner.name, "role": "member", "share_percent": "40"},
    ]
    agreement = dict.fromkeys(
        ("cooperation", "tasks", "funding", "income", "transfer", "intellectual_property"), "按协议"
    )
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, bidder, manifest=make.manifest_of(bidder, members=members, agreement=agreement))
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        panel = make.draw_panel(stage, challenge, PanelPurpose.REVIEW)
        make.declare_all(panel)
        review.review_start(challenge_id=challenge.pk, acting_user=stage.handler)
        challenge.refresh_from_db()
        yield {"stage": stage, "challenge": challenge, "panel": panel, "partner": partner, "bidder": bidder}


def test_05_an_expert_of_a_members_parent_two_years_ago_is_recused_and_the_scores_are_void(reviewing):
    panel, partner = reviewing["panel"], reviewing["partner"]
    seat = panel.seats.filter(state=SeatState.DECLARED).select_related("expert__user").first()
    review.sheet_save(
        seat_public_id=seat.public_id,
        acting_user=seat.expert.user,
        bid_public_id=Bid.objects.get().public_id,
        scores={"technology": 50, "team": 30},
        comment="好。",
    )
    parent = make.make_organisation("母公司", kind="enterprise")
    Affiliation.objects.create(
        parent_code=parent.unified_code,
        parent_name=parent.name,
        child_code=partner.unified_code,
        child_name=partner.name,
        kind="control",
    )
    Employment.objects.create(
        expert=seat.expert,
        organisation_name=parent.name,
        unified_code=parent.unified_code,
        started_on=today() - timedelta(days=5 * 365),
        ended_on=today() - timedelta(days=2 * 365),
    )

    assert review.review_recheck(challenge_id=panel.challenge_id, acting_user=reviewing["stage"].handler) == 1

    seat.refresh_from_db()
    assert seat.state == SeatState.RECUSED
    assert "母公司" in seat.recusal_reasons[0]
    assert list(seat.sheets.values_list("void", flat=True)) == [True]
    assert seat.replacement.state == SeatState.NOTIFIED
    assert seat.replacement.draw_position == panel.seats_wanted


def test_05_an_employment_that_ended_more_than_three_years_ago_is_no_reason(reviewing):
    seat = reviewing["panel"].seats.filter(state=SeatState.DECLARED).first()
    Employment.objects.create(
        expert=seat.expert,
        organisation_name="参加公司",
        unified_code=reviewing["partner"].unified_code,
        started_on=today() - timedelta(days=6 * 365),
        ended_on=today() - timedelta(days=3 * 365 + 5),
    )
    assert review.review_recheck(challenge_id=seat.panel.challenge_id, acting_user=reviewing["stage"].handler) == 0
    seat.refresh_from_db()
    assert seat.state == SeatState.DECLARED


@pytest.fixture
def publicised(clock):
    """Two bids reviewed and decided, the winner under 公示 from 2026-12-24 to 2026-12-31."""
    stage = make.make_stage()
    first, second = make.make_bidder("甲公司"), make.make_bidder("乙公司")
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, first)
    make.hand_in(challenge, second)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        own = {bid.organisation.name: bid for bid in challenge.bids.select_related("organisation")}
        make.review_bids(
            stage,
            challenge,
            {
                str(own["甲公司"].public_id): {"technology": 55, "team": 30},
                str(own["乙公司"].public_id): {"technology": 50, "team": 30},
            },
        )
        make.decide(stage, challenge, [make.winner(own["甲公司"])])
        publicity = decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
    return {
        "stage": stage,
        "challenge": challenge,
        "publicity": publicity,
        "own": own,
        "first": first,
        "second": second,
    }


def file_objection(publicised, moment):
    with frozen(moment):
        return decision.objection_file(
            publicity_public_id=publicised["publicity"].public_id,
            acting_user=publicised["second"],
            filer_name="乙公司",
            filer_phone="0531-66600002",
            subject="中榜单位资格",
            facts="中榜单位不具备所称的试验条件。",
            sworn=True,
        )


def last_minute(publicity):
    return make.datetime.combine(publicity.last_day, make.datetime.max.time(), BEIJING).replace(microsecond=0)


def test_06_an_objection_of_the_last_minute_blocks_the_award(publicised):
    publicity = publicised["publicity"]
    objection = file_objection(publicised, last_minute(publicity))
    assert objection.state == ObjectionState.FILED
    with frozen(last_minute(publicity) + timedelta(minutes=5)), pytest.raises(GuardFailed) as refusal:
        decision.challenge_award(challenge_id=publicised["challenge"].pk, acting_user=publicised["stage"].approver)
    assert [reason.code for reason in refusal.value.reasons] == ["objections_open"]
    assert not Award.objects.filter(state=AwardState.AWARDED).exists()


def test_06_an_objection_of_the_next_day_is_inadmissible_and_answered(publicised):
    publicity = publicised["publicity"]
    objection = file_objection(publicised, last_minute(publicity) + timedelta(minutes=1))
    assert (objection.state, bool(objection.reply), objection.replied_at) == (
        ObjectionState.INADMISSIBLE,
        True,
        objection.filed_at,
    )
    with frozen(last_minute(publicity) + timedelta(minutes=5)):
        decision.challenge_award(challenge_id=publicised["challenge"].pk, acting_user=publicised["stage"].approver)
    assert Award.objects.get().state == AwardState.AWARDED


def test_06_the_award_waits_for_the_whole_of_the_last_day(publicised):
    with frozen(last_minute(publicised["publicity"])), pytest.raises(GuardFailed) as refusal:
        decision.challenge_award(challenge_id=publicised["challenge"].pk, acting_user=publicised["stage"].approver)
    assert [reason.code for reason in refusal.value.reasons] == ["publicity_running"]


def test_07_a_winner_withdraws_and_the_runner_up_is_not_contracted_without_publicity(publicised):
    stage, challenge = publicised["stage"], publicised["challenge"]
    with frozen(last_minute(publicised["publicity"]) + timedelta(minutes=5)):
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        decision.award_lapse(
            award_public_id=Award.objects.get().public_id, acting_user=stage.approver, comment="中榜单位书面放弃。"
        )
        make.decide(stage, challenge, [make.winner(publicised["own"]["乙公司"])])
        runner_up = Award.objects.get(state=AwardState.PROPOSED)
        with pytest.raises(DomainError) as refusal:
            make.contract(stage, runner_up, publicised["second"], starts_on=date(2027, 1, 4))
        assert refusal.value.code == "not_awarded"
        with pytest.raises(IllegalTransition):
            decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
    challenge.refresh_from_db()
    assert challenge.state == ChallengeState.DECIDED
    assert not Project.objects.exists()


def test_08_racers_assessed_on_different_dates_are_refused(client, publicised):
    stage, challenge, own = publicised["stage"], publicised["challenge"], publicised["own"]
    with frozen(make.after_deadline(challenge)):
        make.decide(
            stage, challenge, [make.winner(own["甲公司"], route="多模态"), make.winner(own["乙公司"], route="红外")]
        )
        decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
    with frozen(last_minute(publicised["publicity"]) + timedelta(minutes=5)):
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        racers = [
            make.contract(stage, award, bidder, starts_on=date(2027, 1, 4))
            for award, bidder in zip(
                Award.objects.filter(state=AwardState.AWARDED).order_by("rank"),
                (publicised["first"], publicised["second"]),
                strict=True,
            )
        ]
        assert [(racer.is_race, racer.first_payment_fen) for racer in racers] == [(True, 60_000_000)] * 2
        rows = [
            {
                "project": racer.public_id,
                "assessed_on": day,
                "values": {"识别率": "96"},
                "outcome": outcome,
                "comment": "按指标评估。",
            }
            for racer, day, outcome in zip(
                racers, (date(2028, 1, 4), date(2028, 1, 5)), ("continue", "eliminated"), strict=True
            )
        ]
        terms = {
            "challenge_id": challenge.pk,
            "acting_user": stage.approver,
            "assessed_on": date(2028, 1, 4),
            "assessor": "省科技评估中心",
            "indicators": ["识别率"],
            "minutes_number": "纪要〔2028〕1号",
        }
        with pytest.raises(GuardFailed) as refusal:
            projects.stage_assess(**terms, results=rows)
        assert [reason.code for reason in refusal.value.reasons] == ["race_date"]
        assert challenge.stage_assessments.count() == 0
        client.force_login(stage.approver)
        address = reverse("challenges:act", args=["challenge", challenge.code, "assess_stage"])
        typed = {
            "assessed_on": "2028-01-04",
            "assessor": "省科技评估中心",
            "indicators": "识别率\n误报率",
            "minutes_number": "纪要〔2028〕1号",
        }
        for racer, row in zip(racers, rows, strict=True):
            typed |= {
                f"values_{racer.pk}": "96\n96",
                f"outcome_{racer.pk}": row["outcome"],
                f"comment_{racer.pk}": row["comment"],
            }
        short = client.post(address, typed | {f"values_{racers[0].pk}": "96"})
        assert short.status_code == 400
        assert "指标有 2 项，这里填了 1 项" in short.content.decode()
        assert challenge.stage_assessments.count() == 0
        assert client.post(address, typed).status_code == 302
    assert [row.values for row in challenge.stage_assessments.get().results.order_by("pk")] == [
        {"识别率": "96", "误报率": "96"}
    ] * 2
    assert list(Project.objects.order_by("pk").values_list("state", flat=True)) == [
        ProjectState.IN_PROGRESS,
        ProjectState.ELIMINATED,
    ]


def test_09_an_organisation_with_an_overdue_acceptance_is_blocked_and_freed_by_the_acceptance_itself(publicised):
    stage, challenge, first = publicised["stage"], publicised["challenge"], publicised["first"]
    with frozen(last_minute(publicised["publicity"]) + timedelta(minutes=5)):
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        project = make.contract(stage, Award.objects.get(), first, starts_on=date(2027, 1, 4))
    with frozen(make.datetime(2029, 2, 10, 9, tzinfo=BEIJING)):
        assert projects.projects_flag_overdue() == 1
        other = make.make_open_challenge(stage)
        uploaded = make.upload_bid(other, first)
        attempt = {"challenge_id": other.pk, "acting_user": first, "envelope_ids": uploaded, "idempotency_key": "one"}
        with pytest.raises(GuardFailed) as refusal:
            bids.bid_finalise(**attempt)
        assert [reason.code for reason in refusal.value.reasons] == ["acceptance_overdue"]
        assert not Bid.objects.filter(challenge=other).exists()
        for sequence in (1, 2):
            step = {"project_public_id": project.public_id, "sequence": sequence}
            projects.milestone_report(**step, acting_user=first, report="完成。")
            projects.milestone_confirm(**step, acting_user=stage.clerk, opinion="属实。")
            projects.milestone_assess(**step, acting_user=stage.handler, conclusion="passed", assessment="通过。")
        projects.acceptance_apply(
            project_public_id=project.public_id, acting_user=first, user_opinion="满意。", report_number="KJ-1"
        )
        assert bids.bid_finalise(**attempt).number == 1


def test_10_a_credit_entry_that_ended_yesterday_is_not_counted_today(clock):
    stage = make.make_stage(expert_count=0)
    firm = make.make_bidder().current_organisation
    entry = CreditEntry.objects.create(
        organisation=firm,
        document_number="鲁科罚〔2024〕3号",
        issuer="省科技厅",
        basis="科学技术进步法第一百一十三条",
        summary="弄虚作假",
        started_on=today() - timedelta(days=700),
        ends_on=today() - timedelta(days=1),
    )
    assert credit.credit_reasons([firm.unified_code]) == []
    entry.ends_on = today()
    entry.save()
    assert [reason.code for reason in credit.credit_reasons([firm.unified_code])] == ["credit_entry"]
    assert stage.department.unified_code != firm.unified_code


def test_11_two_people_of_one_firm_apply_and_the_second_is_refused(clock):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    one = make.make_bidder()
    other = make_person(Role.VENDOR_STAFF, organisation=one.current_organisation)
    first, second = make.upload_bid(challenge, one), make.upload_bid(challenge, other)
    bids.bid_finalise(challenge_id=challenge.pk, acting_user=one, envelope_ids=first, idempotency_key="one")
    before = stored(challenge)
    with pytest.raises(DomainError) as refusal:
        bids.bid_finalise(challenge_id=challenge.pk, acting_user=other, envelope_ids=second, idempotency_key="two")
    assert refusal.value.code == "envelope_stale"
    assert stored(challenge) == before
    assert Bid.objects.get().version == 1


def test_12_a_quarter_that_ends_without_a_list_is_overdue(clock):
    make_published_list()
    with frozen(make.datetime(2027, 4, 2, 9, tzinfo=BEIJING)):
        flag = overdue_quarter_flag()
    assert (flag.year, flag.quarter_number) == (2027, 1)
    assert OverdueQuarter.objects.count() == 1
    assert AuditEntry.objects.filter(action="scenarios.quarter.overdue").count() == 1


def test_14_a_mobile_number_in_a_public_attachment_blocks_publication(clock):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    assert personal_information_problems(challenge) == []
    document, sink = Document(), io.BytesIO()
    document.add_paragraph("联系人手机 13812345678")
    document.save(sink)
    attach(
        acting_user=stage.clerk,
        subject=challenge,
        file=SimpleUploadedFile("说明.docx", sink.getvalue()),
        purpose="附件",
        publicity=PublicityClass.PUBLIC,
    )
    assert [reason.code for reason in personal_information_problems(challenge)] == ["personal_information"]


def test_an_objector_is_hidden_from_handler_approver_and_bidders(publicised):
    objection = file_objection(publicised, make.after_deadline(publicised["challenge"]))
    seen = [
        selectors.objection_for(user, objection.public_id)
        for user in (publicised["second"], publicised["stage"].supervisor)
    ]
    assert seen == [objection, objection]
    for stranger in (publicised["stage"].handler, publicised["stage"].approver, publicised["first"]):
        with pytest.raises(DomainError):
            selectors.objection_for(stranger, objection.public_id)
    assert Objection.objects.count() == 1
