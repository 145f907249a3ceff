"""The index follows the database, survives damage and rebuilds, and says where it differs."""

import io
import json
import shutil
import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command

from accounts.enums import OrganisationState, Role
from accounts.models import Organisation
from accounts.services import organisation_transition, organisation_update
from core import relay
from core.clock import frozen
from core.errors import ServiceUnavailable
from core.models import OutboxEvent
from scenarios.models import Scenario
from search import indexing
from search.contract import IndexMissing, Query, WriterBusy
from search.documents import INDEXES
from search.engines import embedded, get_engine
from search.enums import BuildState
from search.models import IndexBuild
from search.services import search
from tests.factories import (
    make_capability,
    make_listed_capability,
    make_listed_scenario,
    make_organisation,
    make_person,
    make_pooled_scenario,
    make_scenario,
)
from vendors.models import Capability

pytestmark = [pytest.mark.django_db, pytest.mark.engine, pytest.mark.usefixtures("engine")]
only_embedded = pytest.mark.parametrize("engine", ["embedded"], indirect=True)


def keys(name: str) -> list[str]:
    return sorted(key for key, _version in get_engine().versions(INDEXES[name].schema))


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except SystemExit as stop:
        code = stop.code
    return code, out.getvalue(), err.getvalue()


def test_every_index_follows_its_rows(clock):
    indexing.heal()
    capability, scenario = make_listed_capability(), make_listed_scenario()
    draft = make_capability()
    relay.drain()
    assert keys("capability") == keys("capability_match") == [str(capability.pk)]
    assert keys("scenario") == keys("scenario_match") == [str(scenario.pk)]
    assert len(keys("quarterly_list")) == 1
    assert str(draft.pk) not in keys("capability")
    assert all(indexing.check(name).is_clean for name in INDEXES)


def test_a_demand_not_yet_listed_may_be_searched_but_not_matched(clock):
    indexing.heal()
    scenario = make_pooled_scenario()
    relay.drain()
    assert keys("scenario") == [str(scenario.pk)]
    assert keys("scenario_match") == []


def test_a_row_that_is_gone_leaves_every_index(clock):
    indexing.heal()
    capability = make_listed_capability()
    relay.drain()
    key = capability.pk
    capability.delete()
    indexing.sync("capability", [key])
    indexing.sync("capability_match", [key])
    assert keys("capability") == keys("capability_match") == []


def test_syncing_twice_is_syncing_once(clock):
    indexing.heal()
    capability = make_listed_capability()
    relay.drain()
    before = list(get_engine().versions(INDEXES["capability"].schema))
    indexing.sync("capability", [capability.pk, capability.pk])
    indexing.sync("capability", [capability.pk])
    assert list(get_engine().versions(INDEXES["capability"].schema)) == before


def test_without_an_index_events_are_done_and_the_rebuild_reads_the_rows(clock):
    capability = make_listed_capability()
    relay.drain()
    with pytest.raises(IndexMissing):
        get_engine().probe(INDEXES["capability"].schema)
    # Matching makes its own indexes when it needs them; the rest is the clock's work.
    assert set(indexing.heal()) == {"scenario", "capability", "challenge", "quarterly_list"}
    assert keys("capability") == keys("capability_match") == [str(capability.pk)]
    assert indexing.heal() == []


@only_embedded
def test_a_busy_writer_is_an_outage_that_uses_up_no_attempt(clock, monkeypatch):
    indexing.heal()
    make_listed_capability()
    monkeypatch.setattr(embedded, "LOCK_WAIT_SECONDS", 0.05)
    engine = get_engine()
    schema = INDEXES["capability"].schema
    opened = engine._open(schema, engine.current(schema))
    key = Capability.objects.get().pk
    with engine._writer(opened), pytest.raises(WriterBusy) as refused:
        indexing.sync("capability", [key])
    assert isinstance(refused.value, ServiceUnavailable)
    assert keys("capability") == []


@only_embedded
@pytest.mark.parametrize("harm", ["truncate", "remove", "pointer"])
def test_a_damaged_or_missing_index_rebuilds_itself(clock, index_folder, harm):
    capability = make_listed_capability()
    indexing.heal()
    folder = index_folder / "capability"
    if harm == "truncate":
        path = next(folder.glob("*/*.store"))
        cut = path.with_name("cut")
        cut.write_bytes(path.read_bytes()[:20])
        cut.replace(path)  # in place, the mapped pages would be taken from the engine's threads (SIGBUS)
        get_engine()._opened.clear()
    elif harm == "remove":
        shutil.rmtree(index_folder)
    else:
        (folder / "current").write_bytes(b"\x00")
    assert "capability" in indexing.heal()
    assert keys("capability") == [str(capability.pk)]


