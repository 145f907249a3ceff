"""Searching: what a viewer typed becomes a query, and the answer rows of the database.

Visibility is added here from the viewer, never by a caller, and the rows are read through the owning app's
`visible_to`, so that an index that lags cannot show what the database forbids (architecture.md §6.2).
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q

from accounts.enums import Role
from accounts.permissions import has_role, is_signed_in, organisation_ids, organisation_of
from search.analysis import normalise, words_and_phrases
from search.contract import Clause, EngineUnavailable, Facet, Filter, Query, Results
from search.documents.base import LISTS, PROVINCE, PUBLIC, SUGGESTION_MARK
from search.engines import get_engine
from search.highlighting import excerpt, highlight
from search.query import query_terms, text_clauses
from search.services.facets import facet_labels, facet_views
from search.services.kinds import (
    FACET_LABELS,
    KINDS,
    NOISE,
    PAGE_SIZES,
    SORTS,
    STRICT_TERMS,
    SUGGESTIONS,
    FacetView,
    Item,
    Option,
    Searchable,
    SearchPage,
)
from search.services.requests import SearchRequest, checked_request, unknown_kind

logger = logging.getLogger(__name__)


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
    request = checked_request(kind, text, filters or {}, sort, page, page_size)
    try:
        return _from_engine(request, viewer)
    except EngineUnavailable:
        logger.warning("search answers from the database: engine unavailable")
        return _from_database(request, viewer)


# --- from the engine ---------------------------------------------------------------------------------------------


def _from_engine(request: SearchRequest, viewer: Any) -> SearchPage:
    terms = query_terms(request.text)
    if request.text and not terms:
        return _page(request, (), 0, facets=())
    results, relaxed = _asked(request, viewer, terms, facets=request.of.facets)
    rows = request.of.rows(viewer).in_bulk([int(hit.id) for hit in results.hits])
    found = [rows[int(hit.id)] for hit in results.hits if int(hit.id) in rows]
    items = tuple(_item(request, row) for row in found)
    return _page(request, items, results.total or 0, facets=facet_views(request, results), relaxed=relaxed)


def _asked(request: SearchRequest, viewer: Any, terms: Sequence[str], *, facets: Sequence[str]) -> tuple[Results, bool]:
    """What holds every word, or else some of them; and whether it had to be the latter."""
    strict = len(terms) <= STRICT_TERMS
    results = _ask(request, viewer, terms, strict=strict, facets=facets)
    if not (terms and strict and len(terms) > 1 and not results.total):
        return results, False
    results = _ask(request, viewer, terms, strict=False, facets=facets)
    return results, bool(results.total)


def _ask(request: SearchRequest, viewer: Any, terms: Sequence[str], *, strict: bool, facets: Sequence[str]) -> Results:
    filters = [Filter("visible", values=visibility_of(viewer))]
    filters += [Filter(name, values=values, facet=name) for name, values in request.filters.items()]
    return get_engine().search(
        request.of.schema,
        Query(
            index=request.of.schema.name,
            clauses=text_clauses(terms, strict=strict),
            filters=tuple(filters),
            facets=tuple(Facet(name, name, size=100) for name in facets),
            sort=SORTS[request.sort],
            limit=request.page_size,
            offset=(request.page - 1) * request.page_size,
        ),
    )


def _page(
    request: SearchRequest,
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


def _item(request: SearchRequest, row: Any) -> Item:
    phrases = words_and_phrases(request.text)
    texts = [value for value in (getattr(row, name) for name in request.of.text_fields) if value]
    return Item(row, highlight(row.title, phrases), excerpt(texts, phrases))


# --- from the database -------------------------------------------------------------------------------------------


def _from_database(request: SearchRequest, viewer: Any) -> SearchPage:
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
                for value, label in facet_labels(kind, name, request.filters[name]).items()
            ),
        )
        for name in kind.facets
        if name in request.filters
    )
    return _page(request, items, total, facets=chosen, degraded=True)


# --- suggestions -------------------------------------------------------------------------------------------------


def suggest(*, kind: str, text: str, viewer: Any, limit: int = SUGGESTIONS) -> list[str]:
    """Titles the viewer may read: first those that begin, at a word, with what is typed (characters, pinyin or
    initials), then those that hold it anywhere."""
    if kind not in KINDS:
        raise unknown_kind(kind)
    typed = "".join(NOISE.sub("", normalise(str(text or ""))).split())[:40]
    if not typed:
        return []
    known = KINDS[kind]
    try:
        values = get_engine().suggest(
            known.schema, "suggestion", typed, [Filter("visible", values=visibility_of(viewer))], limit * 6
        )
        begin = list(dict.fromkeys(value.split(SUGGESTION_MARK, 1)[1] for value in values))[:limit]
        return begin if len(begin) == limit else [*begin, *_titles_with(known, typed, viewer, begin, limit)][:limit]
    except EngineUnavailable:
        titles = known.rows(viewer).filter(title__icontains=typed).order_by(*known.database_order)
        return list(dict.fromkeys(titles.values_list("title", flat=True)[: limit * 2]))[:limit]


def _titles_with(known: Searchable, typed: str, viewer: Any, found: Sequence[str], limit: int) -> list[str]:
    """Further titles that hold what is typed, in one piece, wherever; the engine proposes them by their words."""
    terms = query_terms(typed)
    if not terms:
        return []
    results = get_engine().search(
        known.schema,
        Query(
            index=known.schema.name,
            clauses=(Clause("title", "title", tuple((term, 1.0) for term in terms), required=True, all_terms=True),),
            filters=(Filter("visible", values=visibility_of(viewer)),),
            limit=limit * 6,
            count_total=False,
        ),
    )
    rows = known.rows(viewer).in_bulk([int(hit.id) for hit in results.hits])
    titles = [" ".join(rows[int(hit.id)].title.split())[:60] for hit in results.hits if int(hit.id) in rows]
    holding = [title for title in titles if typed in "".join(normalise(title).split())]
    return [title for title in dict.fromkeys(holding) if title not in found]


def totals(*, text: str, viewer: Any) -> dict[str, int | None]:
    """How many of each kind a search for `text` finds without filters; None for all while the engine is away.

    Raises InvalidInput as `search` does.
    """
    found: dict[str, int | None] = dict.fromkeys(KINDS)
    try:
        for kind in KINDS:
            request = checked_request(kind, text, {}, "", 1, PAGE_SIZES[0])
            terms = query_terms(request.text)
            nothing = bool(request.text) and not terms
            found[kind] = 0 if nothing else _asked(request, viewer, terms, facets=())[0].total or 0
    except EngineUnavailable:
        return dict.fromkeys(KINDS)
    return found
