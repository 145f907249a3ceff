"""Searching: what a viewer typed becomes a query, and the answer rows of the database.

Visibility is added here from the viewer, never by a caller, and the rows are read through the owning app's
`visible_to`, so that an index that lags cannot show what the database forbids (architecture.md §6.2).
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.enums import OrganisationKind, Role
from accounts.models import User
from accounts.permissions import has_role, is_signed_in, organisation_ids, organisation_of
from core.errors import InvalidInput, ObjectNotFound
from core.models import Category, Region
from core.quarters import Quarter
from scenarios import selectors as scenario_selectors
from scenarios.enums import QuarterlyListState, ScenarioState, ScenarioType
from scenarios.models import QuarterlyList
from search.analysis import is_han, normalise, tokens, words_and_phrases
from search.contract import Clause, EngineUnavailable, Facet, Filter, Query, Results, Schema, Sort
from search.documents import INDEXES, capability, quarterly_list, scenario
from search.documents.base import BUDGET_BANDS, LISTS, NO_BUDGET, PROVINCE, PUBLIC, SUGGESTION_MARK
from search.engines import get_engine
from search.enums import SearchKind
from search.highlighting import Segment, excerpt, highlight
from search.models import SavedSearch
from vendors import selectors as vendor_selectors
from vendors.enums import CapabilityState

logger = logging.getLogger(__name__)

LONGEST_QUERY = 300
PAGE_SIZES = (10, 20, 50)
DEEPEST_RESULT = 10_000
TITLE_WEIGHT = 6.0
#: More terms than this are not all demanded: such a query was pasted, not typed.
STRICT_TERMS = 16
SUGGESTIONS = 8
#: Blanks, control characters, halves of characters: nothing anybody searches for, and no database stores them.
_NOISE = re.compile(r"[\s\x00-\x1f\x7f\ufeff\ud800-\udfff]+")

#: Sorts by name: the field and direction, or None for the best match.
SORTS: dict[str, Sort | None] = {
    "relevance": None,
    "newest": Sort("listed_day", descending=True),
    "deadline": Sort("deadline_day", descending=False),
    "budget": Sort("budget_yuan", descending=True),
}
SORT_LABELS = {
    "relevance": gettext_lazy("匹配度"),
    "newest": gettext_lazy("最新发布"),
    "deadline": gettext_lazy("即将截止"),
    "budget": gettext_lazy("金额从高到低"),
}
FACET_LABELS = {
    "quarter": gettext_lazy("季度"),
    "city": gettext_lazy("城市"),
    "category": gettext_lazy("领域"),
    "state": gettext_lazy("状态"),
    "budget": gettext_lazy("预算档"),
    "organisation_kind": gettext_lazy("单位类型"),
    "scenario_type": gettext_lazy("场景类型"),
}


@dataclass(frozen=True)
class Item:
    """One row found, with its title and an excerpt cut into segments. Never HTML."""

    obj: Any
    title: tuple[Segment, ...]
    excerpt: tuple[Segment, ...]


@dataclass(frozen=True)
class Option:
    """One value of a facet: how many results choosing it gives."""

    value: str
    label: str
    count: int | None
    selected: bool = False
    depth: int = 0


@dataclass(frozen=True)
class FacetView:
    name: str
    label: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class SearchPage:
    """Everything a results page or the API shows.

    `degraded`: the engine is down and the database answered, without facets or ranking. `relaxed`: nothing held
    every word, so what holds some of them is shown.
    """

    kind: str
    text: str
    filters: Mapping[str, tuple[str, ...]]
    sort: str
    items: tuple[Item, ...]
    total: int
    page: int
    page_size: int
    facets: tuple[FacetView, ...] = ()
    degraded: bool = False
    relaxed: bool = False

    @property
    def pages(self) -> int:
        reachable = min(self.total, DEEPEST_RESULT)
        return max(1, -(-reachable // self.page_size))


@dataclass(frozen=True)
class _Kind:
    """What search needs to know of one kind of thing."""

    schema: Schema
    facets: tuple[str, ...]
    text_fields: tuple[str, ...]
    rows: Callable[[Any], QuerySet]
    sorts: tuple[str, ...]
    database_order: tuple[str, ...]
    database_filters: Mapping[str, Callable[[Sequence[str]], Q]] = field(default_factory=dict)
    states: Mapping[str, Any] = field(default_factory=dict)


def _lists_for(viewer: Any) -> QuerySet[QuarterlyList]:
    public = Q(state__in=(QuarterlyListState.PUBLISHED, QuarterlyListState.ARCHIVED))
    insider = has_role(viewer, Role.LIST_EDITOR, Role.LIST_APPROVER, Role.PROVINCIAL_REVIEWER, Role.SUPERVISOR)
    rows = QuarterlyList.objects.all() if insider else QuarterlyList.objects.filter(public)
    return rows.select_related("publisher")


def _branches(values: Sequence[str], path: str) -> Q:
    condition = Q()
    for value in values:
        condition |= Q(**{f"{path}__code": value}) | Q(**{f"{path}__code__startswith": f"{value}."})
    return condition


def _cities(values: Sequence[str], *paths: str) -> Q:
    condition = Q()
    for value in values:
        for path in paths:
            condition |= Q(**{f"{path}__code__startswith": value[:4] if value[2:] != "0000" else value})
    return condition


def _quarters(values: Sequence[str], prefix: str) -> Q:
    condition = Q()
    for value in values:
        try:
            quarter = Quarter.parse(value)
        except ValueError:
            continue
        condition |= Q(**{f"{prefix}year": quarter.year, f"{prefix}quarter_number": quarter.number})
    return condition


KINDS: dict[str, _Kind] = {
    SearchKind.SCENARIO: _Kind(
        schema=INDEXES["scenario"].schema,
        facets=("quarter", "city", "category", "state", "budget", "organisation_kind", "scenario_type"),
        text_fields=scenario.TEXT_FIELDS,
        rows=lambda viewer: scenario_selectors.with_relations(scenario_selectors.visible_to(viewer)),
        sorts=("relevance", "newest", "deadline", "budget"),
        database_order=("-listed_at", "-pk"),
        database_filters={
            "quarter": lambda values: _quarters(values, "list_items__quarterly_list__"),
            "city": lambda values: _cities(values, "region"),
            "category": lambda values: _branches(values, "category"),
            "state": lambda values: Q(state__in=values),
            "organisation_kind": lambda values: Q(owner__kind__in=values),
            "scenario_type": lambda values: Q(scenario_type__in=values),
        },
        states=dict(ScenarioState.choices),
    ),
    SearchKind.CAPABILITY: _Kind(
        schema=INDEXES["capability"].schema,
        facets=("city", "category", "state", "budget", "organisation_kind"),
        text_fields=capability.TEXT_FIELDS,
        rows=lambda viewer: vendor_selectors.with_relations(vendor_selectors.visible_to(viewer)),
        sorts=("relevance", "newest", "budget"),
        database_order=("-listed_at", "-pk"),
        database_filters={
            "city": lambda values: _cities(values, "service_regions"),
            "category": lambda values: _branches(values, "category"),
            "state": lambda values: Q(state__in=values),
            "organisation_kind": lambda values: Q(vendor__organisation__kind__in=values),
        },
        states=dict(CapabilityState.choices),
    ),
    SearchKind.QUARTERLY_LIST: _Kind(
        schema=INDEXES["quarterly_list"].schema,
        facets=("quarter", "state"),
        text_fields=quarterly_list.TEXT_FIELDS,
        rows=_lists_for,
        sorts=("relevance", "newest"),
        database_order=("-published_at", "-pk"),
        database_filters={
            "quarter": lambda values: _quarters(values, ""),
            "state": lambda values: Q(state__in=values),
        },
        states=dict(QuarterlyListState.choices),
    ),
}


def visibility_of(viewer: Any) -> tuple[str, ...]:
    """Tokens of what the viewer may read: the counterpart of each document's `visible` field."""
    seen = [PUBLIC]
    if not is_signed_in(viewer):
        return tuple(seen)
    if viewer.current_organisation_id in organisation_ids(viewer):
        seen.append(f"org:{viewer.current_organisation_id}")
    if has_role(viewer, Role.PROVINCIAL_REVIEWER, Role.SUPERVISOR):
        seen.append(PROVINCE)
    if has_role(viewer, Role.LIST_EDITOR, Role.LIST_APPROVER):
        seen.append(LISTS)
    own = organisation_of(viewer)
    if own is not None and has_role(viewer, Role.FIRST_REVIEWER):
        seen.append(f"lead:{own.pk}")
        if own.region is not None:
            seen.append(f"region:{own.region.code}")
    return tuple(seen)