def test_a_rebuild_swaps_in_one_step_and_the_old_generation_goes_later(clock):
    make_listed_capability()
    indexing.heal()
    first = get_engine().current(INDEXES["capability"].schema)
    build = indexing.rebuild("capability", reason="测试")
    assert get_engine().current(INDEXES["capability"].schema) == build.generation != first
    assert IndexBuild.objects.get(generation=first).state == BuildState.RETIRED
    IndexBuild.objects.filter(generation=first).update(finished_at=clock - 2 * indexing.KEEP_RETIRED)
    indexing.drop_unused()
    assert get_engine().generations("capability") == tuple(sorted((first, build.generation)))
    IndexBuild.objects.filter(generation=first).update(finished_at=clock - 2 * indexing.KEPT_FOR_ROLLBACK)
    indexing.drop_unused()
    assert get_engine().generations("capability") == (build.generation,)
    assert IndexBuild.objects.get(generation=first).state == BuildState.DROPPED


def test_while_a_rebuild_runs_changes_go_to_both_generations(clock):
    kept, removed = make_listed_capability(), make_listed_capability()
    indexing.heal()
    engine, index = get_engine(), INDEXES["capability"]
    build = indexing._register(index, engine, "测试")
    engine.create(index.schema, build.generation)
    removed_key = removed.pk
    removed.delete()
    added = make_listed_capability()
    indexing.sync("capability", [removed_key, added.pk])
    assert keys("capability") == sorted([str(kept.pk), str(added.pk)])
    assert sorted(key for key, _version in engine.versions(index.schema, build.generation)) == [str(added.pk)]
    indexing._load(index, engine, build, indexing.TermStatistics(), lambda done, total: None)
    indexing._promote(index, engine, build, 2)
    assert keys("capability") == sorted([str(kept.pk), str(added.pk)])


def test_a_load_that_read_an_older_row_does_not_undo_a_newer_write(clock):
    capability = make_listed_capability()
    indexing.heal()
    engine, index = get_engine(), INDEXES["capability"]
    build = indexing._register(index, engine, "测试")
    engine.create(index.schema, build.generation)
    old = list(indexing._operations(index, [capability.pk], indexing.TermStatistics()))
    Capability.objects.filter(pk=capability.pk).update(state="suspended", document_version=99, title="改后的名称")
    indexing.sync("capability", [capability.pk])
    engine.write(index.schema, build.generation, old)
    assert dict(engine.versions(index.schema, build.generation)) == {str(capability.pk): 99}


def test_a_demand_leaves_matching_when_its_deadline_passes(clock):
    indexing.heal()
    scenario = make_listed_scenario(deadline_at=clock + timedelta(hours=1))
    relay.drain()
    assert indexing.sync_passed_deadlines() == 0
    assert keys("scenario_match") == [str(scenario.pk)]
    with frozen(clock + timedelta(hours=2)):
        assert indexing.sync_passed_deadlines() == 1
        assert indexing.sync_passed_deadlines() == 0
        assert indexing.check("scenario_match").is_clean
    assert keys("scenario_match") == []
    assert keys("scenario") == [str(scenario.pk)]


def test_a_large_index_is_rebuilt_by_a_child_that_says_when_it_cannot(clock, monkeypatch, caplog):
    """The child has no tables here (another database): its failure is logged, and the next run tries again."""
    make_listed_capability()
    monkeypatch.setattr(indexing, "REBUILT_IN_PROCESS", 0)
    assert "capability" not in indexing.heal()
    assert "reindex of capability ended with" in caplog.text


def test_two_rebuilds_of_one_index_do_not_run_at_once(clock):
    indexing._register(INDEXES["capability"], get_engine(), "另一个")
    assert indexing.rebuild("capability") is None
    IndexBuild.objects.update(heartbeat_at=clock - 2 * indexing.ABANDONED_AFTER)
    assert indexing.rebuild("capability") is not None


def test_statistics_follow_a_growing_collection(clock):
    indexing.heal()
    assert indexing.live_statistics("capability_match").documents == 0
    for _number in range(3):
        make_listed_capability()
    relay.drain()
    assert indexing.live_statistics("capability_match").documents == 3


