"""Pages that belong to no single app: home, the desk, operations, the audit trail, the style guide."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts import selectors as account_selectors
from accounts.enums import Role
from accounts.invitations import invitations_to
from accounts.permissions import has_role, may_read_audit, organisation_of
from challenges import selectors as challenge_selectors
from core import audit
from core.clock import today
from core.enums import DeliveryState, RegionLevel
from core.errors import NotPermitted
from core.models import AuditAnchor, AuditEntry, Category, OutboxDelivery
from core.pages import back_to, page_of
from core.quarters import Quarter
from marketplace import operations
from marketplace.context import OPTIONS, OPTIONS_COOKIE, interface_options
from marketplace.styleguide import specimens
from scenarios import selectors as scenario_selectors
from scenarios.enums import QuarterlyListState, ScenarioState
from vendors import selectors as vendor_selectors
from vendors.enums import CapabilityState

COOKIE_AGE = 365 * 24 * 3600
HOME_ITEMS = 12
HOME_CHALLENGES = 5
DESK_ROWS = 6


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What the platform is, the latest quarter with all its issues, the search box, the figures."""
    quarter = scenario_selectors.newest_quarter()
    items = list(scenario_selectors.quarter_items(quarter)) if quarter else []
    demands = f"{reverse('scenarios:catalogue')}?quarter={quarter.code if quarter else ''}"
    roots = dict(Category.objects.current().filter(parent__isnull=True).values_list("code", "label"))
    by_field = Counter(field_of(item.scenario, roots) for item in items)
    by_city = Counter(city_of(item.scenario) for item in items)
    newest = vendor_selectors.with_relations(vendor_selectors.visible_to(None)).order_by("-listed_at", "-pk")[:8]
    return render(
        request,
        "home.html",
        {
            "current_list": scenario_selectors.current_list(),
            "quarter": quarter,
            "issues": scenario_selectors.quarter_lists(quarter) if quarter else [],
            "quarter_demands": demands,
            "today_quarter": Quarter.of(today()),
            "items": items[:HOME_ITEMS],
            "item_count": len(items),
            "fields": shares(by_field, f"{demands}&field="),
            "cities": shares(by_city, f"{demands}&city="),
            "demands": scenario_selectors.scenario_figures(),
            "supply": vendor_selectors.vendor_figures(),
            "capabilities": newest,
            "challenges": challenge_selectors.open_challenges()[:HOME_CHALLENGES],
        },
    )


def city_of(scenario: Any) -> tuple[str, str]:
    """Code and name of the city a demand lies in, for grouping; districts count for their city, "" is none."""
    region = scenario.region
    if region is None:
        return "", _("未注明")
    if region.level == RegionLevel.PROVINCE:
        return region.code, _("省级")
    return region.city_code, region.parent.name if region.level == RegionLevel.DISTRICT else region.name


def field_of(scenario: Any, roots: Mapping[str, str]) -> tuple[str, str]:
    """Code and name of the field a demand belongs to: the root of its category; "" is none of today's."""
    code = scenario.category.code.split(".")[0] if scenario.category else ""
    return (code, roots[code]) if code in roots else ("", _("其他"))


def shares(counts: Counter, address: str) -> list[dict[str, Any]]:
    """All values, the most frequent first, with their share of the largest: a bar chart that is also a table.

    Each leads to the list that it counts, where it has a code to ask for.
    """
    most = counts.most_common()
    top = most[0][1] if most else 1
    return [
        {"label": label, "count": count, "share": count / top, "url": f"{address}{code}" if code else ""}
        for (code, label), count in most
    ]


@login_not_required
@require_safe
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "about.html")


@login_not_required
@require_safe
def audit_anchors(request: HttpRequest) -> HttpResponse:
    """The audit chain's head day by day: who notes one can prove a later change."""
    return render(request, "audit_anchors.html", {"page": page_of(request, AuditAnchor.objects.all())})


