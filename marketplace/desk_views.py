"""The desk: what waits for the person who signed in, what they wait for, and their figures."""

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import selectors as account_selectors
from accounts.enums import Role
from accounts.permissions import current_roles, has_role, organisation_of
from challenges import selectors as challenge_selectors
from challenges.enums import ChallengeState
from core import todos
from core.enums import DeliveryState
from core.models import OutboxDelivery
from scenarios import selectors as scenario_selectors
from scenarios.enums import ScenarioState
from vendors import selectors as vendor_selectors
from vendors.enums import CapabilityState

#: Of each kind so many are shown; the rest is behind the link to the whole list.
DESK_ROWS = 6


@never_cache
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """What waits for this person in the organisation they act for, what they wait for, and a panel for each role."""
    user = request.user
    own, roles = organisation_of(user), current_roles(user)
    waiting = todos.waiting_for(user, roles=roles, shown=DESK_ROWS)
    return render(
        request,
        "desk.html",
        {
            "waiting": waiting,
            "number_waiting": sum(kind.count for kind in waiting),
            "expected": todos.expected_by(user, roles=roles, shown=DESK_ROWS),
            "panels": [build(user) for needed, build in DESK_PANELS if has_role(user, *needed)],
            "has_organisation": own is not None,
            "own_organisation": own,
            "has_roles": bool(roles),
        },
    )


def figure(label: str, number: int, name: str = "", query: str = "") -> dict[str, Any]:
    """A number of the desk, leading to the page where it can be worked off."""
    return {"label": label, "number": number, "url": f"{reverse(name)}{query}" if name else ""}


def _demand_panel(user: Any) -> dict[str, Any]:
    counts = Counter(scenario_selectors.own_scenarios(user).order_by().values_list("state", flat=True))
    shown = (
        ScenarioState.SUPPLEMENT,
        ScenarioState.DRAFT,
        ScenarioState.SUBMITTED,
        ScenarioState.POOLED,
        ScenarioState.LISTED,
    )
    return {
        "template": "desk/demands.html",
        "figures": [
            figure(_("全部"), sum(counts.values()), "scenarios:own"),
            *(figure(state.label, counts[state], "scenarios:own", f"?state={state}") for state in shown),
        ],
    }


def _review_panel(user: Any) -> dict[str, Any]:
    first = scenario_selectors.first_review_queue(user)
    provincial = scenario_selectors.provincial_review_queue(user)
    figures = []
    if has_role(user, Role.FIRST_REVIEWER):
        figures.append(figure(_("待初审需求"), first.count(), "scenarios:review_queue", "?stage=first"))
    if has_role(user, Role.PROVINCIAL_REVIEWER):
        figures.append(figure(_("待省级审核需求"), provincial.count(), "scenarios:review_queue", "?stage=provincial"))
    capabilities = vendor_selectors.verification_queue(user).count()
    organisations = account_selectors.verification_queue(user).count()
    figures.append(figure(_("待核验能力"), capabilities, "vendors:verification_queue"))
    figures.append(figure(_("待核验机构"), organisations, "accounts:verification_queue"))
    return {"template": "desk/reviews.html", "figures": figures}


def _list_panel(user: Any) -> dict[str, Any]:
    working = scenario_selectors.working_lists(user)
    return {
        "template": "desk/lists.html",
        "figures": [
            figure(_("可选入清单的需求"), scenario_selectors.pool(user).count(), "scenarios:pool"),
            figure(_("编制中的清单"), len(working), "scenarios:working_lists"),
        ],
        "rows": working[:DESK_ROWS],
        "overdue": scenario_selectors.overdue_quarters(),
    }


def _vendor_panel(user: Any) -> dict[str, Any]:
    own = vendor_selectors.own_capabilities(user)
    counts = Counter(own.order_by().values_list("state", flat=True))
    shown = (CapabilityState.LISTED, CapabilityState.SUBMITTED, CapabilityState.RETURNED, CapabilityState.DRAFT)
    return {
        "template": "desk/supply.html",
        "figures": [figure(state.label, counts[state], "vendors:own", f"?state={state}") for state in shown],
        "rows": own[:DESK_ROWS],
    }


def _challenge_panel(user: Any) -> dict[str, Any]:
    """Where the department's challenges stand; an expert has the seats among the steps above and no figures."""
    counts = Counter(challenge_selectors.programme_challenges(user).order_by().values_list("state", flat=True))
    return {
        "template": "desk/challenges.html",
        "figures": [figure(state.label, counts[state]) for state in ChallengeState if counts[state]],
    }


def _supervision_panel(user: Any) -> dict[str, Any]:
    """Read-only: what stands where, for those who supervise (experience.md A.2)."""
    counts = Counter(scenario_selectors.visible_to(user).order_by().values_list("state", flat=True))
    shown = (
        ScenarioState.SUBMITTED,
        ScenarioState.FIRST_PASSED,
        ScenarioState.SUPPLEMENT,
        ScenarioState.POOLED,
        ScenarioState.LISTED,
    )
    return {
        "template": "desk/supervision.html",
        "figures": [figure(state.label, counts[state]) for state in shown],
        "rows": scenario_selectors.working_lists(user)[:DESK_ROWS],
        "overdue": scenario_selectors.overdue_quarters(),
    }


def _administrator_panel(user: Any) -> dict[str, Any]:
    return {
        "template": "desk/administration.html",
        "is_system": has_role(user, Role.SYSTEM_ADMINISTRATOR),
        "is_security": has_role(user, Role.SECURITY_ADMINISTRATOR),
        "is_audit": has_role(user, Role.AUDIT_ADMINISTRATOR),
        "is_operator": has_role(user, Role.OPERATOR),
        "parked": OutboxDelivery.objects.filter(state=DeliveryState.PARKED).count(),
    }


DESK_PANELS = (
    ((Role.FIRST_REVIEWER, Role.PROVINCIAL_REVIEWER), _review_panel),
    ((Role.LIST_EDITOR, Role.LIST_APPROVER), _list_panel),
    ((Role.SUPERVISOR,), _supervision_panel),
    ((Role.SCIENCE_HANDLER, Role.SCIENCE_APPROVER, Role.EXPERT), _challenge_panel),
    ((Role.DEMAND_SUBMITTER,), _demand_panel),
    ((Role.VENDOR_STAFF,), _vendor_panel),
    (
        (Role.OPERATOR, Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDIT_ADMINISTRATOR),
        _administrator_panel,
    ),
)
