"""Machines E and F: every state × action pair, and what a refusal leaves behind (architecture.md §3)."""

import itertools
from datetime import datetime

import pytest

from accounts.enums import Role
from core.clock import BEIJING, frozen, now
from core.errors import DomainError, GuardFailed, IllegalTransition, NotPermitted
from core.models import AuditEntry, OutboxEvent
from core.quarters import Quarter
from scenarios import services
from scenarios.enums import QuarterlyListState, ScenarioState
from scenarios.models import QuarterlyList, Scenario
from scenarios.services.demands import move
from scenarios.states import LIST_MACHINE, SCENARIO_MACHINE
from tests.factories import make_organisation, make_person, make_submittable_scenario

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

#: Who takes each action when it is allowed, as a role in a suitable organisation.
ACTORS = {
    "submit": "owner",
    "withdraw": "owner",
    "reopen": "owner",
    "close": "owner",
    "pass_first": "city",
    "return_first": "city",
    "reject_first": "city",
    "pool": "province",
    "return_provincial": "province",
    "reject_provincial": "province",
    "suspend": "province",
    "resume": "province",
    "freeze": "editor",
    "unfreeze": "editor",
    "publish": "approver",
    "convert": "science",
    "expire": "clock",
    "land": "clock",
}
CONTEXT = {"comment": "理由", "defects": [{"field": "title", "reason": "请写具体"}], "secrecy_reviewed": True}


@pytest.fixture
def people(clock):
    owner = make_organisation("历城示范局")
    bureau = make_organisation("省级示范局", region_code="370000")
    return {
        "owner": make_person(Role.DEMAND_SUBMITTER, organisation=owner),
        "city": make_person(Role.FIRST_REVIEWER, organisation=make_organisation("济南示范局")),
        "province": make_person(Role.PROVINCIAL_REVIEWER, organisation=bureau),
        "editor": make_person(Role.LIST_EDITOR, organisation=bureau),
        "approver": make_person(Role.LIST_APPROVER, organisation=bureau),
        "science": make_person(
            Role.SCIENCE_HANDLER, organisation=make_organisation("省科技示范厅", region_code="370000")
        ),
        "clock": None,
        "stranger": make_person(Role.DEMAND_SUBMITTER, organisation=make_organisation("旁观单位")),
        "organisation": owner,
    }


def _row_as_it_stands(scenario: Scenario) -> dict:
    return Scenario.objects.filter(pk=scenario.pk).values().get()


def test_every_action_has_an_actor_in_this_table():
    assert set(ACTORS) == set(SCENARIO_MACHINE)


@pytest.mark.parametrize(("state", "action"), list(itertools.product(ScenarioState.values, SCENARIO_MACHINE)))
def test_each_state_and_action_either_moves_as_the_table_says_or_changes_nothing(state, action, people):
    scenario = make_submittable_scenario(people["organisation"], state=state)
    before, audits, events = _row_as_it_stands(scenario), AuditEntry.objects.count(), OutboxEvent.objects.count()
    step = SCENARIO_MACHINE[action]

    if state in step.sources:
        move(scenario, action, acting_user=people[ACTORS[action]], context=CONTEXT)
        assert Scenario.objects.get(pk=scenario.pk).state == step.target
        assert AuditEntry.objects.count() == audits + 1
        assert OutboxEvent.objects.count() == events + 2
    else:
        with pytest.raises(IllegalTransition):
            move(scenario, action, acting_user=people[ACTORS[action]], context=CONTEXT)
        assert _row_as_it_stands(scenario) == before
        assert AuditEntry.objects.count() == audits
        assert OutboxEvent.objects.count() == events


@pytest.mark.parametrize("action", list(SCENARIO_MACHINE))
def test_a_stranger_is_refused_every_action_and_nothing_changes(action, people):
    state = sorted(SCENARIO_MACHINE[action].sources)[0]
    scenario = make_submittable_scenario(people["organisation"], state=state)
    before, audits, events = _row_as_it_stands(scenario), AuditEntry.objects.count(), OutboxEvent.objects.count()

    with pytest.raises(NotPermitted):
        move(scenario, action, acting_user=people["stranger"], context=CONTEXT)

    assert _row_as_it_stands(scenario) == before
    assert AuditEntry.objects.count() == audits
    assert OutboxEvent.objects.count() == events


# --- lists -------------------------------------------------------------------------------------------------------

LIST_ACTORS = {
    "freeze": "editor",
    "unfreeze": "editor",
    "send_to_approval": "editor",
    "archive": "editor",
    "return": "approver",
    "approve": "approver",
    "publish": "approver",
}
LIST_SERVICES = {
    "freeze": (services.list_freeze, {}),
    "unfreeze": (services.list_unfreeze, {}),
    "send_to_approval": (services.list_send_to_approval, {}),
    "archive": (services.list_archive, {}),
    "return": (services.list_return, {"comment": "请核对第三条"}),
    "approve": (services.list_approve, {"secrecy_reviewer_name": "李保密"}),
    "publish": (services.list_publish, {}),
}
#: The demands of a list of 2026Q4 are valid until 25 March.
ARCHIVING = datetime(2027, 3, 26, 9, 0, tzinfo=BEIJING)
#: The state of a list's demands when the list is in each state.
ITEM_STATE = {
    QuarterlyListState.COLLECTING: ScenarioState.POOLED,
    QuarterlyListState.FROZEN: ScenarioState.FROZEN,
    QuarterlyListState.IN_REVIEW: ScenarioState.FROZEN,
    QuarterlyListState.APPROVED: ScenarioState.FROZEN,
    QuarterlyListState.PUBLISHED: ScenarioState.LISTED,
    QuarterlyListState.ARCHIVED: ScenarioState.LISTED,
}


