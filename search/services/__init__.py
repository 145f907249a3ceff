"""Search's use cases. Callers import from here; the modules are divided by noun."""

from search.highlighting import Segment
from search.query import query_terms
from search.services.kinds import (
    FACET_LABELS,
    KINDS,
    LONGEST_QUERY,
    PAGE_SIZES,
    SORT_LABELS,
    SORTS,
    FacetView,
    Item,
    Option,
    SearchPage,
)
from search.services.results import search, suggest, totals, visibility_of
from search.services.saved import saved_search_drop, saved_search_keep, saved_searches_of

__all__ = [
    "FACET_LABELS",
    "KINDS",
    "LONGEST_QUERY",
    "PAGE_SIZES",
    "SORTS",
    "SORT_LABELS",
    "FacetView",
    "Item",
    "Option",
    "SearchPage",
    "Segment",
    "query_terms",
    "saved_search_drop",
    "saved_search_keep",
    "saved_searches_of",
    "search",
    "suggest",
    "totals",
    "visibility_of",
]
