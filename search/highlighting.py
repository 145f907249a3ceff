"""Where a query's words stand in a text of the database; alike for every engine, never HTML (stack.md §2, trap 8)."""

from collections.abc import Sequence
from dataclasses import dataclass

from search.analysis import is_han, normalise

EXCERPT_LENGTH = 120
#: Characters shown before the first match.
LEAD_LENGTH = 15


@dataclass(frozen=True)
class Segment:
    """A piece of text; `marked` pieces are what was searched for (shown in <mark>)."""

    text: str
    marked: bool = False


def highlight(text: str, phrases: Sequence[str]) -> tuple[Segment, ...]:
    """Cut a text where the phrases of a query, or runs of their bigrams, occur in it; alike for every engine."""
    marks = _marks(text, phrases)
    segments: list[Segment] = []
    start = 0
    for position in range(1, len(text) + 1):
        if position == len(text) or marks[position] != marks[start]:
            segments.append(Segment(text[start:position], marks[start]))
            start = position
    return tuple(segments)


def _marks(text: str, phrases: Sequence[str]) -> list[bool]:
    """For every character of the text: is it part of something searched for?"""
    plain = "".join(_one_to_one(character) for character in text)
    marks = [False] * len(text)
    parts: set[str] = set()
    for phrase in phrases:
        if is_han(phrase) and len(phrase) > 2:
            parts.update(phrase[position : position + 2] for position in range(len(phrase) - 1))
        else:
            parts.add(phrase)
    for part in parts:
        position = plain.find(part)
        while position >= 0:
            marks[position : position + len(part)] = [True] * len(part)
            position = plain.find(part, position + 1)
    return marks


def _one_to_one(character: str) -> str:
    """Normalised, but never of another length: positions must fit the text as written."""
    plain = normalise(character)
    return plain if len(plain) == 1 else character


def excerpt(texts: Sequence[str], phrases: Sequence[str], length: int = EXCERPT_LENGTH) -> tuple[Segment, ...]:
    """The stretch of the texts with the most marks; the beginning when there are none."""
    best_text, best_start, best_count = (texts[0] if texts else ""), 0, 0
    for text in texts:
        marks = _marks(text, phrases)
        count = sum(marks[:length])
        if count > best_count:
            best_text, best_start, best_count = text, marks.index(True), count
        for start in range(1, max(1, len(text) - length + 1)):
            count += marks[start + length - 1] - marks[start - 1]
            if count > best_count:
                best_text, best_start, best_count = text, marks.index(True, start), count
    start = max(0, min(best_start - LEAD_LENGTH, len(best_text) - length))
    piece = " ".join(best_text[start : start + length].split())
    shown = ("…" if start else "") + piece + ("…" if start + length < len(best_text) else "")
    return highlight(shown, phrases) if shown else ()
