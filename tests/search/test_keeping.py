"""Kept documents: taken when nothing they were made from has changed, and never otherwise."""

import hashlib
import io
import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import transaction

from accounts.models import Organisation
from challenges.models import Challenge
from core import relay
from core.clock import frozen
from core.models import Category, Region, TechnologyTag
from scenarios.models import ListItem, QuarterlyList, Scenario
from search import indexing, keeping
from search.contract import EngineUnavailable, Field, Kind, Schema
from search.documents import INDEXES
from search.documents.base import Index
from search.engines import get_engine
from search.models import CollectionStatistics, IndexBuild, KeptDocument
from search.packing import pack, unpack
from search.statistics import TermStatistics
from tests.factories import (
    category,
    make_capability,
    make_listed_capability,
    make_listed_scenario,
    make_organisation,
    make_pooled_scenario,
    make_vendor,
    region,
)
from tests.factories.challenges import make_open_challenge, make_stage
from vendors.models import Capability, Credential, DeliveredCase

pytestmark = [pytest.mark.django_db, pytest.mark.engine]
on_both_engines = pytest.mark.usefixtures("engine")
KEPT = list(INDEXES)


def tag(name: str) -> TechnologyTag:
    return TechnologyTag.objects.get_or_create(name=name)[0]


@pytest.fixture
def province(clock) -> tuple[Capability, Scenario]:
    """A capability and a demand with everything a document can show."""
    vendor = make_vendor(make_organisation("甲软件公司", kind="enterprise"))
    capability = make_listed_capability(
        vendor,
        title="智慧渔港 AI 平台",
        summary="一句话",
        technical_features="图像识别",
        price_min_fen=1_000_000,
        price_max_fen=9_000_000,
        category=category("4.1.1"),
    )
    capability.tags.set([tag("图像识别"), tag("边缘计算")])
    capability.service_regions.set([region("370200"), region("370102")])
    for place, title in enumerate(("渔港一期", "渔港二期")):
        DeliveredCase.objects.create(
            capability=capability,
            title=title,
            customer="乙",
            delivered_on=date(2025, 1, 1 + place),
            confirmed_at=clock,
        )
    today = clock.date()
    Credential.objects.create(vendor=vendor, name="软件企业", valid_until=today + timedelta(days=90))
    Credential.objects.create(vendor=vendor, name="保密资质", valid_from=today + timedelta(days=5))
    Region.objects.filter(code="370102").update(circle="")  # its city's counts
    owner = make_organisation("乙渔业局")
    scenario = make_listed_scenario(
        owner,
        title="渔港视频监测",
        pain_point="人工巡查",
        required_credentials=["软件企业"],
        category=category("4.1.1"),
        region=region("370102"),
        deadline_at=clock + timedelta(days=20),
    )
    scenario.tags.set([tag("图像识别")])
    make_pooled_scenario(owner, title="还在库中的需求")
    make_capability(title="草稿能力")
    make_open_challenge(make_stage(expert_count=0))
    relay.drain()
    for name in INDEXES:
        indexing.rebuild(name)
    return capability, scenario


@pytest.fixture
def prepared(monkeypatch) -> list[int]:
    """Keys of the rows that were prepared since it was last cleared."""
    found: list[int] = []
    prepare = indexing._prepared

    def counting(index, sources, statistics):
        found.extend(source.key for source in sources)
        return prepare(index, sources, statistics)

    monkeypatch.setattr(indexing, "_prepared", counting)
    return found


def statistics_of(index: Index) -> TermStatistics:
    return indexing._statistics_of(get_engine().current(index.schema), index)


def taken(name: str, key: int) -> bool:
    index = INDEXES[name]
    sources = index.sources.read(index.get_queryset(), [key])
    return key in keeping.take(index, sources, statistics_of(index))


def documents(name: str) -> dict[int, dict]:
    """What is kept, read again."""
    schema = INDEXES[name].schema
    rows = KeptDocument.objects.filter(index=name)
    return {row.key: unpack(schema, bytes(row.document)) for row in rows}


def fresh(name: str) -> dict[int, dict]:
    """What rows are prepared to now."""
    index = INDEXES[name]
    made = {row.pk: index.prepare(row, statistics_of(index)) for row in index.all_rows()}
    return {
        key: {field: value for field, value in document.items() if value is not None}
        for key, document in made.items()
        if document is not None
    }


