"""A rebuild can be killed and carried on, and undone; what no event told of is found by the sweep. On both engines."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command

from core import relay
from search import indexing
from search.contract import Delete, EngineUnavailable, Put
from search.documents import INDEXES
from search.engines import get_engine
from search.enums import BuildState
from search.models import IndexBuild
from tests.factories import make_listed_capability, make_listed_scenario
from vendors.models import Capability

pytestmark = [pytest.mark.django_db, pytest.mark.engine, pytest.mark.usefixtures("engine")]
INDEX = INDEXES["capability"]


def versions(generation: str | None = None) -> dict[str, int]:
    return dict(get_engine().versions(INDEX.schema, generation))


def expected(*rows: Capability) -> dict[str, int]:
    return {str(row.pk): Capability.objects.get(pk=row.pk).document_version for row in rows}


@pytest.fixture
def outage(monkeypatch):
    """The engine's third write fails as if the server were away; counts the documents of every write."""
    engine, written = get_engine(), []
    write = type(engine).write

    def failing(schema, generation, operations):
        if len(written) == 2:
            written.append(0)
            raise EngineUnavailable
        written.append(len(operations))
        write(engine, schema, generation, operations)

    monkeypatch.setattr(engine, "write", failing)
    monkeypatch.setattr(indexing, "COMMITTED", 1)
    return written


def test_an_interrupted_rebuild_is_carried_on_where_it_stood(clock, outage):
    rows = [make_listed_capability() for _number in range(4)]
    with pytest.raises(EngineUnavailable):
        indexing.rebuild("capability")
    begun = IndexBuild.objects.get()
    assert (begun.state, begun.loaded_to, begun.documents) == (BuildState.BUILDING, rows[1].pk, 2)
    outage.clear()
    outage.extend([0, 0, 0])
    build = indexing.rebuild("capability")
    assert build.generation == begun.generation == get_engine().current(INDEX.schema)
    assert outage[3:5] == [1, 1]  # the rows after the two that were there
    assert versions() == expected(*rows)
    assert IndexBuild.objects.get().state == BuildState.LIVE


def test_changes_made_while_a_killed_rebuild_lies_still_are_in_it(clock, outage):
    rows = [make_listed_capability() for _number in range(4)]
    with pytest.raises(EngineUnavailable):
        indexing.rebuild("capability")
    outage.extend([0, 0])
    Capability.objects.filter(pk=rows[0].pk).update(document_version=50, title="改后")
    Capability.objects.filter(pk=rows[1].pk).update(document_version=51, state="draft")
    assert indexing.rebuild("capability").state == BuildState.LIVE
    assert versions() == expected(rows[0], rows[2], rows[3])
    assert indexing.check("capability").is_clean


def test_a_rebuild_killed_between_promotion_and_note_is_only_noted(clock):
    row = make_listed_capability()
    build = indexing.rebuild("capability")
    IndexBuild.objects.update(state=BuildState.BUILDING, heartbeat_at=clock - 2 * indexing.ABANDONED_AFTER)
    again = indexing.rebuild("capability")
    assert (again.pk, again.generation, again.state) == (build.pk, build.generation, BuildState.LIVE)
    assert versions() == expected(row)


def test_a_build_that_is_still_alive_is_not_taken_over(clock):
    indexing._register(INDEX, get_engine(), "另一个")
    assert indexing.rebuild("capability") is None
    assert IndexBuild.objects.get().state == BuildState.BUILDING


def test_a_build_of_another_form_is_given_up(clock):
    left = indexing._register(INDEX, get_engine(), "旧版")
    IndexBuild.objects.update(fingerprint="other", heartbeat_at=clock - 2 * indexing.ABANDONED_AFTER)
    build = indexing.rebuild("capability")
    assert build.pk != left.pk
    left.refresh_from_db()
    assert left.state == BuildState.FAILED


def test_rollback_brings_the_former_generation_back_with_everything_that_changed_since(clock):
    kept, changed, removed = (make_listed_capability() for _number in range(3))
    first = indexing.rebuild("capability").generation
    relay.drain()
    second = indexing.rebuild("capability").generation
    Capability.objects.filter(pk=changed.pk).update(document_version=70, title="改后的名称")
    Capability.objects.filter(pk=removed.pk).update(document_version=71, state="draft")
    added = make_listed_capability()
    relay.drain()
    indexing.drop_unused()
    assert str(added.pk) not in versions(first)
    build = indexing.rollback("capability")
    assert get_engine().current(INDEX.schema) == build.generation == first != second
    assert versions() == expected(kept, changed, added)
    assert IndexBuild.objects.get(generation=second).state == BuildState.RETIRED
    assert IndexBuild.objects.get(generation=first).state == BuildState.LIVE
    # And forward again: the one rolled back from is the former one now.
    assert indexing.rollback("capability").generation == second
    assert versions() == expected(kept, changed, added)


def killed_rollback(clock) -> tuple[str, str]:
    """(former, present) generation after a rollback whose process died before it had promoted anything."""
    former = indexing.rebuild("capability").generation
    present = indexing.rebuild("capability").generation
    IndexBuild.objects.filter(generation=former).update(
        state=BuildState.BUILDING, loaded_to=indexing.LOADED, heartbeat_at=clock - 2 * indexing.ABANDONED_AFTER
    )
    return former, present


