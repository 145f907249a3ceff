"""Keeping the indexes true to the database: sync of changed rows, rebuild under an alias, check and self-repair.

Everything here runs in the runner (relay, scheduler) or in a command, never in a web process (stack.md §1).

A rebuild is: register the build → from then on puts and deletes go to both generations → load in batches → compare
counts → promote in one step → drop the old one later (architecture.md §6.4). A change committed before the build was
registered is read by the load; one committed after it is written to both: nothing is lost in between.

Whoever prepares a document keeps it; a load takes kept documents whose rows give the same as then (`search.keeping`).
"""

import logging
import os
import subprocess
import sys
import uuid
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core.clock import now
from core.errors import DomainError
from scenarios.enums import ScenarioState
from scenarios.models import Scenario
from search import keeping
from search.contract import Delete, Engine, EngineUnavailable, Filter, IndexDamaged, IndexMissing, Operation, Put, Query
from search.documents import INDEXES
from search.documents.base import Index
from search.documents.sources import Source
from search.encoders import get_encoder
from search.engines import get_engine
from search.engines.bulk import write_batches
from search.enums import BuildState
from search.match_text import vector_fields
from search.models import CollectionStatistics, IndexBuild
from search.packing import pack, unpack
from search.statistics import StatisticsBuilder, TermStatistics, sampling_step

logger = logging.getLogger(__name__)

#: Rows read at once, and documents written in one commit of a rebuild (small commits cost an engine most).
BATCH = 500
COMMITTED = 2_000
#: A build that has not moved for this long was killed with its process.
ABANDONED_AFTER = timedelta(seconds=90)
#: The generation replaced last is kept this long, for `rollback`.
KEPT_FOR_ROLLBACK = timedelta(days=1)
#: Every row is written: nothing is left to load.
LOADED = 2**62
#: A rebuild goes on with the statistics of the promoted generation, if they still fit and are not older than this.
STATISTICS_KEPT = timedelta(days=30)
#: How far back passed deadlines are looked for; far more than the clock's job ever rests.
LOOK_BACK = timedelta(days=7)
#: Readers of another process may still hold the generation they opened a moment ago.
KEEP_RETIRED = timedelta(seconds=60)
#: Version of the deletion of a row that is gone: above every version it can have had. Keys are never reused.
GONE = 2**40
#: A matching index up to this size is rebuilt at once when its statistics no longer fit; a larger one by the scheduler.
REBUILT_AT_ONCE = 500
#: Above this the scheduler has a child process rebuild.
REBUILT_IN_PROCESS = 5_000
DRIFT = 0.2

Progress = Callable[[int, int], None]


def _no_progress(_done: int, _total: int) -> None:
    return None


class GenerationGone(DomainError):
    """There is no earlier generation that could be promoted again."""

    code = "generation_gone"

    def __init__(self, index_name: str) -> None:
        super().__init__(
            _(
                "索引 {name} 没有可以恢复的上一代：已被清除，或属于另一版本的程序。"
                "请用 manage.py reindex --index {name} 重新建立。"
            ).format(name=index_name)
        )


@dataclass(frozen=True)
class Drift:
    """Differences between an index and the database, by key."""

    index: str
    missing: tuple[str, ...]
    outdated: tuple[str, ...]
    superfluous: tuple[str, ...]
    damaged: bool = False
    #: Kept documents, of a sample, that are not what their rows are prepared to now.
    untrue: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        different = len(self.missing) + len(self.outdated) + len(self.superfluous) + len(self.untrue)
        return different + int(self.damaged)

    @property
    def is_clean(self) -> bool:
        return self.size == 0


# --- sync --------------------------------------------------------------------------------------------------------


