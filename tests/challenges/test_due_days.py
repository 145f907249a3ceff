"""Every stored due day is watched, told before and after, and shown; a 公示 ends with its last day."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models
from django.urls import NoReverseMatch, reverse

from challenges.due_days import DUE_DAYS, NOT_DUE
from challenges.enums import ChallengeState, EnvelopeKind, ObjectionState, PanelPurpose, PublicityState
from challenges.models import Acceptance, Award, Bid, Challenge, DueNotice, Milestone, Objection, Project, Publicity
from challenges.services import bids, decision, programmes, review
from challenges.services.due_days import due_days_announce
from core.clock import BEIJING, frozen, today
from core.errors import GuardFailed
from core.models import WorkdayCalendar
from core.relay import drain
from core.schedule import jobs
from notifications.catalogue import MESSAGES
from notifications.due_handlers import PEOPLE
from notifications.models import Notification
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

LOOKS_LIKE_A_DUE_DAY = re.compile(r"(due_on|due_at|decide_by|ends_on|_until|last_day|deadline(_at)?|close_at)$")
PAGES = Path(__file__).parents[2] / "challenges/templates/challenges"


# --- the table ----------------------------------------------------------------------------------------------------


def test_every_field_that_looks_like_a_due_day_is_registered():
    found = {
        f"{model._meta.model_name}.{field.name}"
        for model in apps.get_app_config("challenges").get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.DateField) and LOOKS_LIKE_A_DUE_DAY.search(field.name)
    }
    assert found == set(DUE_DAYS) | set(NOT_DUE)
    assert not set(DUE_DAYS) & set(NOT_DUE)


@pytest.mark.parametrize("name", DUE_DAYS)
def test_each_has_a_job_notices_people_and_a_page_that_shows_it(name):
    entry = DUE_DAYS[name]
    assert entry.job in {job.name for job in jobs()}
    for mark in ("nears", "over"):
        assert entry.topic(mark).startswith("challenge.")
        assert entry.topic(mark) in MESSAGES
    assert {*entry.acts, *entry.overdue} <= set(PEOPLE)
    assert (bool(entry.acts), bool(entry.overdue)) == (not entry.before, not entry.after)
    place = entry.page.removeprefix("challenges:")
    assert re.search(rf'due_day \w+ "{entry.field}"', (PAGES / f"{place}.html").read_text(encoding="utf-8"))
    with pytest.raises(NoReverseMatch):
        reverse(entry.page)


# --- announced ----------------------------------------------------------------------------------------------------


@pytest.fixture
def awarded(clock, settings, tmp_path):
    """A winner, awarded; the clock stands at the day of the award."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    stage = make.make_stage(expert_count=5)
    challenge = make.make_open_challenge(stage)
    bidder = make.make_bidder()
    make.hand_in(challenge, bidder)
    moment = make.after_deadline(challenge)
    with frozen(moment):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        make.review_bids(stage, challenge)
        make.decide(stage, challenge, [make.winner(Bid.objects.get())])
        decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
    moment += timedelta(days=15)
    with frozen(moment):
        programmes.programmes_collect()
        decision.publicities_end()
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        challenge.refresh_from_db()
        drain()
        Notification.objects.all().delete()
        yield stage, challenge, bidder


def at_day(day, hour=9):
    return frozen(datetime(day.year, day.month, day.day, hour, tzinfo=BEIJING))


def told(day, hour=9):
    """{topic: usernames} of what the job announces on that day; run twice, it says nothing twice."""
    Notification.objects.all().delete()
    with at_day(day, hour):
        due_days_announce()
        assert due_days_announce() == 0
        drain()
    found = {}
    for row in Notification.objects.filter(topic__regex="due_nears|overdue"):
        found.setdefault(row.topic, set()).add(row.recipient.username)
    return found


def names(*users):
    return {user.username for user in users}


def test_a_contract_not_signed_is_told_a_week_before_and_never_twice(awarded):
    stage, _challenge, bidder = awarded
    due = Award.objects.get().contract_due_on
    assert told(due - timedelta(days=8)) == {}
    assert told(due - timedelta(days=7)) == {"challenge.due_nears.challenge": names(bidder, stage.clerk, stage.handler)}
    assert told(due - timedelta(days=6)) == {}


@pytest.fixture
def running(awarded):
    stage, _challenge, bidder = awarded
    return stage, make.contract(stage, Award.objects.get(), bidder, starts_on=today()), bidder


def test_a_milestone_is_told_to_the_solver_and_when_it_is_over_to_the_handler_too(running):
    stage, _project, bidder = running
    due = Milestone.objects.order_by("due_on").first().due_on
    assert told(due - timedelta(days=14)) == {"challenge.due_nears.project": names(bidder)}
    assert told(due) == {}
    assert told(due + timedelta(days=1)) == {"challenge.overdue.project": names(bidder, stage.handler)}