@login_not_required
@require_safe
def site_map(request: HttpRequest) -> HttpResponse:
    return render(request, "site_map.html", {"lists": scenario_selectors.published_lists()[:8]})


@login_not_required
@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    """Each component in each of its states."""
    return render(request, "styleguide.html", specimens(request))


@login_not_required
@require_POST
def accessibility(request: HttpRequest) -> HttpResponse:
    """Switch one of 大字, 高对比, 减少动画 and return to where the person was."""
    option = request.POST.get("option", "")
    if option not in OPTIONS:
        raise Http404
    chosen = interface_options(request)
    chosen[option] = not chosen[option]
    response = back_to(request, request.POST.get("next", ""), "/")
    response.set_cookie(
        OPTIONS_COOKIE,
        ".".join(name for name in OPTIONS if chosen[name]),
        max_age=COOKIE_AGE,
        samesite="Lax",
        httponly=True,
        secure=request.is_secure(),
    )
    return response


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's secret was missing or old: nothing was stored."""
    return render(request, "errors/csrf.html", status=403)


# --- the desk ----------------------------------------------------------------------------------------------------


@never_cache
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """What waits for this person in the organisation they act for, one panel per role they hold there."""
    user = request.user
    context: dict[str, Any] = {
        "panels": [],
        "has_organisation": organisation_of(user) is not None,
        "invitations": invitations_to(user)[:DESK_ROWS],
    }
    for roles, build in DESK_PANELS:
        if has_role(user, *roles):
            context["panels"].append(build(user))
    if context["has_organisation"]:
        context["own_organisation"] = organisation_of(user)
        context["may_manage"] = has_role(user, Role.ORGANISATION_MANAGER)
    return render(request, "desk.html", context)


def figure(label: str, number: int, name: str = "", query: str = "") -> dict[str, Any]:
    """A number of the desk, leading to the page where it can be worked off."""
    return {"label": label, "number": number, "url": f"{reverse(name)}{query}" if name else ""}


def _demand_panel(user: Any) -> dict[str, Any]:
    own = scenario_selectors.own_scenarios(user)
    counts = Counter(own.order_by().values_list("state", flat=True))
    to_do = own.filter(state__in=(ScenarioState.SUPPLEMENT, ScenarioState.DRAFT)).order_by("-state", "-updated_at")
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
        "rows": to_do[:DESK_ROWS],
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
    queue = first if has_role(user, Role.FIRST_REVIEWER) else provincial
    return {"template": "desk/reviews.html", "figures": figures, "rows": queue[:DESK_ROWS], "today": today()}


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
        "approves": has_role(user, Role.LIST_APPROVER),
        "waiting": working.filter(state=QuarterlyListState.IN_REVIEW).count(),
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
    ((Role.DEMAND_SUBMITTER,), _demand_panel),
    ((Role.VENDOR_STAFF,), _vendor_panel),
    (
        (Role.OPERATOR, Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDIT_ADMINISTRATOR),
        _administrator_panel,
    ),
)


# --- audit -------------------------------------------------------------------------------------------------------


@never_cache
@require_safe
def audit_trail(request: HttpRequest) -> HttpResponse:
    """The audit administrator's view of who did what; the chain can be checked from here."""
    if not may_read_audit(request.user):
        raise NotPermitted()
    entries = AuditEntry.objects.order_by("-pk")
    wanted = request.GET.get("q", "").strip()[:100]
    if wanted:
        entries = entries.filter(actor_text__icontains=wanted) | entries.filter(subject_text__icontains=wanted)
        entries |= AuditEntry.objects.filter(action__icontains=wanted)
    report = audit.verify() if "verify" in request.GET else None
    return render(
        request,
        "audit.html",
        {
            "page": page_of(request, entries.order_by("-pk")),
            "q": wanted,
            "report": report,
            "comparison": operations.comparison_shown(),
        },
    )
