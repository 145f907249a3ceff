"""What people and programs enter, before anything is made of it: characters, whole numbers, identifiers.

The lowest room for odd input: addresses, forms, the API and imports read through here, so that "²", 5,000 digits, NUL
or a lone surrogate is an entry that does not fit and never an error.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _

#: PostgreSQL keeps no NUL, nobody reads the other controls, a lone surrogate is no character. Tabs, line ends stay.
_UNKEEPABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]|[\ud800-\udfff]")
#: Characters nobody sees, or that turn the direction of what follows: two names then look the same (UTS 39).
_INVISIBLE = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
#: Years of days and moments: the oldest institutions, the longest terms.
EARLIEST_YEAR, LATEST_YEAR = 1850, 2200
#: No whole number that anybody enters here has more digits.
MOST_DIGITS = 9


def without_unkeepable(text: str) -> str:
    """`text` without control characters and lone surrogates; tabs and line ends stay."""
    return _UNKEEPABLE.sub("", text) if _UNKEEPABLE.search(text) else text


def is_keepable(text: str) -> bool:
    return _UNKEEPABLE.search(text) is None


def keepable_fields(given: QueryDict) -> QueryDict:
    """The same fields without what cannot be kept; copied only where something has to be taken off."""
    if all(is_keepable(name) and all(map(is_keepable, texts)) for name, texts in given.lists()):
        return given
    kept = QueryDict(mutable=True, encoding=given.encoding)
    for name, texts in given.lists():
        kept.setlist(without_unkeepable(name), [without_unkeepable(text) for text in texts])
    return kept


def whole_number(text: Any, *, most_digits: int = MOST_DIGITS) -> int | None:
    """A number written in ASCII digits alone; None for everything else, also for one of too many digits."""
    given = str(text)
    return int(given) if given.isascii() and given.isdigit() and len(given) <= most_digits else None


def identifier(text: Any) -> UUID | None:
    """A UUID as we write it; None for everything else."""
    try:
        return UUID(str(text))
    except ValueError:
        return None


def validate_visible(text: Any) -> None:
    """Of names and titles: refuses invisible and direction-changing characters, and says which, where."""
    found = _INVISIBLE.search(str(text))
    if found is None:
        return
    name = unicodedata.name(found[0], "?")
    raise ValidationError(
        _("第%(place)d个字后有看不见的或改变文字方向的字符（U+%(code)04X %(name)s），请删去后重新输入。")
        % {"place": found.start(), "code": ord(found[0]), "name": name},
        code="invisible_character",
    )


def validate_year(day: date | datetime) -> None:
    """Of days and moments: refuses years that no record has, of which other time zones have none."""
    if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
        raise ValidationError(
            _("年份应在 %(earliest)d 至 %(latest)d 之间，请核对。")
            % {"earliest": EARLIEST_YEAR, "latest": LATEST_YEAR},
            code="year_out_of_range",
        )


def deepest(value: Any, limit: int) -> int:
    """How deep lists and objects are nested, counted up to `limit` + 1 and without recursion."""
    depth, level = 0, [value]
    while level and depth <= limit:
        below: list[Any] = []
        for one in level:
            if isinstance(one, Mapping):
                below.extend(one.values())
            elif isinstance(one, list):
                below.extend(one)
        depth += any(isinstance(one, Mapping | list) for one in level)
        level = [one for one in below if isinstance(one, Mapping | list)]
    return depth