def test_a_killed_rollback_can_be_run_again(clock):
    row = make_listed_capability()
    former, present = killed_rollback(clock)
    assert get_engine().current(INDEX.schema) == present
    assert indexing.rollback("capability").generation == former
    assert get_engine().current(INDEX.schema) == former
    assert versions() == expected(row)


def test_a_rebuild_after_a_killed_rollback_is_a_new_one(clock):
    make_listed_capability()
    former, present = killed_rollback(clock)
    build = indexing.rebuild("capability")
    assert build.generation not in (former, present)
    assert IndexBuild.objects.get(generation=former).state == BuildState.RETIRED


def test_a_killed_rebuild_does_not_stand_in_the_way_of_a_rollback(clock):
    make_listed_capability()
    former = indexing.rebuild("capability").generation
    indexing.rebuild("capability")
    left = indexing._register(INDEX, get_engine(), "中断")
    assert indexing.rollback("capability") is None
    IndexBuild.objects.filter(pk=left.pk).update(heartbeat_at=clock - 2 * indexing.ABANDONED_AFTER)
    assert indexing.rollback("capability").generation == former
    left.refresh_from_db()
    assert left.state == BuildState.FAILED


def test_rollback_keeps_the_statistics_of_the_generation(clock):
    make_listed_capability()
    indexing.rebuild("capability_match")
    first = indexing.live_statistics("capability_match")
    make_listed_capability()
    indexing.rebuild("capability_match")
    assert indexing.live_statistics("capability_match") != first
    indexing.rollback("capability_match")
    assert indexing.live_statistics("capability_match") == first
    assert indexing.check("capability_match").is_clean


def test_without_a_former_generation_nothing_is_rolled_back(clock):
    make_listed_capability()
    generation = indexing.rebuild("capability").generation
    with pytest.raises(indexing.GenerationGone):
        indexing.rollback("capability")
    errors = io.StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("reindex", "--rollback", "--index", "capability", stderr=errors)
    assert stopped.value.code == 2
    assert "没有可以恢复的上一代" in errors.getvalue()
    assert get_engine().current(INDEX.schema) == generation
    assert IndexBuild.objects.get().state == BuildState.LIVE


def test_the_former_generation_of_another_release_is_not_promoted(clock):
    indexing.rebuild("capability")
    IndexBuild.objects.update(fingerprint="other")
    indexing.rebuild("capability")
    with pytest.raises(indexing.GenerationGone):
        indexing.rollback("capability")


def test_the_command_rolls_back(clock):
    make_listed_capability()
    first = indexing.rebuild("capability").generation
    indexing.rebuild("capability")
    out = io.StringIO()
    call_command("reindex", "--rollback", "--index", "capability", stdout=out)
    assert "capability：1 篇" in out.getvalue()
    assert first in out.getvalue()
    assert get_engine().current(INDEX.schema) == first


def test_the_sweep_repairs_what_no_event_told_of(clock):
    rows = [make_listed_capability() for _number in range(3)]
    make_listed_scenario()
    indexing.heal()
    relay.drain()
    engine, live = get_engine(), get_engine().current(INDEX.schema)
    engine.write(INDEX.schema, live, [Put("999999", 1, {"title": "多余", "text": "多余"}), Delete(str(rows[0].pk), 40)])
    Capability.objects.filter(pk=rows[0].pk).update(document_version=41)
    Capability.objects.filter(pk=rows[1].pk).update(document_version=42, title="没有事件的修改")
    found = indexing.sweep()
    assert found == {
        "scenario": 0,
        "capability": 3,
        "challenge": 0,
        "quarterly_list": 0,
        "scenario_match": 0,
        "capability_match": 2,
    }
    assert versions() == expected(*rows)
    assert set(indexing.sweep().values()) == {0}


def test_the_sweep_leaves_a_missing_index_to_the_rebuild(clock):
    make_listed_capability()
    assert set(indexing.sweep().values()) == {None}
    assert IndexBuild.objects.count() == 0


def test_a_rebuild_in_a_transaction_compares_again_when_it_is_promoted(clock):
    """Others cannot see such a build and write to the former generation only."""
    row = make_listed_capability()
    indexing.rebuild("capability")
    engine = get_engine()
    promote = engine.promote

    def promote_late(schema, generation):
        Capability.objects.filter(pk=row.pk).update(document_version=90)
        promote(schema, generation)

    engine.promote = promote_late  # what another process does in that moment
    try:
        indexing.rebuild("capability")
    finally:
        del engine.promote
    assert versions() == {str(row.pk): 90}


def test_the_former_generation_is_kept_a_day(clock):
    make_listed_capability()
    first = indexing.rebuild("capability").generation
    second = indexing.rebuild("capability").generation
    IndexBuild.objects.filter(generation=first).update(finished_at=clock - timedelta(hours=23))
    indexing.drop_unused()
    assert get_engine().generations("capability") == tuple(sorted((first, second)))
    IndexBuild.objects.filter(generation=first).update(finished_at=clock - timedelta(hours=25))
    indexing.drop_unused()
    assert get_engine().generations("capability") == (second,)
