"""What only a cluster can suffer: refused, silent, busy or senseless nodes, refused documents; and its settings."""

import re
import time
from base64 import b64encode
from collections.abc import Iterator

import pytest
from django import conf
from django.core.exceptions import ImproperlyConfigured

from search.contract import Clause, Delete, EngineUnavailable, Field, IndexMissing, Kind, Put, Query, Schema
from search.engines import engine_from_url
from search.engines.breaker import LONGEST_PAUSE, Breaker
from search.engines.elasticsearch import DocumentsRefused, index_mapping
from tests.search.servers import FaultServer, ask, cluster_of_its_own, http, search_url

pytestmark = pytest.mark.engine
SCHEMA = Schema("book", 1, (Field("text", Kind.TOKENS), Field("city", Kind.KEYWORD), Field("day", Kind.INTEGER)))
PRODUCT = "X-Elastic-Product: Elasticsearch"
GREEN = http("200 OK", b'{"status": "green"}', PRODUCT)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    server = FaultServer()
    yield server
    server.refuse()


def seconds_to_fail(engine, times: int = 1) -> float:
    started = time.monotonic()
    for _number in range(times):
        with pytest.raises(EngineUnavailable):
            engine.search(SCHEMA, Query("book"))
    return time.monotonic() - started


# --- the breaker -------------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_breaker_probes_after_growing_pauses_and_closes_on_an_answer():
    clock, probes, dead = Clock(), [], [True]

    def probe() -> None:
        probes.append(clock.now)
        if dead:
            raise EngineUnavailable

    breaker = Breaker("test", probe, clock)
    breaker.failed(weight=3)
    for step in range(400):
        clock.now = step / 10
        with pytest.raises(EngineUnavailable):
            breaker.check()
    assert probes == [1.0, 3.0, 7.0, 15.0, 23.0, 31.0, 39.0]
    dead.clear()
    clock.now += LONGEST_PAUSE
    breaker.check()
    assert breaker.is_open is False


def test_single_failures_between_successes_do_not_open_it():
    breaker = Breaker("test", lambda: None)
    for _number in range(10):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert breaker.is_open is False
    for _number in range(3):
        breaker.failed()
    assert breaker.is_open is True


def test_only_one_caller_probes_at_a_time():
    clock, refused = Clock(), []

    def probe() -> None:
        with pytest.raises(EngineUnavailable):
            breaker.check()
        refused.append(True)

    breaker = Breaker("test", probe, clock)
    breaker.failed(weight=3)
    clock.now = 2.0
    breaker.check()
    assert (refused, breaker.is_open) == ([True], False)


# --- faults ------------------------------------------------------------------------------------------------------


def test_refused_connections_open_it_within_a_second(server: FaultServer):
    engine = engine_from_url(server.url)
    assert seconds_to_fail(engine) < 1.0
    assert engine.breaker.is_open is True
    assert seconds_to_fail(engine, 50) < 0.5


def test_a_silent_server_opens_it_within_three_seconds(server: FaultServer):
    server.start(None)
    engine = engine_from_url(server.url)
    assert seconds_to_fail(engine) < 3.0
    assert engine.breaker.is_open is True
    connections = server.connections
    assert seconds_to_fail(engine, 50) < 0.5
    assert server.connections == connections


@pytest.mark.parametrize(
    "answer",
    [
        http("429 Too Many Requests", b'{"error": {"type": "es_rejected_execution"}, "status": 429}', PRODUCT),
        http("503 Service Unavailable", b'{"error": {"type": "no_master"}, "status": 503}', PRODUCT),
        http("500 Internal Server Error", b"{}", PRODUCT),
        http("200 OK", b"<html>proxy</html>", PRODUCT),
        http("200 OK", b'{"took": 1}', PRODUCT),
        http("200 OK", b'{"timed_out": true, "hits": {"hits": []}}', PRODUCT),
        http("200 OK", b'{"timed_out": false, "hits": {"total": {"value": 1}, "hits": [{"no": "id"}]}}', PRODUCT),
        http("200 OK", b"{}"),
        http("401 Unauthorized", b"{}", PRODUCT),
        b"\x00\x01 not http at all\r\n\r\n",
    ],
    ids=["429", "503", "500", "html", "no hits", "too slow", "other shape", "another product", "401", "noise"],
)
def test_answers_that_are_none_are_an_outage_and_soon_nobody_asks(server: FaultServer, answer):
    server.start(answer)
    engine = engine_from_url(server.url)
    assert seconds_to_fail(engine, 3) < 3.0
    assert engine.breaker.is_open is True
    with pytest.raises(EngineUnavailable):
        engine.write(SCHEMA, "one", [Put("a", 1, {"text": "水"})])


