"""The Elasticsearch engine (8.19 client; 8.x and 9.x clusters). The only importer of `elasticsearch`.

Names: `<prefix>-<index>-<fingerprint>-<generation>` is one generation; the alias `<prefix>-<index>-<fingerprint>` is
the promoted one, moved by one request; the alias `<generation's name>-writes` lives as long as the generation, so that
a write to a dropped generation fails instead of making an index nobody defined.

Versions are external ones, so the server itself refuses a late write. A deletion is a document without fields but id
and version: the server forgets real deletions after a while, and a late write would bring the row back (ADR 0005).

Only what every cluster has: no plug-in, script, custom analyzer or paid feature (stack.md §6). A request that cannot be
answered raises `EngineUnavailable`; what is behind it stands in the log.
"""

import logging
import os
import re
import threading
import time
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import orjson
import urllib3
from elastic_transport import (
    ConnectionError as NodeUnreachable,
)
from elastic_transport import (
    ConnectionTimeout,
    SerializationError,
    TransportError,
    Urllib3HttpNode,
)
from elastic_transport.client_utils import DEFAULT
from elasticsearch import ApiError, Elasticsearch, NotFoundError
from elasticsearch.dsl import A, Binary, Boolean, DenseVector, Keyword, Long, Q, Search, Text
from elasticsearch.dsl import Mapping as IndexMapping
from elasticsearch.serializer import JsonSerializer, NdjsonSerializer

from search.contract import (
    Clause,
    EngineUnavailable,
    Filter,
    Frequencies,
    Hit,
    IndexMissing,
    Kind,
    Operation,
    Put,
    Query,
    Results,
    Schema,
)
from search.engines.breaker import TOLERATED, Breaker
from search.packing import pack, to_json

logger = logging.getLogger(__name__)

#: Seconds. The server gives up a query before the client does: a slow query is not taken for a dead server.
CONNECT_LIMIT = 0.3
QUERY_LIMIT = 2.0
SERVER_LIMIT = "1500ms"
PROBE_LIMIT = 0.5
BATCH_LIMIT = 10.0
WRITE_LIMIT = 30.0
SHARDS_LIMIT = "10s"
#: What is tried again: nodes that cannot be reached (on the next one), and these answers.
BUSY = (429, 503)
WRITE_PAUSES = (0.1, 0.4, 1.0)
#: One bulk request holds at most this many operations, and about this many bytes.
BULK_OPERATIONS = 1_000
BULK_BYTES = 5_000_000
#: What is read of the answer to one.
BULK_ANSWER = ("items.*.status", "items.*.error")
VERSIONS_PAGE = 5_000
#: Vectors looked at per shard for the nearest ones.
VECTOR_CANDIDATES = 200
#: Documents from which a promoted generation is merged.
MERGED_FROM = 5_000
#: Characters of a prefix sent as a pattern; the rest is compared here.
PATTERN_LENGTH = 100
LONGEST_KEYWORD = 8_000
_LIVE = "live"
_RESERVED = re.compile(r"([^\w])", re.ASCII)
_T = TypeVar("_T")


class DocumentsRefused(Exception):
    """The server will never take these documents: a fault of the document or its mapping, not an outage.

    Everything else of the batch has been written.
    """


@dataclass(frozen=True)
class Connection:
    """Where the cluster is and how its indexes are made. `replicas`: a number, or a range such as 0-1 by nodes."""

    nodes: tuple[str, ...]
    prefix: str = "marketplace"
    shards: int = 1
    replicas: str = "0-1"
    api_key: str = ""
    username: str = ""
    password: str = ""
    ca_certs: str = ""

    def client(self) -> Elasticsearch:
        options: dict[str, Any] = {}
        if self.api_key:
            options["api_key"] = self.api_key
        elif self.username:
            options["basic_auth"] = (self.username, self.password)
        if self.ca_certs:
            options["ca_certs"] = self.ca_certs
        return Elasticsearch(
            list(self.nodes),
            node_class=_Node,
            connections_per_node=16,
            request_timeout=QUERY_LIMIT,
            max_retries=max(1, len(self.nodes) - 1),
            retry_on_status=BUSY,
            retry_on_timeout=False,
            serializers={serializer.mimetype: serializer for serializer in (_Json(), _Lines())},
            dead_node_backoff_factor=1.0,
            max_dead_node_backoff=10.0,
            **options,
        )