# --- what a document is made from ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KEPT)
def test_a_document_is_made_from_its_sources_and_nothing_else(province, name, django_assert_num_queries):
    """What `sources` does not name is not there; what is there reads as in an instance of the model."""
    index = INDEXES[name]
    instances = list(index.get_queryset().order_by("pk"))
    assert instances
    sources = index.sources.read(index.get_queryset(), [row.pk for row in instances])
    assert [(source.key, source.version) for source in sources] == [(row.pk, row.document_version) for row in instances]
    statistics = statistics_of(index)
    with django_assert_num_queries(0):
        rows = [index.sources.row_of(source) for source in sources]
        made = [index.prepare(row, statistics) for row in rows]
        texts = [index.text_of(row) for row in rows] if index.text_of is not None else []
    assert made == [index.prepare(row, statistics) for row in instances]
    assert None not in made
    assert texts == [index.text_of(row) for row in instances if index.text_of is not None]
    with pytest.raises(AttributeError):
        _column = rows[0].created_at


#: What may be empty: without it, other columns decide.
OPTIONAL = {
    "scenario": ("category", "region", "listed_at", "deadline_at", "lead_department"),
    "scenario_match": ("category", "region", "listed_at", "deadline_at", "valid_until"),
    "capability": ("category", "listed_at", "expires_on", "price_min_fen", "price_max_fen"),
    "capability_match": ("category", "verified_at", "expires_on", "price_min_fen", "price_max_fen"),
    "challenge": ("category", "region", "published_at", "deadline_at"),
    "quarterly_list": ("published_at",),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_document_of_any_state_is_made_from_its_sources(province, name):
    """A column that only one state reads is named, too: whatever the row says, both ways give the same document."""
    index = INDEXES[name]
    statistics = statistics_of(index)
    (one,) = [row.pk for row in index.get_queryset()][:1]
    nothing = dict.fromkeys(OPTIONAL[name])
    rows = index.model._default_manager.filter(pk=one)
    found = set()
    for state in index.model._meta.get_field("state").choices:
        for values in ({}, nothing):
            with undone(rows, state=state[0], **values):
                (source,) = index.sources.read(index.model._default_manager.all(), [one])
                document = index.prepare(index.sources.row_of(source), statistics)
                assert document == index.prepare(index.any_row(one), statistics), (state, values)
                assert (document is not None) == index.get_queryset().filter(pk=one).exists(), (state, values)
                found.add(document is not None)
    assert True in found


@contextmanager
def undone(rows, **values):
    """These rows with other values, for the length of the block."""
    with transaction.atomic():
        rows.update(**values)
        yield
        transaction.set_rollback(True)


def test_related_rows_are_read_in_the_order_of_their_model_and_nothing_stands_for_what_is_not_there(province):
    capability, scenario = province
    index = INDEXES["capability_match"]
    Capability.objects.filter(pk=capability.pk).update(category=None)
    for title in ("没有日期的第一个", "没有日期的第二个"):
        DeliveredCase.objects.create(capability=capability, title=title, customer="乙")
    (source,) = index.sources.read(index.get_queryset(), [capability.pk])
    row = index.sources.row_of(source)
    dated = ["渔港二期", "渔港一期"]  # the latest first
    assert [case.title for case in row.cases.all()] == [*dated, "没有日期的第一个", "没有日期的第二个"]
    assert [region.code for region in row.service_regions.all()] == ["370102", "370200"]
    assert [region.parent.circle for region in row.service_regions.all()] == [
        one.parent.circle for one in capability.service_regions.all()
    ]
    assert row.category is None
    assert row.vendor.organisation.public_id == capability.vendor.organisation.public_id
    (source,) = INDEXES["scenario"].sources.read(Scenario.objects.all(), [scenario.pk])
    row = INDEXES["scenario"].sources.row_of(source)
    assert (row.region.city_code, row.published_items[0].quarterly_list.quarter.code) == (
        scenario.region.city_code,
        scenario.list_items.get().quarterly_list.quarter.code,
    )


@pytest.mark.parametrize("name", KEPT)
def test_all_rows_at_once_belong_as_each_row_does(province, clock, name):
    """A rebuild asks `get_queryset`, a change asks `prepare`: both must say the same at any time."""
    capability, scenario = province
    Capability.objects.filter(pk=capability.pk).update(expires_on=clock.date() + timedelta(days=40))
    Scenario.objects.filter(pk=scenario.pk).update(valid_until=clock.date() + timedelta(days=30))
    index = INDEXES[name]
    for days in (0, 19, 20, 21, 30, 31, 40, 41):
        with frozen(clock + timedelta(days=days)):
            chosen = set(index.get_queryset().values_list("pk", flat=True))
            assert chosen == set(fresh(name))


# --- rebuilding from what is kept --------------------------------------------------------------------------------


@on_both_engines
@pytest.mark.parametrize("name", KEPT)
def test_a_rebuild_prepares_nothing_when_nothing_has_changed(province, prepared, name):
    index = INDEXES[name]
    before = dict(get_engine().versions(index.schema))
    build = indexing.rebuild(name)
    assert prepared == []
    assert get_engine().current(index.schema) == build.generation
    assert dict(get_engine().versions(index.schema)) == before != {}
    assert documents(name) == fresh(name)


@on_both_engines
def test_a_rebuild_prepares_what_has_changed_and_the_new(province, prepared):
    capability, _scenario = province
    added = make_listed_capability(title="新的能力")
    Capability.objects.filter(pk=capability.pk).update(document_version=30, title="改了名称", summary="")
    indexing.rebuild("capability")
    assert sorted(prepared) == sorted([capability.pk, added.pk])
    assert documents("capability") == fresh("capability")
    versions = dict(get_engine().versions(INDEXES["capability"].schema))
    assert versions == {str(capability.pk): 30, str(added.pk): added.document_version}


@on_both_engines
def test_a_higher_version_with_the_same_content_is_written_without_preparing(province, prepared):
    capability, _scenario = province
    Capability.objects.filter(pk=capability.pk).update(document_version=31)
    indexing.rebuild("capability")
    assert prepared == []
    assert dict(get_engine().versions(INDEXES["capability"].schema)) == {str(capability.pk): 31}


@on_both_engines
def test_what_a_change_wrote_is_kept_for_the_next_rebuild(province, prepared):
    capability, _scenario = province
    Capability.objects.filter(pk=capability.pk).update(document_version=32, title="由事件得知")
    indexing.sync("capability", [capability.pk])
    prepared.clear()
    indexing.rebuild("capability")
    assert prepared == []
    assert documents("capability") == fresh("capability")


def unconfirm(_capability: Capability) -> None:
    DeliveredCase.objects.filter(title="渔港一期").update(confirmed_at=None)


def swap(_capability: Capability) -> None:
    DeliveredCase.objects.filter(title="渔港一期").update(delivered_on=date(2025, 6, 1))


#: What no event tells of and no version counts: (indexes it shows in, the change of the province's capability).
SILENT = {
    "organisation renamed": (
        ("capability",),
        lambda row: Organisation.objects.filter(pk=row.vendor.organisation_id).update(name="改名公司"),
    ),
    "organisation of another kind": (
        ("capability",),
        lambda row: Organisation.objects.filter(pk=row.vendor.organisation_id).update(kind="university"),
    ),
    "tag renamed": (
        ("capability", "capability_match"),
        lambda row: TechnologyTag.objects.filter(name="边缘计算").update(name="云边协同"),
    ),
    "tag taken off": (("capability", "capability_match"), lambda row: row.tags.remove(tag("边缘计算"))),
    "field recoded": (
        ("capability", "capability_match"),
        lambda row: Category.objects.filter(pk=row.category_id).update(code="4.1.99"),
    ),
    "region in another circle": (
        ("capability_match",),
        lambda row: Region.objects.filter(code="370200").update(circle="另一圈"),
    ),
    "district in no circle of its own": (
        ("capability_match",),
        lambda row: Region.objects.filter(code="370100").update(circle="另一圈"),
    ),
    "region added": (("capability", "capability_match"), lambda row: row.service_regions.add(region("370300"))),
    "case no longer confirmed": (("capability_match",), unconfirm),
    "cases in another order": (("capability", "capability_match"), swap),
    "case removed": (
        ("capability", "capability_match"),
        lambda row: DeliveredCase.objects.filter(title="渔港一期").delete(),
    ),
    "credential renamed": (
        ("capability_match",),
        lambda row: Credential.objects.filter(name="软件企业").update(name="高新企业"),
    ),
    "credential extended": (
        ("capability_match",),
        lambda row: Credential.objects.filter(name="软件企业").update(valid_until=date(2030, 1, 1)),
    ),
    "content changed by hand": (
        ("capability", "capability_match"),
        lambda row: Capability.objects.filter(pk=row.pk).update(description="数据库里直接改的"),
    ),
}


@pytest.mark.parametrize("what", SILENT)
def test_a_change_that_raises_no_version_is_noticed_all_the_same(province, prepared, what):
    capability, _scenario = province
    names, change = SILENT[what]
    before = {name: fresh(name) for name in names}
    change(capability)
    for name in names:
        assert before[name] != fresh(name)
        assert not taken(name, capability.pk)
        indexing.rebuild(name)
        assert capability.pk in prepared
        assert documents(name) == fresh(name)
        assert taken(name, capability.pk)


def test_a_credential_counts_from_the_day_it_begins(province, clock):
    capability, _scenario = province
    with frozen(clock + timedelta(days=4)):
        assert taken("capability_match", capability.pk)
    with frozen(clock + timedelta(days=5)):
        assert not taken("capability_match", capability.pk)
        indexing.rebuild("capability_match")
        facts = json.loads(documents("capability_match")[capability.pk]["facts"])
        assert [name for name, _until in facts["credentials"]] == ["保密资质", "软件企业"]


def test_a_document_made_at_midnight_is_not_taken_for_the_new_day(province, clock, monkeypatch):
    """The day changes between the digest and the document: it may be prepared once more, never be wrong."""
    capability, _scenario = province
    index = INDEXES["capability_match"]
    prepare = indexing._prepared

    def a_day_late(*arguments):
        with frozen(clock + timedelta(days=5)):
            return list(prepare(*arguments))

    monkeypatch.setattr(indexing, "_prepared", a_day_late)
    with frozen(clock + timedelta(days=4)):
        sources = index.sources.read(index.get_queryset(), [capability.pk])
        indexing._kept(index, sources, statistics_of(index))
    with frozen(clock + timedelta(days=5)):
        assert not taken("capability_match", capability.pk)


def test_a_kept_document_does_not_bring_back_what_is_over(province, clock, prepared):
    _capability, scenario = province
    with frozen(clock + timedelta(days=21)):
        indexing.rebuild("scenario_match")
        assert dict(get_engine().versions(INDEXES["scenario_match"].schema)) == {}
    assert prepared == []
    assert KeptDocument.objects.filter(index="scenario_match", key=scenario.pk).exists()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("scenario", lambda row: Organisation.objects.filter(pk=row.owner_id).update(name="改名局")),
        ("scenario", lambda row: QuarterlyList.objects.update(quarter_number=1)),
        ("scenario", lambda row: QuarterlyList.objects.update(published_at=None)),
        ("scenario_match", lambda row: Region.objects.filter(code="370100").update(circle="另一圈")),
        ("scenario_match", lambda row: Organisation.objects.filter(pk=row.owner_id).update(public_id=row.public_id)),
        ("quarterly_list", lambda row: ListItem.objects.update(content={"title": "另一名称"})),
    ],
)
def test_a_silent_change_around_a_demand_is_noticed(province, name, change):
    _capability, scenario = province
    key = scenario.list_items.get().quarterly_list_id if name == "quarterly_list" else scenario.pk
    assert taken(name, key)
    change(scenario)
    assert not taken(name, key)


