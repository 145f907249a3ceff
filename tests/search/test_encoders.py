"""Vectors: found by on a cluster, weighed on both engines, and nothing at all without an encoder."""

import io
import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from matching.matcher import match, match_many
from matching.scoring import Facts, Profile, Subject
from search import encoders, indexing
from search.contract import Delete, Engine, Filter, Put, Query
from search.documents import INDEXES
from search.documents.sources import Source
from search.encoders import EndpointEncoder
from search.match_text import MATCH_FIELDS, MatchText, match_schema, vector_fields
from search.statistics import TermStatistics
from search.vectors import EncoderUnavailable, pack_vector, similarity, unit, unpack_vector

SIZES = TermStatistics(3, 5.0, 10.0)
TEXTS = {"a": "水库 巡检", "b": "山林 防火", "c": "港口 装卸"}
#: What each text is about, in two dimensions; "d" shares no word with anything.
MEANING = {"水库 巡检": (1.0, 0.0), "山林 防火": (0.0, 1.0), "港口 装卸": (-1.0, 0.0), "大坝": (0.9, 0.1)}


class Meaning:
    """An encoder that knows four texts."""

    identity = "meaning-1"
    dimensions = 2

    def __init__(self) -> None:
        self.is_away = False

    def encode(self, texts, *, asking=False):
        if self.is_away:
            raise EncoderUnavailable
        return [unit(MEANING[text]) for text in texts]


@pytest.fixture
def filled(engine: Engine) -> tuple[Engine, Any, Meaning]:
    encoder = Meaning()
    schema = match_schema("meaning", 1, encoder)
    engine.create(schema, "one")
    operations = [
        Put(key, 1, MatchText(text).document(SIZES) | vector_fields(encoder.encode([text])[0]))
        for key, text in TEXTS.items()
    ]
    engine.write(schema, "one", operations)
    engine.promote(schema, "one")
    return engine, schema, encoder


def subject(text: str) -> Subject:
    return Subject(MatchText(text), Facts(), is_demand=True)


def order(outcome) -> list[str]:
    return [entry.identity for entry in outcome.ranking.ranked]


@pytest.mark.engine
class TestOnEngines:
    def test_a_text_without_a_common_word_is_found_by_meaning_on_a_cluster(self, filled):
        engine, schema, encoder = filled
        found = match(engine, schema, subject("大坝"), Profile(), SIZES, encoder=encoder)
        assert order(found) == (["a", "b", "c"] if engine.finds_by_vector else [])
        assert order(match(engine, schema, subject("大坝"), Profile(), SIZES)) == []

    def test_nearness_takes_its_share_of_what_the_words_propose(self, filled):
        engine, schema, encoder = filled
        found = match(engine, schema, subject("水库 巡检"), Profile(), SIZES, encoder=encoder)
        assert order(found)[0] == "a"
        vectors = {candidate.identity: candidate.vector for candidate in found.candidates}
        assert vectors["a"] == pytest.approx(1.0, abs=1e-3)
        assert all(entry.vector == vectors[entry.identity] for entry in found.ranking.evidence)

    def test_many_together_are_as_one_by_one(self, filled):
        engine, schema, encoder = filled
        subjects = [subject("大坝"), subject("水库 巡检"), subject("山林 防火")]
        together = [order(found) for found in match_many(engine, schema, subjects, Profile(), SIZES, encoder=encoder)]
        alone = [order(match(engine, schema, one, Profile(), SIZES, encoder=encoder)) for one in subjects]
        assert together == alone

    def test_while_the_encoder_is_away_matching_goes_on_by_words(self, filled):
        engine, schema, encoder = filled
        plain = match(engine, schema, subject("水库 巡检"), Profile(), SIZES)
        encoder.is_away = True
        found = match(engine, schema, subject("水库 巡检"), Profile(), SIZES, encoder=encoder)
        assert found.ranking == plain.ranking

    def test_filters_and_deletions_hold_for_vectors(self, filled):
        engine, schema, _encoder = filled
        if not engine.finds_by_vector:
            with pytest.raises(ValueError, match="does not find by vector"):
                engine.search(schema, Query("meaning", vector=(1.0, 0.0)))
            return
        near = Query("meaning", vector=(1.0, 0.0), limit=3)
        assert [hit.id for hit in engine.search(schema, near).hits] == ["a", "b", "c"]
        narrowed = Query("meaning", vector=(1.0, 0.0), limit=3, filters=(Filter("id", ("b", "c")),))
        assert [hit.id for hit in engine.search(schema, narrowed).hits] == ["b", "c"]
        engine.write(schema, "one", [Delete("a", 2)])
        assert [hit.id for hit in engine.search(schema, near).hits] == ["b", "c"]

    def test_another_encoder_is_another_index(self, filled):
        engine, schema, encoder = filled
        encoder.identity = "meaning-2"
        assert engine.current(match_schema("meaning", 1, encoder)) is None
        assert engine.current(schema) == "one"


def test_without_an_encoder_nothing_changes():
    assert encoders.get_encoder() is None
    assert INDEXES["capability_match"].schema.fields == MATCH_FIELDS
    assert INDEXES["capability_match"].schema.encoder == ""
    assert match_schema("capability_match", 1) == match_schema("capability_match", 1, None)


