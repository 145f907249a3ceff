"""Candidates on the pages of demands and capabilities, a vendor's recommended demands, frozen runs, progress of a list,
and how ranking works, for everybody."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.enums import Role
from accounts.models import User
from accounts.permissions import has_role
from core import slots
from core.errors import NotPermitted, ObjectNotFound, ServiceUnavailable
from matching import selectors, services
from matching.permissions import may_see_candidates, may_see_recommended, may_start_match
from scenarios.models import QuarterlyList, Scenario
from scenarios.selectors import list_for, scenario_for
from vendors.models import Capability
from vendors.selectors import capability_for, own_capabilities

#: Candidates shown on the page of a demand, demands on the desk; the run's own page shows more.
ON_PAGE = 10
ON_DESK = 5
ON_RUN_PAGE = 50


# --- places in pages of lower apps -------------------------------------------------------------------------------


def candidates_panel(request: HttpRequest, scenario: Scenario) -> str:
    """Ranked vendors with reasons for those entitled; for a vendor, its own place only."""
    if may_see_candidates(request.user, scenario):
        return render_to_string(
            "matching/_candidates.html",
            {
                "view": selectors.candidates_of(request.user, scenario, limit=ON_PAGE),
                "scenario": scenario,
                "may_start": scenario.is_public and may_start_match(request.user, scenario),
            },
            request,
        )
    standing = selectors.own_standing(request.user, scenario)
    return render_to_string("matching/_standing.html", {"standing": standing}, request) if standing else ""


def demands_panel(request: HttpRequest, capability: Capability) -> str:
    """Open demands ranked for a capability, for its vendor."""
    if not may_see_recommended(request.user, capability):
        return ""
    return render_to_string(
        "matching/_demands.html",
        {
            "view": selectors.demands_for(request.user, capability, limit=ON_PAGE),
            "capability": capability,
            "may_start": capability.is_public,
        },
        request,
    )


def list_panel(request: HttpRequest, quarterly_list: QuarterlyList) -> str:
    """How far the matching of a published list has come, for those who work with lists."""
    progress = selectors.list_matching_of(request.user, quarterly_list)
    if progress is None:
        return ""
    return render_to_string("matching/_progress.html", {"progress": progress, "list": quarterly_list}, request)


def desk_panel(request: HttpRequest, user: User) -> str:
    """The best recommended demands, on a vendor's desk."""
    if not has_role(user, Role.VENDOR_STAFF):
        return ""
    recommendations = selectors.recommended_demands(user, limit=ON_DESK)
    return render_to_string("matching/_desk.html", {"recommendations": recommendations}, request)


def fill_places() -> None:
    """Offer the panels to the pages of scenarios and vendors, and to the desk (architecture.md §10.1)."""
    slots.fill("scenario.candidates", candidates_panel)
    slots.fill("capability.candidates", demands_panel)
    slots.fill("scenarios.list", list_panel)
    slots.fill("scenarios.list_progress", list_panel)
    slots.fill("desk", desk_panel)


# --- pages -------------------------------------------------------------------------------------------------------


@login_not_required
@require_safe
def method(request: HttpRequest) -> HttpResponse:
    """What goes into a candidate's place, in words a vendor can check, and every version of the weights (§4)."""
    return render(request, "matching/method.html", {"profiles": selectors.profiles()})


@never_cache
@require_safe
def recommended(request: HttpRequest) -> HttpResponse:
    """Demands ranked for one's capabilities, with reasons and what is missing."""
    if not has_role(request.user, Role.VENDOR_STAFF):
        raise NotPermitted(_("查看推荐需要“供给方经办人”角色。"))
    recommendations = selectors.recommended_demands(request.user, limit=50)
    return render(
        request,
        "matching/recommended.html",
        {"recommendations": recommendations, "has_capabilities": own_capabilities(request.user).exists()},
    )


@require_POST
def dismiss(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take a recommendation off one's desk."""
    services.recommendation_dismiss(recommendation_id=public_id, acting_user=request.user)
    messages.success(request, _("已移除，这项需求不再推荐给本单位。"))
    return redirect("matching:recommended")


@require_POST
def match_scenario(request: HttpRequest, key: str) -> HttpResponse:
    """Rank anew for a demand, on a person's request."""
    scenario = scenario_for(request.user, key)
    try:
        services.match_scenario(scenario_id=scenario.pk, acting_user=request.user)
    except ServiceUnavailable as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("已重新匹配。"))
    return redirect("scenarios:scenario", scenario.key)


@require_POST
def match_capability(request: HttpRequest, key: str) -> HttpResponse:
    """Rank open demands anew for a capability."""
    capability = capability_for(request.user, key)
    try:
        services.match_capability(capability_id=capability.pk, acting_user=request.user)
    except ServiceUnavailable as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("已重新匹配。"))
    return redirect("vendors:capability", capability.key)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def run(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A frozen run in full; posting repeats it on its own evidence and explains every difference."""
    found = selectors.run_for(request.user, public_id)
    outcome = None
    if request.method == "POST":
        try:
            outcome = services.replay(found)
        except ServiceUnavailable as error:
            messages.error(request, error.message)
    newest = (
        selectors.candidates_of(request.user, found.scenario, limit=ON_RUN_PAGE)
        if found.scenario
        else selectors.demands_for(request.user, found.capability, limit=ON_RUN_PAGE)
    )
    is_newest = newest is not None and newest.run.pk == found.pk
    places = found.candidates.filter(rank__isnull=False).order_by("rank")
    return render(
        request,
        "matching/run.html",
        {
            "run": found,
            "view": newest if is_newest else None,
            "places": []
            if is_newest
            else places.select_related("scenario", "scenario__owner", "capability__vendor__organisation")[:ON_RUN_PAGE],
            "runs": selectors.runs_of(request.user, found.scenario)[:10] if found.scenario else [],
            "outcome": outcome,
        },
    )


@never_cache
@require_safe
def list_progress(request: HttpRequest, code: str) -> HttpResponse:
    """The progress panel alone, asked for every few seconds while it moves."""
    quarterly_list = list_for(request.user, code)
    progress = selectors.list_matching_of(request.user, quarterly_list)
    if progress is None:
        raise ObjectNotFound()
    return render(request, "matching/_progress.html", {"progress": progress, "list": quarterly_list})