# --- what makes kept documents useless -----------------------------------------------------------------------------


def test_documents_made_with_other_statistics_are_prepared_anew(province, prepared):
    capability, _scenario = province
    CollectionStatistics.objects.update(documents=100)  # no longer fits one capability
    indexing.rebuild("capability_match")
    assert prepared == [capability.pk]
    assert documents("capability_match") == fresh("capability_match")


def test_statistics_that_fit_are_used_again_but_not_for_ever(province, clock):
    first = indexing.live_statistics("capability_match")
    indexing.rebuild("capability_match")
    assert indexing.live_statistics("capability_match") == first
    CollectionStatistics.objects.update(created_at=clock - timedelta(days=31))
    indexing.rebuild("capability_match")
    assert indexing.live_statistics("capability_match") != first


def test_another_release_of_a_package_that_cuts_texts_makes_them_anew(province, prepared, monkeypatch):
    capability, _scenario = province
    monkeypatch.setattr(keeping, "_PROGRAMS", "rjieba 99")
    indexing.rebuild("capability")
    assert prepared == [capability.pk]


def test_documents_without_the_vectors_of_their_schema_are_not_kept(province, monkeypatch):
    index = INDEXES["capability_match"]
    schema = Schema(index.schema.name, 1, index.schema.fields, encoder="lsa-gone")
    without = replace(index, schema=schema)
    KeptDocument.objects.all().delete()
    sources = index.sources.read(index.get_queryset(), list(index.get_queryset().values_list("pk", flat=True)))
    monkeypatch.setattr(indexing, "get_encoder", lambda: None)
    assert len(indexing._kept(without, sources, statistics_of(index))) == 1
    assert KeptDocument.objects.count() == 0


