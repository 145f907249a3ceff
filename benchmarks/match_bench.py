"""One demand against many capabilities: time of a match with reasons, Python's own share, memory.

    .venv/bin/python benchmarks/match_bench.py --capabilities 100000 --demands 100
    .venv/bin/python benchmarks/match_bench.py --engine elasticsearch://127.0.0.1:19200

Texts come from a generator of its own (a Zipf vocabulary of made-up two- and three-character words, grouped in topics),
so that nothing is copied and document frequencies look like a language's. Prints medians, 95th percentiles and the
ratio to the raw engine query of the same run; exits 1 when a figure of matching.md §6 is missed. The demands are
matched in a process of its own, so that its memory is that of a match worker.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT_ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings.dev")

from benchmarks.collection import Language  # noqa: E402 - run as a file, the project must be put on the path first
from benchmarks.measuring import engine_of, proportional_memory, wait_until_merged  # noqa: E402
from matching.evaluation import percentile  # noqa: E402
from matching.matcher import collection_statistics, match, proposal_query  # noqa: E402
from matching.scoring import Profile, Subject  # noqa: E402
from search.contract import Engine, Put, Schema  # noqa: E402
from search.engines.bulk import write_batches  # noqa: E402
from search.match_text import MATCH_FIELDS, MatchText  # noqa: E402
from search.statistics import SAMPLE_SIZE, StatisticsBuilder, TermStatistics  # noqa: E402

SCHEMA = Schema("benchmark", 1, MATCH_FIELDS)
GENERATION = "one"
BATCH = 2000

#: Targets on two cores (matching.md §6), in milliseconds and megabytes.
MATCH_P95 = 100.0
PYTHON_P95 = 40.0
PEAK_MEMORY = 300.0


def batches(language: Language, sizes: TermStatistics, number: int) -> Iterator[list[Put]]:
    batch: list[Put] = []
    for key in range(number):
        text, facts = language.document()
        document = text.document(sizes) | {"facts": json.dumps(facts.to_dict(), ensure_ascii=False)}
        batch.append(Put(str(key), 1, document))
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def build(engine: Engine, folder: Path, number: int) -> dict[str, float]:
    """Index `number` capabilities; returns sizes and the rate."""
    language = Language(1)
    builder = StatisticsBuilder()
    for _ in range(min(number, SAMPLE_SIZE)):
        text, _facts = language.document()
        builder.add(text.title_ids, text.text_ids)
    sizes = builder.finish()
    engine.drop(SCHEMA.name, GENERATION)
    engine.create(SCHEMA, GENERATION)
    started = time.perf_counter()
    for _written in write_batches(engine, SCHEMA, GENERATION, batches(language, sizes, number)):
        pass
    engine.promote(SCHEMA, GENERATION)
    seconds = time.perf_counter() - started
    wait_until_merged(engine, SCHEMA, GENERATION)
    megabytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    return {
        "documents_per_second": round(number / seconds),
        "index_megabytes": round(megabytes, 1),
        "mean_title_length": sizes.mean_title_length,
        "mean_text_length": sizes.mean_text_length,
    }


def measure(engine: Engine, demands: int, sizes: TermStatistics) -> dict[str, float]:
    """Match `demands` demands; every time in milliseconds."""
    profile, language = Profile(), Language(1)
    language.random.seed(2)
    subjects = [language.demand() for _ in range(demands)]
    for subject in subjects[:20]:
        match(engine, SCHEMA, subject, profile, sizes)
    whole, python, raw, memory = [], [], [], [proportional_memory()]
    for number, subject in enumerate(subjects):
        fresh = Subject(MatchText(subject.text.title, subject.text.body), subject.facts, True, subject.today)
        started = time.perf_counter()
        outcome = match(engine, SCHEMA, fresh, profile, sizes)
        whole.append((time.perf_counter() - started) * 1000)
        python.append(outcome.weighing_milliseconds)
        assert len(outcome.ranking.ranked) > 0
        if number % 5 == 0:
            memory.append(proportional_memory())
    for subject in subjects:
        statistics = collection_statistics(engine, SCHEMA, subject, sizes)
        query = proposal_query(SCHEMA, subject, statistics, profile, (), profile.candidates)
        started = time.perf_counter()
        engine.search(SCHEMA, query)
        raw.append((time.perf_counter() - started) * 1000)
    return {
        "match_p50": percentile(whole, 0.5),
        "match_p95": percentile(whole, 0.95),
        "python_p50": percentile(python, 0.5),
        "python_p95": percentile(python, 0.95),
        "raw_query_p50": percentile(raw, 0.5),
        "raw_query_p95": percentile(raw, 0.95),
        "peak_pss_megabytes": max(memory),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capabilities", type=int, default=100_000)
    parser.add_argument("--demands", type=int, default=100)
    parser.add_argument("--index", type=Path, help="a folder built before is used again; a new one is kept")
    parser.add_argument("--engine", default="", help="elasticsearch://host:port[,host2:port2]; embedded without it")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        built = json.loads(options.worker)
        sizes = TermStatistics(0, built["mean_title_length"], built["mean_text_length"])
        print(json.dumps(measure(engine_of(options.engine, options.index), options.demands, sizes)))
        return 0
    with tempfile.TemporaryDirectory(prefix="match-bench-") as temporary:
        folder = options.index or Path(temporary) / "index"
        described = folder / "built.json"
        if not described.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            built_now = build(engine_of(options.engine, folder), folder, options.capabilities)
            described.write_text(json.dumps(built_now), encoding="utf-8")
        built = json.loads(described.read_text(encoding="utf-8"))
        command = [
            sys.executable,
            "-m",
            "benchmarks.match_bench",
            "--worker",
            json.dumps(built),
            "--index",
            str(folder),
        ]
        command += ["--demands", str(options.demands), "--engine", options.engine]
        answer = subprocess.run(command, check=True, capture_output=True, cwd=PROJECT_ROOT)
        figures = built | json.loads(answer.stdout)
        if options.engine and not options.index:
            engine_of(options.engine, folder).drop(SCHEMA.name, GENERATION)
    figures["load_average"] = os.getloadavg()[0]
    figures["ratio_to_raw_query"] = figures["match_p50"] / figures["raw_query_p50"]
    missed = [
        name
        for name, limit in (("match_p95", MATCH_P95), ("python_p95", PYTHON_P95), ("peak_pss_megabytes", PEAK_MEMORY))
        if figures[name] > limit
    ]
    if options.json:
        print(json.dumps(figures | {"capabilities": options.capabilities, "missed": missed}))
    else:
        print(f"{options.capabilities} capabilities, {options.demands} demands")
        for name, value in figures.items():
            print(f"  {name:<22} {value:10.1f}{'  MISSED' if name in missed else ''}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
