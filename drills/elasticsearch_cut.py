"""R6: writers while the cluster is cut off at random; the indexes catch up by themselves.

    drills/services start elasticsearch postgresql; eval "$(drills/services env)"
    drills/elasticsearch_cut --writers 20 --seconds 600       (the full form; the default is a short one)

First a quiet minute (a quarter of the time, at most 60 s) measures how long a change takes to be found; then the
connection is refused, silent, or whole, for random times. Asked: nothing differs 60 s after the cluster is back; a
change is found within 5 s (95th percentile) while nothing is wrong; no save fails.
"""

import itertools
import random
import sys
import time
from typing import Any

import elasticsearch_work as work
from django.conf import settings

from search import indexing
from search.contract import Clause, EngineUnavailable, Query
from search.documents import INDEXES
from search.engines import get_engine
from tests.search.servers import Gate
from vendors.models import Capability

FOUND_LIMIT = 60.0


def main() -> int:
    options = work.arguments(__doc__, documents=200, writers=20, seconds=40)
    work.prepare()
    gate = Gate()
    settings.SEARCH_URL = f"elasticsearch://{gate.address}/{settings.SEARCH_URL.rsplit('/', 1)[1]}"
    figures: dict[str, Any] = {"cuts": 0}
    failures: list[str] = []
    work.fill(options.documents)
    indexing.heal()
    keys = list(Capability.objects.values_list("pk", flat=True))
    numbers = itertools.count(1)
    schema = INDEXES["capability"].schema
    quiet = True

    def write() -> None:
        if random.random() < 0.9:
            work.change(random.choice(keys), title=f"改名系统第{next(numbers)}号")
        else:
            work.change(random.choice(keys), state=random.choice(["listed", "suspended"]))

    def found_after() -> None:
        """Save a word nobody else uses and look until it is found."""
        word = f"word{next(numbers)}x{random.randrange(10**9)}"
        key = keys[0]
        work.change(key, title=f"能力 {word}", state="listed")
        saved = time.perf_counter()
        query = Query(schema.name, clauses=(Clause("title", "title", ((word, 1.0),)),), limit=1)
        while quiet and time.perf_counter() - saved < FOUND_LIMIT:
            try:
                if get_engine().search(schema, query).hits:
                    crew.note("found", time.perf_counter() - saved)
                    return
            except EngineUnavailable:
                pass
            time.sleep(0.02)
        if quiet:
            crew.failed("found", f"{word} was not found within {FOUND_LIMIT} s")

    with work.Crew() as crew:
        work.relay(crew)
        crew.repeat("write", write, times=options.writers, pause=0.5)
        crew.repeat("probe", found_after, pause=0.3)
        time.sleep(min(60.0, options.seconds / 4))
        quiet = False
        until = time.monotonic() + options.seconds * 3 / 4
        while time.monotonic() < until:
            random.choice((gate.shut, gate.hang))()
            figures["cuts"] += 1
            time.sleep(random.uniform(0.5, 8.0))
            gate.shut()
            gate.open()
            time.sleep(random.uniform(0.5, 8.0))
        drift = work.drift()
        figures["differed_when_it_came_back"] = sum(count for count in drift.values() if count) or str(drift)
        # The writers rest; the relay and the schedule do what is left.
        for name in ("write", "probe"):
            crew.halt(name)
        figures["no_drift_after_seconds"] = work.until_no_drift(120)
    gate.shut()
    figures |= {
        "writes": crew.counted["write"],
        "failed_writes": crew.counted["write failed"],
        "found_p50_seconds": crew.percentile("found", 0.5),
        "found_p95_seconds": crew.percentile("found"),
        "probes": crew.counted["found"],
    }
    if figures["failed_writes"] or crew.counted["found failed"]:
        failures += ["saves or probes failed", *crew.errors[:2]]
    if figures["no_drift_after_seconds"] is None or figures["no_drift_after_seconds"] > 60:
        failures.append(f"the indexes did not catch up within 60 s: {work.drift()}")
    if not figures["found_p95_seconds"] <= 5:
        failures.append("a change took longer than 5 s to be found")
    return work.report(figures, failures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
