"""The index vendors are matched against: demands that are listed, in force and still open (matching.md §2)."""

import json
from typing import Any

from django.db.models import Q, QuerySet

from core.clock import now, today
from scenarios.enums import ScenarioState
from scenarios.models import Scenario
from scenarios.selectors import with_relations
from search.documents.base import Index, circle_of, day_number, region_chain
from search.documents.sources import Related, Sources
from search.encoders import get_encoder
from search.match_text import MatchText, match_schema, match_text
from search.statistics import TermStatistics

SCHEMA = match_schema("scenario_match", 1, get_encoder())


def get_queryset() -> QuerySet[Scenario]:
    in_force = Q(valid_until__isnull=True) | Q(valid_until__gte=today())
    open_for_answers = Q(deadline_at__isnull=True) | Q(deadline_at__gt=now())
    return (
        with_relations(Scenario.objects.filter(in_force & open_for_answers, state=ScenarioState.LISTED))
        .select_related("owner__region__parent")
        .prefetch_related("tags")
    )


def text_of(scenario: Scenario) -> MatchText:
    """What a demand says for matching: its substance, not its conditions, contacts or paperwork."""
    return match_text(
        scenario.title,
        [
            scenario.pain_point,
            scenario.description,
            scenario.target_indicators,
            scenario.data_needs,
            *(tag.name for tag in scenario.tags.all()),
        ],
    )


def facts_of(scenario: Scenario) -> dict[str, Any]:
    """Evidence besides text, as `matching.scoring.Facts` reads it; only what is known."""
    region = scenario.region or scenario.owner.region
    facts = {
        "organisation": str(scenario.owner.public_id),
        "category": scenario.category.code if scenario.category else "",
        "tags": sorted(tag.name for tag in scenario.tags.all()),
        "regions": region_chain(region),
        "circle": circle_of(region),
        "amount_minimum": scenario.budget_min_fen,
        "amount_maximum": scenario.budget_max_fen,
        "required_credentials": [str(name) for name in scenario.required_credentials],
        "deadline_day": day_number(scenario.deadline_at),
        "fresh_day": day_number(scenario.listed_at),
    }
    return {name: value for name, value in facts.items() if value not in (None, "", [])}


def may_be_matched(scenario: Scenario) -> bool:
    """Listed, in force, and its own deadline not passed."""
    return (
        scenario.state == ScenarioState.LISTED
        and (scenario.valid_until is None or scenario.valid_until >= today())
        and (scenario.deadline_at is None or scenario.deadline_at > now())
    )


def prepare(scenario: Scenario, statistics: TermStatistics) -> dict[str, Any] | None:
    if not may_be_matched(scenario):
        return None
    return text_of(scenario).document(statistics) | {"facts": json.dumps(facts_of(scenario), ensure_ascii=False)}


SOURCES = Sources(
    Scenario,
    (
        "title",
        "pain_point",
        "description",
        "target_indicators",
        "data_needs",
        "required_credentials",
        "state",
        "budget_min_fen",
        "budget_max_fen",
        "listed_at",
        "deadline_at",
        "valid_until",
        "category__code",
        "region__code",
        "region__circle",
        "region__parent__circle",
        "owner__public_id",
        "owner__region__code",
        "owner__region__circle",
        "owner__region__parent__circle",
    ),
    (Related("tags", ("name",)),),
)

INDEX = Index(SCHEMA, get_queryset, prepare, SOURCES, text_of)
