"""What every benchmark measures alike: engines by address, memory, the machine's load."""

import math
import os
import sys
import time
from pathlib import Path

import django

from search.contract import Engine, Schema
from search.engines.elasticsearch import Connection, ElasticsearchEngine
from search.engines.embedded import EmbeddedEngine


def engine_of(address: str, folder: Path) -> Engine:
    """The embedded engine in `folder`, or a cluster with an index prefix of the benchmarks' own."""
    if not address:
        return EmbeddedEngine(folder)
    django.setup()  # an outage is told in the language of the installation
    nodes = tuple(f"http://{node}" for node in address.removeprefix("elasticsearch://").split(","))
    return ElasticsearchEngine(Connection(nodes=nodes, prefix="benchmark", replicas="0"))


def proportional_memory() -> float:
    """Proportional set size of this process in megabytes, pages of the index that it touched included."""
    path = Path("/proc/self/smaps_rollup")
    if not path.is_file():
        return math.nan
    lines = path.read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("Pss:"))) / 1024


def folder_megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def load() -> str:
    """The machine's load over the last minute: a figure without it says little where others work, too."""
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def wait_until_merged(engine: Engine, schema: Schema, generation: str, limit: float = 900.0) -> float:
    """Wait until a cluster has merged a fresh generation into one segment per shard; returns the seconds waited.

    The server does that in its own time after a generation is promoted; measured meanwhile, every query waits for it.
    """
    if not isinstance(engine, ElasticsearchEngine):
        return 0.0
    client, name = engine._client(), engine._index(schema, generation)
    started = time.monotonic()
    while time.monotonic() - started < limit:
        segments = client.cat.segments(index=name, format="json", h="segment")
        running = client.cat.thread_pool(thread_pool_patterns="force_merge", format="json", h="active,queue")
        if len(segments) <= engine.connection.shards or all(
            row["active"] == "0" and row["queue"] == "0" for row in running
        ):
            break
        time.sleep(1.0)
    else:
        print("merging did not end in time", file=sys.stderr)
    return time.monotonic() - started


def cluster_usage(engine: Engine, schema: Schema, generation: str) -> tuple[float, float]:
    """(megabytes on disk of a generation, megabytes of heap in use on the first node)."""
    if not isinstance(engine, ElasticsearchEngine):
        return math.nan, math.nan
    client, name = engine._client(), engine._index(schema, generation)
    disk = client.indices.stats(index=name, metric="store")["indices"][name]["total"]["store"]["size_in_bytes"]
    node = next(iter(client.nodes.stats(metric="jvm")["nodes"].values()))
    return disk / 1e6, node["jvm"]["mem"]["heap_used_in_bytes"] / 1e6
