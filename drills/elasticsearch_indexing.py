"""How fast rows become documents, beside the raw bulk rate for the same documents in the same run.

    drills/services start elasticsearch postgresql; eval "$(drills/services env)"
    drills/elasticsearch_indexing --documents 20000

Raw: the finished documents as bytes, in bulk requests of the same size, by one thread and by as many as the product
uses, nothing else. Product: `rebuild` of an index with everything it does (statistics, database, tokens, counts,
versions, promotion): *first* with nothing kept, *again* with documents kept, *changed* with a tenth of the rows changed
in between. Asked: 70 % of the raw rate of one thread, for `again`; `--index capability` has pinyin and words to make.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import elasticsearch_work as work
from django.db import connection
from django.db.models import F, Sum
from django.db.models.functions import Length

from search import indexing
from search.documents import INDEXES
from search.documents.base import Index
from search.engines import get_engine
from search.engines.elasticsearch import ElasticsearchEngine, _chunks, _Item, _writes
from search.models import KeptDocument
from search.statistics import TermStatistics
from vendors.models import Capability

ASKED = 0.7


def main() -> int:
    options = arguments()
    work.prepare()
    work.fill(options.documents)
    index, engine = INDEXES[options.index], get_engine()
    assert isinstance(engine, ElasticsearchEngine)
    rates: dict[str, list[int]] = {name: [] for name in ("raw", "raw_threads", "first", "again", "changed")}
    seconds, statistics = rebuilt(index)
    rates["first"].append(int(options.documents / seconds))
    chunks = list(_chunks(list(items(index, statistics))))
    for _round in range(options.rounds):
        rates["raw"].append(int(options.documents / raw(engine, index, chunks, 1)))
        rates["raw_threads"].append(int(options.documents / raw(engine, index, chunks, engine.writers)))
        rates["again"].append(int(options.documents / rebuilt(index)[0]))
        Capability.objects.filter(pk__in=Capability.objects.order_by("pk").values_list("pk", flat=True)[::10]).update(
            document_version=F("document_version") + 1, summary=f"第{_round}次修改的摘要"
        )
        rates["changed"].append(int(options.documents / rebuilt(index)[0]))
        indexing.drop_unused()
    mean = {name: sum(found) / len(found) for name, found in rates.items()}
    size = KeptDocument.objects.filter(index=index.name).aggregate(total=Sum(Length("document")))["total"]
    figures = {
        "index": index.name,
        "database": connection.vendor,
        "documents": options.documents,
        **{f"{name}_per_second": found for name, found in rates.items()},
        **{f"{name}_share_of_raw": round(mean[name] / mean["raw"], 2) for name in ("first", "again", "changed")},
        "again_share_of_raw_threads": round(mean["again"] / mean["raw_threads"], 2),
        "kept_bytes_per_document": round(size / options.documents),
        "differences": indexing.check(index.name, engine).size,
    }
    share = mean["again"] / mean["raw"]
    failures = [] if share >= ASKED else [f"{share:.0%} of the raw rate, asked {ASKED:.0%}"]
    if figures["differences"]:
        failures.append(f"{figures['differences']} documents differ")
    return work.report(figures, failures, as_json=options.json)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--index", choices=("capability_match", "capability"), default="capability_match")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def rebuilt(index: Index, *, fresh: bool = False) -> tuple[float, TermStatistics]:
    """Seconds of a rebuild, and the statistics it was made with."""
    started = time.perf_counter()
    build = indexing.rebuild(index.name, fresh=fresh)
    seconds = time.perf_counter() - started
    assert build is not None
    statistics = build.statistics.snapshot(with_frequencies=True) if build.statistics else TermStatistics()
    return seconds, statistics


def items(index: Index, statistics: TermStatistics) -> Iterator[_Item]:
    """Every document as the product writes it."""
    keys = list(index.get_queryset().order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), indexing.COMMITTED):
        puts = indexing._puts(index, keys[start : start + indexing.COMMITTED], statistics)
        yield from (_Item(index.schema, put) for put in puts)


def raw(engine: ElasticsearchEngine, index: Index, chunks: Sequence[Sequence[_Item]], threads: int) -> float:
    """Seconds to write these documents into a generation of its own."""
    generation = f"raw{time.monotonic_ns()}"
    engine.create(index.schema, generation)
    name = _writes(engine._index(index.schema, generation))

    def write(chunk: Sequence[_Item]) -> None:
        lines = [line for item in chunk for line in item.lines]
        answer = engine._client().options(request_timeout=60).bulk(index=name, operations=lines)  # type: ignore[arg-type]
        assert not answer["errors"]

    started = time.perf_counter()
    with ThreadPoolExecutor(max_workers=threads) as pool:
        list(pool.map(write, chunks))
    seconds = time.perf_counter() - started
    engine.drop(index.name, generation)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