def sync(index_name: str, keys: Iterable[int], engine: Engine | None = None) -> None:
    """Bring these rows into the index as they are now: re-read, prepare, put or delete, in one commit per generation.

    Idempotent and order-insensitive. Without an index there is nothing to do: the rebuild that makes it reads the rows.
    """
    engine = engine or get_engine()
    index = INDEXES[index_name]
    wanted = sorted(set(keys))
    if not wanted:
        return
    live = engine.current(index.schema)
    building = list(
        IndexBuild.objects.filter(
            index=index.name, state=BuildState.BUILDING, fingerprint=index.schema.fingerprint
        ).values_list("generation", flat=True)
    )
    for generation in [entry for entry in (live, *building) if entry]:
        statistics = _statistics_of(generation, index)
        if statistics is None:
            continue
        try:
            engine.write(index.schema, generation, list(_operations(index, wanted, statistics)))
        except (IndexMissing, IndexDamaged):
            if _is_readable(index, generation, engine):
                raise  # a disk that was full, for one: the outbox tries again
            logger.warning("search index %s (%s) must be rebuilt", index.name, generation)
    if live and index.text_of is not None:
        _refresh_small(index, engine)


def _is_readable(index: Index, generation: str, engine: Engine) -> bool:
    try:
        engine.probe(index.schema, generation)
    except EngineUnavailable:
        return False
    return True


def sync_passed_deadlines(engine: Engine | None = None) -> int:
    """Take demands out of matching whose deadline has passed: no event tells of that. Returns how many."""
    engine = engine or get_engine()
    index = INDEXES["scenario_match"]
    passed = Scenario.objects.filter(
        state=ScenarioState.LISTED, deadline_at__lte=now(), deadline_at__gt=now() - LOOK_BACK
    )
    keys = tuple(str(key) for key in passed.order_by("pk").values_list("pk", flat=True))
    if not keys or engine.current(index.schema) is None:
        return 0
    query = Query(index.name, filters=(Filter("id", values=keys),), limit=len(keys), count_total=False)
    present = [int(hit.id) for hit in engine.search(index.schema, query).hits]
    sync(index.name, present, engine)
    return len(present)


def _operations(index: Index, keys: Sequence[int], statistics: TermStatistics) -> Iterator[Operation]:
    for start in range(0, len(keys), BATCH):
        part = keys[start : start + BATCH]
        sources = index.sources.read(index.model._default_manager.all(), part)
        there = {source.key for source in sources}
        yield from (Delete(str(key), GONE) for key in part if key not in there)
        yield from _kept(index, sources, statistics)


def _kept(index: Index, sources: Sequence[Source], statistics: TermStatistics) -> list[Operation]:
    """As `_prepared`, and each document is kept with the digest of the values it was made from."""
    if not _has_its_encoder(index):
        return list(_prepared(index, sources, statistics))
    operations: list[Operation] = []
    prepared: list[tuple[int, bytes, bytes]] = []
    for source, operation in zip(sources, _prepared(index, sources, statistics), strict=True):
        if isinstance(operation, Put):
            packed = pack(index.schema, operation.document)
            prepared.append((source.key, source.digest, packed))
            operations.append(Put(operation.id, operation.version, packed))
        else:
            operations.append(operation)
    keeping.keep(index, prepared, statistics)
    return operations


def _has_its_encoder(index: Index) -> bool:
    """Documents without the vectors their schema names (an encoder's file is missing) are not to be kept."""
    encoder = get_encoder() if index.schema.encoder else None
    return (encoder.identity if encoder else "") == index.schema.encoder


def _prepared(index: Index, sources: Sequence[Source], statistics: TermStatistics) -> Iterator[Operation]:
    """Puts and deletions of these rows; vectors, where an encoder is configured, are made for all of them together."""
    rows = [index.sources.row_of(source) for source in sources]
    documents = [index.prepare(row, statistics) for row in rows]
    encoder = get_encoder() if index.schema.encoder else None
    if encoder is not None and index.text_of is not None:
        there = [number for number, document in enumerate(documents) if document is not None]
        vectors = encoder.encode([index.text_of(rows[number]).whole for number in there])
        for number, vector in zip(there, vectors, strict=True):
            documents[number] = {**(documents[number] or {}), **vector_fields(vector)}
    for source, document in zip(sources, documents, strict=True):
        key, version = str(source.key), source.version
        yield Delete(key, version) if document is None else Put(key, version, document)


