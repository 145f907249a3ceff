"""The feed of a search: what anybody finds with these words and filters, newest first."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from core.feeds import FeedEntry, PublicFeed, newest
from search.enums import SearchKind
from search.services import PAGE_SIZES, SearchPage, search
from search.views import filters_of


class SearchFeed(PublicFeed):
    """Takes the address of a results page. What holds only some of the words is not what was asked for: left out."""

    def get_object(self, request: HttpRequest) -> tuple[SearchPage, str]:  # type: ignore[override]
        kind = request.GET.get("kind", SearchKind.SCENARIO)
        page = search(
            kind=kind,
            viewer=AnonymousUser(),
            text=request.GET.get("q", ""),
            filters=filters_of(request.GET, kind),
            sort="newest",
            page_size=PAGE_SIZES[-1],
        )
        return page, request.GET.urlencode()

    def title(self, found: tuple[SearchPage, str]) -> str:
        label = dict(SearchKind.choices)[found[0].kind]
        return _("搜索{kind}：{text}").format(kind=label, text=found[0].text or _("全部"))

    def link(self, found: tuple[SearchPage, str]) -> str:
        return f"{reverse('search:results')}?{found[1]}"

    def feed_url(self, found: tuple[SearchPage, str]) -> str:
        return f"{reverse('search:feed')}?{found[1]}"

    def items(self, found: tuple[SearchPage, str]) -> list[FeedEntry]:
        page = found[0]
        if page.relaxed:
            return []
        return newest([_entry(page.kind, item.obj) for item in page.items])


def _entry(kind: str, row: Any) -> FeedEntry:
    if kind == SearchKind.SCENARIO:
        path, at, text, author = (
            ("scenarios:scenario", row.key),
            row.listed_at or row.created_at,
            row.pain_point,
            row.owner.name,
        )
    elif kind == SearchKind.CAPABILITY:
        path, at, text, author = (
            ("vendors:capability", row.key),
            row.listed_at or row.created_at,
            row.summary,
            row.vendor.organisation.name,
        )
    elif kind == SearchKind.CHALLENGE:
        path, at, text, author = ("challenges:challenge", row.code), row.published_at, row.background, row.demander.name
    else:
        publisher = row.publisher.name if row.publisher else ""
        path, at, text, author = ("scenarios:list", row.code), row.published_at, "", publisher
    return FeedEntry(row.title, reverse(path[0], args=[path[1]]), at, text, author)