def test_vectors_have_length_one_and_survive_packing():
    vector = unit([3.0, 4.0])
    assert list(vector) == pytest.approx([0.6, 0.8])
    assert unpack_vector(pack_vector(vector)) == pytest.approx([0.6, 0.8], abs=1e-3)
    assert similarity(vector, vector) == pytest.approx(1.0)
    assert list(unit([0.0, 0.0])) == [1.0, 0.0]
    with pytest.raises(EncoderUnavailable):
        unit([math.nan, 1.0])


@pytest.mark.parametrize("name", ["word2vec", "http://127.0.0.1/v1/embeddings", "/no/such.npz"])
def test_a_misnamed_encoder_is_refused_with_the_setting(settings, name):
    settings.SEARCH_ENCODER = name
    with pytest.raises(ImproperlyConfigured, match="SEARCH_ENCODER"):
        encoders.get_encoder()


def test_lsa_that_is_not_fitted_yet_is_none_and_says_what_to_run(settings, tmp_path, caplog):
    settings.SEARCH_ENCODER, settings.VAR_DIR = "lsa", tmp_path
    assert encoders.get_encoder() is None
    assert "manage.py fit_encoder" in caplog.text


class Endpoint:
    """A local embedding service; `answer` may be replaced."""

    def __init__(self) -> None:
        self.requests: list[dict] = []
        self.answer = lambda texts: {"data": [{"index": 0, "embedding": [2.0, 0.0]} for _text in texts]}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append(asked)
                body = json.dumps(outer.answer(asked["input"])).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/v1/embeddings#dimensions=2&model=small"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    service = Endpoint()
    yield service
    service.server.shutdown()
    service.server.server_close()


def test_an_endpoint_is_asked_in_batches(endpoint):
    encoder = EndpointEncoder(endpoint.address)
    found = encoder.encode([f"文 {number}" for number in range(40)])
    assert len(found) == 40
    assert list(found[0]) == [1.0, 0.0]
    assert [len(asked["input"]) for asked in endpoint.requests] == [32, 8]
    assert endpoint.requests[0]["model"] == "small"


@pytest.mark.parametrize(
    "answer", [{}, {"data": []}, {"data": [{"embedding": [1.0]}]}, {"data": [{"embedding": ["x", "y"]}]}, []]
)
def test_an_endpoint_that_talks_garbage_gives_no_vectors(endpoint, answer):
    endpoint.answer = lambda texts: answer
    with pytest.raises(EncoderUnavailable):
        EndpointEncoder(endpoint.address).encode(["文"])


def test_an_endpoint_that_is_gone_is_left_alone_for_a_while(endpoint):
    encoder = EndpointEncoder(endpoint.address)
    endpoint.server.shutdown()
    endpoint.server.server_close()
    with pytest.raises(EncoderUnavailable):
        encoder.encode(["文"])
    assert encoder.breaker.is_open
    with pytest.raises(EncoderUnavailable):
        encoder.encode(["文"])


@pytest.mark.django_db
def test_fitting_without_texts_says_why(clock):
    pytest.importorskip("sklearn", reason="requirements-encoders.txt is not installed")
    errors = io.StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("fit_encoder", stderr=errors)
    assert stopped.value.code == 2
    assert "文本太少" in errors.getvalue()


def test_lsa_is_fitted_on_texts_and_brings_the_like_together(tmp_path):
    pytest.importorskip("sklearn", reason="requirements-encoders.txt is not installed")
    texts = [
        "水库大坝安全监测",
        "水库水位自动监测",
        "山林火情识别",
        "森林火灾预警识别",
        "港口集装箱装卸",
        "港口装卸调度",
    ]
    path = tmp_path / "lsa.npz"
    assert encoders.fit_lsa(texts, path, dimensions=3) == 3
    encoder = encoders.encoder_of(str(path))
    water, dam, fire = encoder.encode(["水库监测", "大坝水位", "森林火情"])
    assert similarity(water, dam) > similarity(water, fire)


def test_indexing_makes_the_vectors_of_a_batch_together(monkeypatch):
    """`_prepared` asks the encoder once for all rows that belong in the index."""
    asked: list[list[str]] = []

    class Counting(Meaning):
        def encode(self, texts, *, asking=False):
            asked.append(list(texts))
            return [unit((1.0, 0.0)) for _text in texts]

    class Row:
        def __init__(self, pk, there):
            self.pk, self.there = pk, there

    class Rows:
        def row_of(self, source):
            return Row(source.key, *source.values)

    encoder = Counting()
    monkeypatch.setattr(indexing, "get_encoder", lambda: encoder)
    base = INDEXES["capability_match"]
    index = type(base)(
        match_schema("capability_match", 1, encoder),
        base.get_queryset,
        lambda row, statistics: {"title": "甲"} if row.there else None,
        Rows(),
        lambda row: MatchText(f"名称{row.pk}"),
    )
    sources = [Source(key, 3, b"", (there,)) for key, there in ((1, True), (2, False), (3, True))]
    operations = list(indexing._prepared(index, sources, TermStatistics()))
    assert asked == [["名称1", "名称3"]]
    assert [type(operation) for operation in operations] == [Put, Delete, Put]
    assert operations[0].document["vector"] == [1.0, 0.0]
