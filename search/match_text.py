"""The text of something that can be matched, in the three forms matching needs: tokens, counts, packed counts.

Both directions use the same form: a title, and a full text that contains the title (matching.md §1).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from search.analysis import count_ids, pack_text, tokens
from search.contract import Field, Kind, Schema
from search.statistics import TermStatistics
from search.vectors import Encoder, Vector, pack_vector

#: Longer texts are cut for matching: the rest adds time and no order.
LONGEST_TEXT = 20_000

#: The fields every matching index has; `facts` is what weighing needs besides text.
MATCH_FIELDS = (
    Field("title", Kind.TOKENS),
    Field("text", Kind.TOKENS),
    Field("packed", Kind.STORED_BYTES),
    Field("facts", Kind.STORED_TEXT),
)


def match_schema(name: str, version: int, encoder: Encoder | None = None) -> Schema:
    """The schema of a matching index; with an encoder, a vector to be found by and the same one to be weighed by."""
    if encoder is None:
        return Schema(name, version, MATCH_FIELDS)
    vectors = (
        Field("vector", Kind.VECTOR, dimensions=encoder.dimensions),
        Field("packed_vector", Kind.STORED_BYTES),
    )
    return Schema(name, version, (*MATCH_FIELDS, *vectors), encoder=encoder.identity)


def vector_fields(vector: Vector) -> dict[str, Any]:
    """The vector's part of a document of a matching index."""
    return {"vector": vector.tolist(), "packed_vector": pack_vector(vector)}


@dataclass(frozen=True)
class MatchText:
    """A title and a body as written. Either may be empty."""

    title: str
    body: str = ""

    @cached_property
    def title_tokens(self) -> list[str]:
        return tokens(self.title[:LONGEST_TEXT])

    @cached_property
    def text_tokens(self) -> list[str]:
        return self.title_tokens + tokens(self.body[:LONGEST_TEXT])

    @cached_property
    def title_counts(self) -> Counter[str]:
        return Counter(self.title_tokens)

    @cached_property
    def text_counts(self) -> Counter[str]:
        return Counter(self.text_tokens)

    @cached_property
    def title_ids(self) -> Counter[int]:
        return count_ids(self.title_tokens)

    @cached_property
    def text_ids(self) -> Counter[int]:
        return count_ids(self.text_tokens)

    @property
    def whole(self) -> str:
        """What an encoder reads."""
        return f"{self.title}\n{self.body}".strip()

    @property
    def length(self) -> int:
        """Characters, blanks aside: what decides whether a query is short."""
        return len("".join((self.title + self.body).split()))

    def document(self, statistics: TermStatistics) -> dict[str, str | bytes]:
        """The text's part of a document of a matching index."""
        title, text = self.title_ids, self.text_ids
        return {
            "title": " ".join(self.title_tokens),
            "text": " ".join(self.text_tokens),
            "packed": pack_text(title, text, title_norm=statistics.norm(title), text_norm=statistics.norm(text)),
        }


def match_text(title: str, parts: Iterable[str | None]) -> MatchText:
    """A title and whatever parts of a body there are, one per line."""
    return MatchText((title or "").strip(), "\n".join(part.strip() for part in parts if part and part.strip()))
