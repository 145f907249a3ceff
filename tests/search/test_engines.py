"""What every engine promises (search.contract), run against each engine there is."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from search.contract import (
    Clause,
    Delete,
    Engine,
    EngineUnavailable,
    Facet,
    Field,
    Filter,
    IndexDamaged,
    IndexMissing,
    Kind,
    Put,
    Query,
    Schema,
    Sort,
    WriterBusy,
)
from search.engines import embedded
from search.packing import pack

pytestmark = pytest.mark.engine

SCHEMA = Schema(
    "book",
    1,
    (
        Field("title", Kind.TOKENS),
        Field("text", Kind.TOKENS),
        Field("city", Kind.KEYWORD),
        Field("state", Kind.KEYWORD),
        Field("day", Kind.INTEGER),
        Field("note", Kind.STORED_TEXT),
        Field("packed", Kind.STORED_BYTES),
    ),
)
BOOKS = [
    Put("a", 1, {"title": "水 利 水利", "text": "水 利 水利 大 坝", "city": "370100", "state": "open", "day": 3}),
    Put("b", 1, {"title": "交 通", "text": "交 通 信号 水", "city": ["370100", "370200"], "state": "open", "day": 1}),
    Put("c", 1, {"title": "渔 业", "text": "渔 业 养殖", "city": "370200", "state": "closed", "day": 2}),
    Put("d", 1, {"title": "林 业", "text": "林 业", "note": "短文", "packed": b"\x00\x01\xff"}),
]


@pytest.fixture
def filled(engine: Engine) -> Engine:
    engine.create(SCHEMA, "one")
    engine.write(SCHEMA, "one", BOOKS)
    engine.promote(SCHEMA, "one")
    return engine


def ids(engine: Engine, **query) -> list[str]:
    return [hit.id for hit in engine.search(SCHEMA, Query("book", **query)).hits]


def words(*terms: str, field: str = "text", **options) -> Clause:
    return Clause(field, field, tuple((term, 1.0) for term in terms), **options)


def test_an_index_that_was_never_built_is_missing(engine: Engine):
    with pytest.raises(IndexMissing):
        engine.search(SCHEMA, Query("book"))
    assert engine.current(SCHEMA) is None
    assert engine.generations("book") == ()


def test_a_generation_is_invisible_until_promoted(filled: Engine):
    filled.create(SCHEMA, "two")
    filled.write(SCHEMA, "two", [Put("z", 1, {"title": "新"})])
    assert ids(filled, sort=Sort("day")) == ["a", "c", "b", "d"]
    filled.promote(SCHEMA, "two")
    assert ids(filled) == ["z"]
    filled.drop("book", "one")
    assert filled.generations("book") == ("two",)
    assert ids(filled) == ["z"]


def test_another_schema_is_another_index(filled: Engine):
    changed = Schema("book", 2, SCHEMA.fields)
    assert filled.current(changed) is None
    with pytest.raises(IndexMissing):
        filled.search(changed, Query("book"))
    assert filled.current(SCHEMA) == "one"


def test_putting_again_leaves_one_document(filled: Engine):
    filled.write(SCHEMA, "one", [Put("a", 2, {"title": "水 库", "text": "水 库"})])
    assert sorted(filled.versions(SCHEMA)) == [("a", 2), ("b", 1), ("c", 1), ("d", 1)]
    assert ids(filled, clauses=(words("利"),)) == []
    assert ids(filled, clauses=(words("库"),)) == ["a"]
    assert filled.probe(SCHEMA) == 4


def test_a_late_put_loses(filled: Engine):
    filled.write(SCHEMA, "one", [Put("a", 5, {"text": "新"})])
    filled.write(SCHEMA, "one", [Put("a", 4, {"text": "旧"})])
    assert ids(filled, clauses=(words("旧"),)) == []
    assert ids(filled, clauses=(words("新"),)) == ["a"]


def test_a_late_put_does_not_bring_back_what_was_deleted(filled: Engine):
    filled.write(SCHEMA, "one", [Delete("a", 5)])
    filled.write(SCHEMA, "one", [Put("a", 4, {"text": "旧"})])
    assert sorted(filled.versions(SCHEMA)) == [("b", 1), ("c", 1), ("d", 1)]
    assert ids(filled, clauses=(words("旧"),)) == []
    filled.write(SCHEMA, "one", [Put("a", 6, {"text": "回"})])
    assert ids(filled, clauses=(words("回"),)) == ["a"]


def test_a_late_delete_loses(filled: Engine):
    filled.write(SCHEMA, "one", [Put("a", 3, {"text": "新"})])
    filled.write(SCHEMA, "one", [Delete("a", 2)])
    assert ids(filled, clauses=(words("新"),)) == ["a"]


def test_in_one_batch_the_highest_version_wins(filled: Engine):
    filled.write(SCHEMA, "one", [Put("x", 3, {"text": "三"}), Put("x", 2, {"text": "二"}), Delete("x", 1)])
    assert ids(filled, clauses=(words("三"),)) == ["x"]
    assert ids(filled, clauses=(words("二"),)) == []


def test_clauses_add_up_and_weights_decide(filled: Engine):
    assert ids(filled, clauses=(words("水"),)) == ["b", "a"]
    assert ids(filled, clauses=(words("水"), words("利", field="title", weight=10.0))) == ["a", "b"]
    assert ids(filled, clauses=(Clause("t", "text", (("大", 1.0), ("信号", 9.0))),)) == ["b", "a"]


def test_required_clauses_must_match(filled: Engine):
    assert ids(filled, clauses=(words("水", "渔", required=True), words("大"))) == ["a", "c", "b"]
    assert ids(filled, clauses=(words("水", "信号", required=True, all_terms=True),)) == ["b"]
    assert ids(filled, clauses=(words("没有", required=True),)) == []
    assert ids(filled, clauses=(Clause("t", "text", ()),)) == []


def test_filters_narrow_without_touching_the_score(filled: Engine):
    assert ids(filled, filters=(Filter("city", ("370200",)),), sort=Sort("day")) == ["c", "b"]
    assert ids(filled, filters=(Filter("city", ("370200", "370900")), Filter("state", ("open",)))) == ["b"]
    assert ids(filled, filters=(Filter("day", minimum=2),), sort=Sort("day")) == ["a", "c"]
    assert ids(filled, filters=(Filter("day", minimum=1, maximum=2),), sort=Sort("day", False)) == ["b", "c"]
    assert ids(filled, filters=(Filter("city", ("370100",), excluded=True),), sort=Sort("day")) == ["c", "d"]
    assert ids(filled, filters=(Filter("id", ("a", "d")),), sort=Sort("day")) == ["a", "d"]
    plain = filled.search(SCHEMA, Query("book", clauses=(words("利"),))).hits
    narrowed = filled.search(SCHEMA, Query("book", clauses=(words("利"),), filters=(Filter("day", minimum=2),))).hits
    assert [(hit.id, hit.score) for hit in narrowed] == [("a", pytest.approx(plain[0].score))]


def test_documents_without_the_sort_value_come_last(filled: Engine):
    assert ids(filled, sort=Sort("day", descending=True)) == ["a", "c", "b", "d"]
    assert ids(filled, sort=Sort("day", descending=False)) == ["b", "c", "a", "d"]


def test_pages_and_totals(filled: Engine):
    page = filled.search(SCHEMA, Query("book", sort=Sort("day"), limit=2, offset=2))
    assert ([hit.id for hit in page.hits], page.total, page.generation) == (["b", "d"], 4, "one")
    assert filled.search(SCHEMA, Query("book", limit=0)).total == 4
    assert filled.search(SCHEMA, Query("book", limit=1, count_total=False)).total is None


def test_stored_fields_come_back_as_they_were(filled: Engine):
    hit = filled.search(SCHEMA, Query("book", filters=(Filter("id", ("d",)),))).hits[0]
    assert dict(hit.stored) == {"note": "短文", "packed": b"\x00\x01\xff"}


def test_facets_count_with_the_other_filters_but_not_their_own(filled: Engine):
    query = Query(
        "book",
        filters=(Filter("city", ("370200",), facet="city"), Filter("state", ("open",), facet="state")),
        facets=(Facet("city", "city"), Facet("state", "state")),
    )
    results = filled.search(SCHEMA, query)
    assert results.total == 1
    assert results.facets == {"city": (("370100", 2), ("370200", 1)), "state": (("closed", 1), ("open", 1))}


def test_frequencies_know_every_term_asked_for(filled: Engine):
    found = filled.document_frequencies(SCHEMA, "text", ["水", "利", "没有"])
    assert (found.documents, found.by_term) == (4, {"水": 2, "利": 1, "没有": 0})


def test_many_queries_are_answered_as_each_alone(filled: Engine):
    queries = [
        Query("book", clauses=(words("水"),)),
        Query("book", filters=(Filter("city", ("370200",)),), facets=(Facet("city", "city"),), sort=Sort("day")),
        Query("book", clauses=(words("没有"),), count_total=False),
    ]
    assert filled.search_many(SCHEMA, queries) == [filled.search(SCHEMA, query) for query in queries]
    assert filled.search_many(SCHEMA, []) == []


def test_frequencies_of_several_sets_are_those_of_each(filled: Engine):
    asked = [["水", "利"], ["没有"], []]
    together = filled.document_frequencies_many(SCHEMA, "text", asked)
    assert together == [filled.document_frequencies(SCHEMA, "text", terms) for terms in asked]
    assert [found.by_term for found in together] == [{"水": 2, "利": 1}, {"没有": 0}, {}]
    assert filled.document_frequencies_many(SCHEMA, "text", []) == []


def test_many_at_once_need_an_index_too(engine: Engine):
    with pytest.raises(IndexMissing):
        engine.search_many(SCHEMA, [Query("book")])
    with pytest.raises(IndexMissing):
        engine.document_frequencies_many(SCHEMA, "text", [["水"]])


def test_suggestions_come_from_documents_that_pass_the_filters(filled: Engine):
    assert filled.suggest(SCHEMA, "city", "37", [], 5) == ["370100", "370200"]
    assert filled.suggest(SCHEMA, "city", "37", [Filter("state", ("closed",))], 5) == ["370200"]
    assert filled.suggest(SCHEMA, "city", "99", [], 5) == []


@pytest.mark.parametrize(
    "term", ['"', "(", ")", "[", "*", ":", "\\", "AND", "title:x", "甲" * 3000, "\x00", "'; drop table", "&&"]
)
def test_hostile_terms_are_only_terms(filled: Engine, term: str):
    assert ids(filled, clauses=(words(term),)) == []
    assert ids(filled, filters=(Filter("city", (term,)),)) == []
    assert filled.suggest(SCHEMA, "city", term, [], 5) == []


def replace_content(path: Path, content: bytes) -> None:
    """Another file in its place, as a restored disk would have it. Cutting the file itself would take mapped pages away
    from the engine's threads, which no process survives (SIGBUS); the runner is then started anew and heals."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)


