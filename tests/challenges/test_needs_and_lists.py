"""Needs from the call to the list: the clock closes, one need each, all defects at once, parameters frozen."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from challenges.enums import AnnualListState, ChallengeState, PanelPurpose, ProgrammeState
from challenges.models import Challenge
from challenges.parameters import parameters_from
from challenges.services import needs, programmes
from core.clock import BEIJING, frozen
from core.errors import DomainError, EditConflict, GuardFailed, InvalidInput
from core.working_days import CalendarMissing
from scenarios.enums import ScenarioState, ScenarioType
from tests.factories import challenges as make
from tests.factories import make_listed_scenario

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def stage(clock):
    return make.make_stage()


def test_the_call_closes_by_the_clock_and_a_late_need_stays_a_draft(stage):
    programme = make.make_programme(stage)
    challenge = make.make_need(stage, programme)
    with frozen(programme.needs_close_at), pytest.raises(GuardFailed) as refusal:
        needs.need_submit(challenge_id=challenge.pk, acting_user=stage.clerk)
    assert [reason.code for reason in refusal.value.reasons] == ["call_closed"]
    challenge.refresh_from_db()
    assert (challenge.state, challenge.submitted_at) == (ChallengeState.DRAFT, None)
    with frozen(programme.needs_close_at):
        assert programmes.programmes_collect() == 1
    programme.refresh_from_db()
    assert programme.state == ProgrammeState.COLLECTED


def test_one_need_per_organisation_whoever_writes_it(stage):
    programme = make.make_programme(stage)
    make.make_checked_need(stage, programme)
    other = make.make_person("demand_submitter", organisation=stage.demander)
    second = needs.need_create(
        programme_id=programme.pk,
        acting_user=other,
        values={**make.NEED, "category": make.category(), "indicators": make.INDICATORS},
    )
    with pytest.raises(GuardFailed) as refusal:
        needs.need_submit(challenge_id=second.pk, acting_user=other)
    assert [reason.code for reason in refusal.value.reasons] == ["too_many_needs"]


def test_everything_that_is_missing_is_said_at_once(stage):
    challenge = needs.need_create(
        programme_id=make.make_programme(stage).pk, acting_user=stage.clerk, values={"title": "只有名称"}
    )
    with pytest.raises(GuardFailed) as refusal:
        needs.need_submit(challenge_id=challenge.pk, acting_user=stage.clerk)
    fields = {reason.field for reason in refusal.value.reasons}
    assert {
        "background",
        "content",
        "intellectual_property",
        "indicators",
        "own_funding_fen",
        "states_no_secret",
    } <= fields


def test_a_need_is_returned_once_with_every_defect_and_only_so_often(stage):
    programme = make.make_programme(stage)
    challenge = make.make_need(stage, programme)
    for _round in range(2):
        needs.need_submit(challenge_id=challenge.pk, acting_user=stage.clerk)
        needs.need_check(
            challenge_id=challenge.pk,
            acting_user=stage.city_reviewer,
            conclusion="returned",
            defects=["请写明现状基线", "请补充考核方法"],
        )
    needs.need_submit(challenge_id=challenge.pk, acting_user=stage.clerk)
    with pytest.raises(GuardFailed) as refusal:
        needs.need_check(
            challenge_id=challenge.pk, acting_user=stage.city_reviewer, conclusion="returned", defects=["再改"]
        )
    assert [reason.code for reason in refusal.value.reasons] == ["returned_too_often"]
    assert [row.defects for row in challenge.checks.all()] == [["请写明现状基线", "请补充考核方法"]] * 2


def test_who_saves_second_is_told_and_overwrites_nothing(stage):
    challenge = make.make_need(stage, make.make_programme(stage))
    version = challenge.document_version
    needs.need_save(
        challenge_id=challenge.pk, acting_user=stage.clerk, values={"title": "甲改"}, expected_version=version
    )
    with pytest.raises(EditConflict):
        needs.need_save(
            challenge_id=challenge.pk, acting_user=stage.clerk, values={"title": "乙改"}, expected_version=version
        )
    challenge.refresh_from_db()
    assert challenge.title == "甲改"


def test_a_changed_text_must_be_agreed_again(stage):
    challenge = make.make_checked_need(stage, make.make_programme(stage))
    needs.need_agree(challenge_id=challenge.pk, acting_user=stage.clerk)
    needs.terms_save(challenge_id=challenge.pk, acting_user=stage.handler, values={"budget_source": "专项资金"})
    challenge.refresh_from_db()
    assert challenge.demander_agreed_at is not None
    needs.terms_save(
        challenge_id=challenge.pk,
        acting_user=stage.handler,
        values={"content": "改写后的研究内容，范围有所收窄，仍含两个闸口。"},
    )
    challenge.refresh_from_db()
    assert challenge.demander_agreed_at is None


def test_a_listed_research_scenario_becomes_a_challenge_linked_both_ways(stage):
    scenario = make_listed_scenario(scenario_type=ScenarioType.RESEARCH, intellectual_property="双方共有。")
    programme = make.make_programme(stage)
    challenge = needs.challenge_from_scenario(
        scenario_id=scenario.pk, programme_id=programme.pk, acting_user=stage.handler
    )
    scenario.refresh_from_db()
    assert (scenario.state, scenario.challenge, challenge.scenario) == (ScenarioState.CONVERTED, challenge, scenario)
    assert (challenge.title, challenge.demander, challenge.state) == (
        scenario.title,
        scenario.owner,
        ChallengeState.FIRST_PASSED,
    )


def test_the_handler_takes_a_scenario_over_on_the_programme_s_page_and_both_pages_name_the_other(stage, client):
    scenario = make_listed_scenario(scenario_type=ScenarioType.RESEARCH, intellectual_property="双方共有。")
    other = make_listed_scenario()
    programme = make.make_programme(stage)
    address = reverse("challenges:act", args=["programme", programme.public_id, "take_scenario"])
    client.force_login(stage.clerk)
    assert client.post(address, {"scenario": scenario.pk}).status_code == 404
    client.force_login(stage.handler)
    assert client.post(address, {"scenario": other.pk}).status_code == 400
    assert not Challenge.objects.exists()
    assert client.post(address, {"scenario": scenario.pk}).status_code == 302
    challenge = Challenge.objects.get()
    assert challenge.scenario == scenario
    page = client.get(reverse("scenarios:scenario", args=[scenario.key])).content.decode()
    assert reverse("challenges:challenge", args=[challenge.public_id]) in page
    page = client.get(reverse("challenges:challenge", args=[challenge.public_id])).content.decode()
    assert reverse("scenarios:scenario", args=[scenario.key]) in page


def test_another_kind_of_scenario_is_not_converted(stage):
    scenario = make_listed_scenario()
    programme = make.make_programme(stage)
    with pytest.raises(DomainError) as refusal:
        needs.challenge_from_scenario(scenario_id=scenario.pk, programme_id=programme.pk, acting_user=stage.handler)
    assert refusal.value.code == "not_research"
    scenario.refresh_from_db()
    assert scenario.state == ScenarioState.LISTED
    assert not Challenge.objects.exists()


def test_publication_freezes_the_sheet_and_numbers_run_through_the_year(stage):
    first = make.make_open_challenge(stage)
    second = make.make_open_challenge(stage)
    assert (first.code, second.code) == ("JB2026-001", "JB2026-002")
    assert (first.annual_list.code, second.annual_list.code) == ("2026-1", "2026-2")
    programme = first.programme
    programme.parameters = {**programme.parameters, "publicity_working_days": 9}
    programme.save()
    first.annual_list.refresh_from_db()
    assert parameters_from(first.annual_list.parameters).publicity_working_days == 5
    with pytest.raises(DomainError):
        programmes.programme_save(
            programme_id=programme.pk, acting_user=stage.handler, values={"title": "改"}, parameters={"experts": 7}
        )


def test_a_list_is_not_sent_while_anything_is_missing_and_everything_is_named(stage):
    programme = make.make_programme(stage)
    challenge = make.make_selected_need(stage, programme)
    Challenge.objects.filter(pk=challenge.pk).update(
        secrecy_reviewer_name="", budget_source="", restricts_by=["place"], demander_agreed_at=None
    )
    annual_list = programmes.annual_list_create(programme_id=programme.pk, acting_user=stage.handler)
    programmes.annual_list_add(list_id=annual_list.pk, challenge_ids=[challenge.pk], acting_user=stage.handler)
    with pytest.raises(GuardFailed) as refusal:
        programmes.annual_list_send_to_approval(list_id=annual_list.pk, acting_user=stage.handler)
    codes = {reason.code for reason in refusal.value.reasons}
    assert {
        "secrecy_review_missing",
        "budget_source_missing",
        "fair_competition_missing",
        "demander_not_agreed",
        "openers_count",
    } <= codes
    annual_list.refresh_from_db()
    assert annual_list.state == AnnualListState.PREPARING


def test_publicity_before_publication_runs_its_working_days(stage):
    programme = make.make_programme(stage, parameters={"list_publicity": True})
    challenge = make.make_selected_need(stage, programme, days_open=60)
    annual_list = make.make_annual_list(stage, [challenge])
    programmes.annual_list_publicise(list_id=annual_list.pk, acting_user=stage.handler)
    annual_list.refresh_from_db()
    assert (annual_list.publicity_first_day, annual_list.publicity_last_day) == (date(2026, 11, 24), date(2026, 12, 1))
    with pytest.raises(GuardFailed):
        programmes.annual_list_send_to_approval(list_id=annual_list.pk, acting_user=stage.handler)
    with frozen(make.datetime(2026, 12, 2, 9, tzinfo=BEIJING)):
        for user in stage.opener_users:
            make.renew_proof(stage, user)
        programmes.annual_list_send_to_approval(list_id=annual_list.pk, acting_user=stage.handler)
    annual_list.refresh_from_db()
    assert annual_list.state == AnnualListState.IN_REVIEW


def test_a_publicity_into_a_year_without_calendar_fails_loudly(stage):
    programme = make.make_programme(stage, parameters={"list_publicity": True})
    challenge = make.make_selected_need(stage, programme, days_open=90)
    annual_list = make.make_annual_list(stage, [challenge])
    with frozen(make.datetime(2026, 12, 30, 9, tzinfo=BEIJING)), pytest.raises(CalendarMissing):
        programmes.annual_list_publicise(list_id=annual_list.pk, acting_user=stage.handler)
    annual_list.refresh_from_db()
    assert annual_list.state == AnnualListState.PREPARING
    assert not annual_list.publicities.exists()


def test_the_supervisor_draws_and_the_handler_cannot(stage):
    challenge = make.make_checked_need(stage, make.make_programme(stage))
    panel = make.review.panel_commit(
        challenge_id=challenge.pk, acting_user=stage.handler, purpose=PanelPurpose.ARGUMENTATION
    )
    with pytest.raises(DomainError):
        make.review.panel_draw(panel_public_id=panel.public_id, acting_user=stage.handler, witness_words="词")
    panel = make.review.panel_draw(panel_public_id=panel.public_id, acting_user=stage.supervisor, witness_words="词")
    record = panel.draw_record
    replayed = make.review.drawing.draw(
        panel.seed,
        "词",
        [make.review.drawing.Candidate(row["id"], row["kind"]) for row in record["pool"]],
        panel.seats_wanted,
        record["technical_percent"],
    )
    assert (list(replayed.order), list(replayed.chosen)) == (record["order"], record["chosen"])
    assert make.review.drawing.commitment(panel.seed) == panel.seed_commitment


def test_a_window_shorter_than_promised_is_refused(stage):
    programme = make.make_programme(stage)
    challenge = make.make_selected_need(stage, programme, days_open=19)
    annual_list = make.make_annual_list(stage, [challenge])
    with pytest.raises(GuardFailed) as refusal:
        programmes.annual_list_send_to_approval(list_id=annual_list.pk, acting_user=stage.handler)
    assert [reason.code for reason in refusal.value.reasons] == ["window_short"]


def test_an_indicator_too_long_is_refused_and_the_old_ones_stay(stage):
    challenge = make.make_need(stage, make.make_programme(stage))
    with pytest.raises(InvalidInput):
        needs.need_save(
            challenge_id=challenge.pk,
            acting_user=stage.clerk,
            values={"indicators": [{"name": "长" * 101, "target": "1", "method": "测"}]},
        )
    assert challenge.indicators.count() == len(make.INDICATORS)


def test_the_form_comes_back_with_everything_typed(stage, client):
    challenge = make.make_need(stage, make.make_programme(stage))
    client.force_login(stage.clerk)
    answer = client.post(
        reverse("challenges:need", args=[challenge.public_id]),
        {
            "title": "",
            "content": "写了很多内容不想丢失",
            "indicators-TOTAL_FORMS": "1",
            "indicators-INITIAL_FORMS": "0",
            "indicators-0-name": "写过的指标",
            "version": str(challenge.document_version),
        },
    )
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "写了很多内容不想丢失" in page
    assert "写过的指标" in page
    assert "请填写“榜单名称”。" in page
    with frozen(make.clock.now() + timedelta(days=1)):
        challenge.refresh_from_db()
    assert challenge.title == make.NEED["title"]


def test_the_handler_orders_the_list_and_its_numbers_follow(stage, client):
    programme = make.make_programme(stage)
    first, second, third = (
        make.make_selected_challenge(stage, programme, title=title) for title in ("甲技术", "乙技术", "丙技术")
    )
    annual_list = make.make_annual_list(stage, [first, second, third])

    def move(user, item, direction):
        client.force_login(user)
        return client.post(reverse("challenges:list_move", args=[annual_list.code, item.public_id, direction]))

    def order():
        return list(annual_list.challenges.order_by("sequence").values_list("title", flat=True))

    assert move(stage.handler, third, "up").status_code == 302
    assert order() == ["甲技术", "丙技术", "乙技术"]
    move(stage.handler, first, "up")
    move(stage.handler, second, "down")
    assert order() == ["甲技术", "丙技术", "乙技术"]
    assert move(stage.clerk, third, "up").status_code == 404
    with pytest.raises(InvalidInput):
        programmes.annual_list_reorder(
            list_id=annual_list.pk, challenge_ids=[first.pk, third.pk, third.pk], acting_user=stage.handler
        )
    assert order() == ["甲技术", "丙技术", "乙技术"]
    make.publish_list(stage, annual_list)
    assert [row.title for row in Challenge.objects.order_by("code")] == ["甲技术", "丙技术", "乙技术"]
    move(stage.handler, third, "up")
    assert order() == ["甲技术", "丙技术", "乙技术"]