@on_both_engines
def test_reindex_fresh_uses_nothing_that_was_made_before(province, prepared):
    capability, _scenario = province
    statistics = indexing.live_statistics("capability_match")
    KeptDocument.objects.update(document=b'{"title":"wrong"}')
    call_command("reindex", "--fresh", "--index", "capability_match", stdout=io.StringIO())
    assert prepared == [capability.pk]
    assert indexing.live_statistics("capability_match") != statistics
    assert documents("capability_match") == fresh("capability_match")


def test_a_fresh_rebuild_does_not_carry_on_what_was_begun_with_kept_documents(province, clock):
    left = indexing._register(INDEXES["capability"], get_engine(), "中断")
    IndexBuild.objects.filter(pk=left.pk).update(heartbeat_at=clock - 2 * indexing.ABANDONED_AFTER)
    build = indexing.rebuild("capability", fresh=True)
    assert build.pk != left.pk
    left.refresh_from_db()
    assert left.state == "failed"


@on_both_engines
def test_a_killed_rebuild_is_carried_on_with_kept_documents(province, prepared, monkeypatch, clock):
    more = [make_listed_capability() for _number in range(3)]
    indexing.rebuild("capability")
    prepared.clear()
    engine, written = get_engine(), []
    write = type(engine).write

    def failing(schema, generation, operations):
        written.append(len(operations))
        if len(written) == 3:
            raise EngineUnavailable
        write(engine, schema, generation, operations)

    monkeypatch.setattr(engine, "write", failing)
    monkeypatch.setattr(indexing, "COMMITTED", 1)
    with pytest.raises(EngineUnavailable):
        indexing.rebuild("capability")
    begun = IndexBuild.objects.get(state="building")
    assert begun.documents == 2
    assert indexing.rebuild("capability").generation == begun.generation
    assert prepared == []
    assert len(dict(engine.versions(INDEXES["capability"].schema))) == 1 + len(more)


