"""What a collection looks like: how many documents, how long, how frequent each term. Read by weighing and by indexing.

Norms of documents are made when a document is indexed, so they need document frequencies before the index exists.
A sample of the collection is enough for that: a norm is a sum over hundreds of terms. Frequencies of a query's own
terms are asked from the engine, exactly, at the time of the query.
"""

import math
import zlib
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

#: Documents looked at for the frequencies; more do not change a norm by one per cent.
SAMPLE_SIZE = 5_000
#: In a sample of more than this, terms of two documents are as good as terms of one: left out, half of the table goes.
SMALL_SAMPLE = 1_000


def sampling_step(documents: int) -> int:
    """Every so-manieth document is looked at."""
    return max(1, math.ceil(documents / SAMPLE_SIZE))


def smoothed_idf(documents: int, frequency: float) -> float:
    """The weight of a term in the cosine (the smoothed form: never zero, a term of every document counts 1)."""
    return math.log((1 + documents) / (1 + frequency)) + 1


@lru_cache(maxsize=256)
def _damped(count: int) -> float:
    """What a term that occurs so often counts, squared."""
    return (1 + math.log(count)) ** 2


@dataclass(frozen=True)
class TermStatistics:
    """A snapshot. `frequencies` (by term number) leaves out the rarest terms: what is not in it counts as one.

    They are those of `sampled` documents (0: of all).
    """

    documents: int = 0
    mean_title_length: float = 1.0
    mean_text_length: float = 1.0
    frequencies: Mapping[int, int] = field(default_factory=dict)
    #: Of the stored snapshot; 0 for one that is not stored.
    number: int = 0
    sampled: int = 0

    def norm(self, counts: Mapping[int, int]) -> float:
        """Length of the sublinear tf·idf vector of a text; 1 for an empty one, so that it can divide."""
        squares, rare = self._squares
        find = squares.get
        total = 0.0
        for term, count in counts.items():
            total += find(term, rare) if count == 1 else find(term, rare) * _damped(count)
        return math.sqrt(total) or 1.0

    @cached_property
    def _squares(self) -> tuple[dict[int, float], float]:
        """Squared weight of every known term, and of a term of a single document."""
        documents = self.sampled or self.documents
        by_frequency = {
            frequency: smoothed_idf(documents, min(frequency, documents)) ** 2
            for frequency in {1, *self.frequencies.values()}
        }
        return {term: by_frequency[count] for term, count in self.frequencies.items()}, by_frequency[1]

    def frequencies_to_bytes(self) -> bytes:
        terms = array("I", self.frequencies.keys())
        counts = array("I", self.frequencies.values())
        return zlib.compress(len(terms).to_bytes(4, "little") + terms.tobytes() + counts.tobytes(), level=6)


def frequencies_from_bytes(packed: bytes) -> dict[int, int]:
    """The counterpart of `frequencies_to_bytes`; nothing at all gives an empty table."""
    if not packed:
        return {}
    raw = zlib.decompress(packed)
    size = int.from_bytes(raw[:4], "little")
    terms, counts = array("I", raw[4 : 4 + 4 * size]), array("I", raw[4 + 4 * size :])
    return dict(zip(terms, counts, strict=True))


class StatisticsBuilder:
    """Collects `TermStatistics` document by document."""

    def __init__(self) -> None:
        self.documents = 0
        self._titled = 0
        self._title_length = 0
        self._text_length = 0
        self._frequencies: Counter[int] = Counter()

    def add(self, title: Mapping[int, int], text: Mapping[int, int]) -> None:
        self.documents += 1
        if title:
            self._titled += 1
            self._title_length += sum(title.values())
        self._text_length += sum(text.values())
        self._frequencies.update(text.keys())

    def finish(self) -> TermStatistics:
        rarest = 1 if self.documents <= SMALL_SAMPLE else 2
        return TermStatistics(
            documents=self.documents,
            mean_title_length=max(self._title_length / max(self._titled, 1), 1.0),
            mean_text_length=max(self._text_length / max(self.documents, 1), 1.0),
            frequencies={term: count for term, count in self._frequencies.items() if count > rarest},
        )
