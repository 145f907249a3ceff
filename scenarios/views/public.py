"""What everybody may read: published lists, demands, downloads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.contrib.auth.decorators import login_not_required
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from core.attachments import attachments_of
from core.clock import BEIJING
from core.enums import PublicityClass, RegionLevel
from core.forms import current_cities
from core.models import Category, Region
from core.pages import page_of
from core.spreadsheets import write_csv, write_xlsx
from core.transitions import available_actions
from scenarios import selectors
from scenarios.enums import ScenarioType
from scenarios.forms import CATALOGUE_STATES
from scenarios.models import ListItem, Scenario, ScenarioVersion
from scenarios.permissions import acts_as_owner, may_edit_scenario, sees_review_file
from scenarios.states import SCENARIO_MACHINE

#: Long texts of a demand, in reading order: content key and heading.
TEXT_BLOCKS = (
    ("pain_point", gettext_lazy("要解决的问题")),
    ("description", gettext_lazy("需求内容")),
    ("target_indicators", gettext_lazy("预期目标与指标")),
    ("available_resources", gettext_lazy("可提供的条件")),
    ("data_needs", gettext_lazy("数据需求")),
    ("acceptance_method", gettext_lazy("验收方式")),
    ("intellectual_property", gettext_lazy("知识产权归属")),
    ("eligibility_conditions", gettext_lazy("对供给方的条件")),
)
#: Columns of the downloads: heading and content key.
COLUMNS = (
    (gettext_lazy("需求名称"), "title"),
    (gettext_lazy("需求单位"), "owner"),
    (gettext_lazy("地区"), "region"),
    (gettext_lazy("应用领域"), "category"),
    (gettext_lazy("场景类型"), "scenario_type_label"),
    (gettext_lazy("要解决的问题"), "pain_point"),
    (gettext_lazy("需求内容"), "description"),
    (gettext_lazy("预期目标与指标"), "target_indicators"),
    (gettext_lazy("资金性质"), "funding_nature_label"),
    (gettext_lazy("预算"), "budget_text"),
    (gettext_lazy("时间要求"), "timeframe_text"),
    (gettext_lazy("响应截止时间"), "deadline_at"),
    (gettext_lazy("联系处室"), "public_contact_office"),
    (gettext_lazy("办公电话"), "public_contact_phone"),
)
DOWNLOADS = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


@login_not_required
@require_safe
def lists(request: HttpRequest) -> HttpResponse:
    """Every published list, newest quarter first."""
    return render(request, "scenarios/lists.html", {"page": page_of(request, selectors.published_lists())})


@login_not_required
@require_safe
def list_detail(request: HttpRequest, code: str) -> HttpResponse:
    """One list at its permanent address: frozen text, errata beside it, live status apart."""
    quarterly_list = selectors.list_for(request.user, code)
    items = selectors.list_items(quarterly_list)
    filters = _item_filters(request, items)
    page = page_of(request, filters["items"])
    return render(
        request,
        "scenarios/list.html",
        {
            "list": quarterly_list,
            "page": page,
            "filters": filters,
            "total": filters["total"],
            "errata": quarterly_list.errata.filter(item__isnull=True),
            "address": request.build_absolute_uri(reverse("scenarios:list", args=[quarterly_list.code])),
        },
    )


def _item_filters(request: HttpRequest, items: QuerySet[ListItem]) -> dict[str, Any]:
    """Narrow the items by words, city and field; the choices offered are those that occur in the list."""
    rows = list(items.values_list("pk", "content", "scenario__title", "scenario__region__code", "number"))
    # Before freezing the text is not copied yet: an editor's preview shows the live demand.
    wanted = {name: request.GET.get(name, "").strip()[:100] for name in ("q", "city", "field")}
    cities, fields, kept = {}, {}, []
    city_names = dict(Region.objects.filter(level=RegionLevel.CITY).values_list("code", "name"))
    for key, content, title, region_code, number in rows:
        code = content.get("region_code") or region_code or ""
        city = city_names.get(f"{code[:4]}00", _("省级")) if code else _("未注明")
        field = content.get("category") or _("其他")
        cities[city] = cities.get(city, 0) + 1
        fields[field] = fields.get(field, 0) + 1
        text = f"{number} {content.get('title', title)} {content.get('owner', '')} {content.get('description', '')}"
        if wanted["q"] and wanted["q"].lower() not in text.lower():
            continue
        if (wanted["city"] and wanted["city"] != city) or (wanted["field"] and wanted["field"] != field):
            continue
        kept.append(key)
    active = any(wanted.values())
    return {
        "items": items.filter(pk__in=kept) if active else items,
        "total": len(rows),
        "found": len(kept),
        "active": active,
        "wanted": wanted,
        "cities": sorted(cities.items()),
        "fields": sorted(fields.items()),
        "chips": [(name, value) for name, value in wanted.items() if value],
    }


@login_not_required
@require_safe
def list_print(request: HttpRequest, code: str) -> HttpResponse:
    """The whole list on paper, with the full text of every item."""
    quarterly_list = selectors.list_for(request.user, code)
    return render(
        request,
        "scenarios/list_print.html",
        {
            "list": quarterly_list,
            "items": selectors.list_items(quarterly_list),
            "errata": quarterly_list.errata.filter(item__isnull=True),
            "blocks": TEXT_BLOCKS,
            "address": request.build_absolute_uri(reverse("scenarios:list", args=[quarterly_list.code])),
        },
    )


@login_not_required
@require_safe
def list_download(request: HttpRequest, code: str, form: str) -> HttpResponse:
    """The frozen items as Excel or CSV; formulas are made harmless by `core.spreadsheets`."""
    if form not in DOWNLOADS:
        raise Http404
    quarterly_list = selectors.list_for(request.user, code)
    headings = [_("编号"), *(str(heading) for heading, _key in COLUMNS), _("当前状态"), _("勘误")]
    rows = [_download_row(item) for item in selectors.list_items(quarterly_list)]
    if form == "xlsx":
        content = write_xlsx(headings, rows, title=quarterly_list.title)
    else:
        content = write_csv(headings, rows)
    response = HttpResponse(content, content_type=DOWNLOADS[form])
    name = quote(f"{quarterly_list.title}.{form}")
    response["Content-Disposition"] = f"attachment; filename={quarterly_list.code}.{form}; filename*=UTF-8''{name}"
    return response


def _download_row(item: ListItem) -> list[Any]:
    content = item.content or selectors.content_of(item.scenario)
    values = [content.get(key) or "" for _heading, key in COLUMNS]
    position = [key for _heading, key in COLUMNS].index("deadline_at")
    if values[position]:
        values[position] = datetime.fromisoformat(values[position]).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
    errata = "；".join(
        _("勘误%(number)d：%(text)s") % {"number": erratum.number, "text": erratum.corrected_text}
        for erratum in item.errata.all()
    )
    return [item.number, *values, item.scenario.get_state_display(), errata]


@login_not_required
@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """All published demands of all quarters, filtered by the address."""
    found, filters = _catalogue_filters(request, selectors.visible_to(None))
    found = selectors.with_relations(found).order_by(*SORTS[filters["sort"]])
    return render(request, "scenarios/catalogue.html", {"page": page_of(request, found), "filters": filters})


SORTS = {
    "newest": ("-listed_at", "-pk"),
    "closing": ("deadline_at", "-listed_at", "-pk"),
    "code": ("code", "pk"),
}


def _catalogue_filters(request: HttpRequest, found: QuerySet[Scenario]) -> tuple[QuerySet[Scenario], dict[str, Any]]:
    wanted = ("q", "quarter", "city", "field", "type", "state", "sort")
    given = {name: request.GET.get(name, "").strip()[:100] for name in wanted}
    given["sort"] = given["sort"] if given["sort"] in SORTS else "newest"
    places = dict(Region.objects.exclude(level=RegionLevel.DISTRICT).values_list("code", "name"))
    current = current_cities().values_list("code", flat=True)
    provinces = [code for code in places if code.endswith("0000")]
    # A withdrawn city is named where somebody came by an old record's link, and offered to nobody else.
    offered = dict.fromkeys([*provinces, *current, *({given["city"]} & set(places))])
    cities = [(code, _("省级（全省）") if code in provinces else places[code]) for code in offered]
    quarters = list(dict.fromkeys(row.quarter for row in selectors.published_lists()))
    fields = list(Category.objects.current().filter(parent__isnull=True).values_list("code", "label"))
    chips = []
    if given["q"]:
        found = found.filter(
            Q(title__icontains=given["q"]) | Q(code__iexact=given["q"]) | Q(owner__name__icontains=given["q"])
        )
        chips.append(("q", given["q"]))
    quarter = next((quarter for quarter in quarters if quarter.code == given["quarter"]), None)
    if quarter is not None:
        found = found.filter(pk__in=selectors.quarter_items(quarter).order_by().values("scenario_id"))
        chips.append(("quarter", quarter.label))
    if given["city"] in provinces:
        found = found.filter(region__code=given["city"])
        chips.append(("city", dict(cities)[given["city"]]))
    elif given["city"] in dict(cities):
        found = found.filter(region__code__startswith=given["city"][:4])
        chips.append(("city", dict(cities)[given["city"]]))
    if given["field"] in dict(fields):
        found = found.filter(Q(category__code=given["field"]) | Q(category__code__startswith=f"{given['field']}."))
        chips.append(("field", dict(fields)[given["field"]]))
    if given["type"] in ScenarioType.values:
        found = found.filter(scenario_type=given["type"])
        chips.append(("type", ScenarioType(given["type"]).label))
    states = [(state.value, state.label) for state in CATALOGUE_STATES]
    if given["state"] in dict(states):
        found = found.filter(state=given["state"])
        chips.append(("state", dict(states)[given["state"]]))
    if given["sort"] == "closing":
        found = found.filter(deadline_at__isnull=False)
    return found, given | {
        "quarters": [(quarter.code, quarter.label) for quarter in quarters],
        "cities": cities,
        "fields": fields,
        "types": ScenarioType.choices,
        "states": states,
        "chips": chips,
    }


@login_not_required
@require_safe
def detail(request: HttpRequest, key: str) -> HttpResponse:
    """One demand: facts, text, time line, contact, attachments, corrections, candidates for those entitled."""
    scenario = selectors.scenario_for(request.user, key)
    published = list(
        scenario.list_items.filter(quarterly_list__published_at__isnull=False)
        .select_related("quarterly_list")
        .prefetch_related("errata")
        .order_by("-quarterly_list__published_at")
    )
    content = selectors.content_of(scenario)
    full = sees_review_file(request.user, scenario)
    attachments = attachments_of(scenario)
    if not full:
        attachments = attachments.filter(publicity=PublicityClass.PUBLIC)
    return render(
        request,
        "scenarios/scenario.html",
        {
            "scenario": scenario,
            "content": content,
            "blocks": [(heading, content[name]) for name, heading in TEXT_BLOCKS if content[name]],
            "published": published,
            "errata": [erratum for item in published for erratum in item.errata.all()],
            "timeline": timeline(scenario, published),
            "attachments": attachments,
            "changes": changes(selectors.versions_for(request.user, scenario)) if scenario.content_version > 1 else [],
            "reviews": selectors.reviews_for(request.user, scenario) if full else [],
            "sees_file": full,
            "may_edit": may_edit_scenario(request.user, scenario),
            "is_owner": acts_as_owner(request.user, scenario),
            "actions": owner_actions(request.user, scenario),
            "lots": scenario.lots.all() if scenario.is_public else [],
        },
    )


#: Steps a person takes on the item page itself, with a comment; the others have pages of their own.
PAGE_ACTIONS = ("withdraw", "reopen", "suspend", "resume", "close")


def owner_actions(user: Any, scenario: Scenario) -> list[tuple[str, str]]:
    """The plain steps open to this person now: (action, label)."""
    return [
        (action, str(SCENARIO_MACHINE[action].label))
        for action in available_actions(scenario, SCENARIO_MACHINE, by=user)
        if action in PAGE_ACTIONS
    ]


def timeline(scenario: Scenario, published: list[ListItem]) -> list[dict[str, Any]]:
    """What happened and what comes, each with its time; future entries are marked so."""
    entries: list[dict[str, Any]] = []
    if scenario.submitted_at and not scenario.is_public:
        entries.append({"what": _("提交"), "when": scenario.submitted_at, "state": "done"})
    for item in reversed(published):
        entries.append(
            {
                "what": _("列入%s发布") % item.quarterly_list.title,
                "when": item.quarterly_list.published_at,
                "state": "done",
                "list": item.quarterly_list,
            }
        )
    if scenario.deadline_at:
        entries.append({"what": _("响应截止"), "when": scenario.deadline_at, "state": ""})
    if scenario.valid_until:
        entries.append({"what": _("有效期至"), "day": scenario.valid_until, "state": ""})
    return entries


def changes(versions: Sequence[ScenarioVersion]) -> list[dict[str, Any]]:
    """Differences between these versions, newest first: field, before, after."""
    labels = {name: str(heading) for name, heading in TEXT_BLOCKS} | {key: str(heading) for heading, key in COLUMNS}
    found = []
    for before, after in zip(versions, versions[1:], strict=False):
        fields = [
            {"label": labels[name], "before": before.content.get(name), "after": after.content.get(name)}
            for name in labels
            if before.content.get(name) != after.content.get(name)
        ]
        if fields:
            found.append({"version": after.version, "when": after.created_at, "fields": fields})
    return found[::-1]
