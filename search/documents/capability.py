"""The index behind the search pages for capabilities."""

from typing import Any

from django.db.models import QuerySet

from accounts.enums import OrganisationState
from search.contract import Field, Kind, Schema
from search.documents.base import (
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
from vendors.enums import CapabilityState
from vendors.models import PUBLIC_STATES, Capability
from vendors.selectors import with_relations

#: Value of the city facet for those who serve all of them.
WHOLE_PROVINCE = "370000"

SCHEMA = Schema(
    "capability",
    1,
    (
        *PAGE_FIELDS,
        Field("city", Kind.KEYWORD),
        Field("category", Kind.KEYWORD),
        Field("state", Kind.KEYWORD),
        Field("budget", Kind.KEYWORD),
        Field("organisation_kind", Kind.KEYWORD),
        Field("listed_day", Kind.INTEGER),
        Field("deadline_day", Kind.INTEGER),
        Field("budget_yuan", Kind.INTEGER),
    ),
)

TEXT_FIELDS = ("summary", "description", "scenarios_of_use", "technical_features")


def get_queryset() -> QuerySet[Capability]:
    return with_relations(Capability.objects.exclude(state=CapabilityState.DRAFT)).prefetch_related(
        "tags", "service_regions", "cases"
    )


def stopped(capability: Capability) -> bool:
    """Its vendor has been suspended: nobody outside finds it (vendors/selectors.py)."""
    return capability.vendor.organisation.state == OrganisationState.SUSPENDED


def visibility(capability: Capability) -> list[str]:
    """Tokens of those who may read it: the same rule as `vendors.selectors.visible_to`."""
    if capability.state in PUBLIC_STATES and not stopped(capability):
        return [PUBLIC]
    return [
        PROVINCE,
        f"org:{capability.vendor.organisation_id}",
        *(f"region:{code}" for code in region_chain(capability.vendor.organisation.region)),
    ]


def belongs(capability: Capability) -> bool:
    """As for demands: drafts stay on their owner's desk."""
    return capability.state != CapabilityState.DRAFT


def prepare(capability: Capability, _statistics: TermStatistics) -> dict[str, Any] | None:
    if not belongs(capability):
        return None
    cities = {city_code(region) for region in capability.service_regions.all()}
    if capability.serves_whole_province:
        cities.add(WHOLE_PROVINCE)
    minimum = capability.price_min_fen or capability.price_max_fen
    return {
        "title": joined_tokens([capability.title]),
        "text": joined_tokens(
            [
                capability.title,
                *(getattr(capability, name) for name in TEXT_FIELDS),
                capability.vendor.organisation.name,
                capability.code,
                *(tag.name for tag in capability.tags.all()),
                *(case.title for case in capability.cases.all()),
            ]
        ),
        "visible": visibility(capability),
        "suggestion": suggestions(capability.title),
        "code": capability.code,
        "city": sorted(code for code in cities if code),
        "category": branch_codes(capability.category),
        "state": capability.state,
        "budget": budget_band(capability.price_min_fen, capability.price_max_fen),
        "organisation_kind": capability.vendor.organisation.kind,
        "listed_day": day_number(capability.listed_at),
        "deadline_day": day_number(capability.expires_on),
        "budget_yuan": minimum // 100 if minimum else None,
    }


SOURCES = Sources(
    Capability,
    (
        "title",
        *TEXT_FIELDS,
        "code",
        "state",
        "serves_whole_province",
        "price_min_fen",
        "price_max_fen",
        "listed_at",
        "expires_on",
        "category__code",
        "vendor__organisation_id",
        "vendor__organisation__name",
        "vendor__organisation__kind",
        "vendor__organisation__state",
        "vendor__organisation__region__code",
    ),
    (Related("tags", ("name",)), Related("service_regions", ("code",)), Related("cases", ("title",))),
)

INDEX = Index(SCHEMA, get_queryset, prepare, SOURCES)
