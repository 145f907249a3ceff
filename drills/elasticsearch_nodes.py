"""Three nodes, one killed with kill -9 under indexing and searching.

    SERVICES_DIR=/tmp/three ES_NODES=3 ES_HEAP=512m ES_PORT=19400 drills/services start elasticsearch
    export TEST_SEARCH_URL=elasticsearch://127.0.0.1:19400,127.0.0.1:19401,127.0.0.1:19402
    drills/elasticsearch_nodes --seconds 60            (the default is a short one)
    SERVICES_DIR=/tmp/three drills/services stop

The node that holds the first shards is killed: the server's own process, by the number it tells. Readers ask for the
results page, writers send batches until each is acknowledged. Asked: every page answered with 200, every acknowledged
document found afterwards. The killed node stays away; the cluster is good for one drill.
"""

import itertools
import os
import signal
import sys
import time
from typing import Any

import elasticsearch_work as work
from django.conf import settings
from django.test import Client

from search import indexing
from search.contract import EngineUnavailable, Field, Kind, Put, Schema
from search.documents import INDEXES
from search.engines import get_engine

SCHEMA = Schema("acknowledged", 1, (Field("title", Kind.TOKENS), Field("text", Kind.TOKENS)))
BATCH = 50
BANNER = "简化检索".encode()


def main() -> int:
    options = work.arguments(__doc__, documents=300, seconds=20, writers=2, readers=2)
    nodes = settings.SEARCH_URL.split("://", 1)[1].split("/")[0].split(",")
    if len(nodes) < 3:
        sys.stderr.write("演练需要三个节点：ES_NODES=3 drills/services start elasticsearch\n")
        return 2
    work.prepare()
    work.fill(options.documents)
    indexing.heal()
    engine = get_engine()
    engine.create(SCHEMA, "one")
    engine.promote(SCHEMA, "one")
    prefix = settings.SEARCH_URL.rsplit("/", 1)[1]
    work.ask(nodes[0], "GET", f"/_cluster/health/{prefix}-*?wait_for_status=green&timeout=60s")
    figures: dict[str, Any] = {"nodes": len(nodes), "degraded_pages": 0}
    failures: list[str] = []
    numbers = itertools.count()
    acknowledged: list[str] = []
    clients = [Client(raise_request_exception=False) for _ in range(options.readers)]
    turns = itertools.count()

    def page() -> None:
        answer = clients[next(turns) % len(clients)].get("/search/", {"kind": "capability", "q": "系统"})
        if answer.status_code != 200:
            raise RuntimeError(f"a page was answered with {answer.status_code}")
        if BANNER in answer.content:
            figures["degraded_pages"] += 1

    def write() -> None:
        start = next(numbers) * BATCH
        batch = [
            Put(str(key), 1, {"title": "水 库", "text": f"水 库 第 {key} 号"}) for key in range(start, start + BATCH)
        ]
        while True:
            try:
                engine.write(SCHEMA, "one", batch)
            except EngineUnavailable:
                crew.counted["batches tried again"] += 1
                time.sleep(0.2)
                continue
            acknowledged.extend(operation.id for operation in batch)
            return

    with work.Crew() as crew:
        crew.repeat("page", page, times=options.readers)
        crew.repeat("batch", write, times=options.writers)
        time.sleep(options.seconds / 3)
        before = len(acknowledged)
        victim, pid = _holder_of(nodes[0], INDEXES["capability"].schema, prefix)
        figures["killed"] = victim
        os.kill(pid, signal.SIGKILL)
        time.sleep(options.seconds * 2 / 3)
    figures |= {
        "pages": crew.counted["page"],
        "failed_pages": crew.counted["page failed"],
        "slowest_page_seconds": round(max(crew.seconds["page"]), 2),
        "page_p95_seconds": crew.percentile("page"),
        "batches": crew.counted["batch"],
        "batches_tried_again": crew.counted["batches tried again"],
        "longest_batch_seconds": round(max(crew.seconds["batch"]), 2),
        "acknowledged_before_the_kill": before,
        "acknowledged": len(acknowledged),
    }
    kept = {key for key, _version in engine.versions(SCHEMA, "one")}
    figures["acknowledged_and_lost"] = len(set(acknowledged) - kept)
    if figures["failed_pages"] or crew.errors:
        failures += ["pages or batches failed", *crew.errors[:2]]
    if figures["acknowledged_and_lost"]:
        failures.append("acknowledged documents were lost")
    if len(acknowledged) <= before:
        failures.append("nothing was acknowledged after the kill")
    return work.report(figures, failures, as_json=options.json)


def _holder_of(node: str, schema: Schema, prefix: str) -> tuple[str, int]:
    """(name, process id) of the node that holds the primary shard of that index."""
    shards = work.ask(node, "GET", f"/_cat/shards/{prefix}-{schema.name}-*?format=json&h=prirep,node")
    name = next(shard["node"] for shard in shards if shard["prirep"] == "p")
    processes = work.ask(node, "GET", "/_nodes/process")["nodes"].values()
    return name, next(about["process"]["id"] for about in processes if about["name"] == name)


if __name__ == "__main__":
    sys.exit(main())
