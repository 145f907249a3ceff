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

from accounts.middleware import kept_for_later
from accounts.permissions import may_read_audit
from challenges import selectors as challenge_selectors
from core import audit
from core.clock import today
from core.enums import RegionLevel
from core.errors import NotPermitted
from core.models import AuditAnchor, AuditEntry, Category
from core.pages import back_to, page_of
from core.quarters import Quarter
from marketplace import operations
from marketplace.audit_words import action_words, actions_called
from marketplace.context import OPTIONS, OPTIONS_COOKIE, interface_options
from marketplace.styleguide import specimens
from scenarios import selectors as scenario_selectors
from vendors import selectors as vendor_selectors

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
    """The form's secret was missing or old: nothing was stored, and what was typed is kept for whoever typed it.

    Kept only where the browser says that a page of ours sent it: nobody else puts words into somebody's hands.
    """
    kept = kept_for_later(request) if sent_by_us(request) else None
    return kept if kept is not None else render(request, "errors/csrf.html", status=403)


def sent_by_us(request: HttpRequest) -> bool:
    """By the browser's own word (Origin); without it, nobody is believed."""
    return request.headers.get("Origin", "") == f"{request.scheme}://{request.get_host()}"


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
        entries |= AuditEntry.objects.filter(action__in=actions_called(wanted))
    report = audit.verify() if "verify" in request.GET else None
    page = page_of(request, entries.order_by("-pk"))
    return render(
        request,
        "audit.html",
        {
            "page": page,
            "rows": [(entry, action_words(entry.action)) for entry in page],
            "q": wanted,
            "report": report,
            "comparison": operations.comparison_shown(),
        },
    )
