"""R7: rebuild all indexes under readers and writers, kill the rebuild with kill -9, carry it on, roll it back.

    drills/services start elasticsearch postgresql; eval "$(drills/services env)"
    drills/elasticsearch_reindex --documents 10000 --added 20000      (the full form; the default is a short one)

Asked: no failed search, no update lost, rollback works.
"""

import contextlib
import itertools
import os
import random
import signal
import sys
import time
from datetime import UTC, datetime
from typing import Any

import elasticsearch_work as work
from django.db.models import Max

from search import indexing, services
from search.documents import INDEXES
from search.engines import get_engine
from search.models import IndexBuild
from vendors.models import Capability

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def main() -> int:
    options = work.arguments(__doc__, documents=1000, added=1000, writers=4, readers=2, kills=2)
    work.prepare()
    figures: dict[str, Any] = {}
    failures: list[str] = []
    work.fill(options.documents)
    indexing.heal()
    pattern = Capability.objects.order_by("pk").first()
    keys = list(Capability.objects.values_list("pk", flat=True))
    numbers, waiting = itertools.count(options.documents), itertools.count()

    def search() -> None:
        page = services.search(kind="capability", viewer=work.VIEWER, text="系统", page_size=20)
        if page.degraded or page.total < options.documents * 0.5:
            raise RuntimeError(f"degraded={page.degraded} total={page.total}")

    def write() -> None:
        chance = random.random()
        if chance < 0.5 and next(waiting) < options.added:
            keys.append(work.add(pattern, next(numbers)))
        elif chance < 0.9:
            work.change(random.choice(keys), title=f"改名系统第{next(numbers)}号")
        else:
            work.change(random.choice(keys), state=random.choice(["listed", "listed", "suspended"]))

    def rebuild(kills: int, *words: str) -> float:
        """Run the command until it is through, killing it `kills` times; seconds of the whole."""
        started = time.monotonic()
        for _ in range(kills):
            process = work.manage("reindex", "--index", "capability", "--index", "capability_match", *words)
            with contextlib.suppress(Exception):
                process.wait(random.uniform(2.0, 6.0))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                figures["killed"] = figures.get("killed", 0) + 1
            process.communicate()
            # What a killed process leaves counts as abandoned after a while; the drill does not wait for it.
            IndexBuild.objects.filter(state="building").update(heartbeat_at=LONG_AGO)
        process = work.manage("reindex", "--index", "capability", "--index", "capability_match", *words)
        output = process.communicate(timeout=3600)[0]
        if process.returncode != 0:
            failures.append(f"reindex {' '.join(words)} ended with {process.returncode}: {output[-300:]}")
        return round(time.monotonic() - started, 1)

    with work.Crew() as crew:
        work.relay(crew, healing=False)
        crew.repeat("search", search, times=options.readers, pause=0.05)
        crew.repeat("write", write, times=options.writers, pause=0.02)
        time.sleep(3)
        before = get_engine().current(INDEXES["capability"].schema)
        figures["reindex_seconds"] = rebuild(options.kills)
        middle = get_engine().current(INDEXES["capability"].schema)
        # A rebuild that was killed after its first index was through has made two generations of that one.
        replaced = IndexBuild.objects.filter(index="capability", state="retired").order_by("-finished_at", "-pk")
        former = replaced.values_list("generation", flat=True)[0]
        figures["rollback_seconds"] = rebuild(0, "--rollback")
        after = get_engine().current(INDEXES["capability"].schema)
        deadline = time.monotonic() + 1800
        while next(waiting) < options.added and time.monotonic() < deadline:
            time.sleep(1)
        crew.stopping.set()
    # Writers have stopped; the relay carries out what is left.
    with work.Crew() as rest:
        work.relay(rest, healing=False)
        figures["no_drift_after_seconds"] = work.until_no_drift(120)
    figures |= {
        "documents": Capability.objects.count(),
        "newest": Capability.objects.aggregate(Max("pk"))["pk__max"],
        "searches": crew.counted["search"],
        "failed_searches": crew.counted["search failed"],
        "search_p95_seconds": crew.percentile("search"),
        "writes": crew.counted["write"],
        "failed_writes": crew.counted["write failed"],
        "lost_updates": sum(count or 0 for count in work.drift().values()),
        "rebuilt": middle != before,
        "rolled_back": after == former,
    }
    if figures["failed_searches"] or figures["failed_writes"]:
        failures += ["searches or writes failed", *crew.errors[:2]]
    if figures["no_drift_after_seconds"] is None or figures["lost_updates"]:
        failures.append(f"updates lost: {work.drift()}")
    if not figures["rebuilt"] or not figures["rolled_back"]:
        failures.append("no new generation, or no rollback")
    return work.report(figures, failures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