@pytest.fixture
def damage(index_folder) -> Callable[[], None]:
    """Cuts a segment file of the promoted generation in half."""

    def cut() -> None:
        path = next((index_folder / "book").glob("*-one/*.store"))
        replace_content(path, path.read_bytes()[: path.stat().st_size // 2])

    return cut


@pytest.mark.parametrize("engine", ["embedded"], indirect=True)
class TestEmbedded:
    """What only a folder can suffer."""

    def test_a_truncated_segment_is_reported_as_damage(self, filled: Engine, damage, index_folder):
        damage()
        fresh = embedded.EmbeddedEngine(index_folder)
        with pytest.raises(IndexDamaged):
            fresh.probe(SCHEMA)
        with pytest.raises(IndexDamaged):
            fresh.write(SCHEMA, "one", [Put("e", 1, {"text": "新"})])

    def test_damage_is_seen_by_whoever_had_it_open(self, filled: Engine, damage):
        assert filled.probe(SCHEMA) == 4
        damage()
        with pytest.raises(IndexDamaged):
            filled.probe(SCHEMA)

    def test_rubbish_in_a_file_never_brings_the_process_down(self, filled: Engine, index_folder):
        for path in (index_folder / "book").glob("*-one/*.*"):
            original = path.read_bytes()
            if len(original) < 40 or path.suffix in (".json", ".lock"):
                continue
            replace_content(path, bytes(byte ^ 0x5A for byte in original[:-40]) + original[-40:])
            reader = embedded.EmbeddedEngine(index_folder)
            with contextlib.suppress(EngineUnavailable):
                reader.probe(SCHEMA)
            with contextlib.suppress(EngineUnavailable):
                reader.search(SCHEMA, Query("book", clauses=(words("水"),), facets=(Facet("city", "city"),)))
            replace_content(path, original)
        assert embedded.EmbeddedEngine(index_folder).probe(SCHEMA) == 4

    def test_a_pointer_that_cannot_be_read_means_missing(self, filled: Engine, index_folder):
        (index_folder / "book" / "current").write_text("{", encoding="utf-8")
        assert filled.current(SCHEMA) is None

    def test_a_folder_thrown_away_is_missing(self, filled: Engine, index_folder):
        filled.search(SCHEMA, Query("book"))
        index_folder.rename(index_folder.with_name("gone"))
        with pytest.raises(IndexMissing):
            filled.search(SCHEMA, Query("book"))
        with pytest.raises(IndexMissing):
            filled.write(SCHEMA, "one", [Put("e", 1, {"text": "新"})])

    def test_a_second_writer_waits_within_bounds(self, filled: Engine, monkeypatch):
        monkeypatch.setattr(embedded, "LOCK_WAIT_SECONDS", 0.1)
        opened = filled._open(SCHEMA, "one")
        with filled._writer(opened), pytest.raises(WriterBusy):
            filled.write(SCHEMA, "one", [Put("e", 1, {"text": "新"})])
        filled.write(SCHEMA, "one", [Put("e", 1, {"text": "新"})])
        assert ids(filled, clauses=(words("新"),)) == ["e"]

    def test_another_process_object_sees_each_commit(self, filled: Engine, index_folder):
        reader = embedded.EmbeddedEngine(index_folder)
        assert reader.probe(SCHEMA) == 4
        filled.write(SCHEMA, "one", [Put("e", 1, {"text": "新"})])
        assert reader.probe(SCHEMA) == 5


def test_a_document_may_come_as_bytes(filled):
    packed = pack(SCHEMA, {"title": "港 口", "text": "港 口", "city": ["370200"], "packed": b"\x01\x00", "day": 7})
    filled.write(SCHEMA, "one", [Put("p", 4, packed), Put("q", 1, b"{}")])
    assert dict(filled.versions(SCHEMA))["p"] == 4
    clause = Clause("text", "text", (("港", 1.0),))
    results = filled.search(SCHEMA, Query("book", clauses=(clause,)))
    assert [(hit.id, hit.stored["packed"]) for hit in results.hits] == [("p", b"\x01\x00")]
    assert filled.search(SCHEMA, Query("book", filters=(Filter("day", minimum=7, maximum=7),))).total == 1
