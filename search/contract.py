"""The neutral search contract: queries in, results out. No engine's own types pass this line (architecture.md §6).

Every engine holds *indexes* (named by what they hold), each in one or more *generations*. Readers see the
promoted generation only; promoting is one atomic step. A document is a plain dictionary whose keys are declared by
the index's `Schema`. The contract is as small as the product's screens: what one engine alone can do is not in it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from django.utils.translation import gettext_lazy as _

from core.errors import ServiceUnavailable


class EngineUnavailable(ServiceUnavailable):
    """The engine cannot answer now: searches use the database, the outbox tries again (architecture.md §6.5)."""

    code = "search_unavailable"

    def __init__(self, message: str | None = None, **options: Any) -> None:
        super().__init__(message or str(_("检索引擎暂时不可用，请稍后重试。")), **options)


class IndexMissing(EngineUnavailable):
    """There is no promoted generation of the wanted schema: the index must be built."""


class IndexDamaged(EngineUnavailable):
    """A generation exists but cannot be read: it must be built anew from the database."""


class WriterBusy(EngineUnavailable):
    """Another process is writing and did not finish within the bounded wait."""


class Kind(Enum):
    """What a field is for.

    TOKENS is text already cut into tokens and joined by spaces, ranked by term frequency. KEYWORD is one or more exact
    values: filters, facets, prefix suggestions. INTEGER can be filtered by range and sorted by. STORED comes back
    with a hit and is not searched: text or bytes. VECTOR is a list of numbers of length 1, looked for by nearness where
    an engine can (`Engine.finds_by_vector`); it does not come back.
    """

    TOKENS = "tokens"
    KEYWORD = "keyword"
    INTEGER = "integer"
    STORED_TEXT = "stored_text"
    STORED_BYTES = "stored_bytes"
    VECTOR = "vector"


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: Kind
    dimensions: int = 0


@dataclass(frozen=True, slots=True)
class Schema:
    """An index's name, its version (raised when `prepare()` changes meaning) and its fields.

    `encoder` is what made the vectors: those of two encoders cannot be compared. `id` and `document_version` exist in
    every index and are not listed.
    """

    name: str
    version: int
    fields: tuple[Field, ...]
    encoder: str = ""

    @property
    def fingerprint(self) -> str:
        """Changes whenever an index built before can no longer be used."""
        text = repr((self.name, self.version, [(entry.name, entry.kind.value) for entry in self.fields]))
        if self.encoder:
            text += repr((self.encoder, [entry.dimensions for entry in self.fields]))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def names(self, kind: Kind) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.fields if entry.kind is kind)


@dataclass(frozen=True, slots=True)
class Clause:
    """Terms looked for in one TOKENS field. `required` clauses must match, the others only add to the score.

    Each term has its own weight, the clause another; the sum over terms is BM25. With `all_terms` a document must
    hold every term. The name appears in engine explanations and in match evidence.
    """

    name: str
    field: str
    terms: tuple[tuple[str, float], ...]
    weight: float = 1.0
    required: bool = False
    all_terms: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition without influence on the score: any of `values` of a KEYWORD field, or a closed INTEGER range.

    A filter that carries the name of a facet is left out when that facet is counted (multi-select).
    """

    field: str
    values: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    facet: str | None = None
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Facet:
    """Counts by value of a KEYWORD field, the most frequent first (ties by value)."""

    name: str
    field: str
    size: int = 20


@dataclass(frozen=True, slots=True)
class Sort:
    """By an INTEGER field; documents without a value come last. Without a sort, results come by score."""

    field: str
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Query:
    """One request. Without clauses every document that passes the filters is found.

    At least one clause must match when none is required.
    `count_total=False` is the cheap form for proposing candidates. With a `vector` the nearest documents that pass the
    filters are found instead, and nothing is counted: no clauses, facets or sort then.
    """

    index: str
    clauses: tuple[Clause, ...] = ()
    filters: tuple[Filter, ...] = ()
    facets: tuple[Facet, ...] = ()
    sort: Sort | None = None
    limit: int = 20
    offset: int = 0
    count_total: bool = True
    vector: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    id: str
    score: float
    stored: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Results:
    """`total` is None when it was not asked for."""

    hits: tuple[Hit, ...]
    total: int | None
    facets: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    generation: str = ""


@dataclass(frozen=True, slots=True)
class Frequencies:
    """How many documents there are, and how many of them hold each term. Deleted ones may count until a merge."""

    documents: int
    by_term: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Put:
    """Write the whole document, unless the index has seen this id with a higher version.

    A document may come as bytes in the form of `search.packing`.
    """

    id: str
    version: int
    document: Mapping[str, Any] | bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the document, unless the index has seen this id with a higher version.

    A put that arrives later with a lower version loses.
    """

    id: str
    version: int


Operation = Put | Delete


class Engine(Protocol):
    """What every engine promises; the conformance suite in tests/search runs against each."""

    name: str
    #: Whether a query may carry a vector.
    finds_by_vector: bool
    #: Batches that are worth writing at once.
    writers: int

    def create(self, schema: Schema, generation: str) -> None:
        """Make an empty generation beside the others."""

    def write(self, schema: Schema, generation: str, operations: Sequence[Operation]) -> None:
        """Apply all operations in one commit, visible together. Raises WriterBusy, IndexMissing, IndexDamaged."""

    def promote(self, schema: Schema, generation: str) -> None:
        """Make this generation the one readers see, in one atomic step."""

    def current(self, schema: Schema) -> str | None:
        """The promoted generation of exactly this schema."""

    def generations(self, name: str) -> tuple[str, ...]:
        """All generations of an index that occupy space, of any schema."""

    def drop(self, name: str, generation: str) -> None:
        """Free the space of a generation that is not promoted. Missing ones are no error."""

    def probe(self, schema: Schema, generation: str | None = None) -> int:
        """Read-check a generation (the promoted one by default) and return its number of documents."""

    def search(self, schema: Schema, query: Query) -> Results:
        """Answer a query from the promoted generation."""

    def search_many(self, schema: Schema, queries: Sequence[Query]) -> list[Results]:
        """Answers to several queries, in their order: one request where the engine can (a list's matching)."""

    def document_frequencies(self, schema: Schema, field_name: str, terms: Iterable[str]) -> Frequencies:
        """How many documents hold each term in a TOKENS field."""

    def document_frequencies_many(
        self, schema: Schema, field_name: str, asked: Sequence[Iterable[str]]
    ) -> list[Frequencies]:
        """The same for several sets of terms, in their order."""

    def suggest(self, schema: Schema, field_name: str, prefix: str, filters: Sequence[Filter], limit: int) -> list[str]:
        """Values of a KEYWORD field that begin with `prefix`, of documents that pass the filters."""

    def versions(self, schema: Schema, generation: str | None = None) -> Iterator[tuple[str, int]]:
        """Id and version of every document: what `check_index` compares with the database."""
