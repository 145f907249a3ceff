"""Cost by size: 10 thousand, 100 thousand and a million capabilities. One command, one table.

    .venv/bin/python benchmarks/growth_bench.py --engine elasticsearch://127.0.0.1:19200
    .venv/bin/python benchmarks/growth_bench.py --sizes 10000,100000            (the embedded engine)

For each size: indexing (documents made in Python, written through the engine), one match with reasons, a list of 300
demands in batches, a search as the results page asks it (three facets, total counted), disk and memory. Each size is
measured in a process of its own. Documents are put straight into the index (`benchmarks/collection.py`): no rows, so
what the database costs is not in here (`drills/elasticsearch_indexing` has it). `--keep` keeps the indexes and uses
those kept before. Exits 1 when a figure of matching.md §6 is missed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT_ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings.dev")

from benchmarks.collection import SCHEMA, Language, Pool  # noqa: E402 - run as a file, the path must be set first
from benchmarks.measuring import (  # noqa: E402
    cluster_usage,
    engine_of,
    folder_megabytes,
    load,
    proportional_memory,
    wait_until_merged,
)
from matching.evaluation import percentile  # noqa: E402
from matching.matcher import match, match_many, proposal_query  # noqa: E402
from matching.scoring import Profile, Subject  # noqa: E402
from search.contract import Clause, Engine, Facet, Filter, Query  # noqa: E402
from search.engines.bulk import write_batches  # noqa: E402
from search.match_text import MatchText  # noqa: E402
from search.query import query_terms, text_clauses  # noqa: E402
from search.statistics import TermStatistics  # noqa: E402

SIZES = (10_000, 100_000, 1_000_000)
WARM_UP = 20
#: What is asked (matching.md §6), by size: milliseconds, seconds, megabytes.
ASKED: dict[str, dict[int, float]] = {
    "match_p95_ms": {100_000: 100.0, 1_000_000: 150.0},
    "python_p95_ms": {100_000: 40.0, 1_000_000: 40.0},
    "list_seconds": {100_000: 20.0, 1_000_000: 40.0},
    "worker_megabytes": {100_000: 300.0},
}


def generation_of(size: int) -> str:
    return f"n{size}"


def build(engine: Engine, size: int) -> float:
    """Index `size` documents; returns documents a second, the making of the documents included."""
    pool = Pool()
    engine.drop(SCHEMA.name, generation_of(size))
    engine.create(SCHEMA, generation_of(size))
    started = time.perf_counter()
    for written in write_batches(engine, SCHEMA, generation_of(size), pool.batches(size)):
        if sys.stderr.isatty():
            print(f"\r{written}/{size}", end="\n" if written >= size else "", file=sys.stderr)
    return size / (time.perf_counter() - started)


def measure(engine: Engine, demands: int, listed: int, sizes: TermStatistics) -> dict[str, float]:
    """Times of matches, of a list and of searches on the promoted generation."""
    profile, language = Profile(), Language(1)
    language.random.seed(2)
    subjects = [language.demand() for _ in range(demands)]
    for _ in range(2):
        for subject in subjects[:WARM_UP]:
            match(engine, SCHEMA, subject, profile, sizes)
    whole, python, raw, found = [], [], [], []
    for subject in map(fresh, subjects):
        started = time.perf_counter()
        outcome = match(engine, SCHEMA, subject, profile, sizes)
        whole.append((time.perf_counter() - started) * 1000)
        python.append(outcome.weighing_milliseconds)
        assert outcome.ranking.ranked
        # The raw query beside it, in the same minute: what the engine alone takes for the same proposal.
        query = proposal_query(SCHEMA, subject, outcome.statistics, profile, (), profile.candidates)
        started = time.perf_counter()
        engine.search(SCHEMA, query)
        raw.append((time.perf_counter() - started) * 1000)
    many = [language.demand() for _ in range(listed)]
    started = time.perf_counter()
    matched = sum(1 for outcome in match_many(engine, SCHEMA, many, profile, sizes) if outcome.ranking.ranked)
    list_seconds = time.perf_counter() - started
    assert matched == listed
    for number in range(demands + WARM_UP):
        query = page_query(language.text(number % 400, 2, 0.5)[:4])
        started = time.perf_counter()
        engine.search(SCHEMA, query)
        found.append((time.perf_counter() - started) * 1000)
    del found[:WARM_UP]
    return {
        "match_p50_ms": percentile(whole, 0.5),
        "match_p95_ms": percentile(whole, 0.95),
        "python_p50_ms": percentile(python, 0.5),
        "python_p95_ms": percentile(python, 0.95),
        "raw_query_p50_ms": percentile(raw, 0.5),
        "raw_query_p95_ms": percentile(raw, 0.95),
        "list_seconds": list_seconds,
        "search_p50_ms": percentile(found, 0.5),
        "search_p95_ms": percentile(found, 0.95),
        "worker_megabytes": proportional_memory(),
    }


def fresh(subject: Subject) -> Subject:
    """The same demand, its tokens not yet made."""
    return Subject(MatchText(subject.text.title, subject.text.body), subject.facts, True, subject.today)


def page_query(text: str) -> Query:
    """What the results page asks: every word, the title deciding, who may see it, three facets, the total."""
    clauses: tuple[Clause, ...] = text_clauses(query_terms(text), strict=True)
    filters = (Filter("visible", values=("public",)),)
    facets = tuple(Facet(name, name, size=100) for name in ("city", "category", "state"))
    return Query(SCHEMA.name, clauses=clauses, filters=filters, facets=facets, limit=20)


def run_size(address: str, folder: Path, size: int, options: argparse.Namespace) -> dict[str, Any]:
    engine = engine_of(address, folder)
    figures: dict[str, Any] = {}
    if not options.keep or generation_of(size) not in engine.generations(SCHEMA.name):
        figures["indexed_per_second"] = build(engine, size)
    engine.promote(SCHEMA, generation_of(size))
    figures["merge_seconds"] = wait_until_merged(engine, SCHEMA, generation_of(size))
    command = [sys.executable, "-m", "benchmarks.growth_bench", "--worker", str(folder), "--engine", address]
    command += ["--demands", str(options.demands), "--list", str(options.list)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=PROJECT_ROOT)
    figures |= json.loads(answer.stdout)
    disk, heap = cluster_usage(engine, SCHEMA, generation_of(size))
    figures["disk_megabytes"] = disk if address else folder_megabytes(folder / SCHEMA.name)
    if address:
        figures["heap_megabytes"] = heap
    figures["ratio_to_raw_query"] = figures["match_p50_ms"] / figures["raw_query_p50_ms"]
    figures["load"] = load()
    if not options.keep:
        engine.drop(SCHEMA.name, generation_of(size))
    return figures


def show(table: dict[int, dict[str, Any]]) -> list[str]:
    """Print the table; returns what was missed."""
    names = list(dict.fromkeys(name for figures in table.values() for name in figures))
    print(f"{'':<22}" + "".join(f"{size:>16,}" for size in table))
    missed = []
    for name in names:
        cells = []
        for size, figures in table.items():
            value, limit = figures.get(name), ASKED.get(name, {}).get(size)
            text = "" if value is None else value if isinstance(value, str) else f"{value:,.1f}"
            if limit is not None and value is not None and value > limit:
                missed.append(f"{name} {size}")
                text += "!"
            cells.append(f"{text:>16}")
        print(f"{name:<22}" + "".join(cells))
    print(f"missed: {', '.join(missed) or 'nothing'}")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="", help="elasticsearch://host:port[,host2:port2]; embedded without it")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--demands", type=int, default=100)
    parser.add_argument("--list", type=int, default=300, help="demands matched together")
    parser.add_argument("--keep", action="store_true", help="keep the indexes, and use those kept before")
    parser.add_argument("--folder", type=Path, help="of the embedded engine's indexes, with --keep")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        sizes = TermStatistics(0, mean_title_length=38.5, mean_text_length=605.6)  # of every `Pool` of this seed
        figures = measure(engine_of(options.engine, options.worker), options.demands, options.list, sizes)
        print(json.dumps(figures))
        return 0
    table: dict[int, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="growth-bench-") as temporary:
        folder = options.folder or Path(temporary)
        for size in map(int, options.sizes.split(",")):
            table[size] = run_size(options.engine, folder, size, options)
            print(size, json.dumps(table[size]), file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps(table))
        return 0
    return 1 if show(table) else 0


if __name__ == "__main__":
    sys.exit(main())
