"""Counts of an engine as options a page shows, with labels."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from accounts.enums import OrganisationKind
from core.models import Category, Region
from core.quarters import Quarter
from scenarios.enums import ScenarioType
from search.contract import Results
from search.documents.base import BUDGET_BANDS, NO_BUDGET
from search.services.kinds import FACET_LABELS, FacetView, Option, Searchable
from search.services.requests import SearchRequest


def facet_views(request: SearchRequest, results: Results) -> tuple[FacetView, ...]:
    """Facets in display order. A chosen value stays in view even when nothing is left of it."""
    views = []
    for name in request.of.facets:
        counts = dict(results.facets.get(name, ()))
        selected = request.filters.get(name, ())
        for value in selected:
            counts.setdefault(value, 0)
        labels = facet_labels(request.of, name, list(counts))
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


def facet_labels(kind: Searchable, name: str, values: Sequence[str]) -> dict[str, str]:
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
