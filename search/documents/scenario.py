"""The index behind the search pages for demands. Never holds private contacts, whoever may see the rest."""

from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from scenarios.enums import ScenarioState
from scenarios.models import PUBLIC_STATES, ListItem, Scenario
from scenarios.selectors import with_relations
from search.contract import Field, Kind, Schema
from search.documents.base import (
    LISTS,
    PAGE_FIELDS,
    PROVINCE,
    PUBLIC,
    Index,
    branch_codes,
    budget_band,
    city_code,
    day_number,
    joined_tokens,
    region_chain,
    suggestions,
)
from search.documents.sources import Related, Sources
from search.statistics import TermStatistics

SCHEMA = Schema(
    "scenario",
    1,
    (
        *PAGE_FIELDS,
        Field("quarter", Kind.KEYWORD),
        Field("city", Kind.KEYWORD),
        Field("category", Kind.KEYWORD),
        Field("state", Kind.KEYWORD),
        Field("budget", Kind.KEYWORD),
        Field("organisation_kind", Kind.KEYWORD),
        Field("scenario_type", Kind.KEYWORD),
        Field("listed_day", Kind.INTEGER),
        Field("deadline_day", Kind.INTEGER),
        Field("budget_yuan", Kind.INTEGER),
    ),
)

#: What is searched besides the title, in the order excerpts are taken from.
TEXT_FIELDS = (
    "pain_point",
    "description",
    "target_indicators",
    "available_resources",
    "data_needs",
    "acceptance_method",
    "eligibility_conditions",
)


def get_queryset() -> QuerySet[Scenario]:
    published = ListItem.objects.filter(quarterly_list__published_at__isnull=False).select_related("quarterly_list")
    return with_relations(Scenario.objects.exclude(state=ScenarioState.DRAFT)).prefetch_related(
        "tags", Prefetch("list_items", queryset=published, to_attr="published_items")
    )


def visibility(scenario: Scenario) -> list[str]:
    """Tokens of those who may read it: the same rule as `scenarios.selectors.visible_to`."""
    if scenario.state in PUBLIC_STATES:
        return [PUBLIC]
    seen_by = [PROVINCE, f"org:{scenario.owner_id}"]
    seen_by += [f"region:{code}" for code in region_chain(scenario.region or scenario.owner.region)]
    if scenario.lead_department_id:
        seen_by.append(f"lead:{scenario.lead_department_id}")
    if scenario.state in (ScenarioState.POOLED, ScenarioState.FROZEN):
        seen_by.append(LISTS)
    return seen_by


def is_published(published_at: datetime | None, *_others: Any) -> bool:
    """Whether a list of that time names its demands: what `get_queryset` prefetches."""
    return published_at is not None


def belongs(scenario: Scenario) -> bool:
    """Drafts are nobody's business but their owner's, who finds them on the desk."""
    return scenario.state != ScenarioState.DRAFT


def prepare(scenario: Scenario, _statistics: TermStatistics) -> dict[str, Any] | None:
    if not belongs(scenario):
        return None
    maximum = scenario.budget_max_fen or scenario.budget_min_fen
    return {
        "title": joined_tokens([scenario.title]),
        "text": joined_tokens(
            [
                scenario.title,
                *(getattr(scenario, name) for name in TEXT_FIELDS),
                scenario.owner.name,
                scenario.code,
                scenario.external_number,
                *(tag.name for tag in scenario.tags.all()),
            ]
        ),
        "visible": visibility(scenario),
        "suggestion": suggestions(scenario.title),
        "code": scenario.code,
        "quarter": [item.quarterly_list.quarter.code for item in scenario.published_items],
        "city": city_code(scenario.region or scenario.owner.region),
        "category": branch_codes(scenario.category),
        "state": scenario.state,
        "budget": budget_band(scenario.budget_min_fen, scenario.budget_max_fen),
        "organisation_kind": scenario.owner.kind,
        "scenario_type": scenario.scenario_type,
        "listed_day": day_number(scenario.listed_at),
        "deadline_day": day_number(scenario.deadline_at),
        "budget_yuan": maximum // 100 if maximum else None,
    }


SOURCES = Sources(
    Scenario,
    (
        "title",
        *TEXT_FIELDS,
        "code",
        "external_number",
        "state",
        "scenario_type",
        "budget_min_fen",
        "budget_max_fen",
        "listed_at",
        "deadline_at",
        "category__code",
        "region__code",
        "lead_department_id",
        "owner_id",
        "owner__name",
        "owner__kind",
        "owner__region__code",
    ),
    (
        Related("tags", ("name",)),
        Related(
            "list_items",
            ("quarterly_list__published_at", "quarterly_list__year", "quarterly_list__quarter_number"),
            attribute="published_items",
            counts=is_published,
        ),
    ),
)

INDEX = Index(SCHEMA, get_queryset, prepare, SOURCES)