def _statistics_of(generation: str, index: Index) -> TermStatistics | None:
    """What documents of this generation are prepared with; None when nobody knows (then it must be rebuilt)."""
    if index.text_of is None:
        return TermStatistics()
    build = IndexBuild.objects.filter(generation=generation, statistics__isnull=False)
    known = build.values_list(
        "statistics_id", "statistics__created_at", "statistics__documents", "statistics__mean_text_length"
    ).first()
    return _snapshot(*known) if known is not None else None


@lru_cache(maxsize=4)
def _snapshot(key: int, *_made: Any) -> TermStatistics:
    """Read once per process. A number alone may come back: SQLite gives that of a rolled-back transaction again."""
    return CollectionStatistics.objects.get(pk=key).snapshot(with_frequencies=True)


def live_statistics(index_name: str, engine: Engine | None = None) -> CollectionStatistics:
    """The snapshot the promoted generation was made with (without reading its frequencies). Raises IndexMissing."""
    engine = engine or get_engine()
    generation = engine.current(INDEXES[index_name].schema)
    statistics = (
        CollectionStatistics.objects.filter(builds__generation=generation).defer("frequencies").first()
        if generation
        else None
    )
    if statistics is None:
        raise IndexMissing
    return statistics


def _is_stale(known: int, actual: int) -> bool:
    return abs(actual - known) > DRIFT * known


def _refresh_small(index: Index, engine: Engine) -> None:
    """A small collection changes its statistics with every few documents: make them and the norms anew at once."""
    try:
        actual, known = engine.probe(index.schema), live_statistics(index.name, engine).documents
    except EngineUnavailable:
        return
    if actual <= REBUILT_AT_ONCE and _is_stale(known, actual):
        rebuild(index.name, engine=engine, reason=_("文档数变化"))


# --- rebuild -----------------------------------------------------------------------------------------------------


def rebuild(
    index_name: str,
    *,
    engine: Engine | None = None,
    reason: str = "",
    progress: Progress = _no_progress,
    fresh: bool = False,
) -> IndexBuild | None:
    """Make a new generation from the database and promote it. None when another rebuild of this index is running.

    A build whose process was killed is carried on from the last batch it had written; meanwhile it went on receiving
    every change, like a generation that is being loaded.

    `fresh`: nothing that was prepared or counted before is used. Kept documents are forgotten at once, so whoever
    carries such a build on finds none either.
    """
    engine = engine or get_engine()
    index = INDEXES[index_name]
    if fresh:
        abandoned = _abandoned(index)
        if abandoned is not None:
            _release(abandoned, engine.current(index.schema))
        keeping.forget(index)
    build = _take_over(index, engine)
    resumed = build is not None
    if build is None:
        build = _register(index, engine, reason)
    if build is None:
        return None
    try:
        if not resumed:
            engine.create(index.schema, build.generation)
        statistics = _statistics_for(index, build, None if fresh else _fitting_statistics(index, engine))
        loaded = _load(index, engine, build, statistics, progress)
        _promote(index, engine, build, loaded, compared=resumed)
    except Exception as error:
        if not transaction.get_connection().needs_rollback:
            _give_up(build, error)
        raise
    return build


def _give_up(build: IndexBuild, error: Exception) -> None:
    """An outage leaves the build to be carried on at the next attempt; anything else ends it."""
    if isinstance(error, EngineUnavailable) and not isinstance(error, IndexMissing | IndexDamaged):
        IndexBuild.objects.filter(pk=build.pk).update(heartbeat_at=now() - 2 * ABANDONED_AFTER, error=str(error)[:2000])
    else:
        _finish(build, BuildState.FAILED, error=str(error)[:2000])


