"""Words and pinyin of a title, for suggestions. Imported when the first document is prepared, not before.

The two dictionaries take about 85 MB of memory; a web process, which only searches, never needs them.
"""

from collections.abc import Iterable
from functools import lru_cache

import rjieba
from pypinyin import Style
from pypinyin.converter import UltimateConverter
from pypinyin.core import Pinyin

from search.analysis import normalise

#: What `lazy_pinyin` is made of, so that a title is cut once for both forms.
_CONVERTER = UltimateConverter()
_READER = Pinyin(_CONVERTER)


def word_starts(text: str) -> list[int]:
    """Positions in a normalised text at which a word begins, shorter words inside longer ones included."""
    return sorted({start for _word, start, _stop in rjieba.tokenize(text, "search") if text[start].strip()})


def spellings(text: str) -> tuple[str, str]:
    """Pinyin and initials: 道路 → daolu, dl; what is not Chinese stays."""
    spelled = [_spelled(word) for word in _READER.seg(text)]
    return _joined(pinyin for pinyin, _initials in spelled), _joined(initials for _pinyin, initials in spelled)


@lru_cache(maxsize=20_000)
def _spelled(word: str) -> tuple[str, str]:
    """Both forms of one word: titles repeat their words, and each costs some 40 µs."""
    return _converted(word, Style.NORMAL), _converted(word, Style.FIRST_LETTER)


def _converted(word: str, style: Style) -> str:
    found = _CONVERTER.convert(word, style, heteronym=False, errors="default", strict=True)
    return "".join(part for parts in found for part in parts)


def _joined(parts: Iterable[str]) -> str:
    return normalise("".join("".join(parts).split()))
