"""Demands: what is refused and why, who sees what, what is kept (domain.md §3.3, §5, §7)."""

from datetime import date, timedelta

import pytest

from accounts.enums import OrganisationState, Role
from core.clock import frozen
from core.errors import DomainError, EditConflict, GuardFailed, InvalidInput, NotPermitted, ObjectNotFound
from core.models import AuditEntry, OutboxEvent
from scenarios import selectors, services
from scenarios.enums import FundingNature, Restriction, ScenarioState, ScenarioType
from scenarios.models import FairCompetitionReview, Scenario
from scenarios.validators import section_states
from tests.factories import (
    make_listed_scenario,
    make_organisation,
    make_person,
    make_pooled_scenario,
    make_scenario,
    make_submittable_scenario,
)

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]


@pytest.fixture
def clerk():
    return make_person(Role.DEMAND_SUBMITTER)


def refusal_of(scenario: Scenario, clerk) -> list[tuple[str, str]]:
    audits, events = AuditEntry.objects.count(), OutboxEvent.objects.count()
    with pytest.raises(GuardFailed) as refusal:
        services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    assert Scenario.objects.get(pk=scenario.pk).state == ScenarioState.DRAFT
    assert (AuditEntry.objects.count(), OutboxEvent.objects.count()) == (audits, events)
    return sorted((reason.field, reason.code) for reason in refusal.value.reasons)


def test_an_empty_draft_is_told_everything_that_is_missing_at_once(clerk):
    scenario = make_scenario(clerk.current_organisation)

    assert refusal_of(scenario, clerk) == [
        ("category", "required"),
        ("description", "required"),
        ("no_state_secret", "secrecy_statement_missing"),
        ("public_contact_office", "required"),
        ("public_contact_phone", "required"),
        ("target_indicators", "required"),
    ]


def test_a_research_demand_must_say_who_owns_the_results(clerk):
    scenario = make_submittable_scenario(clerk.current_organisation, scenario_type=ScenarioType.RESEARCH)
    assert refusal_of(scenario, clerk) == [("intellectual_property", "required")]


def test_a_funded_demand_must_say_how_much(clerk):
    scenario = make_submittable_scenario(clerk.current_organisation, funding_nature=FundingNature.FISCAL)
    assert refusal_of(scenario, clerk) == [("budget_text", "required")]


@pytest.mark.parametrize("text", ["联系人手机 13905310001", "证件 370102199003077357", "账号 6222021602000000002"])
def test_personal_numbers_in_public_text_stop_the_submission(clerk, text):
    scenario = make_submittable_scenario(clerk.current_organisation, available_resources=text)
    assert refusal_of(scenario, clerk) == [("available_resources", "personal_information")]


def test_an_office_landline_is_fine(clerk):
    scenario = make_submittable_scenario(clerk.current_organisation, public_contact_phone="0531-51700001")
    assert services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk).state == ScenarioState.SUBMITTED


def test_a_restricting_condition_needs_a_fair_competition_review_with_its_file_and_end(clerk, tmp_path):
    scenario = make_submittable_scenario(clerk.current_organisation, restricts_by=[Restriction.PLACE])
    assert refusal_of(scenario, clerk) == [("restricts_by", "fair_competition_review_missing")]

    services.fair_competition_review_save(
        scenario_id=scenario.pk,
        acting_user=clerk,
        reviewer_name="法规科",
        conclusion="符合例外规定",
        exception_clause="第十二条第二项",
        ends_on=date(2027, 6, 30),
    )
    assert refusal_of(scenario, clerk) == [("restricts_by", "fair_competition_review_missing")]


def test_a_review_that_ends_in_the_past_is_refused(clerk):
    scenario = make_submittable_scenario(clerk.current_organisation, restricts_by=[Restriction.SIZE])
    with pytest.raises(InvalidInput) as refusal:
        services.fair_competition_review_save(
            scenario_id=scenario.pk,
            acting_user=clerk,
            reviewer_name="法规科",
            conclusion="符合",
            exception_clause="",
            ends_on=date(2026, 11, 23),
        )
    assert list(refusal.value.fields) == ["ends_on"]
    assert FairCompetitionReview.objects.count() == 0


def test_a_deadline_in_the_past_is_refused(clerk, clock):
    scenario = make_submittable_scenario(
        clerk.current_organisation, deadline_at=clock - timedelta(seconds=1), needed_by=date(2026, 11, 23)
    )
    assert refusal_of(scenario, clerk) == [("deadline_at", "in_the_past"), ("needed_by", "in_the_past")]


def test_an_unverified_owner_writes_drafts_and_submits_after_verification(clerk):
    owner = clerk.current_organisation
    owner.state = OrganisationState.UNVERIFIED
    owner.save()
    scenario = make_submittable_scenario(owner)
    assert refusal_of(scenario, clerk) == [("", "owner_not_verified")]