def rollback(index_name: str, *, engine: Engine | None = None) -> IndexBuild | None:
    """Make the generation before the present one the promoted one again. None when another build is running.

    It has received no changes since it was replaced: from now on it does, what it missed is written to it, and then
    it is promoted in one step like any other. Raises GenerationGone when there is none, or only one of another release.
    """
    engine = engine or get_engine()
    index = INDEXES[index_name]
    abandoned = _abandoned(index)
    if abandoned is not None:
        _release(abandoned, engine.current(index.schema))
    kept = _kept_for_rollback(index, engine)
    if kept is None:
        raise GenerationGone(index_name)
    try:
        with transaction.atomic():
            taken = IndexBuild.objects.filter(pk=kept.pk, state=BuildState.RETIRED).update(
                state=BuildState.BUILDING, heartbeat_at=now(), loaded_to=LOADED, error=""
            )
    except IntegrityError:
        return None
    if not taken:
        return None
    kept.refresh_from_db()
    try:
        _promote(index, engine, kept, 0, compared=True)
    except Exception:
        if not transaction.get_connection().needs_rollback:
            _finish(kept, BuildState.RETIRED)
        raise
    return kept


def _kept_for_rollback(index: Index, engine: Engine) -> IndexBuild | None:
    """The newest generation that was replaced, if it is still there and of the form this release reads."""
    present, live = set(engine.generations(index.name)), engine.current(index.schema)
    replaced = IndexBuild.objects.filter(
        index=index.name, state=BuildState.RETIRED, fingerprint=index.schema.fingerprint, engine=engine.name
    ).order_by("-finished_at", "-pk")
    return next((build for build in replaced if build.generation in present and build.generation != live), None)


def _take_over(index: Index, engine: Engine) -> IndexBuild | None:
    """The build of a killed process, if what it made is there and fits; one that cannot be carried on is given up."""
    abandoned = _abandoned(index)
    if abandoned is None:
        return None
    live = engine.current(index.schema)
    if abandoned.loaded_to == LOADED and abandoned.generation != live:
        _release(abandoned, live)  # a rollback that was killed: whoever rebuilds now wants something else
        return None
    mine = IndexBuild.objects.filter(pk=abandoned.pk, heartbeat_at=abandoned.heartbeat_at)
    fits = (
        abandoned.fingerprint == index.schema.fingerprint
        and abandoned.engine == engine.name
        and abandoned.generation in engine.generations(index.name)
        and (index.text_of is None or abandoned.statistics_id is not None)
    )
    if not fits:
        mine.update(state=BuildState.FAILED, finished_at=now(), error=_("建立过程中断"))
        return None
    if not mine.update(heartbeat_at=now()):
        return None  # another process was faster
    abandoned.refresh_from_db()
    logger.warning("rebuild of %s is carried on from row %s", index.name, abandoned.loaded_to)
    return abandoned


def _abandoned(index: Index) -> IndexBuild | None:
    return IndexBuild.objects.filter(
        index=index.name, state=BuildState.BUILDING, heartbeat_at__lt=now() - ABANDONED_AFTER
    ).first()


def _release(abandoned: IndexBuild, live: str | None) -> None:
    """Give a killed build up: a rollback's generation is the former one again, a rebuild's is nothing."""
    if abandoned.generation == live:
        state = BuildState.LIVE
    else:
        state = BuildState.RETIRED if abandoned.loaded_to == LOADED else BuildState.FAILED
    IndexBuild.objects.filter(pk=abandoned.pk, heartbeat_at=abandoned.heartbeat_at).update(
        state=state, finished_at=now(), error=_("建立过程中断")
    )


def _register(index: Index, engine: Engine, reason: str) -> IndexBuild | None:
    generation = f"{now():%Y%m%d%H%M%S}-{uuid.uuid4().hex[:8]}"
    try:
        with transaction.atomic():
            return IndexBuild.objects.create(
                index=index.name,
                generation=generation,
                fingerprint=index.schema.fingerprint,
                engine=engine.name,
                reason=reason,
            )
    except IntegrityError:
        return None


def _alive(build: IndexBuild, **values: Any) -> None:
    IndexBuild.objects.filter(pk=build.pk).update(heartbeat_at=now(), **values)


def _fitting_statistics(index: Index, engine: Engine) -> CollectionStatistics | None:
    """The promoted generation's statistics, where a generation made with them now would be left in service, too."""
    if index.text_of is None:
        return None
    try:
        known = live_statistics(index.name, engine)
    except EngineUnavailable:
        return None
    fits = known.created_at > now() - STATISTICS_KEPT and not _is_stale(known.documents, index.get_queryset().count())
    return known if fits and known.frequencies else None


