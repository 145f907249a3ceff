"""What can be searched: its facets, sorts and texts, and how the database answers for it while the engine is away."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from accounts.enums import Role
from accounts.permissions import has_role
from challenges import selectors as challenge_selectors
from challenges.enums import ChallengeState
from challenges.models import Challenge
from challenges.models.programme import PUBLIC_STATES
from core.quarters import Quarter
from scenarios import selectors as scenario_selectors
from scenarios.enums import QuarterlyListState, ScenarioState
from scenarios.models import QuarterlyList
from search.contract import Schema, Sort
from search.documents import INDEXES, capability, challenge, quarterly_list, scenario
from search.enums import SearchKind
from search.highlighting import Segment
from vendors import selectors as vendor_selectors
from vendors.enums import CapabilityState

LONGEST_QUERY = 300
PAGE_SIZES = (10, 20, 50)
DEEPEST_RESULT = 10_000
#: More terms than this are not all demanded: such a query was pasted, not typed.
STRICT_TERMS = 16
SUGGESTIONS = 8
#: Blanks, control characters, halves of characters: nothing anybody searches for, and no database stores them.
NOISE = re.compile(r"[\s\x00-\x1f\x7f\ufeff\ud800-\udfff]+")

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
class Searchable:
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


def _public_challenges(_viewer: Any) -> QuerySet[Challenge]:
    """The same for every viewer, as the index is: what is not public is nobody's to find here, not even its owner's."""
    return challenge_selectors.public_challenges().select_related("region__parent")


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


KINDS: dict[str, Searchable] = {
    SearchKind.SCENARIO: Searchable(
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
    SearchKind.CAPABILITY: Searchable(
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
    SearchKind.CHALLENGE: Searchable(
        schema=INDEXES["challenge"].schema,
        facets=("city", "category", "state"),
        text_fields=challenge.TEXT_FIELDS,
        rows=_public_challenges,
        sorts=("relevance", "newest", "deadline"),
        database_order=("-published_at", "-pk"),
        database_filters={
            "city": lambda values: _cities(values, "region"),
            "category": lambda values: _branches(values, "category"),
            "state": lambda values: Q(state__in=values),
        },
        states={value: label for value, label in ChallengeState.choices if value in PUBLIC_STATES},
    ),
    SearchKind.QUARTERLY_LIST: Searchable(
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