class _FastJson:
    """Reads and writes with orjson: 200 candidates are 700 kB, and reading them was a tenth of a match.

    What orjson refuses (half a character, a number beyond 64 bits) goes the standard way.
    """

    def json_dumps(self, data: Any) -> bytes:
        try:
            return orjson.dumps(data)
        except TypeError:
            return super().json_dumps(data)  # type: ignore[misc]

    def json_loads(self, data: bytes) -> Any:
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            return super().json_loads(data)  # type: ignore[misc]


class _Json(_FastJson, JsonSerializer):
    pass


class _Lines(_FastJson, NdjsonSerializer):
    pass


class _Node(Urllib3HttpNode):
    """A node with a short limit for connecting, whatever the request may take afterwards."""

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Any = None,
        request_timeout: Any = DEFAULT,
    ) -> Any:
        seconds: float = (self.config.request_timeout if request_timeout is DEFAULT else request_timeout) or QUERY_LIMIT
        limit = urllib3.Timeout(connect=min(CONNECT_LIMIT, seconds), read=seconds)
        try:
            return super().perform_request(method, target, body, headers, limit)  # type: ignore[arg-type]
        except ConnectionTimeout as error:
            if isinstance(error.__cause__, urllib3.exceptions.ConnectTimeoutError):
                # Nothing was sent: as safe to try on the next node as a refused connection.
                raise NodeUnreachable(str(error), errors=error.errors) from error
            raise


def index_mapping(schema: Schema) -> dict[str, Any]:
    """Strict, and named by the schema's version. Tokens are indexed and thrown away; only evidence is stored."""
    mapping = IndexMapping()
    mapping.meta("dynamic", "strict")
    mapping.meta("_meta", {"index": schema.name, "version": schema.version, "fingerprint": schema.fingerprint})
    stored = (*schema.names(Kind.STORED_TEXT), *schema.names(Kind.STORED_BYTES))
    mapping.meta("_source", {"includes": list(stored) or ["document_version"]})
    mapping.field("id", Keyword())
    mapping.field("document_version", Long(index=False))
    mapping.field(_LIVE, Boolean())
    for field in schema.fields:
        if field.kind is Kind.VECTOR:
            options = {"type": "int8_hnsw"}
            vector = DenseVector(dims=field.dimensions, index=True, similarity="cosine", index_options=options)
            mapping.field(field.name, vector)
        else:
            mapping.field(field.name, _FIELDS[field.kind]())
    return mapping.to_dict()


_FIELDS: dict[Kind, Callable[[], Any]] = {
    Kind.TOKENS: lambda: Text(analyzer="whitespace", similarity="tuned", index_options="freqs"),
    Kind.KEYWORD: lambda: Keyword(ignore_above=LONGEST_KEYWORD),
    Kind.INTEGER: lambda: Long(),
    Kind.STORED_TEXT: lambda: Keyword(index=False, doc_values=False),
    Kind.STORED_BYTES: lambda: Binary(),
}