def _statistics_for(index: Index, build: IndexBuild, fitting: CollectionStatistics | None = None) -> TermStatistics:
    """The statistics a build was begun with; else those that fit, else new ones."""
    if index.text_of is None:
        return TermStatistics()
    if build.statistics is None and fitting is not None:
        build.statistics = fitting
        build.save(update_fields=["statistics"])
    if build.statistics is not None:
        return build.statistics.snapshot(with_frequencies=True)
    keys = list(index.get_queryset().order_by("pk").values_list("pk", flat=True))
    sample = keys[:: sampling_step(len(keys))]
    builder = StatisticsBuilder()
    for start in range(0, len(sample), BATCH):
        for source in index.sources.read(index.model._default_manager.all(), sample[start : start + BATCH]):
            text = index.text_of(index.sources.row_of(source))
            builder.add(text.title_ids, text.text_ids)
        _alive(build)
    statistics = builder.finish()
    build.statistics = CollectionStatistics.objects.create(
        index=index.name,
        documents=len(keys),
        mean_title_length=statistics.mean_title_length,
        mean_text_length=statistics.mean_text_length,
        frequencies=statistics.frequencies_to_bytes(),
    )
    build.save(update_fields=["statistics"])
    # As whoever syncs a row later reads it: the same text must get the same norms.
    return build.statistics.snapshot(with_frequencies=True)


def _load(index: Index, engine: Engine, build: IndexBuild, statistics: TermStatistics, progress: Progress) -> int:
    """Write every row in the order of keys, from where the build stands; returns how many documents it has written."""
    queryset = index.get_queryset().order_by("pk")
    total = queryset.count()
    ends: deque[int] = deque()

    def batches() -> Iterator[list[Put]]:
        # All keys at once: SQLite refuses to write while an older statement of the same connection is still read.
        rows = queryset.filter(pk__gt=build.loaded_to).prefetch_related(None)
        keys = array("q", rows.values_list("pk", flat=True).iterator())
        for start in range(0, len(keys), COMMITTED):
            part = keys[start : start + COMMITTED].tolist()
            ends.append(part[-1])
            yield _puts(index, part, statistics)

    before = loaded = build.documents
    for written in write_batches(engine, index.schema, build.generation, batches()):
        loaded = before + written
        _alive(build, documents=loaded, loaded_to=ends.popleft())
        progress(loaded, total)
    return loaded


def _puts(index: Index, keys: Sequence[int], statistics: TermStatistics) -> list[Put]:
    """These rows' documents: kept ones as they are, the others prepared (and kept)."""
    sources = index.sources.read(index.get_queryset(), keys)
    taken = keeping.take(index, sources, statistics)
    puts = [Put(str(entry.key), entry.version, taken[entry.key]) for entry in sources if entry.key in taken]
    made = _kept(index, [entry for entry in sources if entry.key not in taken], statistics)
    return puts + [entry for entry in made if isinstance(entry, Put)]


def _promote(index: Index, engine: Engine, build: IndexBuild, loaded: int, *, compared: bool = False) -> None:
    """Look whether the generation is whole, make it the promoted one, and note it.

    `compared`: document by document, not by number only. Inside somebody's transaction others did not see the build and
    did not write to it: then it is compared once more when everybody does.
    """
    _alive(build)
    if compared:
        _catch_up(index, engine, build.generation)
    found = engine.probe(index.schema, build.generation)
    # Rows may have come or gone while loading; a generation that lost part of what was loaded is another matter.
    if not compared and found < loaded * 0.9:
        raise IndexDamaged(
            _("新建索引的文档数（{found}）明显少于写入数（{loaded}）。").format(found=found, loaded=loaded)
        )
    engine.promote(index.schema, build.generation)
    # Killed here, the build is taken over later, found to be promoted already, and only noted.
    IndexBuild.objects.filter(index=index.name, state=BuildState.LIVE).exclude(pk=build.pk).update(
        state=BuildState.RETIRED, finished_at=now()
    )
    build.documents = found
    _finish(build, BuildState.LIVE)
    if compared or transaction.get_connection().in_atomic_block:
        _catch_up(index, engine, build.generation)