def _list_in(state: str, people: dict) -> QuarterlyList:
    scenario = make_submittable_scenario(people["organisation"], state=ITEM_STATE[state])
    quarterly_list = QuarterlyList.objects.create(
        year=2026, quarter_number=4, title="清单", state=state, editor=people["editor"]
    )
    quarterly_list.editors.add(people["editor"])
    quarterly_list.items.create(scenario=scenario, sequence=1, number="" if state == "collecting" else "2026Q4-001")
    return quarterly_list


def test_every_list_action_has_a_service_and_an_actor():
    assert set(LIST_ACTORS) == set(LIST_MACHINE)
    assert set(LIST_SERVICES) == set(LIST_MACHINE)


@pytest.mark.parametrize(("state", "action"), list(itertools.product(QuarterlyListState.values, LIST_MACHINE)))
def test_each_list_state_and_action_either_moves_or_changes_nothing(state, action, people):
    quarterly_list = _list_in(state, people)
    service, extra = LIST_SERVICES[action]
    before = QuarterlyList.objects.filter(pk=quarterly_list.pk).values().get()
    items = list(quarterly_list.items.values())
    audits, events = AuditEntry.objects.count(), OutboxEvent.objects.count()

    if state in LIST_MACHINE[action].sources:
        with frozen(ARCHIVING if action == "archive" else now()):
            service(list_id=quarterly_list.pk, acting_user=people[LIST_ACTORS[action]], **extra)
        assert QuarterlyList.objects.get(pk=quarterly_list.pk).state == LIST_MACHINE[action].target
        assert AuditEntry.objects.count() > audits
        assert OutboxEvent.objects.count() > events
    else:
        with pytest.raises(IllegalTransition):
            service(list_id=quarterly_list.pk, acting_user=people[LIST_ACTORS[action]], **extra)
        assert QuarterlyList.objects.filter(pk=quarterly_list.pk).values().get() == before
        assert list(quarterly_list.items.values()) == items
        assert AuditEntry.objects.count() == audits
        assert OutboxEvent.objects.count() == events


@pytest.mark.parametrize("action", list(LIST_MACHINE))
def test_a_stranger_is_refused_every_list_action(action, people):
    state = sorted(LIST_MACHINE[action].sources)[0]
    quarterly_list = _list_in(state, people)
    service, extra = LIST_SERVICES[action]
    events = OutboxEvent.objects.count()

    with pytest.raises(NotPermitted):
        service(list_id=quarterly_list.pk, acting_user=people["stranger"], **extra)

    assert QuarterlyList.objects.get(pk=quarterly_list.pk).state == state
    assert OutboxEvent.objects.count() == events


def test_a_list_is_not_archived_while_its_demands_are_valid(people):
    quarterly_list = _list_in(QuarterlyListState.PUBLISHED, people)
    with pytest.raises(GuardFailed) as refusal:
        services.list_archive(list_id=quarterly_list.pk, acting_user=people["editor"])
    assert [str(reason.message) for reason in refusal.value.reasons] == [
        "清单中的需求有效期到 2027-03-25，之后才能归档。"
    ]
    assert QuarterlyList.objects.get(pk=quarterly_list.pk).state == QuarterlyListState.PUBLISHED


def test_who_edited_a_list_cannot_approve_it_even_with_both_roles(people):
    both = make_person(Role.LIST_EDITOR, Role.LIST_APPROVER, organisation=people["editor"].current_organisation)
    quarterly_list = _list_in(QuarterlyListState.FROZEN, people)
    services.list_send_to_approval(list_id=quarterly_list.pk, acting_user=both)

    with pytest.raises(NotPermitted):
        services.list_approve(list_id=quarterly_list.pk, acting_user=both, secrecy_reviewer_name="李保密")

    assert QuarterlyList.objects.get(pk=quarterly_list.pk).state == QuarterlyListState.IN_REVIEW


def test_approval_without_a_named_secrecy_reviewer_is_refused(people):
    quarterly_list = _list_in(QuarterlyListState.IN_REVIEW, people)

    with pytest.raises(GuardFailed) as refusal:
        services.list_approve(list_id=quarterly_list.pk, acting_user=people["approver"], secrecy_reviewer_name=" ")

    assert [reason.code for reason in refusal.value.reasons] == ["secrecy_reviewer_missing"]
    assert QuarterlyList.objects.get(pk=quarterly_list.pk).approver is None


def test_a_list_without_items_cannot_be_frozen(people):
    quarterly_list = services.list_create(quarter=Quarter(2026, 4), acting_user=people["editor"])

    with pytest.raises(GuardFailed) as refusal:
        services.list_freeze(list_id=quarterly_list.pk, acting_user=people["editor"])

    assert [reason.code for reason in refusal.value.reasons] == ["list_is_empty"]


def test_a_domain_error_always_carries_a_code_and_a_message():
    error = DomainError("说明")
    assert (error.code, error.message, error.status) == ("refused", "说明", 400)
