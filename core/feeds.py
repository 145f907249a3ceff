"""Atom feeds of what everybody may read.

A feed shows the public's view to whoever asks, signed in or not: its address is made to be given to a program. Entries
keep their addresses for ever, and readers know them by these; an entry committed late is therefore not passed over.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import linebreaks
from django.utils.translation import gettext

#: Entries in one feed.
LONGEST_FEED = 50
#: What XML cannot hold, in a text somebody typed or imported.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class FeedEntry:
    """One thing that happened. `path` with its fragment is the entry's permanent name."""

    title: str
    path: str
    at: datetime
    text: str = ""
    author: str = ""


class PublicFeed(Feed):
    """The frame of every feed: what remains to be said is its title, its page and its entries (newest first)."""

    feed_type = Atom1Feed
    language = "zh-CN"

    def author_name(self) -> str:
        return settings.SITE_IDENTITY["organiser"] or gettext(settings.SITE_IDENTITY["name"])

    def item_title(self, item: FeedEntry) -> str:  # type: ignore[override]
        return _UNWRITABLE.sub("", item.title)

    def item_description(self, item: FeedEntry) -> str:  # type: ignore[override]
        return str(linebreaks(_UNWRITABLE.sub("", item.text), autoescape=True)) if item.text else ""

    def item_link(self, item: FeedEntry) -> str:  # type: ignore[override]
        return item.path

    def item_pubdate(self, item: FeedEntry) -> datetime:
        return item.at

    def item_updateddate(self, item: FeedEntry) -> datetime:
        return item.at

    def item_author_name(self, item: FeedEntry) -> Any:
        return item.author or None


def newest(entries: list[FeedEntry]) -> list[FeedEntry]:
    """The last ones, newest first."""
    return sorted(entries, key=lambda entry: (entry.at, entry.path), reverse=True)[:LONGEST_FEED]
