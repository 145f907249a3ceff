"""Chinese text to tokens, the same for every engine, and the packed term counts that weighing reads.

Tokens are Han characters *and* character bigrams; Latin words and numbers stay whole; NFKC and lower case
(matching.md §1). No word segmenter is involved: every engine indexes these tokens with a whitespace analyzer,
so both see the same terms and no cluster needs a plug-in.

For weighing, a term is its 32-bit checksum (`term_id`): a packed text is a third of the size of its tokens, and
sets of integers intersect fastest. Two terms of one pair of texts share a checksum about once in 100,000 pairs.
"""

import re
import struct
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import add
from zlib import crc32

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f"
_RUNS = re.compile(rf"([{_HAN}]+)|[^\W_{_HAN}]+(?:\.[0-9]+)*")
_HAN_RUN = re.compile(rf"[{_HAN}]+")
#: Nothing composes with these, nor are they ever changed: what stands between them can be normalised piece by piece.
_BETWEEN_HAN = re.compile("[^\u4e00-\u9fff]+")
_HEADER = struct.Struct("<IIffIIII")

#: Longer words than this are cut: no engine accepts terms of unlimited length.
LONGEST_WORD = 64
#: Terms whose number is remembered: the frequent ones come again in every text.
REMEMBERED_TERMS = 50_000


def normalise(text: str) -> str:
    """Full-width to half-width, compatibility forms to plain ones (NFKC), lower case.

    Han characters are left out of it: Python takes three times as long for a text with one full-width comma as for one
    without, because it then looks at every character.
    """
    return _BETWEEN_HAN.sub(_plain, text).lower()


def _plain(found: re.Match[str]) -> str:
    text = found.group()
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def tokens(text: str) -> list[str]:
    """All tokens of a text, with repetitions: characters and bigrams of each Han run, other words whole."""
    found: list[str] = []
    for match in _RUNS.finditer(normalise(text)):
        run = match.group()
        if match.lastindex:
            found.extend(run)
            found.extend(map(add, run, run[1:]))
        else:
            found.append(run[:LONGEST_WORD])
    return found


def words_and_phrases(text: str) -> list[str]:
    """The Han runs and words of a query as typed (normalised), longest first: what highlighting looks for."""
    return sorted({match.group() for match in _RUNS.finditer(normalise(text))}, key=lambda run: (-len(run), run))


def is_han(text: str) -> bool:
    return _HAN_RUN.fullmatch(text) is not None


def term_id(term: str) -> int:
    """The number that stands for a token in packed texts."""
    return crc32(term.encode())


class _TermIds(dict[str, int]):
    """Numbers of terms that were asked for; begun anew when there are too many."""

    def __missing__(self, term: str) -> int:
        if len(self) >= REMEMBERED_TERMS:
            self.clear()
        number = self[term] = term_id(term)
        return number


_TERM_IDS = _TermIds()


def count_ids(terms: Iterable[str]) -> Counter[int]:
    """How often each term occurs, by number."""
    return Counter(map(_TERM_IDS.__getitem__, terms))


@dataclass(frozen=True, slots=True)
class PackedText:
    """Term counts of a title and of its full text (title included), as weighing needs them.

    Terms that occur once are a bare array: most terms do, and a set intersection with an array is the fastest
    thing Python can do here. The rest is a dictionary.
    """

    title_once: array
    title_more: Mapping[int, int]
    title_length: int
    text_once: array
    text_more: Mapping[int, int]
    text_length: int
    title_norm: float
    text_norm: float


def pack_text(title: Mapping[int, int], text: Mapping[int, int], *, title_norm: float, text_norm: float) -> bytes:
    """Bytes for an unindexed engine field. `text` counts the title's terms too."""
    parts = [b""]
    sizes: list[int] = []
    for counts in (title, text):
        once = array("I", [term for term, count in counts.items() if count == 1])
        more = {term: count for term, count in counts.items() if count > 1}
        sizes += [len(once), len(more)]
        parts += [once.tobytes(), array("I", more).tobytes(), bytes([min(count, 255) for count in more.values()])]
    parts[0] = _HEADER.pack(sum(title.values()), sum(text.values()), title_norm, text_norm, *sizes)
    return b"".join(parts)


def unpack_text(packed: bytes) -> PackedText:
    """The counterpart of `pack_text`; raises `struct.error` or `ValueError` on bytes it did not make."""
    title_length, text_length, title_norm, text_norm, *sizes = _HEADER.unpack_from(packed)
    position = _HEADER.size
    fields: list[tuple[array, dict[int, int]]] = []
    for once_size, more_size in (sizes[:2], sizes[2:]):
        once = array("I", packed[position : position + 4 * once_size])
        position += 4 * once_size
        more_terms = array("I", packed[position : position + 4 * more_size])
        position += 4 * more_size
        fields.append((once, dict(zip(more_terms, packed[position : position + more_size], strict=True))))
        position += more_size
    (title_once, title_more), (text_once, text_more) = fields
    return PackedText(title_once, title_more, title_length, text_once, text_more, text_length, title_norm, text_norm)