def search(
    *,
    kind: str,
    viewer: Any,
    text: str = "",
    filters: Mapping[str, Sequence[str]] | None = None,
    sort: str = "",
    page: int | str = 1,
    page_size: int | str = 20,
) -> SearchPage:
    """One page of results for a viewer. Raises InvalidInput that names the field and the remedy."""
    request = _checked(kind, text, filters or {}, sort, page, page_size)
    try:
        return _from_engine(request, viewer)
    except EngineUnavailable:
        logger.warning("search answers from the database: engine unavailable")
        return _from_database(request, viewer)


@dataclass(frozen=True)
class _Request:
    kind: str
    text: str
    filters: Mapping[str, tuple[str, ...]]
    sort: str
    page: int
    page_size: int

    @property
    def of(self) -> _Kind:
        return KINDS[self.kind]


def _checked(
    kind: str, text: str, filters: Mapping[str, Sequence[str]], sort: str, page: int | str, page_size: int | str
) -> _Request:
    problems: dict[str, list[str]] = {}
    if kind not in KINDS:
        raise _unknown_kind(kind)
    known = KINDS[kind]
    text = _NOISE.sub(" ", str(text or "")).strip()
    if len(text) > LONGEST_QUERY:
        problems["q"] = [
            _("检索词最多 {limit} 个字，现在是 {length} 个字。请只保留关键词；整段文字请使用“匹配”功能。").format(
                limit=LONGEST_QUERY, length=len(text)
            )
        ]
    chosen: dict[str, tuple[str, ...]] = {}
    for name, values in filters.items():
        if name not in known.facets:
            problems[str(name)[:40]] = [_("没有这个筛选条件，请从页面左侧重新选择。")]
            continue
        wanted = tuple(dict.fromkeys(str(value) for value in values if str(value)))
        if len(wanted) > 100 or any(len(value) > 40 or _NOISE.search(value) for value in wanted):
            problems[name] = [_("筛选值无效，请从页面左侧重新选择。")]
        elif wanted:
            chosen[name] = wanted
    sort = sort or ("relevance" if text else "newest")
    if sort not in known.sorts:
        problems["sort"] = [_("没有这种排序方式。")]
    number, size = _whole_number(page), _whole_number(page_size)
    if number < 1:
        problems["page"] = [_("页码应为从 1 开始的整数。")]
    if size not in PAGE_SIZES:
        problems["page_size"] = [_("每页条数只能是 {sizes}。").format(sizes="、".join(map(str, PAGE_SIZES)))]
    if not problems and number * size > DEEPEST_RESULT:
        problems["page"] = [_("最多翻到第 {limit} 条，请增加筛选条件缩小范围。").format(limit=DEEPEST_RESULT)]
    if problems:
        raise InvalidInput(problems)
    return _Request(kind, text, chosen, sort, number, size)