def test_a_rectification_that_runs_out_reaches_solver_handler_and_approver(running, client):
    stage, project, bidder = running
    due = today() + timedelta(days=60)
    Project.objects.filter(pk=project.pk).update(state="rectifying", rectification_due_on=due)
    assert told(due - timedelta(days=7)) == {"challenge.due_nears.project": names(bidder)}
    assert told(due + timedelta(days=1)) == {"challenge.overdue.project": names(bidder, stage.handler, stage.approver)}
    Acceptance.objects.create(project=project, user_opinion="满意", concluded_at=make.clock.now())
    client.force_login(stage.handler)
    page = reverse("challenges:project", args=[project.public_id])
    with at_day(due - timedelta(days=5)):
        assert "还有 5 天" in client.get(page).content.decode()
    with at_day(due + timedelta(days=2)):
        assert "已逾期 2 天" in client.get(page).content.decode()


def test_an_acceptance_undecided_after_its_days_reaches_the_supervisor(running):
    stage, project, _bidder = running
    due = today() + timedelta(days=30)
    Project.objects.filter(pk=project.pk).update(state="acceptance_applied")
    Acceptance.objects.create(project=project, user_opinion="满意", decide_by=due)
    assert told(due - timedelta(days=7)) == {"challenge.due_nears.project": names(stage.handler, stage.approver)}
    assert told(due + timedelta(days=1)) == {
        "challenge.overdue.project": names(stage.handler, stage.approver, stage.supervisor)
    }


def test_a_project_past_its_end_is_told_to_all_sides(running):
    stage, project, bidder = running
    Milestone.objects.update(state="passed")
    assert told(project.ends_on - timedelta(days=30)) == {"challenge.due_nears.project": names(bidder, stage.clerk)}
    assert told(project.ends_on + timedelta(days=1)) == {
        "challenge.overdue.project": names(bidder, stage.clerk, stage.handler)
    }


def test_a_day_that_is_moved_is_announced_anew_and_a_settled_one_not_at_all(running):
    _stage, project, _bidder = running
    due = today() + timedelta(days=60)
    Project.objects.filter(pk=project.pk).update(state="rectifying", rectification_due_on=due)
    assert told(due) != {}
    Project.objects.filter(pk=project.pk).update(rectification_due_on=due + timedelta(days=10))
    assert told(due + timedelta(days=9)) != {}
    Project.objects.filter(pk=project.pk).update(state="acceptance_applied")
    count = DueNotice.objects.count()
    assert told(due + timedelta(days=30)) == {}
    assert DueNotice.objects.count() == count


def test_a_returned_need_its_supplement_and_what_is_then_overdue(clock):
    stage = make.make_stage(expert_count=0)
    need = make.make_need(stage, make.make_programme(stage))
    due = today() + timedelta(days=5)
    Challenge.objects.filter(pk=need.pk).update(state="returned", supplement_due_on=due)
    assert told(due - timedelta(days=3)) == {"challenge.due_nears.challenge": names(stage.clerk)}
    assert told(due + timedelta(days=1)) == {"challenge.overdue.challenge": names(stage.clerk, stage.handler)}


def test_a_call_tells_drafters_before_and_its_handler_when_it_has_closed(clock):
    stage = make.make_stage(expert_count=0)
    programme = make.make_programme(stage)
    make.make_need(stage, programme)
    closes = programme.needs_close_at
    with frozen(closes - timedelta(days=2)):
        due_days_announce()
        drain()
    nears = Notification.objects.filter(topic="challenge.due_nears.programme")
    assert {row.recipient.username for row in nears} == names(stage.clerk)
    with frozen(closes + timedelta(seconds=1)):
        programmes.programmes_collect()
        drain()
    over = Notification.objects.filter(topic="challenge.overdue.programme")
    assert {row.recipient.username for row in over} == names(stage.handler)


def test_an_expert_who_does_not_answer_is_told_before_and_the_handler_after(clock):
    stage = make.make_stage(expert_count=6)
    need = make.make_checked_need(stage, make.make_programme(stage))
    panel = make.draw_panel(stage, need, PanelPurpose.ARGUMENTATION)
    seat = panel.seats.select_related("expert__user").first()
    with frozen(seat.answer_due_at - timedelta(hours=12)):
        due_days_announce()
        drain()
    assert Notification.objects.filter(topic="challenge.due_nears.seat", recipient=seat.expert.user).count() == 1
    with frozen(seat.answer_due_at + timedelta(seconds=1)):
        review.seats_time_out()
        drain()
    over = Notification.objects.filter(topic="challenge.overdue.seat", recipient=stage.handler)
    assert over.count() == panel.seats_wanted


# --- the end of a publicity ---------------------------------------------------------------------------------------


