"""The index behind the search page for quarterly lists."""

from typing import Any

from django.db.models import QuerySet

from scenarios.models import QuarterlyList
from search.contract import Field, Kind, Schema
from search.documents.base import (
    LISTS,
    PAGE_FIELDS,
    PROVINCE,
    PUBLIC,
    Index,
    day_number,
    joined_tokens,
    suggestions,
)
from search.documents.sources import Related, Sources
from search.statistics import TermStatistics

SCHEMA = Schema(
    "quarterly_list",
    1,
    (
        *PAGE_FIELDS,
        Field("quarter", Kind.KEYWORD),
        Field("state", Kind.KEYWORD),
        Field("listed_day", Kind.INTEGER),
    ),
)

TEXT_FIELDS = ("foreword",)


def get_queryset() -> QuerySet[QuarterlyList]:
    return QuarterlyList.objects.select_related("publisher").prefetch_related("items")


def prepare(quarterly_list: QuarterlyList, _statistics: TermStatistics) -> dict[str, Any] | None:
    """Every list has one, whatever its state; visible as `scenarios.permissions.may_see_list` says."""
    titles = [item.content.get("title", "") for item in quarterly_list.items.all()]
    return {
        "title": joined_tokens([quarterly_list.title]),
        "text": joined_tokens([quarterly_list.title, quarterly_list.foreword, quarterly_list.code, *titles]),
        "visible": [PUBLIC] if quarterly_list.is_public else [PROVINCE, LISTS],
        "suggestion": suggestions(quarterly_list.title),
        "code": quarterly_list.code,
        "quarter": quarterly_list.quarter.code,
        "state": quarterly_list.state,
        "listed_day": day_number(quarterly_list.published_at),
    }


SOURCES = Sources(
    QuarterlyList,
    ("title", *TEXT_FIELDS, "year", "quarter_number", "issue_number", "state", "published_at"),
    (Related("items", ("content",)),),
)

INDEX = Index(SCHEMA, get_queryset, prepare, SOURCES)
