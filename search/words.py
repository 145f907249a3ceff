"""Words and pinyin of a title, for suggestions. Imported when the first document is prepared, not before.

The two dictionaries take about 85 MB of memory; a web process, which only searches, never needs them.
"""

import rjieba
from pypinyin import Style, lazy_pinyin

from search.analysis import normalise


def word_starts(text: str) -> list[int]:
    """Positions in a normalised text at which a word begins, shorter words inside longer ones included."""
    return sorted({start for _word, start, _stop in rjieba.tokenize(text, "search") if text[start].strip()})


def pinyin(text: str) -> str:
    """道路 → daolu; what is not Chinese stays."""
    return _joined(lazy_pinyin(text, errors="default"))


def initials(text: str) -> str:
    """道路 → dl."""
    return _joined(lazy_pinyin(text, style=Style.FIRST_LETTER, errors="default"))


def _joined(parts: list[str]) -> str:
    return normalise("".join("".join(parts).split()))