# --- looking after them --------------------------------------------------------------------------------------------


@on_both_engines
@pytest.mark.parametrize("name", ["capability", "scenario_match"])
def test_a_kept_document_that_is_not_true_is_found_and_replaced(province, name):
    assert indexing.check(name).is_clean
    (kept,) = KeptDocument.objects.filter(index=name)
    KeptDocument.objects.filter(pk=kept.pk).update(
        document=pack(INDEXES[name].schema, documents(name)[kept.key] | {"title": "假"})
    )
    drift = indexing.check(name)
    assert (drift.untrue, drift.size) == ((str(kept.key),), 1)
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("check_index", "--index", name, stdout=out)
    assert "抽查留存的文档，1 篇有误" in out.getvalue()
    call_command("check_index", "--index", name, "--repair", stdout=io.StringIO())
    assert documents(name) == fresh(name)
    assert indexing.check(name).is_clean


def test_the_sweep_forgets_documents_of_rows_that_are_gone_or_no_longer_belong(province):
    capability, scenario = province
    other = make_listed_capability()
    relay.drain()
    KeptDocument.objects.create(index="former", key=1, form="", sources=b"", document=b"{}")
    Scenario.objects.filter(pk=scenario.pk).update(state="withdrawn", document_version=60)
    capability.delete()
    indexing.sweep()
    left = set(KeptDocument.objects.values_list("index", "key"))
    assert {key for index, key in left if index in ("capability", "capability_match")} == {other.pk}
    assert ("scenario_match", scenario.pk) not in left
    assert ("scenario", scenario.pk) in left
    assert "former" not in {index for index, _key in left}