@pytest.fixture
def publicised(awarded):
    """The same challenge as before its award: its publicity runs on its last day."""
    stage, challenge, bidder = awarded
    Award.objects.update(state="proposed", awarded_at=None, contract_due_on=None)
    Bid.objects.update(state="proposed")
    Challenge.objects.filter(pk=challenge.pk).update(state="publicity", awarded_at=None)
    Publicity.objects.update(state="running", ended_at=None, last_day=today())
    challenge.refresh_from_db()
    return stage, challenge, bidder, Publicity.objects.get()


def file(publicity, user):
    return decision.objection_file(
        publicity_public_id=publicity.public_id,
        acting_user=user,
        filer_name="乙研究院",
        filer_phone="0531-82990000",
        subject="业绩",
        facts="所列业绩与公开信息不一致。",
        sworn=True,
    )


def test_it_ends_with_its_last_day_by_the_clock_and_who_awards_is_told(publicised):
    stage, challenge, _bidder, publicity = publicised
    with at_day(publicity.last_day, 23):
        assert decision.publicities_end() == 0
    with at_day(publicity.last_day + timedelta(days=1), 0):
        assert (decision.publicities_end(), decision.publicities_end()) == (1, 0)
        drain()
        publicity.refresh_from_db()
        assert publicity.state == PublicityState.ENDED
        ended = Notification.objects.filter(topic="challenge.publicity_ended")
        assert {row.recipient.username for row in ended} == names(stage.handler, stage.approver)
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
    challenge.refresh_from_db()
    assert challenge.state == ChallengeState.AWARDED


def test_its_page_offers_an_objection_until_then_and_none_after_even_before_the_job(publicised, client):
    _stage, _challenge, bidder, publicity = publicised
    page = reverse("challenges:publicity", args=[publicity.public_id])
    objecting = reverse("challenges:object_to", args=[publicity.public_id])
    client.force_login(bidder)
    with at_day(publicity.last_day, 23):
        shown = client.get(page).content.decode()
        assert (objecting in shown, "公示已结束" in shown, "今天截止" in shown) == (True, False, True)
    with at_day(publicity.last_day + timedelta(days=1), 0):
        for _run in ("before the job", "after it"):
            shown = client.get(page).content.decode()
            assert (objecting in shown, "公示已结束" in shown, "<span>公示中</span>" in shown) == (False, True, False)
            form = client.get(objecting).content.decode()
            assert ("公示已结束" in form, "<textarea" in form) == (True, False)
            assert "公示已结束" in client.get(reverse("challenges:publicities")).content.decode()
            about = client.get(reverse("challenges:challenge", args=[publicity.challenge.code])).content.decode()
            assert ("公示已结束" in about, "公示中" in about) == (True, False)
            decision.publicities_end()


def test_an_objection_filed_in_time_still_stops_it_after_its_end(publicised):
    WorkdayCalendar.objects.create(year=2027, source="国办发明电")
    stage, challenge, bidder, publicity = publicised
    with at_day(publicity.last_day, 23):
        objection = file(publicity, bidder)
    with at_day(publicity.last_day + timedelta(days=1)):
        decision.publicities_end()
        with pytest.raises(GuardFailed):
            decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        decision.objection_admit(objection_public_id=objection.public_id, acting_user=stage.supervisor)
        publicity.refresh_from_db()
        assert publicity.state == PublicityState.SUSPENDED
        due = Objection.objects.get().reply_due_on
    assert told(due - timedelta(days=3)) == {"challenge.due_nears.objection": names(stage.supervisor)}
    assert told(due + timedelta(days=1)) == {"challenge.overdue.objection": names(stage.supervisor)}
    with at_day(due):
        decision.objection_conclude(
            objection_public_id=objection.public_id,
            acting_user=stage.supervisor,
            conclusion="dismissed",
            findings="已核实。",
            reply="不成立。",
        )
        decision.publicity_resume(challenge_id=challenge.pk, acting_user=stage.supervisor)
        publicity.refresh_from_db()
        assert (publicity.state, publicity.ended_at) == (PublicityState.RUNNING, None)


def test_one_filed_after_the_end_is_kept_as_inadmissible(publicised):
    _stage, _challenge, bidder, publicity = publicised
    with at_day(publicity.last_day + timedelta(days=1)):
        decision.publicities_end()
        assert file(publicity, bidder).state == ObjectionState.INADMISSIBLE


def test_a_new_decision_voids_a_publicity_that_had_ended_unawarded(publicised):
    stage, challenge, _bidder, publicity = publicised
    with at_day(publicity.last_day + timedelta(days=1)):
        decision.publicities_end()
        make.decide(stage, challenge, [make.winner(Bid.objects.get())])
    publicity.refresh_from_db()
    assert publicity.state == PublicityState.VOID
