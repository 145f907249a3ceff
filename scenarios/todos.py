"""What waits for people in the life of a demand and of a quarterly list (machines E and F)."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.enums import Role
from accounts.permissions import has_role
from accounts.selectors import acting_people
from core import todos
from core.todos import Duty, Expectation
from scenarios.enums import ErratumDraftState, QuarterlyListState, ScenarioState
from scenarios.models import ErratumDraft, QuarterlyList, Scenario
from scenarios.permissions import may_approve_erratum, may_approve_list, may_edit_lists
from scenarios.selectors import first_review_queue, own_scenarios, provincial_review_queue, working_lists
from scenarios.states import LIST_MACHINE, SCENARIO_MACHINE

SINCE = todos.by_trail(SCENARIO_MACHINE, "scenarios.scenario")
LIST_SINCE = todos.by_trail(LIST_MACHINE, "scenarios.quarterly_list")


def own_in(state: str) -> todos.Rows:
    """Demands of the organisation in this state, for those who may fill them in."""

    def rows(user: Any) -> QuerySet[Scenario]:
        own = own_scenarios(user).filter(state=state)
        return own if has_role(user, Role.DEMAND_SUBMITTER) else own.none()

    return rows


def lists_to_edit(user: Any) -> list[QuarterlyList]:
    if not may_edit_lists(user):
        return []
    states = (QuarterlyListState.COLLECTING, QuarterlyListState.FROZEN)
    return [row for row in working_lists(user) if row.state in states]


def lists_in(state: str) -> todos.Rows:
    """Lists in this state that the person may decide about: an approver who did not edit them."""

    def rows(user: Any) -> list[QuarterlyList]:
        if not has_role(user, Role.LIST_APPROVER):
            return []
        return [row for row in working_lists(user) if row.state == state and may_approve_list(user, row)]

    return rows


def errata_to_decide(user: Any) -> list[ErratumDraft]:
    """Corrections that another prepared."""
    if not has_role(user, Role.LIST_APPROVER):
        return []
    waiting = ErratumDraft.objects.filter(state=ErratumDraftState.WAITING).select_related("quarterly_list", "item")
    return [draft for draft in waiting.order_by("pk") if may_approve_erratum(user, draft)]


def own_errata(user: Any) -> QuerySet[ErratumDraft]:
    """Corrections this person prepared and nobody has decided."""
    return ErratumDraft.objects.filter(state=ErratumDraftState.WAITING, prepared_by=user).select_related(
        "quarterly_list"
    )


def lists_sent(user: Any) -> list[QuarterlyList]:
    """Lists that left the editor and are not published."""
    if not may_edit_lists(user):
        return []
    states = (QuarterlyListState.IN_REVIEW, QuarterlyListState.APPROVED)
    return [row for row in working_lists(user) if row.state in states]


def tasks_page(scenario: Scenario) -> str:
    return reverse("scenarios:tasks", args=[scenario.key])


def review_page(scenario: Scenario) -> str:
    return reverse("scenarios:review", args=[scenario.key])


def list_page(quarterly_list: QuarterlyList) -> str:
    return reverse("scenarios:edit_list", args=[quarterly_list.code])


todos.register(
    Duty(
        "scenario.supplement",
        _("补充后重新提交"),
        roles=frozenset({Role.DEMAND_SUBMITTER}),
        rows=own_in(ScenarioState.SUPPLEMENT),
        title=lambda scenario: scenario.title,
        url=tasks_page,
        since=SINCE,
        everything="scenarios:own",
        told_by="scenario.returned",
    ),
    Duty(
        "scenario.draft",
        _("继续填报需求"),
        roles=frozenset({Role.DEMAND_SUBMITTER}),
        rows=own_in(ScenarioState.DRAFT),
        title=lambda scenario: scenario.title,
        url=tasks_page,
        since=todos.by_field("updated_at"),
        everything="scenarios:own",
        own_work=True,
    ),
    Duty(
        "scenario.first_review",
        _("初审需求"),
        roles=frozenset({Role.FIRST_REVIEWER}),
        rows=first_review_queue,
        title=lambda scenario: scenario.title,
        url=review_page,
        since=todos.by_field("submitted_at"),
        due=lambda scenario: scenario.review_due_on,
        everything="scenarios:review_queue",
        told_by="scenario.waits_for_first_review",
    ),
    Duty(
        "scenario.provincial_review",
        _("省级审核需求"),
        roles=frozenset({Role.PROVINCIAL_REVIEWER}),
        rows=provincial_review_queue,
        title=lambda scenario: scenario.title,
        url=review_page,
        since=SINCE,
        due=lambda scenario: scenario.review_due_on,
        everything="scenarios:review_queue",
        told_by="scenario.waits_for_provincial_review",
    ),
    Duty(
        "list.compile",
        _("编制清单并送审"),
        roles=frozenset({Role.LIST_EDITOR}),
        rows=lists_to_edit,
        title=lambda quarterly_list: quarterly_list.title,
        url=list_page,
        since=LIST_SINCE,
        everything="scenarios:working_lists",
        holders=lambda: acting_people(Role.LIST_EDITOR),
    ),
    Duty(
        "list.approve",
        _("审批清单"),
        roles=frozenset({Role.LIST_APPROVER}),
        rows=lists_in(QuarterlyListState.IN_REVIEW),
        title=lambda quarterly_list: quarterly_list.title,
        url=list_page,
        since=LIST_SINCE,
        everything="scenarios:working_lists",
        told_by="list.waits_for_approval",
    ),
    Duty(
        "list.erratum",
        _("审批勘误"),
        roles=frozenset({Role.LIST_APPROVER}),
        rows=errata_to_decide,
        title=lambda draft: draft.quarterly_list.title,
        url=lambda draft: list_page(draft.quarterly_list),
        since=todos.by_field("prepared_at"),
        everything="scenarios:working_lists",
        told_by="list.erratum_waits",
    ),
    Duty(
        "list.publish",
        _("发布已批准的清单"),
        roles=frozenset({Role.LIST_APPROVER}),
        rows=lists_in(QuarterlyListState.APPROVED),
        title=lambda quarterly_list: quarterly_list.title,
        url=list_page,
        since=LIST_SINCE,
        everything="scenarios:working_lists",
        holders=lambda: acting_people(Role.LIST_APPROVER),
    ),
)

_DEMANDS = frozenset({Role.DEMAND_SUBMITTER})

todos.expect(
    Expectation(
        "scenario.first_review",
        _("需求初审"),
        _("市级或部门初审单位"),
        roles=_DEMANDS,
        rows=own_in(ScenarioState.SUBMITTED),
        title=lambda scenario: scenario.title,
        url=tasks_page,
        since=todos.by_field("submitted_at"),
        due=lambda scenario: scenario.review_due_on,
    ),
    Expectation(
        "scenario.provincial_review",
        _("需求省级审核"),
        _("省级审核单位"),
        roles=_DEMANDS,
        rows=own_in(ScenarioState.FIRST_PASSED),
        title=lambda scenario: scenario.title,
        url=tasks_page,
        since=SINCE,
        due=lambda scenario: scenario.review_due_on,
    ),
    Expectation(
        "scenario.listing",
        _("列入季度清单并发布"),
        _("清单编制单位"),
        roles=_DEMANDS,
        rows=own_in(ScenarioState.POOLED),
        title=lambda scenario: scenario.title,
        url=tasks_page,
        since=SINCE,
    ),
    Expectation(
        "list.approval",
        _("清单审批"),
        _("清单审批人"),
        roles=frozenset({Role.LIST_EDITOR}),
        rows=lists_sent,
        title=lambda quarterly_list: quarterly_list.title,
        url=list_page,
        since=LIST_SINCE,
    ),
    Expectation(
        "list.erratum",
        _("勘误审批"),
        _("清单审批人"),
        roles=frozenset({Role.LIST_EDITOR}),
        rows=own_errata,
        title=lambda draft: draft.quarterly_list.title,
        url=lambda draft: list_page(draft.quarterly_list),
        since=todos.by_field("prepared_at"),
    ),
)