def test_the_same_demand_of_the_same_owner_must_name_the_earlier_one(clerk):
    listed = make_listed_scenario(clerk.current_organisation)
    again = make_submittable_scenario(clerk.current_organisation)
    assert refusal_of(again, clerk) == [("title", "already_listed")]

    services.scenario_save(scenario_id=again.pk, acting_user=clerk, values={"previous": listed})
    assert services.scenario_submit(scenario_id=again.pk, acting_user=clerk).state == ScenarioState.SUBMITTED


def test_submission_near_the_end_of_the_last_loaded_year_fails_loudly(clerk, clock):
    scenario = make_submittable_scenario(clerk.current_organisation)
    with frozen(clock.replace(month=12, day=30)), pytest.raises(DomainError) as refusal:
        services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    assert refusal.value.code == "workday_calendar_missing"
    assert Scenario.objects.get(pk=scenario.pk).state == ScenarioState.DRAFT


# --- drafts ------------------------------------------------------------------------------------------------------


def test_a_budget_that_cannot_be_read_is_kept_as_typed_and_remarked(clerk):
    scenario = services.scenario_create(acting_user=clerk, values={"title": "数据治理"})

    saved, remarks = services.scenario_save(
        scenario_id=scenario.pk, acting_user=clerk, values={"budget_text": "按实结算看情况"}
    )

    assert (saved.budget_text, saved.budget_min_fen, saved.budget_max_fen) == ("按实结算看情况", None, None)
    assert len(remarks) == 1


def test_a_readable_budget_is_kept_as_money_beside_its_text(clerk):
    scenario = services.scenario_create(
        acting_user=clerk, values={"title": "数据治理", "budget_text": "30万元至50万元"}
    )
    assert (scenario.budget_min_fen, scenario.budget_max_fen) == (30_000_000, 50_000_000)


def test_a_save_over_somebody_elses_newer_text_is_a_conflict(clerk):
    scenario = services.scenario_create(acting_user=clerk, values={"title": "数据治理"})
    opened = scenario.document_version
    services.scenario_save(
        scenario_id=scenario.pk, acting_user=clerk, values={"pain_point": "先到的"}, expected_version=opened
    )

    with pytest.raises(EditConflict):
        services.scenario_save(
            scenario_id=scenario.pk, acting_user=clerk, values={"pain_point": "后到的"}, expected_version=opened
        )

    assert Scenario.objects.get(pk=scenario.pk).pain_point == "先到的"


def test_a_save_with_nothing_new_leaves_no_trace(clerk):
    scenario = services.scenario_create(acting_user=clerk, values={"title": "数据治理"})
    version, audits = scenario.document_version, AuditEntry.objects.count()

    services.scenario_save(scenario_id=scenario.pk, acting_user=clerk, values={"title": "数据治理"})

    assert Scenario.objects.get(pk=scenario.pk).document_version == version
    assert AuditEntry.objects.count() == audits


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": "长" * 201}, "title"),
        ({"title": " "}, "title"),
        ({"scenario_type": "gift"}, "scenario_type"),
        ({"restricts_by": ["weather"]}, "restricts_by"),
        ({"public_contact_email": "not-mail"}, "public_contact_email"),
        ({"state": "listed"}, "state"),
        ({"code": "2026Q4-001"}, "code"),
    ],
)
def test_what_cannot_be_accepted_is_named_and_nothing_is_saved(clerk, values, field):
    scenario = services.scenario_create(acting_user=clerk, values={"title": "数据治理"})
    before = Scenario.objects.filter(pk=scenario.pk).values().get()

    with pytest.raises(InvalidInput) as refusal:
        services.scenario_save(scenario_id=scenario.pk, acting_user=clerk, values=values)

    assert list(refusal.value.fields) == [field]
    assert Scenario.objects.filter(pk=scenario.pk).values().get() == before


def test_a_submitted_demand_cannot_be_changed_by_its_owner(clerk):
    scenario = make_submittable_scenario(clerk.current_organisation)
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)

    with pytest.raises(DomainError) as refusal:
        services.scenario_save(scenario_id=scenario.pk, acting_user=clerk, values={"title": "改名"})

    assert refusal.value.code == "not_editable"
    assert Scenario.objects.get(pk=scenario.pk).title == "政务大厅材料智能预审"


def test_somebody_elses_draft_does_not_exist_for_others(clerk):
    scenario = make_scenario()
    with pytest.raises(ObjectNotFound):
        services.scenario_save(scenario_id=scenario.pk, acting_user=clerk, values={"title": "改名"})
    with pytest.raises(ObjectNotFound):
        services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)


