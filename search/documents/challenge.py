"""The index behind the search page for challenges: only what everybody may read, and nothing about who bids for it."""

from typing import Any

from django.db.models import QuerySet

from challenges.enums import ChallengeState
from challenges.models import Challenge
from challenges.selectors import public_challenges
from search.contract import Field, Kind, Schema
from search.documents.base import (
    PAGE_FIELDS,
    PUBLIC,
    Index,
    branch_codes,
    city_code,
    day_number,
    joined_tokens,
    suggestions,
)
from search.documents.sources import Related, Sources
from search.statistics import TermStatistics

SCHEMA = Schema(
    "challenge",
    1,
    (
        *PAGE_FIELDS,
        Field("city", Kind.KEYWORD),
        Field("category", Kind.KEYWORD),
        Field("state", Kind.KEYWORD),
        Field("listed_day", Kind.INTEGER),
        Field("deadline_day", Kind.INTEGER),
    ),
)

#: What is searched besides the title, in the order excerpts are taken from: the blocks of the public page.
TEXT_FIELDS = (
    "background",
    "content",
    "expected_result",
    "acceptance_method",
    "intellectual_property",
    "eligibility_conditions",
)


def get_queryset() -> QuerySet[Challenge]:
    return public_challenges().prefetch_related("indicators")


def belongs(challenge: Challenge) -> bool:
    """Needs, working drafts of a list and directed commissions are read on their own pages by those concerned."""
    return challenge.is_public


def prepare(challenge: Challenge, _statistics: TermStatistics) -> dict[str, Any] | None:
    """Bids, who won, who asked and the working file stay out: in no state do they enter a document."""
    if not belongs(challenge):
        return None
    # "Closing soon" is about challenges one may still bid for; the others come last in that order.
    takes_bids = challenge.state == ChallengeState.PUBLISHED
    return {
        "title": joined_tokens([challenge.title]),
        "text": joined_tokens(
            [
                challenge.title,
                *(getattr(challenge, name) for name in TEXT_FIELDS),
                challenge.demander.name,
                challenge.code,
                *(str(indicator) for indicator in challenge.indicators.all()),
            ]
        ),
        "visible": [PUBLIC],
        "suggestion": suggestions(challenge.title),
        "code": challenge.code,
        "city": city_code(challenge.region),
        "category": branch_codes(challenge.category),
        "state": challenge.state,
        "listed_day": day_number(challenge.published_at),
        "deadline_day": day_number(challenge.deadline_at) if takes_bids else None,
    }


SOURCES = Sources(
    Challenge,
    (
        "title",
        *TEXT_FIELDS,
        "code",
        "state",
        "selection_method",
        "published_at",
        "deadline_at",
        "category__code",
        "region__code",
        "demander__name",
    ),
    (Related("indicators", ("name", "target", "unit")),),
)

INDEX = Index(SCHEMA, get_queryset, prepare, SOURCES)