def test_check_index_says_what_differs_and_repairs_it(clock):
    first, second, third = (make_listed_capability() for _number in range(3))
    indexing.heal()
    Capability.objects.filter(pk=first.pk).update(document_version=50)
    Capability.objects.filter(pk=second.pk).update(state="withdrawn")
    gone = third.pk
    third.delete()
    indexing.sync("capability", [])
    code, out, _err = run("check_index", "--index", "capability_match", "--json")
    assert code == 1
    (report,) = json.loads(out)
    assert (report["missing"], report["outdated"], report["clean"]) == ([], [str(first.pk)], False)
    assert report["superfluous"] == [str(second.pk), str(gone)]
    code, _out, _err = run("check_index", "--index", "capability_match", "--repair")
    assert code == 0
    assert keys("capability_match") == [str(first.pk)]


def test_check_index_names_the_remedy_when_there_is_no_index(clock):
    code, out, _err = run("check_index", "--index", "scenario")
    assert code == 1
    assert "manage.py reindex --index scenario" in out
    assert run("check_index", "--index", "scenario", "--repair")[0] == 0


def test_reindex_reports_each_index(clock):
    make_listed_capability()
    code, out, _err = run("reindex", "--json")
    assert code == 0
    assert {entry["index"]: entry["documents"] for entry in json.loads(out)} == {
        "scenario": 0,
        "capability": 1,
        "challenge": 0,
        "quarterly_list": 0,
        "scenario_match": 0,
        "capability_match": 1,
    }


def test_nothing_disappears_for_readers_while_rebuilding(clock):
    """The right test for a swap (style.md 2.3): search all the time, in another thread, and miss nothing."""
    make_listed_capability()
    indexing.heal()
    schema = INDEXES["capability"].schema
    stop, counts, errors = threading.Event(), set(), []

    def keep_searching() -> None:
        while not stop.is_set():
            try:
                counts.add(get_engine().search(schema, Query("capability")).total)
            except Exception as error:  # noqa: BLE001 - collected for the assertion
                errors.append(error)

    reader = threading.Thread(target=keep_searching)
    reader.start()
    try:
        for _number in range(5):
            indexing.rebuild("capability")
            IndexBuild.objects.update(finished_at=clock - 2 * indexing.KEPT_FOR_ROLLBACK)
            indexing.drop_unused()
    finally:
        stop.set()
        reader.join()
    assert errors == []
    assert counts == {1}


def test_private_contacts_are_in_no_document(clock):
    scenario = make_listed_scenario(private_contact_name="王不公开", private_contact_phone="13900000000")
    row = INDEXES["scenario"].get_queryset().get(pk=scenario.pk)
    for name in ("scenario", "scenario_match"):
        document = json.dumps(INDEXES[name].prepare(row, indexing.TermStatistics()), default=str, ensure_ascii=False)
        assert "不公" not in document
        assert "13900000000" not in document
    assert Scenario.objects.get().private_contact_name == "王不公开"


def test_capabilities_of_a_suspended_vendor_are_not_matched_until_it_is_restored(clock):
    indexing.heal()
    capability, other = make_listed_capability(), make_listed_capability()
    relay.drain()
    province = make_person(Role.PROVINCIAL_REVIEWER)
    organisation = capability.vendor.organisation

    organisation_transition(
        organisation_id=organisation.pk, action="suspend", acting_user=province, comment="执照已被吊销"
    )
    relay.drain()
    assert keys("capability_match") == [str(other.pk)]

    organisation_transition(organisation_id=organisation.pk, action="restore", acting_user=province)
    relay.drain()
    assert keys("capability_match") == sorted([str(capability.pk), str(other.pk)])
    assert all(indexing.check(name).is_clean for name in INDEXES)


def test_demands_are_found_by_their_owners_new_name(clock):
    indexing.heal()
    owner = make_organisation(name="滨海市数据资源管理办公室")
    scenario, draft = make_listed_scenario(owner), make_scenario(owner)
    relay.drain()
    manager = make_person(Role.ORGANISATION_MANAGER, organisation=owner)
    Organisation.objects.filter(pk=owner.pk).update(state=OrganisationState.RETURNED)

    organisation_update(organisation_id=owner.pk, values={"name": "滨海市大数据中心"}, acting_user=manager)
    relay.drain()
    found = [
        [item.obj.pk for item in search(kind="scenario", text=text, viewer=AnonymousUser()).items]
        for text in ("滨海市大数据中心", "资源管理办公室")
    ]
    assert found == [[scenario.pk], []]
    assert Scenario.objects.get(pk=draft.pk).document_version == draft.document_version


def test_what_search_does_not_show_of_an_organisation_touches_no_document(clock):
    owner = make_organisation(state=OrganisationState.RETURNED)
    manager = make_person(Role.ORGANISATION_MANAGER, organisation=owner)
    before = OutboxEvent.objects.count()
    organisation_update(organisation_id=owner.pk, values={"office_phone": "0531-86000000"}, acting_user=manager)
    assert OutboxEvent.objects.count() == before
