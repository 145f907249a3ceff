"""The embedded engine: tantivy in a folder (stack.md §2). The only importer of tantivy.

Layout: `<root>/<index>/<fingerprint>-<generation>/` holds one generation; `<root>/<index>/current` names the promoted
one and is replaced in one step (the alias). One process writes at a time (tantivy's own lock, waited for within
bounds); readers anywhere reload before each request and never write.

tantivy cannot refuse a late write, so this module does: the version of every document is a fast field, and a deletion
leaves a tombstone (id and version, no terms) that a rebuild does not carry over.
"""

import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import tantivy

from search.contract import (
    Clause,
    Delete,
    Facet,
    Filter,
    Frequencies,
    Hit,
    IndexDamaged,
    IndexMissing,
    Kind,
    Operation,
    Query,
    Results,
    Schema,
    WriterBusy,
)
from search.packing import unpack

logger = logging.getLogger(__name__)

TOKENIZER = "tokens"
WRITER_HEAP_BYTES = 32_000_000
LOCK_WAIT_SECONDS = 10.0
LOCK_RETRY_SECONDS = 0.05
#: A folder is opened anew after this many documents were read from it: pages of the index that were touched count as
#: this process's memory for as long as they stay mapped, and candidates are read from all over the store.
REOPEN_AFTER_DOCUMENTS = 2_000
_POINTER = "current"
_LIVE = "live"
_T = TypeVar("_T")


