"""What every index declares: its fields, which rows it is made of, and how a row becomes a document."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import chain
from types import ModuleType
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from core.clock import BEIJING
from core.models import Category, Region
from search.analysis import normalise, tokens
from search.contract import Field, Kind, Schema
from search.documents.sources import Sources
from search.match_text import MatchText
from search.statistics import TermStatistics

#: Separates what is typed from what is shown in a suggestion value.
SUGGESTION_MARK = "\x1f"
SUGGESTED_STARTS = 8

PUBLIC = "public"
PROVINCE = "province"
LISTS = "lists"

#: Budget bands by upper limit in yuan; the last has none (facet 预算档).
BUDGET_BANDS: tuple[tuple[str, int | None, Any], ...] = (
    ("under_100k", 100_000, _("10 万元以下")),
    ("under_500k", 500_000, _("10–50 万元")),
    ("under_1m", 1_000_000, _("50–100 万元")),
    ("under_5m", 5_000_000, _("100–500 万元")),
    ("over_5m", None, _("500 万元以上")),
)
NO_BUDGET = "none"

#: Fields of the indexes that pages search.
PAGE_FIELDS = (
    Field("title", Kind.TOKENS),
    Field("text", Kind.TOKENS),
    Field("visible", Kind.KEYWORD),
    Field("suggestion", Kind.KEYWORD),
    Field("code", Kind.KEYWORD),
)


@dataclass(frozen=True)
class Index:
    """One index. `prepare` returns the whole document, or None for a row that must not be in it.

    `sources` names everything `prepare` and `text_of` read; they take a source row or a model instance alike.
    `get_queryset` chooses the rows that have a document, as `prepare` does one by one.
    """

    schema: Schema
    get_queryset: Callable[[], QuerySet]
    prepare: Callable[[Any, TermStatistics], dict[str, Any] | None]
    sources: Sources
    text_of: Callable[[Any], MatchText] | None = None

    @property
    def name(self) -> str:
        return self.schema.name

    @property
    def model(self) -> type[Model]:
        return self.sources.model

    def all_rows(self) -> QuerySet:
        """Instances with everything `prepare` reads, whether or not they belong in the index."""
        queryset = self.get_queryset()
        everything = self.model._default_manager.all()
        everything.query.select_related = queryset.query.select_related
        everything._prefetch_related_lookups = queryset._prefetch_related_lookups
        return everything

    def rows_of(self, keys: Sequence[int]) -> list[Any]:
        """Instances of these keys with everything `prepare` reads, in the order of the keys; missing ones left out."""
        rows = self.all_rows().in_bulk(list(keys))
        return [rows[key] for key in keys if key in rows]

    def any_row(self, key: int) -> Any:
        """The instance of that key with everything `prepare` reads, or None."""
        return self.all_rows().filter(pk=key).first()


def budget_band(minimum_fen: int | None, maximum_fen: int | None) -> str:
    """The band of the upper limit, or of the only figure known."""
    fen = maximum_fen or minimum_fen
    if not fen:
        return NO_BUDGET
    for name, limit, _label in BUDGET_BANDS:
        if limit is None or fen < limit * 100:
            return name
    return BUDGET_BANDS[-1][0]


def region_chain(region: Region | None) -> list[str]:
    """The region's code and those of the city and province it lies in: 370102 → 370102, 370100, 370000."""
    if region is None:
        return []
    return list(dict.fromkeys([region.code, f"{region.code[:4]}00", f"{region.code[:2]}0000"]))


def city_code(region: Region | None) -> str | None:
    return region.city_code if region else None


def circle_of(region: Region | None) -> str:
    """The economic circle of a city, or of the city a district belongs to; "" outside any."""
    if region is None:
        return ""
    return region.circle or (region.parent.circle if region.parent else "")


def branch_codes(category: Category | None) -> list[str]:
    return category.branch_codes if category else []


def joined_tokens(parts: Sequence[str | None]) -> str:
    return " ".join(chain.from_iterable(tokens(part) for part in parts if part))


@lru_cache(maxsize=1)
def _words() -> ModuleType:
    """`search.words`, whose dictionaries only an indexing process should carry."""
    return import_module("search.words")


def suggestions(title: str) -> list[str]:
    """What may be typed to find this title: its beginning at each word, its pinyin, its initials."""
    shown = " ".join(title.split())[:60]
    plain = normalise(shown)
    starts = ["".join(plain[place:].split()) for place in _words().word_starts(plain)[:SUGGESTED_STARTS]]
    typed = [*starts, *_words().spellings(shown)]
    return [f"{start[:80]}{SUGGESTION_MARK}{shown}" for start in dict.fromkeys(typed) if start]


def day_number(moment: Any) -> int | None:
    """A date or an aware moment (its Beijing date) as an ordinal: engines compare integers alike."""
    if moment is None:
        return None
    if hasattr(moment, "hour"):
        moment = moment.astimezone(BEIJING).date()
    return moment.toordinal()