def test_a_copy_is_a_new_draft_linked_to_the_earlier_one_without_its_declaration(clerk):
    listed = make_listed_scenario(clerk.current_organisation)

    copied = services.scenario_copy(scenario_id=listed.pk, acting_user=clerk)

    assert (copied.title, copied.previous, copied.state) == (listed.title, listed, ScenarioState.DRAFT)
    assert (copied.code, copied.no_state_secret) == (None, False)


def test_the_task_list_tells_the_state_of_each_part(clerk):
    scenario = make_scenario(clerk.current_organisation)
    states = {section["key"]: section["state"] for section in section_states(scenario)}
    assert states == {
        "basics": "in_progress",
        "need": "not_started",
        "conditions": "not_started",
        "money": "not_started",
        "eligibility": "not_started",
        "contact": "not_started",
    }


def test_a_section_is_done_once_a_person_saved_it_and_never_while_it_is_wrong(clerk):
    scenario = make_scenario(clerk.current_organisation)
    version = scenario.document_version
    unchanged = {"scenario_id": scenario.pk, "acting_user": clerk, "expected_version": version}
    services.scenario_save(**unchanged, values={"funding_nature": "open"})
    saved, _remarks = services.scenario_save(**unchanged, values={"funding_nature": "open"}, section="money")
    saved.refresh_from_db()
    assert (saved.saved_sections, saved.document_version) == (["money"], version)
    states = {section["key"]: section["state"] for section in section_states(saved)}
    assert states["money"] == "done"
    assert states["conditions"] == "not_started"
    saved.scenario_type = ScenarioType.PROCUREMENT
    assert {section["key"]: section["state"] for section in section_states(saved)}["money"] == "in_progress"


def test_what_is_bought_is_paid_for(clerk):
    """采购建设 begins with no answer about its money, and is not handed in without one."""
    scenario = make_submittable_scenario(clerk.current_organisation, scenario_type=ScenarioType.PROCUREMENT)
    with pytest.raises(GuardFailed) as refusal:
        services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    assert [reason.code for reason in refusal.value.reasons] == ["funding_missing"]
    services.scenario_save(
        scenario_id=scenario.pk, acting_user=clerk, values={"funding_nature": "own", "budget_text": "80万元"}
    )
    assert services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk).state == ScenarioState.SUBMITTED


# --- review ------------------------------------------------------------------------------------------------------


def test_nobody_reviews_a_demand_of_an_organisation_they_belong_to(clerk):
    scenario = make_submittable_scenario(clerk.current_organisation)
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    reviewer = make_person(Role.FIRST_REVIEWER)
    reviewer.memberships.create(organisation=clerk.current_organisation)

    with pytest.raises(NotPermitted):
        services.scenario_review(scenario_id=scenario.pk, action="pass_first", acting_user=reviewer)

    assert list(selectors.first_review_queue(reviewer)) == []
    assert Scenario.objects.get(pk=scenario.pk).state == ScenarioState.SUBMITTED
    assert scenario.reviews.count() == 0


def test_who_passed_the_first_review_cannot_give_the_second(clerk):
    scenario = make_submittable_scenario(clerk.current_organisation)
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    both = make_person(Role.FIRST_REVIEWER, Role.PROVINCIAL_REVIEWER)
    services.scenario_review(scenario_id=scenario.pk, action="pass_first", acting_user=both)

    with pytest.raises(NotPermitted):
        services.scenario_review(scenario_id=scenario.pk, action="pool", acting_user=both, secrecy_reviewed=True)

    assert list(selectors.provincial_review_queue(both)) == []
    assert Scenario.objects.get(pk=scenario.pk).state == ScenarioState.FIRST_PASSED


def test_a_city_reviewer_has_its_own_city_in_the_queue_and_no_other(clerk):
    here = make_submittable_scenario(clerk.current_organisation)
    services.scenario_submit(scenario_id=here.pk, acting_user=clerk)
    elsewhere = make_person(Role.DEMAND_SUBMITTER, organisation=make_organisation(region_code="370200"))
    there = make_submittable_scenario(elsewhere.current_organisation)
    services.scenario_submit(scenario_id=there.pk, acting_user=elsewhere)
    reviewer = make_person(Role.FIRST_REVIEWER)

    assert list(selectors.first_review_queue(reviewer)) == [here]
    with pytest.raises(NotPermitted):
        services.scenario_review(scenario_id=there.pk, action="pass_first", acting_user=reviewer)


def test_a_lead_department_reviews_what_it_leads_wherever_it_is():
    department = make_organisation("省级示范厅", region_code="370000")
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=make_organisation(region_code="371700"))
    scenario = make_submittable_scenario(clerk.current_organisation, lead_department=department)
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    reviewer = make_person(Role.FIRST_REVIEWER, organisation=department)

    assert list(selectors.first_review_queue(reviewer)) == [scenario]