def build_schema(schema: Schema) -> tantivy.Schema:
    """The engine's schema: token fields without positions, exact text ids (stack.md §2, trap 1)."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("document_version", indexed=True, fast=True)
    builder.add_text_field(_LIVE, tokenizer_name="raw", index_option="basic")
    for field in schema.fields:
        if field.kind is Kind.TOKENS:
            builder.add_text_field(field.name, tokenizer_name=TOKENIZER, index_option="freq")
        elif field.kind is Kind.KEYWORD:
            builder.add_text_field(field.name, tokenizer_name="raw", index_option="basic", fast=True)
        elif field.kind is Kind.INTEGER:
            builder.add_integer_field(field.name, indexed=True, fast=True)
        elif field.kind is Kind.VECTOR:
            continue
        elif field.kind is Kind.STORED_TEXT:
            builder.add_text_field(field.name, stored=True, tokenizer_name="raw", index_option="basic")
        else:
            builder.add_bytes_field(field.name, stored=True)
    return builder.build()


class _Generation:
    """One opened folder."""

    def __init__(self, path: Path, schema: Schema) -> None:
        self.path = path
        self.schema = schema
        self.tantivy_schema = build_schema(schema)
        self.index = tantivy.Index(self.tantivy_schema, path=str(path), reuse=True)
        self.index.register_tokenizer(TOKENIZER, tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
        self.index.config_reader("manual")
        self.documents_read = 0

    def searcher(self) -> tantivy.Searcher:
        self.index.reload()
        return self.index.searcher()


class EmbeddedEngine:
    """Implements `search.contract.Engine` on a local folder."""

    name = "embedded"
    #: tantivy has no vectors. Those of candidates count in weighing all the same: they are stored beside their texts.
    finds_by_vector = False
    writers = 1

    def __init__(self, root: Path) -> None:
        self.root = root
        self._opened: dict[tuple[int, Path], _Generation] = {}
        self._opening = threading.Lock()

    # --- generations ---------------------------------------------------------------------------------------------

    def create(self, schema: Schema, generation: str) -> None:
        path = self._path(schema, generation)
        path.mkdir(parents=True, exist_ok=False)
        self._open(schema, generation)

    def promote(self, schema: Schema, generation: str) -> None:
        self._open(schema, generation)
        pointer = self.root / schema.name / _POINTER
        draft = pointer.with_name(f"{_POINTER}.{os.getpid()}.{threading.get_ident()}")
        with draft.open("w", encoding="utf-8") as file:
            json.dump({"fingerprint": schema.fingerprint, "generation": generation}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, pointer)

    def current(self, schema: Schema) -> str | None:
        try:
            pointer = json.loads((self.root / schema.name / _POINTER).read_text(encoding="utf-8"))
            fingerprint, generation = pointer["fingerprint"], pointer["generation"]
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, TypeError):
            logger.warning("pointer of search index %s cannot be read; treated as missing", schema.name)
            return None
        return generation if fingerprint == schema.fingerprint else None

    def generations(self, name: str) -> tuple[str, ...]:
        folder = self.root / name
        if not folder.is_dir():
            return ()
        names = [path.name for path in folder.iterdir() if path.is_dir() and "-" in path.name]
        return tuple(sorted({name.split("-", 1)[1] for name in names}))

    def drop(self, name: str, generation: str) -> None:
        folder = self.root / name
        if not folder.is_dir():
            return
        for path in folder.glob(f"*-{generation}"):
            with self._opening:
                self._opened = {key: value for key, value in self._opened.items() if key[1] != path}
            shutil.rmtree(path, ignore_errors=True)

    def probe(self, schema: Schema, generation: str | None = None) -> int:
        def read(opened: _Generation) -> int:
            searcher = opened.searcher()
            found = searcher.search(self._live(opened), limit=1)
            for _score, address in found.hits:
                searcher.doc(address)
            return found.count

        # A fresh look at the folder: a generation opened earlier would go on reading files that are no longer there.
        chosen = generation or self.current(schema)
        if chosen is None or not self._path(schema, chosen).is_dir():
            raise IndexMissing
        path = self._path(schema, chosen)
        with self._reporting_damage(path):
            return read(_Generation(path, schema))

    # --- writing -------------------------------------------------------------------------------------------------

    def write(self, schema: Schema, generation: str, operations: Sequence[Operation]) -> None:
        newest: dict[str, Operation] = {}
        for operation in operations:
            known = newest.get(operation.id)
            if known is None or operation.version >= known.version:
                newest[operation.id] = operation
        if not newest:
            return
        opened = self._open(schema, generation)
        with self._writer(opened) as writer:
            seen = self._seen_versions(opened, list(newest))
            for operation in newest.values():
                if seen.get(operation.id, -1) > operation.version:
                    continue
                if operation.id in seen:
                    writer.delete_documents_by_term("id", operation.id)
                writer.add_document(self._document(opened, operation))
            writer.commit()

    @contextmanager
    def _writer(self, opened: _Generation) -> Iterator[tantivy.IndexWriter]:
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        while True:
            try:
                writer = opened.index.writer(heap_size=WRITER_HEAP_BYTES, num_threads=1)
                break
            except ValueError as error:
                if "LockBusy" not in str(error):
                    raise self._unreadable(opened.path, error) from error
                if time.monotonic() > deadline:
                    raise WriterBusy from error
                time.sleep(LOCK_RETRY_SECONDS)
        with self._reporting_damage(opened.path):
            try:
                yield writer
            finally:
                # Waits for merges, then gives the lock back; an uncommitted batch is discarded with the writer.
                writer.wait_merging_threads()
                del writer

    def _seen_versions(self, opened: _Generation, ids: list[str]) -> dict[str, int]:
        searcher = opened.searcher()
        if searcher.num_docs == 0:
            return {}
        query = tantivy.Query.term_set_query(opened.tantivy_schema, "id", ids)
        addresses = [address for _score, address in searcher.search(query, limit=len(ids), count=False).hits]
        versions = searcher.fast_field_values("document_version", addresses)
        return {
            searcher.doc(address).get_first("id"): version for address, version in zip(addresses, versions, strict=True)
        }

    def _document(self, opened: _Generation, operation: Operation) -> tantivy.Document:
        document = tantivy.Document()
        document.add_text("id", operation.id)
        document.add_integer("document_version", operation.version)
        if isinstance(operation, Delete):
            return document
        document.add_text(_LIVE, "1")
        values = unpack(opened.schema, operation.document)
        for field in opened.schema.fields:
            value = values.get(field.name)
            if value is None or field.kind is Kind.VECTOR:
                continue
            if field.kind is Kind.KEYWORD:
                for entry in [value] if isinstance(value, str) else value:
                    document.add_text(field.name, entry)
            elif field.kind is Kind.INTEGER:
                document.add_integer(field.name, value)
            elif field.kind is Kind.STORED_BYTES:
                document.add_bytes(field.name, value)
            else:
                document.add_text(field.name, value)
        return document

    # --- reading -------------------------------------------------------------------------------------------------

    def search(self, schema: Schema, query: Query) -> Results:
        if query.vector:
            raise ValueError("the embedded engine does not find by vector")

        def read(opened: _Generation) -> Results:
            searcher = opened.searcher()
            compiled = self._compile(opened, query.clauses, query.filters)
            options: dict[str, Any] = {}
            if query.sort is not None:
                options = {
                    "order_by_field": query.sort.field,
                    "order": tantivy.Order.Desc if query.sort.descending else tantivy.Order.Asc,
                }
            if query.limit:
                found = searcher.search(
                    compiled, limit=query.limit, offset=query.offset, count=query.count_total, **options
                )
                total, ranked = found.count, found.hits
            else:
                total, ranked = searcher.search(compiled, limit=1, count=True).count, []
            stored = (*schema.names(Kind.STORED_TEXT), *schema.names(Kind.STORED_BYTES))
            hits = []
            for score, address in ranked:
                document = searcher.doc(address)
                values = {name: document.get_first(name) for name in stored}
                hits.append(Hit(document.get_first("id"), score if query.sort is None else 0.0, values))
            opened.documents_read += len(hits)
            facets = self._count_facets(opened, searcher, query)
            return Results(tuple(hits), total if query.count_total else None, facets, opened.path.name.split("-", 1)[1])

        return self._reading(schema, read)

    def search_many(self, schema: Schema, queries: Sequence[Query]) -> list[Results]:
        return [self.search(schema, query) for query in queries]

    def document_frequencies(self, schema: Schema, field_name: str, terms: Iterable[str]) -> Frequencies:
        def read(opened: _Generation) -> Frequencies:
            searcher = opened.searcher()
            count = searcher.doc_freq
            return Frequencies(count(_LIVE, "1"), {term: count(field_name, term) for term in terms})

        return self._reading(schema, read)

    def document_frequencies_many(
        self, schema: Schema, field_name: str, asked: Sequence[Iterable[str]]
    ) -> list[Frequencies]:
        return [self.document_frequencies(schema, field_name, terms) for terms in asked]

    def suggest(self, schema: Schema, field_name: str, prefix: str, filters: Sequence[Filter], limit: int) -> list[str]:
        def read(opened: _Generation) -> list[str]:
            searcher = opened.searcher()
            compiled = self._compile(opened, (), filters)
            found = searcher.terms_with_prefix(field_name, prefix, filter_query=compiled, limit=None)
            ranked = sorted(found, key=lambda entry: (-entry[1], entry[0]))
            return [term for term, _count in ranked[:limit]]

        return self._reading(schema, read)

    def versions(self, schema: Schema, generation: str | None = None) -> Iterator[tuple[str, int]]:
        def read(opened: _Generation) -> list[tuple[str, int]]:
            searcher = opened.searcher()
            addresses = [
                address for _score, address in searcher.search(self._live(opened), limit=max(searcher.num_docs, 1)).hits
            ]
            numbers = searcher.fast_field_values("document_version", addresses)
            return [
                (searcher.doc(address).get_first("id"), number)
                for address, number in zip(addresses, numbers, strict=True)
            ]

        return iter(self._reading(schema, read, generation))

    # --- inside --------------------------------------------------------------------------------------------------

    def _path(self, schema: Schema, generation: str) -> Path:
        return self.root / schema.name / f"{schema.fingerprint}-{generation}"

    def _open(self, schema: Schema, generation: str) -> _Generation:
        path = self._path(schema, generation)
        key = (os.getpid(), path)
        opened = self._opened.get(key)
        if opened is not None and path.is_dir() and opened.documents_read < REOPEN_AFTER_DOCUMENTS:
            return opened
        with self._opening:
            if not path.is_dir():
                self._opened.pop(key, None)
                raise IndexMissing
            opened = self._opened.get(key)
            if opened is None or opened.documents_read >= REOPEN_AFTER_DOCUMENTS:
                with self._reporting_damage(path):
                    self._opened[key] = _Generation(path, schema)
            return self._opened[key]

    def _reading(self, schema: Schema, read: Callable[[_Generation], _T], generation: str | None = None) -> _T:
        """Run `read` on the promoted generation; once more if it was swapped away meanwhile."""
        chosen = generation or self.current(schema)
        if chosen is None:
            raise IndexMissing
        try:
            return self._read_one(schema, chosen, read)
        except (IndexMissing, IndexDamaged):
            again = generation or self.current(schema)
            if again is None or again == chosen:
                raise
            return self._read_one(schema, again, read)

    def _read_one(self, schema: Schema, generation: str, read: Callable[[_Generation], _T]) -> _T:
        opened = self._open(schema, generation)
        with self._reporting_damage(opened.path):
            return read(opened)

    @contextmanager
    def _reporting_damage(self, path: Path) -> Iterator[None]:
        """tantivy's own errors on a folder become the contract's; so do its panics, which are no `Exception`."""
        try:
            yield
        except (ValueError, OSError) as error:
            raise self._unreadable(path, error) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: Path, error: BaseException) -> IndexMissing | IndexDamaged:
        self._opened.pop((os.getpid(), path), None)
        if not path.is_dir():
            return IndexMissing()
        logger.error("search index %s cannot be read: %s", path.name, error)
        return IndexDamaged()

    def _live(self, opened: _Generation) -> tantivy.Query:
        return tantivy.Query.term_query(opened.tantivy_schema, _LIVE, "1", index_option="basic")

    def _compile(self, opened: _Generation, clauses: Sequence[Clause], filters: Sequence[Filter]) -> tantivy.Query:
        schema = opened.tantivy_schema
        optional: list[tuple[tantivy.Occur, tantivy.Query]] = []
        required: list[tuple[tantivy.Occur, tantivy.Query]] = []
        for clause in clauses:
            occur = tantivy.Occur.Must if clause.all_terms else tantivy.Occur.Should
            parts = [
                (occur, _term(schema, clause.field, term, weight * clause.weight)) for term, weight in clause.terms
            ]
            if not clause.required and not clause.all_terms:
                optional += parts  # flat: tantivy prunes a plain union of terms only
            elif parts:
                whole = tantivy.Query.boolean_query(parts)
                if clause.required:
                    required.append((tantivy.Occur.Must, whole))
                else:
                    optional.append((tantivy.Occur.Should, whole))
        conditions = [
            (
                tantivy.Occur.MustNot if entry.excluded else tantivy.Occur.Must,
                tantivy.Query.const_score_query(_condition(schema, entry), 0.0),
            )
            for entry in filters
        ]
        if not required and not optional:
            if clauses:
                return tantivy.Query.empty_query()
            live = tantivy.Query.const_score_query(self._live(opened), 0.0)
            return tantivy.Query.boolean_query([(tantivy.Occur.Must, live), *conditions]) if conditions else live
        if required:
            return tantivy.Query.boolean_query([*required, *optional, *conditions])
        if conditions:
            return tantivy.Query.boolean_query(
                [(tantivy.Occur.Must, tantivy.Query.boolean_query(optional)), *conditions]
            )
        return tantivy.Query.boolean_query(optional)

    def _count_facets(
        self, opened: _Generation, searcher: tantivy.Searcher, query: Query
    ) -> dict[str, tuple[tuple[str, int], ...]]:
        """One aggregation for all facets without a filter of their own, one more for each that has (multi-select)."""
        filtered = {entry.facet for entry in query.filters if entry.facet}
        groups: list[tuple[list[Facet], list[Filter]]] = [
            ([facet], [entry for entry in query.filters if entry.facet != facet.name])
            for facet in query.facets
            if facet.name in filtered
        ]
        rest = [facet for facet in query.facets if facet.name not in filtered]
        if rest:
            groups.append((rest, list(query.filters)))
        counted: dict[str, tuple[tuple[str, int], ...]] = {}
        for facets, filters in groups:
            compiled = self._compile(opened, query.clauses, filters)
            answer = searcher.aggregate(
                compiled, {facet.name: {"terms": {"field": facet.field, "size": facet.size}} for facet in facets}
            )
            for facet in facets:
                buckets = [(bucket["key"], bucket["doc_count"]) for bucket in answer[facet.name]["buckets"]]
                counted[facet.name] = tuple(sorted(buckets, key=lambda bucket: (-bucket[1], bucket[0])))
        return counted


def _term(schema: tantivy.Schema, field_name: str, term: str, weight: float) -> tantivy.Query:
    query = tantivy.Query.term_query(schema, field_name, term, index_option="freq")
    return query if weight == 1.0 else tantivy.Query.boost_query(query, weight)


def _condition(schema: tantivy.Schema, entry: Filter) -> tantivy.Query:
    if entry.values:
        if len(entry.values) == 1:
            return tantivy.Query.term_query(schema, entry.field, entry.values[0], index_option="basic")
        return tantivy.Query.term_set_query(schema, entry.field, list(entry.values))
    if entry.minimum is None and entry.maximum is None:
        return tantivy.Query.empty_query()
    return tantivy.Query.range_query(
        schema, entry.field, tantivy.FieldType.Integer, lower_bound=entry.minimum, upper_bound=entry.maximum
    )