def _unknown_kind(kind: Any) -> InvalidInput:
    return InvalidInput({"kind": [_("没有“{kind}”这种检索对象，可选需求、能力、清单。").format(kind=str(kind)[:20])]})


def _whole_number(value: int | str) -> int:
    """0, which no request may ask for, for anything but a plain whole number of reasonable length."""
    text = str(value)
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else 0


# --- from the engine ---------------------------------------------------------------------------------------------


def query_terms(text: str) -> list[str]:
    """What a typed query demands: bigrams of Han runs, single characters where a run has only one, whole words."""
    terms: dict[str, None] = {}
    for token in tokens(text):
        if len(token) != 1 or not is_han(token):
            terms[token] = None
    for run in words_and_phrases(text):
        if len(run) == 1:
            terms[run] = None
    return list(terms)


def _from_engine(request: _Request, viewer: Any) -> SearchPage:
    terms = query_terms(request.text)
    if request.text and not terms:
        return _page(request, (), 0, facets=())
    strict = len(terms) <= STRICT_TERMS
    results = _ask(request, viewer, terms, strict=strict)
    relaxed = False
    if terms and strict and len(terms) > 1 and not results.total:
        results = _ask(request, viewer, terms, strict=False)
        relaxed = bool(results.total)
    rows = request.of.rows(viewer).in_bulk([int(hit.id) for hit in results.hits])
    found = [rows[int(hit.id)] for hit in results.hits if int(hit.id) in rows]
    items = tuple(_item(request, row) for row in found)
    return _page(request, items, results.total or 0, facets=_facet_views(request, results), relaxed=relaxed)