def test_all_defects_are_returned_at_once_and_the_owner_reads_them(clerk):
    scenario = make_submittable_scenario(clerk.current_organisation)
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    defects = [{"field": "description", "reason": "写清现状"}, {"field": "target_indicators", "reason": "写出数值"}]

    services.scenario_review(
        scenario_id=scenario.pk, action="return_first", acting_user=make_person(Role.FIRST_REVIEWER), defects=defects
    )

    scenario.refresh_from_db()
    assert scenario.state == ScenarioState.SUPPLEMENT
    assert selectors.reviews_for(clerk, scenario).get().defects == defects
    assert list(selectors.reviews_for(make_person(Role.DEMAND_SUBMITTER), scenario)) == []


def test_pooling_needs_a_secrecy_review(clerk):
    scenario = make_submittable_scenario(clerk.current_organisation)
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    services.scenario_review(scenario_id=scenario.pk, action="pass_first", acting_user=make_person(Role.FIRST_REVIEWER))
    with pytest.raises(GuardFailed) as refusal:
        services.scenario_review(
            scenario_id=scenario.pk, action="pool", acting_user=make_person(Role.PROVINCIAL_REVIEWER)
        )
    assert [reason.code for reason in refusal.value.reasons] == ["secrecy_review_missing"]
    assert scenario.reviews.count() == 1


def test_a_review_of_an_older_text_is_a_conflict(clerk):
    scenario = make_submittable_scenario(clerk.current_organisation)
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    read = Scenario.objects.get(pk=scenario.pk).content_version
    reviewer = make_person(Role.FIRST_REVIEWER)
    services.scenario_review(
        scenario_id=scenario.pk,
        action="return_first",
        acting_user=reviewer,
        defects=[{"field": "title", "reason": "写具体"}],
    )
    services.scenario_save(scenario_id=scenario.pk, acting_user=clerk, values={"title": "新的名称"})
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)

    with pytest.raises(EditConflict):
        services.scenario_review(
            scenario_id=scenario.pk, action="pass_first", acting_user=reviewer, expected_version=read
        )
    assert [version.version for version in scenario.versions.all()] == [2, 1]


def test_review_is_due_in_five_working_days(clerk):
    scenario = make_submittable_scenario(clerk.current_organisation)
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    assert Scenario.objects.get(pk=scenario.pk).review_due_on == date(2026, 12, 1)


def test_nearly_the_same_title_is_shown_as_a_possible_duplicate():
    first = make_pooled_scenario(title="全市供水管网漏损监测与预警系统")
    other = make_pooled_scenario(title="农村公路养护巡查系统")
    again = make_scenario(title="全市供水管网漏损监测预警系统（第二次）")

    found = selectors.possible_duplicates(again)

    assert [scenario for scenario, _similarity in found] == [first]
    assert other not in [scenario for scenario, _similarity in found]


# --- visibility --------------------------------------------------------------------------------------------------


def test_who_sees_a_demand_follows_its_state_and_their_place(clerk):
    scenario = make_submittable_scenario(clerk.current_organisation)
    people = {
        "anonymous": None,
        "owner": clerk,
        "stranger": make_person(Role.DEMAND_SUBMITTER),
        "own_city": make_person(Role.FIRST_REVIEWER),
        "other_city": make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370200")),
        "province": make_person(Role.PROVINCIAL_REVIEWER),
        "editor": make_person(Role.LIST_EDITOR),
        "supervisor": make_person(Role.SUPERVISOR),
        "vendor": make_person(Role.VENDOR_STAFF),
        "system_administrator": make_person(Role.SYSTEM_ADMINISTRATOR),
    }

    def who_sees() -> set[str]:
        return {name for name, person in people.items() if scenario in selectors.visible_to(person)}

    expected = {
        ScenarioState.DRAFT: {"owner"},
        ScenarioState.SUBMITTED: {"owner", "own_city", "province", "supervisor"},
        ScenarioState.POOLED: {"owner", "own_city", "province", "supervisor", "editor"},
        ScenarioState.WITHDRAWN: {"owner", "own_city", "province", "supervisor"},
        ScenarioState.LISTED: set(people),
        ScenarioState.EXPIRED: set(people),
    }
    seen = {}
    for state in expected:
        Scenario.objects.filter(pk=scenario.pk).update(state=state)
        seen[state] = who_sees()
    assert seen == expected


def test_a_demand_that_ran_out_is_closed_by_the_clock(clock):
    scenario = make_listed_scenario()
    assert scenario.valid_until == date(2027, 3, 25)
    with frozen(clock.replace(year=2027, month=3, day=25)):
        assert services.scenarios_expire() == 0
    with frozen(clock.replace(year=2027, month=3, day=26)):
        assert services.scenarios_expire() == 1
    scenario.refresh_from_db()
    assert scenario.state == ScenarioState.EXPIRED
