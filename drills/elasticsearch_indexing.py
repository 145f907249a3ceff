"""How fast rows become documents, beside the raw bulk rate for the same documents in the same run.

    drills/services start elasticsearch postgresql; eval "$(drills/services env)"
    drills/elasticsearch_indexing --documents 10000

Raw: the finished documents in bulk requests of the same size, by one thread, nothing else. Product: `rebuild` of the
matching index with everything it does (statistics, database, tokens, counts, versions, promotion). Asked: 70 %.
"""

import sys
import time
from collections import Counter
from typing import Any

import elasticsearch_work as work

from search import indexing
from search.contract import Kind
from search.documents import INDEXES
from search.engines import get_engine
from search.engines.elasticsearch import ElasticsearchEngine, _chunks, _Item, _writes

ASKED = 0.7


def main() -> int:
    options = work.arguments(__doc__, documents=2000, rounds=2)
    work.prepare()
    work.fill(options.documents)
    index, engine = INDEXES["capability_match"], get_engine()
    assert isinstance(engine, ElasticsearchEngine)
    build = indexing.rebuild(index.name)  # the first one warms the server
    assert build is not None
    assert build.statistics is not None
    statistics = build.statistics.snapshot(with_frequencies=True)
    started = time.perf_counter()
    rows = list(index.get_queryset().order_by("pk"))
    read = time.perf_counter() - started
    started = time.perf_counter()
    operations = list(indexing._prepared(index, rows, statistics))
    prepared = time.perf_counter() - started
    raw: list[float] = []
    product: list[float] = []
    for number in range(options.rounds):
        engine.create(index.schema, f"raw{number}")
        name = _writes(engine._index(index.schema, f"raw{number}"))
        started = time.perf_counter()
        for chunk in _chunks([_Item(operation, index.schema.names(Kind.STORED_BYTES)) for operation in operations]):
            lines: list[dict[str, Any]] = []
            for item in chunk:
                lines += [{"index": {"_id": item.action["index"]["_id"]}}, item.document]
            answer = engine._client().options(request_timeout=60).bulk(index=name, operations=lines)
            assert not answer["errors"]
        raw.append(options.documents / (time.perf_counter() - started))
        engine.drop(index.name, f"raw{number}")
        started = time.perf_counter()
        assert indexing.rebuild(index.name) is not None
        product.append(options.documents / (time.perf_counter() - started))
    share = max(product) / max(raw)
    figures: dict[str, Any] = {
        "documents": options.documents,
        "raw_per_second": [round(rate) for rate in raw],
        "product_per_second": [round(rate) for rate in product],
        "share_of_raw": round(share, 2),
        "reading_milliseconds_per_row": round(read / len(rows) * 1000, 3),
        "preparing_milliseconds_per_row": round(prepared / len(rows) * 1000, 3),
        "kinds": dict(Counter(type(operation).__name__ for operation in operations)),
    }
    failures = [] if share >= ASKED else [f"{share:.0%} of the raw rate, asked {ASKED:.0%}"]
    return work.report(figures, failures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