def _catch_up(index: Index, engine: Engine, generation: str) -> None:
    """Write to one generation whatever differs between it and the database."""
    drift = _compare(index, dict(engine.versions(index.schema, generation)))
    keys = [int(key) for key in (*drift.missing, *drift.outdated, *drift.superfluous)]
    statistics = _statistics_of(generation, index)
    if statistics is None:
        raise IndexDamaged
    for start in range(0, len(keys), COMMITTED):
        engine.write(index.schema, generation, list(_operations(index, keys[start : start + COMMITTED], statistics)))


def _finish(build: IndexBuild, state: str, error: str = "") -> None:
    build.state, build.finished_at, build.error = state, now(), error
    build.save(update_fields=["state", "finished_at", "error", "documents"])


def drop_unused(engine: Engine | None = None) -> int:
    """Free generations that were replaced or left unfinished; returns how many. The one replaced last is kept."""
    engine = engine or get_engine()
    dropped = 0
    for index in INDEXES.values():
        live = engine.current(index.schema)
        kept = (
            IndexBuild.objects.filter(
                index=index.name, state=BuildState.RETIRED, finished_at__gte=now() - KEPT_FOR_ROLLBACK
            )
            .order_by("-finished_at", "-pk")
            .values_list("generation", flat=True)[:1]
        )
        waiting = (
            set(kept)
            | set(
                IndexBuild.objects.filter(index=index.name, state=BuildState.BUILDING).values_list(
                    "generation", flat=True
                )
            )
            | set(
                IndexBuild.objects.filter(index=index.name, finished_at__gte=now() - KEEP_RETIRED).values_list(
                    "generation", flat=True
                )
            )
        )
        for generation in engine.generations(index.name):
            if generation != live and generation not in waiting:
                engine.drop(index.name, generation)
                IndexBuild.objects.filter(generation=generation).update(state=BuildState.DROPPED)
                dropped += 1
    _forget_frequencies()
    return dropped


def _forget_frequencies() -> None:
    """Runs keep naming the statistics they were made with; only whoever indexes needs the long table in them."""
    in_use = IndexBuild.objects.filter(state__in=(BuildState.BUILDING, BuildState.LIVE, BuildState.RETIRED))
    CollectionStatistics.objects.exclude(frequencies=b"").exclude(
        pk__in=in_use.filter(statistics__isnull=False).values("statistics")
    ).update(frequencies=b"")


# --- check and self-repair ---------------------------------------------------------------------------------------


def heal(engine: Engine | None = None) -> list[str]:
    """Rebuild what is missing, damaged, of an older schema, or made with statistics that no longer fit."""
    engine = engine or get_engine()
    rebuilt = []
    for index in INDEXES.values():
        reason = _ailment(index, engine)
        if not reason:
            continue
        if index.get_queryset().count() > REBUILT_IN_PROCESS:
            done = _rebuild_in_a_child(index.name)
        else:
            done = rebuild(index.name, engine=engine, reason=reason) is not None
        if done:
            rebuilt.append(index.name)
    drop_unused(engine)
    return rebuilt


def sweep() -> dict[str, int | None]:
    """Compare ids and versions of every index with the database and repair what differs: what no event told of.

    Returns the number of differences found per index; None where the index could not be read (`heal` looks after that).
    """
    engine = get_engine()
    found: dict[str, int | None] = {}
    for index in INDEXES.values():
        try:
            if engine.probe(index.schema) > REBUILT_IN_PROCESS:
                found[index.name] = None if not _in_a_child("check_index", index.name, "--repair") else 0
                continue
            drift = check(index.name, engine)
            found[index.name] = drift.size
            if not drift.is_clean:
                logger.warning("search index %s differed in %d documents; repaired", index.name, drift.size)
                repair(drift, engine)
        except EngineUnavailable:
            found[index.name] = None
    keeping.forget_unused(INDEXES.values())
    return found


