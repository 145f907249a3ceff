"""The results page: everything about it stands in its address."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from core.entered import keepable_fields
from core.errors import DomainError, InvalidInput
from search import services
from search.enums import SearchKind
from search.forms import SaveSearchForm
from search.services import FACET_LABELS, KINDS, PAGE_SIZES, SORT_LABELS, SearchPage

#: What the address may hold beside the facets; anything else is ignored, so that tracking marks do no harm.
PLAIN = ("q", "kind", "sort", "page", "size")


@login_not_required
@require_safe
def results(request: HttpRequest) -> HttpResponse:
    """Results with facets, chips, sorts; a request that cannot be answered comes back with what was typed."""
    kind = request.GET.get("kind", SearchKind.SCENARIO)
    text = request.GET.get("q", "")
    problem: InvalidInput | None = None
    page: SearchPage | None = None
    try:
        page = services.search(
            kind=kind,
            viewer=request.user,
            text=text,
            filters=filters_of(request.GET, kind),
            sort=request.GET.get("sort", ""),
            page=request.GET.get("page", 1),
            page_size=request.GET.get("size", 20),
        )
    except InvalidInput as error:
        problem = error
    partial = request.htmx and not request.htmx.boosted
    counts = {} if problem or partial else services.totals(text=text, viewer=request.user)
    context = {
        "page": page,
        "problem": problem,
        "text": text[:400],
        "kind": kind if kind in KINDS else SearchKind.SCENARIO,
        "kinds": [
            {
                "value": value,
                "label": label,
                "count": counts.get(value),
                "query": urlencode({"q": text[:300], "kind": value}),
            }
            for value, label in SearchKind.choices
        ],
    }
    if page is not None:
        context |= _links(request, page)
    if request.user.is_authenticated:
        context["saved"] = services.saved_searches_of(request.user)
    template = "search/_results.html" if partial else "search/results.html"
    return render(request, template, context, status=400 if problem else 200)


def filters_of(given: QueryDict, kind: str) -> dict[str, list[str]]:
    facets = KINDS[kind].facets if kind in KINDS else ()
    return {name: given.getlist(name) for name in facets if name in given}


def _address(found: SearchPage, /, *, filters: Mapping[str, Sequence[str]] | None = None, **changes: Any) -> str:
    """The query string of this page with something changed; back to the first page unless a page is given."""
    values: list[tuple[str, Any]] = [("q", found.text), ("kind", found.kind), ("sort", found.sort)]
    if found.page_size != PAGE_SIZES[1]:
        values.append(("size", found.page_size))
    plain = dict(values) | changes
    pairs = [(name, value) for name, value in plain.items() if value not in ("", None)]
    for name, chosen in (found.filters if filters is None else filters).items():
        pairs += [(name, value) for value in chosen]
    return f"?{urlencode(pairs)}"


def _without(page: SearchPage, name: str, value: str) -> dict[str, list[str]]:
    return {key: [entry for entry in values if (key, entry) != (name, value)] for key, values in page.filters.items()}


def _with(page: SearchPage, name: str, value: str) -> dict[str, list[str]]:
    chosen = {key: list(values) for key, values in page.filters.items()}
    chosen.setdefault(name, []).append(value)
    return chosen


def _links(request: HttpRequest, page: SearchPage) -> dict[str, Any]:
    facets = [
        {
            "label": facet.label,
            "name": facet.name,
            "options": [
                {
                    "label": option.label,
                    "count": option.count,
                    "selected": option.selected,
                    "level": option.depth + 1,
                    "query": _address(
                        page,
                        filters=_without(page, facet.name, option.value)
                        if option.selected
                        else _with(page, facet.name, option.value),
                    ),
                }
                for option in facet.options
            ],
        }
        for facet in page.facets
    ]
    chips = [
        {
            "label": f"{FACET_LABELS[facet.name]}：{option.label}",
            "query": _address(page, filters=_without(page, facet.name, option.value)),
        }
        for facet in page.facets
        for option in facet.options
        if option.selected
    ]
    sorts = [
        {"label": SORT_LABELS[name], "current": name == page.sort, "query": _address(page, sort=name)}
        for name in KINDS[page.kind].sorts
    ]
    near = range(max(1, page.page - 2), min(page.pages, page.page + 2) + 1)
    return {
        "facets": facets,
        "chips": chips,
        "sorts": sorts,
        "cleared": _address(page, filters={}),
        "pages": [{"number": number, "query": _address(page, page=number)} for number in near],
        "previous": _address(page, page=page.page - 1) if page.page > 1 else "",
        "next": _address(page, page=page.page + 1) if page.page < page.pages else "",
        "current_query": _address(page),
        "first": (page.page - 1) * page.page_size + 1,
        "last": (page.page - 1) * page.page_size + len(page.items),
    }


@login_not_required
@require_safe
def suggestions(request: HttpRequest) -> HttpResponse:
    """Titles that hold what is typed: characters anywhere, pinyin or initials from the beginning."""
    try:
        found = services.suggest(
            kind=request.GET.get("kind", SearchKind.SCENARIO), text=request.GET.get("q", ""), viewer=request.user
        )
    except DomainError:
        found = []
    return render(request, "search/_suggestions.html", {"suggestions": found})


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep the search of the page one came from."""
    query = keepable_fields(QueryDict(request.POST.get("query", "").removeprefix("?")[:4000]))
    kind = query.get("kind", SearchKind.SCENARIO)
    target = f"{reverse('search:results')}?{query.urlencode()}"
    form = SaveSearchForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("没有保存：请填写名称，最多 60 个字。"))
        return redirect(target)
    try:
        services.saved_search_keep(
            acting_user=request.user,
            name=form.cleaned_data["name"],
            kind=kind,
            text=query.get("q", ""),
            filters=filters_of(query, kind),
            sort=query.get("sort", ""),
        )
    except DomainError as error:
        messages.error(request, _("没有保存：%s") % "；".join(reason.message for reason in error.reasons))
    else:
        messages.success(request, _("已保存为“%s”，下次可在搜索页直接打开。") % form.cleaned_data["name"])
    return redirect(target)


@require_POST
def drop(request: HttpRequest, saved_search_id: int) -> HttpResponse:
    services.saved_search_drop(acting_user=request.user, saved_search_id=saved_search_id)
    messages.success(request, _("已删除保存的搜索。"))
    return redirect("search:results")