class ElasticsearchEngine:
    """Implements `search.contract.Engine` on a cluster."""

    name = "elasticsearch"
    finds_by_vector = True
    writers = 2

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.breaker = Breaker(self.name, self._health)
        self._clients: dict[int, Elasticsearch] = {}
        self._making = threading.Lock()
        self._shards: dict[str, int] = {}

    # --- generations ---------------------------------------------------------------------------------------------

    def create(self, schema: Schema, generation: str) -> None:
        name = self._index(schema, generation)
        settings: dict[str, Any] = {
            "number_of_shards": self.connection.shards,
            # Only `write` and `promote` make changes visible, so that a batch is seen whole.
            "refresh_interval": "-1",
            "similarity": {"tuned": {"type": "BM25", "k1": 1.6, "b": 0.75}},
        }
        replicas = self.connection.replicas
        settings["number_of_replicas" if replicas.isdecimal() else "auto_expand_replicas"] = replicas
        self._call(
            lambda client: client.indices.create(
                index=name, settings=settings, mappings=index_mapping(schema), aliases={_writes(name): {}}
            ),
            limit=WRITE_LIMIT,
        )

    def promote(self, schema: Schema, generation: str) -> None:
        name, alias = self._index(schema, generation), self._alias(schema)
        documents = self.probe(schema, generation)
        self._call(
            lambda client: client.indices.update_aliases(
                actions=[
                    {"remove": {"index": f"{alias}-*", "alias": alias, "must_exist": False}},
                    {"add": {"index": name, "alias": alias}},
                ]
            ),
            limit=WRITE_LIMIT,
        )
        # What another process wrote in between without knowing that it would be read.
        self._refresh(name)
        if documents >= MERGED_FROM:
            self._merge(name)

    def _merge(self, name: str) -> None:
        """Have the server make one segment of a fresh generation, in its own time: half the size and query time."""
        with suppress(EngineUnavailable):
            self._call(
                lambda client: client.indices.forcemerge(index=name, max_num_segments=1, wait_for_completion=False)
            )

    def current(self, schema: Schema) -> str | None:
        alias = self._alias(schema)
        try:
            found = self._call(lambda client: client.indices.get_alias(name=alias, index=f"{alias}-*"))
        except IndexMissing:
            return None
        names = [name for name, about in found.items() if alias in about["aliases"]]
        return names[0].removeprefix(f"{alias}-") if names else None

    def generations(self, name: str) -> tuple[str, ...]:
        start = f"{self.connection.prefix}-{name}-"
        found = self._indexes(f"{start}*")
        return tuple(sorted({entry.removeprefix(start).split("-", 1)[1] for entry in found}))

    def drop(self, name: str, generation: str) -> None:
        found = self._indexes(f"{self.connection.prefix}-{name}-*-{generation}")
        if found:
            # By their names: a cluster may refuse patterns for what cannot be undone.
            self._call(
                lambda client: client.indices.delete(index=found, ignore_unavailable=True),
                limit=WRITE_LIMIT,
            )

    def probe(self, schema: Schema, generation: str | None = None) -> int:
        target = self._target(schema, generation)
        search = Search().filter("term", **{_LIVE: True}).extra(size=1, track_total_hits=True)
        return self._search(target, search, lambda answer: answer["hits"]["total"]["value"])

    # --- writing -------------------------------------------------------------------------------------------------

    def write(self, schema: Schema, generation: str, operations: Sequence[Operation]) -> None:
        newest: dict[str, Operation] = {}
        for operation in operations:
            known = newest.get(operation.id)
            if known is None or operation.version >= known.version:
                newest[operation.id] = operation
        if not newest:
            return
        name = self._index(schema, generation)
        refused: list[str] = []
        for chunk in _chunks([_Item(schema, operation) for operation in newest.values()]):
            refused += self._bulk(name, chunk)
        # Asked afterwards: a generation promoted meanwhile is refreshed by whoever comes last.
        if self.current(schema) == generation:
            self._refresh(name)
        if refused:
            raise DocumentsRefused(f"{schema.name}: {len(refused)} documents refused, first: {refused[0]}")

    def _bulk(self, name: str, items: "Sequence[_Item]") -> list[str]:
        """Send items until each is written, has lost to a newer one, or is refused; returns the refusals."""
        refused: list[str] = []
        for pause in (*WRITE_PAUSES, None):
            waiting: list[_Item] = []
            for item, entry in zip(items, self._bulk_request(name, items), strict=True):
                result = entry["index"]
                status = result["status"]
                if status < 300 or status == 409:
                    continue
                if status in BUSY:
                    waiting.append(item)
                elif status == 404:
                    raise IndexMissing
                else:
                    refused.append(f"{item.id}: {result.get('error')}"[:500])
            if not waiting:
                return refused
            if pause is None:
                break
            items = waiting
            time.sleep(pause)
        logger.warning("search index %s takes no writes now (%d waiting)", name, len(waiting))
        raise EngineUnavailable

    def _bulk_request(self, name: str, items: "Sequence[_Item]") -> list[dict[str, Any]]:
        lines = [line for item in items for line in item.lines]
        return self._call(
            lambda client: client.bulk(
                index=_writes(name),
                operations=lines,  # type: ignore[arg-type]  # bytes go as they are
                require_alias=True,
                timeout=SHARDS_LIMIT,
                filter_path=BULK_ANSWER,
            ).body["items"],
            limit=WRITE_LIMIT,
        )

    # --- reading -------------------------------------------------------------------------------------------------

    def search(self, schema: Schema, query: Query) -> Results:
        search = _search_of(schema, query)
        answer = self._search(self._alias(schema), search, lambda answer: self._results(schema, query, answer))
        return self._named(schema, answer)

    def search_many(self, schema: Schema, queries: Sequence[Query]) -> list[Results]:
        if not queries:
            return []
        head = {"index": self._alias(schema), "allow_partial_search_results": False}
        lines = [line for query in queries for line in (head, _search_of(schema, query).to_dict())]

        def ask(client: Elasticsearch) -> list[Results]:
            answers = client.msearch(searches=lines).body["responses"]
            for answer in answers:
                if answer["status"] == 404:
                    raise IndexMissing
                if "error" in answer or answer["timed_out"]:
                    raise _TooSlow(str(answer.get("error", "timed out"))[:300])
            return [self._results(schema, *pair) for pair in zip(queries, answers, strict=True)]

        return [self._named(schema, results) for results in self._call(ask, limit=BATCH_LIMIT)]

    def _results(self, schema: Schema, query: Query, answer: Mapping[str, Any]) -> Results:
        found = answer["hits"]
        stored = (*schema.names(Kind.STORED_TEXT), *schema.names(Kind.STORED_BYTES))
        byte_fields = schema.names(Kind.STORED_BYTES)
        hits = [
            Hit(
                hit["_id"],
                (hit["_score"] or 0.0) if query.sort is None else 0.0,
                _stored(hit.get("_source", {}), stored, byte_fields),
            )
            for hit in found["hits"]
        ]
        facets = {}
        for facet in query.facets:
            counts = answer["aggregations"][facet.name]
            buckets = counts.get("values", counts)["buckets"]
            pairs = [(bucket["key"], bucket["doc_count"]) for bucket in buckets]
            facets[facet.name] = tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
        total = found["total"]["value"] if query.count_total and not query.vector else None
        index = found["hits"][0]["_index"] if hits else ""
        return Results(tuple(hits), total, facets, index.removeprefix(f"{self._alias(schema)}-"))

    def _named(self, schema: Schema, results: Results) -> Results:
        """An answer without hits does not say which generation gave it."""
        return results if results.generation else replace(results, generation=self.current(schema) or "")

    def document_frequencies(self, schema: Schema, field_name: str, terms: Iterable[str]) -> Frequencies:
        """Term statistics of a document that is never stored: they belong to one shard, so each is asked."""
        wanted = list(terms)
        answer = self._term_statistics(self._alias(schema), field_name, wanted)
        found = [_frequencies(answer, field_name)]
        for shard in range(1, self._shard_count(answer["_index"])):
            if shard == 1:
                found = [_frequencies(self._term_statistics(answer["_index"], field_name, wanted, 0), field_name)]
            found.append(_frequencies(self._term_statistics(answer["_index"], field_name, wanted, shard), field_name))
        return Frequencies(
            sum(documents for documents, _counts in found),
            {term: sum(counts.get(term, 0) for _documents, counts in found) for term in wanted},
        )

    def _term_statistics(
        self, index: str, field_name: str, terms: Sequence[str], shard: int | None = None
    ) -> dict[str, Any]:
        text = _with_mark(terms)
        return self._call(
            lambda client: (
                client.termvectors(
                    index=index,
                    doc={field_name: text},
                    fields=[field_name],
                    term_statistics=True,
                    field_statistics=True,
                    positions=False,
                    offsets=False,
                    payloads=False,
                    preference=None if shard is None else f"_shards:{shard}",
                ).body
            )
        )

    def document_frequencies_many(
        self, schema: Schema, field_name: str, asked: Sequence[Iterable[str]]
    ) -> list[Frequencies]:
        wanted = [list(terms) for terms in asked]
        live = self.current(schema)
        if live is None:
            raise IndexMissing
        name = self._index(schema, live)
        if self._shard_count(name) > 1:
            return [self.document_frequencies(schema, field_name, terms) for terms in wanted]
        options = {"term_statistics": True, "positions": False, "offsets": False, "payloads": False}
        documents = [
            {"_index": name, "doc": {field_name: _with_mark(terms)}, "fields": [field_name], **options}
            for terms in wanted
        ]

        def ask(client: Elasticsearch) -> list[tuple[int, dict[str, int]]]:
            answers = client.mtermvectors(docs=documents).body["docs"]
            return [_frequencies(answer, field_name) for answer in answers]

        found = self._call(ask, limit=BATCH_LIMIT) if documents else []
        return [
            Frequencies(documents, {term: counts.get(term, 0) for term in terms})
            for terms, (documents, counts) in zip(wanted, found, strict=True)
        ]

    def _shard_count(self, index: str) -> int:
        if index not in self._shards:
            answer = self._call(lambda client: client.indices.get_settings(index=index, flat_settings=True))
            self._shards[index] = int(answer[index]["settings"]["index.number_of_shards"])
        return self._shards[index]

    def suggest(self, schema: Schema, field_name: str, prefix: str, filters: Sequence[Filter], limit: int) -> list[str]:
        pattern = _RESERVED.sub(r"\\\1", prefix[:PATTERN_LENGTH]) + ".*"
        long = len(prefix) > PATTERN_LENGTH
        search = Search().query(_compile((), [*filters])).filter("prefix", **{field_name: prefix[:PATTERN_LENGTH]})
        search = search.extra(size=0, track_total_hits=False, timeout=SERVER_LIMIT)
        search.aggs.bucket("values", "terms", field=field_name, include=pattern, size=1_000 if long else limit)

        def parse(answer: Mapping[str, Any]) -> list[str]:
            pairs = [(bucket["key"], bucket["doc_count"]) for bucket in answer["aggregations"]["values"]["buckets"]]
            pairs.sort(key=lambda pair: (-pair[1], pair[0]))
            return [value for value, _count in pairs if value.startswith(prefix)][:limit]

        return self._search(self._alias(schema), search, parse)

    def versions(self, schema: Schema, generation: str | None = None) -> Iterator[tuple[str, int]]:
        target = self._target(schema, generation)
        opened = self._call(lambda client: client.open_point_in_time(index=target, keep_alive="2m")["id"])
        return self._version_pages(opened)

    def _version_pages(self, opened: str) -> Iterator[tuple[str, int]]:
        after: list[Any] | None = None
        try:
            while True:
                search = Search().filter("term", **{_LIVE: True}).source(False)
                search = search.extra(
                    size=VERSIONS_PAGE,
                    track_total_hits=False,
                    pit={"id": opened, "keep_alive": "2m"},
                    sort=["_shard_doc"],
                    docvalue_fields=["document_version"],
                )
                if after is not None:
                    search = search.extra(search_after=after)
                hits = self._search(None, search, lambda answer: answer["hits"]["hits"], limit=WRITE_LIMIT)
                for hit in hits:
                    yield hit["_id"], int(hit["fields"]["document_version"][0])
                if len(hits) < VERSIONS_PAGE:
                    return
                after = hits[-1]["sort"]
        finally:
            with suppress(EngineUnavailable):  # it closes by itself, too
                self._call(lambda client: client.close_point_in_time(id=opened))

    # --- inside --------------------------------------------------------------------------------------------------

    def _alias(self, schema: Schema) -> str:
        return f"{self.connection.prefix}-{schema.name}-{schema.fingerprint}"

    def _index(self, schema: Schema, generation: str) -> str:
        return f"{self._alias(schema)}-{generation}"

    def _target(self, schema: Schema, generation: str | None) -> str:
        """The promoted generation's alias, or a named generation with everything written to it visible."""
        if generation is None:
            return self._alias(schema)
        name = self._index(schema, generation)
        self._refresh(name)
        return name

    def _indexes(self, pattern: str) -> list[str]:
        return list(self._call(lambda client: client.indices.get_settings(index=pattern, name="index.uuid")).keys())

    def _refresh(self, name: str) -> None:
        self._call(lambda client: client.indices.refresh(index=name), limit=WRITE_LIMIT)

    def _search(
        self, target: str | None, search: Search, parse: Callable[[Mapping[str, Any]], _T], limit: float = QUERY_LIMIT
    ) -> _T:
        body = search.to_dict()

        def ask(client: Elasticsearch) -> _T:
            options: dict[str, Any] = {"allow_partial_search_results": False} if target else {}
            answer = client.search(index=target, **_arguments(body), **options).body
            if answer["timed_out"]:
                raise _TooSlow
            return parse(answer)

        return self._call(ask, limit=limit)

    def _client(self) -> Elasticsearch:
        """One client per process: connections must not be shared over a fork."""
        process = os.getpid()
        client = self._clients.get(process)
        if client is None:
            with self._making:
                client = self._clients.setdefault(process, self.connection.client())
        return client

    def _call(self, ask: Callable[[Elasticsearch], _T], limit: float = QUERY_LIMIT) -> _T:
        """Ask the cluster under the breaker. Everything that is no answer becomes EngineUnavailable."""
        self.breaker.check()
        answer = self._attempt(ask, limit)
        self.breaker.succeeded()
        return answer

    def _attempt(self, ask: Callable[[Elasticsearch], _T], limit: float) -> _T:
        client = self._client().options(request_timeout=limit)
        try:
            return ask(client)
        except NotFoundError as error:
            raise IndexMissing from error
        except ConnectionTimeout as error:
            # A hang. One of several nodes may be the only one that hangs: the next request goes to another.
            self.breaker.failed(weight=TOLERATED if len(self.connection.nodes) == 1 else TOLERATED - 1)
            raise _unavailable("no answer in time", error) from error
        except (ApiError, SerializationError, _TooSlow, LookupError, TypeError, ValueError) as error:
            self.breaker.failed(weight=0 if isinstance(error, ApiError) and error.status_code == 400 else 1)
            raise _unavailable("no usable answer", error) from error
        except TransportError as error:
            # Refused or cut off, on every node that was tried.
            self.breaker.failed(weight=TOLERATED)
            raise _unavailable("not reachable", error) from error

    def _health(self) -> None:
        """`/_cluster/health` only: not every distribution answers `/`. Its colour does not matter here."""

        def ask(client: Elasticsearch) -> str:
            return client.cluster.health()["status"]

        self._attempt(ask, PROBE_LIMIT)