def _ask(request: _Request, viewer: Any, terms: Sequence[str], *, strict: bool) -> Results:
    weighted = tuple((term, 1.0) for term in terms)
    clauses: tuple[Clause, ...] = ()
    if terms:
        # The text holds the title too, so every match is in it; the title decides the order.
        clauses = (
            Clause("text", "text", weighted, required=True, all_terms=strict),
            Clause("title", "title", weighted, weight=TITLE_WEIGHT),
        )
    filters = [Filter("visible", values=visibility_of(viewer))]
    filters += [Filter(name, values=values, facet=name) for name, values in request.filters.items()]
    return get_engine().search(
        request.of.schema,
        Query(
            index=request.of.schema.name,
            clauses=clauses,
            filters=tuple(filters),
            facets=tuple(Facet(name, name, size=100) for name in request.of.facets),
            sort=SORTS[request.sort],
            limit=request.page_size,
            offset=(request.page - 1) * request.page_size,
        ),
    )


def _page(
    request: _Request,
    items: tuple[Item, ...],
    total: int,
    *,
    facets: tuple[FacetView, ...],
    degraded: bool = False,
    relaxed: bool = False,
) -> SearchPage:
    return SearchPage(
        kind=request.kind,
        text=request.text,
        filters=request.filters,
        sort=request.sort,
        items=items,
        total=total,
        page=request.page,
        page_size=request.page_size,
        facets=facets,
        degraded=degraded,
        relaxed=relaxed,
    )


# --- facets ------------------------------------------------------------------------------------------------------


def _facet_views(request: _Request, results: Results) -> tuple[FacetView, ...]:
    """Facets in display order. A chosen value stays in view even when nothing is left of it."""
    views = []
    for name in request.of.facets:
        counts = dict(results.facets.get(name, ()))
        selected = request.filters.get(name, ())
        for value in selected:
            counts.setdefault(value, 0)
        labels = _labels(request.of, name, list(counts))
        options = [
            Option(value, labels[value], count, value in selected, value.count(".") if name == "category" else 0)
            for value, count in counts.items()
            if value in labels
        ]
        options.sort(key=_option_order(name))
        if options:
            views.append(FacetView(name, str(FACET_LABELS[name]), tuple(options)))
    return tuple(views)


def _option_order(name: str) -> Callable[[Option], Any]:
    if name == "category":
        return lambda option: [int(part) if part.isdecimal() else 0 for part in option.value.split(".")]
    if name == "quarter":
        return lambda option: tuple(-ord(character) for character in option.value)
    if name == "budget":
        order = [band for band, _limit, _label in BUDGET_BANDS] + [NO_BUDGET]
        return lambda option: order.index(option.value)
    return lambda option: (-(option.count or 0), option.value)


def _labels(kind: _Kind, name: str, values: Sequence[str]) -> dict[str, str]:
    """Value to label; values that no longer mean anything are left out."""
    if not values:
        return {}
    if name == "city":
        labels = dict(Region.objects.filter(code__in=values).values_list("code", "name"))
        if kind.schema.name == "capability" and "370000" in labels:
            labels["370000"] = _("服务全省")
        return labels
    if name == "category":
        return dict(Category.objects.filter(code__in=values).values_list("code", "label"))
    if name == "quarter":
        return {value: Quarter.parse(value).label for value in values if re.fullmatch(r"\d{4}Q[1-4]", value)}
    tables: dict[str, Mapping[str, Any]] = {
        "state": kind.states,
        "budget": {band: label for band, _limit, label in BUDGET_BANDS} | {NO_BUDGET: _("未注明")},
        "organisation_kind": dict(OrganisationKind.choices),
        "scenario_type": dict(ScenarioType.choices),
    }
    return {value: str(tables[name][value]) for value in values if value in tables[name]}