def test_it_comes_back_without_a_restart(server: FaultServer):
    engine = engine_from_url(server.url)
    seconds_to_fail(engine)
    server.start(GREEN)
    engine.breaker._closed_from = 0.0
    with pytest.raises(EngineUnavailable):
        engine.search(SCHEMA, Query("book"))  # the probe was answered; the search itself got no hits
    assert engine.breaker.is_open is False


def test_a_dead_node_among_several_is_passed_over(server: FaultServer):
    with cluster_of_its_own() as url:
        scheme, rest = url.split("://")
        engine = engine_from_url(f"{scheme}://127.0.0.1:{server.port},{rest}")
        engine.create(SCHEMA, "one")
        engine.write(SCHEMA, "one", [Put("a", 1, {"text": "水"})])
        engine.promote(SCHEMA, "one")
        assert [engine.search(SCHEMA, Query("book")).total for _number in range(20)] == [1] * 20
        assert engine.breaker.is_open is False


def test_a_silent_node_among_several_costs_one_request(server: FaultServer):
    with cluster_of_its_own() as url:
        direct = engine_from_url(url)
        direct.create(SCHEMA, "one")
        direct.promote(SCHEMA, "one")
        server.start(None)
        scheme, rest = url.split("://")
        engine = engine_from_url(f"{scheme}://127.0.0.1:{server.port},{rest}")
        failed = 0
        for _number in range(20):
            try:
                engine.search(SCHEMA, Query("book"))
            except EngineUnavailable:
                failed += 1
        assert failed <= 1
        assert engine.breaker.is_open is False


def test_the_key_goes_with_each_request(server: FaultServer, settings):
    settings.SEARCH_API_KEY = "a2V5OnNlY3JldA=="
    assert engine_from_url(server.url).connection.client()._headers["authorization"] == "ApiKey a2V5OnNlY3JldA=="
    settings.SEARCH_API_KEY, settings.SEARCH_USERNAME, settings.SEARCH_PASSWORD = "", "marketplace", "p:w"
    expected = "Basic " + b64encode(b"marketplace:p:w").decode()
    assert engine_from_url(server.url).connection.client()._headers["authorization"] == expected


# --- addresses and settings --------------------------------------------------------------------------------------


def test_an_address_names_nodes_and_may_name_a_prefix(settings):
    connection = engine_from_url("elasticsearch://one:9201,two,[::1]:9203/test-prefix").connection
    assert connection.nodes == ("http://one:9201", "http://two:9200", "http://[::1]:9203")
    assert connection.prefix == "test-prefix"
    settings.SEARCH_TLS = True
    connection = engine_from_url("elasticsearch://one").connection
    assert (connection.nodes, connection.prefix) == (("https://one:9200",), "marketplace")


@pytest.mark.parametrize(
    "url",
    ["elasticsearch://", "elasticsearch://a:b:c", "elasticsearch://a/UPPER", "elasticsearch://u:secret@a", "solr://a"],
)
def test_an_address_that_cannot_be_used_is_refused_without_showing_a_password(url):
    with pytest.raises(ImproperlyConfigured, match="SEARCH_URL") as refused:
        engine_from_url(url)
    assert "secret" not in str(refused.value)


def test_the_mapping_is_strict_versioned_and_stores_no_tokens():
    packed = Schema("book", 7, (*SCHEMA.fields, Field("packed", Kind.STORED_BYTES)))
    mapping = index_mapping(packed)
    assert mapping["dynamic"] == "strict"
    assert mapping["_meta"] == {"index": "book", "version": 7, "fingerprint": packed.fingerprint}
    assert mapping["_source"] == {"includes": ["packed"]}
    assert mapping["properties"]["text"] == {
        "type": "text",
        "analyzer": "whitespace",
        "similarity": "tuned",
        "index_options": "freqs",
    }
    assert mapping["properties"]["packed"] == {"type": "binary"}


# --- on the real server ------------------------------------------------------------------------------------------


@pytest.fixture
def cluster() -> Iterator:
    with cluster_of_its_own() as url:
        engine = engine_from_url(url)
        engine.create(SCHEMA, "one")
        engine.promote(SCHEMA, "one")
        yield engine


def test_a_refused_document_does_not_keep_the_others_out(cluster):
    operations = [Put("a", 1, {"text": "水"}), Put("b", 1, {"unknown": "x"}), Put("c", 1, {"text": "渔"})]
    with pytest.raises(DocumentsRefused, match="b: .*strict_dynamic_mapping"):
        cluster.write(SCHEMA, "one", operations)
    assert sorted(cluster.versions(SCHEMA)) == [("a", 1), ("c", 1)]
    assert cluster.breaker.is_open is False


