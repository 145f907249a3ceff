"""The index demands are matched against: capabilities verified, listed and in force, one document each."""

import json
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet

from accounts.enums import OrganisationState
from core.clock import today
from search.documents.base import Index, circle_of, day_number
from search.documents.sources import Related, Sources
from search.encoders import get_encoder
from search.match_text import MatchText, match_schema, match_text
from search.statistics import TermStatistics
from vendors.enums import CapabilityState
from vendors.models import Capability, DeliveredCase
from vendors.selectors import with_relations

SCHEMA = match_schema("capability_match", 2, get_encoder())


def get_queryset() -> QuerySet[Capability]:
    in_force = Q(expires_on__isnull=True) | Q(expires_on__gte=today())
    return with_relations(
        Capability.objects.filter(
            in_force, state=CapabilityState.LISTED, vendor__organisation__state=OrganisationState.VERIFIED
        )
    ).prefetch_related("tags", "service_regions__parent", "cases", "vendor__credentials")


def text_of(capability: Capability) -> MatchText:
    """What a capability says for matching: what it does and where it was used, not who offers it."""
    return match_text(
        capability.title,
        [
            capability.summary,
            capability.description,
            capability.scenarios_of_use,
            capability.technical_features,
            *(tag.name for tag in capability.tags.all()),
            *(case.title for case in confirmed_cases(capability)),
        ],
    )


def confirmed_cases(capability: Capability) -> list[DeliveredCase]:
    """What counts: a case that no customer confirmed adds no word and no point (docs/matching.md)."""
    return [case for case in capability.cases.all() if case.confirmed_at is not None]


def facts_of(capability: Capability) -> dict[str, Any]:
    """Evidence besides text, as `matching.scoring.Facts` reads it; never the vendor's seat (domain.md §5.9)."""
    confirmed = confirmed_cases(capability)
    regions = list(capability.service_regions.all())
    facts = {
        "organisation": str(capability.vendor.organisation.public_id),
        "category": capability.category.code if capability.category else "",
        "tags": sorted(tag.name for tag in capability.tags.all()),
        "regions": sorted(region.code for region in regions),
        "circles": sorted({circle_of(region) for region in regions} - {""}),
        "whole_province": capability.serves_whole_province,
        "amount_minimum": capability.price_min_fen,
        "amount_maximum": capability.price_max_fen,
        "credentials": sorted(
            [entry.name, day_number(entry.valid_until) or 0]
            for entry in capability.vendor.credentials.all()
            if has_begun(entry.valid_from)
        ),
        "cases": [case.title for case in confirmed],
        "outcomes": len(list(capability.cases.all())),
        "outcomes_confirmed": len(confirmed),
        "fresh_day": day_number(capability.verified_at or capability.listed_at),
    }
    return {name: value for name, value in facts.items() if value not in (None, "", [], False, 0)}


def has_begun(valid_from: date | None, *_others: Any) -> bool:
    """Whether a credential that begins on that day counts today."""
    return valid_from is None or valid_from <= today()


def may_be_matched(capability: Capability) -> bool:
    """Listed, of a verified organisation, and not expired."""
    return (
        capability.state == CapabilityState.LISTED
        and capability.vendor.organisation.state == OrganisationState.VERIFIED
        and (capability.expires_on is None or capability.expires_on >= today())
    )


def prepare(capability: Capability, statistics: TermStatistics) -> dict[str, Any] | None:
    if not may_be_matched(capability):
        return None
    return text_of(capability).document(statistics) | {"facts": json.dumps(facts_of(capability), ensure_ascii=False)}


SOURCES = Sources(
    Capability,
    (
        "title",
        "summary",
        "description",
        "scenarios_of_use",
        "technical_features",
        "state",
        "serves_whole_province",
        "price_min_fen",
        "price_max_fen",
        "listed_at",
        "verified_at",
        "expires_on",
        "category__code",
        "vendor__organisation__public_id",
        "vendor__organisation__state",
    ),
    (
        Related("tags", ("name",)),
        Related("service_regions", ("code", "circle", "parent__circle")),
        Related("cases", ("title", "confirmed_at")),
        Related("vendor__credentials", ("valid_from", "name", "valid_until"), counts=has_begun),
    ),
)

INDEX = Index(SCHEMA, get_queryset, prepare, SOURCES, text_of)