def _rebuild_in_a_child(index_name: str) -> bool:
    return _in_a_child("reindex", index_name)


def _in_a_child(name: str, index_name: str, *options: str) -> bool:
    """Large work takes memory that the runner would never give back; a child's ends with it."""
    command = [sys.executable, "-m", "django", name, "--index", index_name, *options]
    # Two allocator arenas instead of one per thread: a third less memory at the peak.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "2"}
    done = subprocess.run(command, env=environment, cwd=settings.PROJECT_ROOT, check=False, capture_output=True)  # noqa: S603
    if done.returncode != 0:
        logger.error("%s of %s ended with %s: %s", name, index_name, done.returncode, done.stderr.decode()[-500:])
    return done.returncode == 0


def _ailment(index: Index, engine: Engine) -> str:
    try:
        actual = engine.probe(index.schema)
    except IndexMissing:
        return _("没有可用的索引")
    except IndexDamaged:
        return _("索引损坏")
    if index.text_of is None:
        return ""
    try:
        known = live_statistics(index.name, engine).documents
    except IndexMissing:
        return _("缺少语料统计")
    return _("文档数变化") if _is_stale(known, actual) else ""


def ensure_ready(index_name: str, engine: Engine | None = None) -> None:
    """For whoever is about to match in the background: a missing, damaged or outgrown index is rebuilt first."""
    engine = engine or get_engine()
    index = INDEXES[index_name]
    reason = _ailment(index, engine)
    if reason:
        rebuild(index_name, engine=engine, reason=reason)


def check(index_name: str, engine: Engine | None = None) -> Drift:
    """Compare ids and versions in the promoted generation with the database. Raises IndexMissing."""
    engine = engine or get_engine()
    index = INDEXES[index_name]
    try:
        found = dict(engine.versions(index.schema))
    except IndexDamaged:
        return Drift(index_name, (), (), (), damaged=True)
    return replace(_compare(index, found), untrue=_untrue(index, engine))


def _untrue(index: Index, engine: Engine) -> tuple[str, ...]:
    """Keys, of a sample, whose kept document a rebuild would take and is not what its row is prepared to now."""
    generation = engine.current(index.schema)
    statistics = _statistics_of(generation, index) if generation else None
    if statistics is None:
        return ()
    sources = index.sources.read(index.get_queryset(), keeping.sample(index))
    taken = keeping.take(index, sources, statistics)
    compared = [(source, unpack(index.schema, taken[source.key])) for source in sources if source.key in taken]
    return tuple(
        str(source.key) for source, document in compared if not _is_prepared_to(index, source, statistics, document)
    )


def _is_prepared_to(index: Index, source: Source, statistics: TermStatistics, document: Mapping[str, Any]) -> bool:
    """Vectors aside: an encoder elsewhere need not answer twice with the same digits."""
    fresh = index.prepare(index.sources.row_of(source), statistics) or {}
    return all(document.get(name) == value for name, value in fresh.items())


def _compare(index: Index, found: Mapping[str, int]) -> Drift:
    missing: list[str] = []
    outdated: list[str] = []
    wanted: set[str] = set()
    rows = index.get_queryset().prefetch_related(None).order_by("pk").values_list("pk", "document_version")
    for number, version in rows.iterator(chunk_size=COMMITTED):
        key = str(number)
        wanted.add(key)
        if key not in found:
            missing.append(key)
        elif found[key] != version:
            outdated.append(key)
    superfluous = sorted(set(found) - wanted, key=int)
    return Drift(index.name, tuple(missing), tuple(outdated), tuple(superfluous))


def repair(drift: Drift, engine: Engine | None = None) -> None:
    """Sync what differs; rebuild what is damaged."""
    if drift.damaged:
        rebuild(drift.index, engine=engine, reason=_("索引损坏"))
        return
    if drift.untrue:
        rebuild(drift.index, engine=engine, reason=_("留存的文档有误"), fresh=True)
        return
    sync(drift.index, [int(key) for key in (*drift.missing, *drift.outdated, *drift.superfluous)], engine)