def test_a_sample_comes_from_everywhere(db):
    KeptDocument.objects.bulk_create(
        KeptDocument(index="capability", key=key, form="", sources=b"", document=b"{}") for key in range(1, 1_001)
    )
    keys = keeping.sample(INDEXES["capability"])
    assert 10 <= len(keys) <= 100
    assert set(keys) <= set(range(1, 1_001))
    KeptDocument.objects.filter(key__gt=100).delete()
    assert keeping.sample(INDEXES["capability"]) == list(range(1, 101))


# --- the same text gives the same document ---------------------------------------------------------------------------

#: Digests of the documents below. Other documents need a higher `Schema.version`: kept ones are of another form then.
PREPARED = {
    "scenario": (1, "8ed0ed0d41641d41"),
    "capability": (1, "68181c9197139ca2"),
    "quarterly_list": (1, "feb6f5cec21dc567"),
    "scenario_match": (1, "cab263babdb2d366"),
    "capability_match": (2, "539a6a95fe2703db"),
    "challenge": (1, "4c016d3293f86164"),
}


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", PREPARED)
def test_who_changes_what_is_prepared_raises_the_version_of_the_schema(province, name):
    Challenge.objects.update(code="JB-2026-001", published_at=NEW_YEAR, deadline_at=NEW_YEAR)
    Organisation.objects.filter(challenges__isnull=False).update(name="丙港口集团")
    index = INDEXES[name]
    statistics = TermStatistics(documents=50, frequencies={1: 3})
    found = []
    for row in index.get_queryset().order_by("pk"):
        document = dict(index.prepare(row, statistics))
        facts = json.loads(document.pop("facts", "{}"))
        facts.pop("organisation", None)  # drawn by lot, like the numbers of rows
        document["visible"] = [entry.split(":")[0] for entry in document.get("visible", ())]
        document["code"] = document.get("code") and "code"
        if name in ("scenario", "capability"):
            row_code = row.code or ""
            document["text"] = " ".join(part for part in document["text"].split() if part != row_code.lower())
        found.append(repr((sorted(document.items()), sorted(facts.items()))))
    digest = hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]
    assert (index.schema.version, digest) == PREPARED[name]


# --- documents as bytes ----------------------------------------------------------------------------------------------


def test_packing_loses_nothing_but_fields_without_a_value():
    schema = Schema("x", 1, (Field("title", Kind.TOKENS), Field("packed", Kind.STORED_BYTES), Field("n", Kind.INTEGER)))
    document = {"title": "水 利", "packed": b"\x00\xff", "n": None, "tags": ["甲", "乙"]}
    packed = pack(schema, document)
    assert packed == '{"title":"水 利","packed":"AP8=","tags":["甲","乙"]}'.encode()
    assert pack(schema, packed) is packed
    assert unpack(schema, packed) == {"title": "水 利", "packed": b"\x00\xff", "tags": ["甲", "乙"]}
    assert unpack(schema, pack(schema, {"title": "\ud800"})) == {"title": "\ud800"}


def test_statistics_of_a_sample_give_a_text_the_same_norm_whoever_reads_them(province, monkeypatch):
    """A document that is synced later must be as comparable as one that was loaded."""
    monkeypatch.setattr("search.statistics.SAMPLE_SIZE", 2)
    for _number in range(4):
        make_listed_capability()
    indexing.rebuild("capability_match", fresh=True)
    stored = indexing.live_statistics("capability_match").snapshot(with_frequencies=True)
    assert (stored.documents, stored.sampled) == (5, 2)
    kept = documents("capability_match")
    indexing.sync("capability_match", list(kept))
    assert documents("capability_match") == kept
    assert stored.norm({7: 1}) == TermStatistics(2, frequencies=stored.frequencies).norm({7: 1})