def test_a_write_to_a_dropped_generation_makes_no_index(cluster):
    cluster.create(SCHEMA, "two")
    cluster.drop("book", "two")
    with pytest.raises(IndexMissing):
        cluster.write(SCHEMA, "two", [Put("a", 1, {"text": "水"})])
    with pytest.raises(IndexMissing):
        cluster.promote(SCHEMA, "two")
    assert cluster.generations("book") == ("one",)
    assert cluster.current(SCHEMA) == "one"


def test_a_deletion_outlives_what_the_server_remembers_of_it(cluster):
    """A real deletion is forgotten after index.gc_deletes; a late write must lose all the same."""
    cluster.write(SCHEMA, "one", [Put("a", 1, {"text": "水"})])
    cluster.write(SCHEMA, "one", [Delete("a", 3)])
    ask("POST", f"/{cluster.connection.prefix}-*/_flush?force=true")
    ask("POST", f"/{cluster.connection.prefix}-*/_forcemerge?max_num_segments=1")
    cluster.write(SCHEMA, "one", [Put("a", 2, {"text": "水"})])
    assert cluster.probe(SCHEMA) == 0
    assert cluster.search(SCHEMA, Query("book", clauses=(Clause("t", "text", (("水", 1.0),)),))).total == 0


def test_a_large_batch_is_cut_into_requests_and_read_in_pages(cluster, monkeypatch):
    monkeypatch.setattr("search.engines.elasticsearch.BULK_OPERATIONS", 7)
    monkeypatch.setattr("search.engines.elasticsearch.VERSIONS_PAGE", 10)
    cluster.write(SCHEMA, "one", [Put(str(number), number, {"text": "水"}) for number in range(40)])
    assert dict(cluster.versions(SCHEMA)) == {str(number): number for number in range(40)}
    monkeypatch.setattr("search.engines.elasticsearch.BULK_BYTES", 1_000)
    cluster.write(SCHEMA, "one", [Put(str(number), 50, {"text": "水 " * 200}) for number in range(40)])
    assert set(dict(cluster.versions(SCHEMA)).values()) == {50}


def test_frequencies_of_several_shards_are_those_of_the_whole(settings):
    settings.SEARCH_SHARDS = 3
    with cluster_of_its_own() as url:
        engine = engine_from_url(url)
        engine.create(SCHEMA, "one")
        texts = {str(number): {"text": "水 利" if number % 4 else "水"} for number in range(20)}
        engine.write(SCHEMA, "one", [Put(key, 1, document) for key, document in texts.items()])
        engine.promote(SCHEMA, "one")
        found = engine.document_frequencies(SCHEMA, "text", ["水", "利", "渔"])
    assert (found.documents, found.by_term) == (20, {"水": 20, "利": 15, "渔": 0})


def test_frequencies_of_an_empty_index_are_nothing(cluster):
    assert cluster.document_frequencies(SCHEMA, "text", ["水"]).documents == 0
    assert cluster.document_frequencies(SCHEMA, "text", []).by_term == {}


def test_a_server_is_named_by_the_environment():
    assert search_url().startswith("elasticsearch://")


def test_a_large_generation_is_merged_into_one_segment(cluster, monkeypatch):
    monkeypatch.setattr("search.engines.elasticsearch.MERGED_FROM", 30)
    cluster.create(SCHEMA, "two")
    for start in range(0, 40, 10):
        cluster.write(SCHEMA, "two", [Put(str(number), 1, {"text": "水"}) for number in range(start, start + 10)])
        cluster.probe(SCHEMA, "two")
    cluster.promote(SCHEMA, "two")
    deadline = time.monotonic() + 20
    pattern = f"/_cat/segments/{cluster.connection.prefix}-*-two?format=json&h=searchable,docs.count"
    while (segments := len([entry for entry in ask("GET", pattern) if entry["searchable"] == "true"])) > 1:
        assert time.monotonic() < deadline, segments
        cluster._refresh(cluster._index(SCHEMA, "two"))
    assert cluster.probe(SCHEMA) == 40


@pytest.mark.parametrize(
    ("package", "importer"), [("elasticsearch", "elasticsearch.py"), ("tantivy", "embedded.py")], ids=["es", "tantivy"]
)
def test_one_module_alone_imports_an_engine(package, importer):
    """architecture.md §6.1: nothing of an engine leaves `search/engines`."""
    imports = re.compile(rf"^\s*(from|import) {package}\b", re.MULTILINE)
    modules = [
        path
        for path in conf.settings.PROJECT_ROOT.glob("*/**/*.py")
        if not path.is_relative_to(conf.settings.PROJECT_ROOT / "tests") and "/." not in str(path)
    ]
    found = [path.name for path in modules if imports.search(path.read_text(encoding="utf-8"))]
    assert found == [importer]