class _TooSlow(Exception):
    """The server gave the query up."""


class _Item:
    """One line pair of a bulk request, as bytes. A document that was packed before is not read again."""

    __slots__ = ("bytes", "id", "lines")

    def __init__(self, schema: Schema, operation: Operation) -> None:
        self.id = operation.id
        key, version = to_json(operation.id), str(int(operation.version)).encode()
        document = b'{"id":%b,"document_version":%b' % (key, version)
        if isinstance(operation, Put):
            packed = pack(schema, operation.document)
            document += b',"%b":true' % _LIVE.encode() + (b"," + packed[1:] if len(packed) > 2 else b"}")
        else:
            document += b"}"
        self.lines = (b'{"index":{"_id":%b,"version":%b,"version_type":"external_gte"}}' % (key, version), document)
        self.bytes = sum(map(len, self.lines))


def _chunks(items: Sequence[_Item]) -> Iterator[list[_Item]]:
    chunk: list[_Item] = []
    size = 0
    for item in items:
        if chunk and (len(chunk) == BULK_OPERATIONS or size + item.bytes > BULK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(item)
        size += item.bytes
    if chunk:
        yield chunk


def _writes(name: str) -> str:
    return f"{name}-writes"


def _arguments(body: Mapping[str, Any]) -> dict[str, Any]:
    """The client's names for what a search body holds."""
    names = {"from": "from_", "_source": "source"}
    return {names.get(name, name): value for name, value in body.items()}


def _stored(source: Mapping[str, Any], names: Sequence[str], byte_fields: Sequence[str]) -> dict[str, Any]:
    values = {name: source.get(name) for name in names}
    for name in byte_fields:
        if name in source:
            values[name] = a2b_base64(source[name])
    return values


def _with_mark(terms: Sequence[str]) -> str:
    """The terms and one that no document has: the answer must name the collection even for a text without terms."""
    return " ".join([*terms, "\u0001"])


def _frequencies(answer: Mapping[str, Any], field_name: str) -> tuple[int, dict[str, int]]:
    found = answer["term_vectors"].get(field_name)
    if found is None:
        return 0, {}
    documents = max(found["field_statistics"]["doc_count"], 0)
    return documents, {term: about.get("doc_freq", 0) for term, about in found["terms"].items()}


def _search_of(schema: Schema, query: Query) -> Search:
    """The request for one query."""
    if query.vector:
        return _nearest(schema, query)
    asked = {facet.name for facet in query.facets}
    own = [entry for entry in query.filters if entry.facet in asked]
    common = [entry for entry in query.filters if entry.facet not in asked]
    search = Search().query(_compile(query.clauses, common, named=query.count_total))
    search = search.extra(
        size=query.limit, from_=query.offset, track_total_hits=query.count_total, timeout=SERVER_LIMIT
    )
    # What is kept of a source is exactly what a hit brings back (`index_mapping`): sent as it lies, without parsing.
    is_stored = any(field.kind in (Kind.STORED_TEXT, Kind.STORED_BYTES) for field in schema.fields)
    search = search.source(is_stored)
    if own:
        search = search.post_filter(_conditions(own))
    for facet in query.facets:
        others = [entry for entry in own if entry.facet != facet.name]
        counted = A("terms", field=facet.field, size=facet.size)
        if others:
            search.aggs.bucket(facet.name, "filter", _conditions(others)).bucket("values", counted)
        else:
            search.aggs.bucket(facet.name, counted)
    if query.sort is not None:
        order = {"order": "desc" if query.sort.descending else "asc", "missing": "_last"}
        search = search.sort({query.sort.field: order}, {"id": {"order": "asc"}})
    return search


def _nearest(schema: Schema, query: Query) -> Search:
    """The nearest vectors among the documents that pass the filters; deletions have none."""
    search = Search().knn(
        field=schema.names(Kind.VECTOR)[0],
        k=query.limit,
        num_candidates=max(VECTOR_CANDIDATES, query.limit),
        query_vector=list(query.vector),
        filter=_conditions(query.filters) if query.filters else None,
    )
    return search.source(True).extra(size=query.limit, track_total_hits=False, timeout=SERVER_LIMIT)


def _compile(clauses: Sequence[Clause], filters: Sequence[Filter], *, named: bool = True) -> Any:
    """The `bool` query; a plain union of terms stays flat, which the server prunes.

    Clauses carry their names, except for proposals: weighing explains those, and 200 named hits cost a third more.
    """
    required: list[Any] = []
    optional: list[Any] = []
    for clause in clauses:
        terms = [_term(clause.field, term, weight * clause.weight) for term, weight in clause.terms]
        if not terms:
            continue
        options: dict[str, Any] = {"_name": clause.name} if named else {}
        if clause.all_terms:
            whole = Q("bool", must=terms, **options)
        else:
            whole = Q("bool", should=terms, minimum_should_match=1, **options)
        (required if clause.required else optional).append(whole)
    if not required and not optional:
        if clauses:
            return Q("match_none")
        return Q("bool", filter=[Q("term", **{_LIVE: True}), _conditions(filters)])
    options = {"must": required} if required else {"minimum_should_match": 1}
    if optional:
        options["should"] = optional
    if filters:
        options["filter"] = [_conditions(filters)]
    return Q("bool", **options)


def _conditions(filters: Sequence[Filter]) -> Any:
    """All filters together, without influence on the score."""
    demanded = [_condition(entry) for entry in filters if not entry.excluded]
    excluded = [_condition(entry) for entry in filters if entry.excluded]
    if not demanded and not excluded:
        return Q("match_all")
    return Q("bool", filter=demanded or [Q("match_all")], must_not=excluded)


def _condition(entry: Filter) -> Any:
    if entry.values:
        return Q("terms", **{entry.field: list(entry.values)})
    bounds = {"gte": entry.minimum, "lte": entry.maximum}
    bounds = {name: value for name, value in bounds.items() if value is not None}
    return Q("range", **{entry.field: bounds}) if bounds else Q("match_none")


def _term(field_name: str, term: str, weight: float) -> Any:
    return Q("term", **{field_name: {"value": term, "boost": weight}})


def _unavailable(what: str, error: Exception) -> EngineUnavailable:
    logger.warning("search engine elasticsearch: %s (%s: %s)", what, type(error).__name__, str(error)[:300])
    return EngineUnavailable()