def _item(request: _Request, row: Any) -> Item:
    phrases = words_and_phrases(request.text)
    texts = [value for value in (getattr(row, name) for name in request.of.text_fields) if value]
    return Item(row, highlight(row.title, phrases), excerpt(texts, phrases))


# --- from the database -------------------------------------------------------------------------------------------


def _from_database(request: _Request, viewer: Any) -> SearchPage:
    """A plain answer while the engine is away: every word in the title or a text, newest first, no facets."""
    kind = request.of
    rows = kind.rows(viewer)
    for word in request.text.split()[:10]:
        condition = Q(title__icontains=word)
        for name in kind.text_fields:
            condition |= Q(**{f"{name}__icontains": word})
        rows = rows.filter(condition)
    for name, values in request.filters.items():
        if name in kind.database_filters:
            rows = rows.filter(kind.database_filters[name](values))
    rows = rows.order_by(*kind.database_order).distinct()
    start = (request.page - 1) * request.page_size
    total = rows.count()
    items = tuple(_item(request, row) for row in rows[start : start + request.page_size])
    chosen = tuple(
        FacetView(
            name,
            str(FACET_LABELS[name]),
            tuple(
                Option(value, label, None, selected=True)
                for value, label in _labels(kind, name, request.filters[name]).items()
            ),
        )
        for name in kind.facets
        if name in request.filters
    )
    return _page(request, items, total, facets=chosen, degraded=True)


# --- suggestions -------------------------------------------------------------------------------------------------


def suggest(*, kind: str, text: str, viewer: Any, limit: int = SUGGESTIONS) -> list[str]:
    """Titles the viewer may read that begin, at a word, with what is typed: characters, pinyin or initials."""
    if kind not in KINDS:
        raise _unknown_kind(kind)
    typed = "".join(_NOISE.sub("", normalise(str(text or ""))).split())[:40]
    if not typed:
        return []
    known = KINDS[kind]
    try:
        values = get_engine().suggest(
            known.schema, "suggestion", typed, [Filter("visible", values=visibility_of(viewer))], limit * 6
        )
    except EngineUnavailable:
        titles = known.rows(viewer).filter(title__icontains=typed).order_by(*known.database_order)
        return list(dict.fromkeys(titles.values_list("title", flat=True)[: limit * 2]))[:limit]
    return list(dict.fromkeys(value.split(SUGGESTION_MARK, 1)[1] for value in values))[:limit]


# --- saved searches ----------------------------------------------------------------------------------------------


@transaction.atomic
def saved_search_keep(
    *,
    acting_user: User,
    name: str,
    kind: str,
    text: str = "",
    filters: Mapping[str, Sequence[str]] | None = None,
    sort: str = "",
) -> SavedSearch:
    """Keep a search under a name; the same name replaces the earlier one. A person's own affair: no audit entry."""
    name = " ".join(str(name).split())
    if not 1 <= len(name) <= 60:
        raise InvalidInput({"name": [_("请填写名称，最多 60 个字。")]})
    request = _checked(kind, text, filters or {}, sort, 1, 20)
    saved, _created = SavedSearch.objects.update_or_create(
        user=acting_user,
        name=name,
        defaults={
            "kind": request.kind,
            "text": request.text,
            "filters": {key: list(values) for key, values in request.filters.items()},
            "sort": request.sort,
        },
    )
    return saved


@transaction.atomic
def saved_search_drop(*, acting_user: User, saved_search_id: int) -> None:
    """Forget one of one's own saved searches; ObjectNotFound for another person's."""
    deleted, _rows = SavedSearch.objects.filter(user=acting_user, pk=saved_search_id).delete()
    if not deleted:
        raise ObjectNotFound()


def saved_searches_of(viewer: Any) -> QuerySet[SavedSearch]:
    """The viewer's own saved searches, newest first."""
    return SavedSearch.objects.filter(user=viewer) if is_signed_in(viewer) else SavedSearch.objects.none()
