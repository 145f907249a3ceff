"""Makes an installation of its own for an Elasticsearch drill, runs the drill in it, and removes it.

    elasticsearch_ground.py NAME [options]      runs elasticsearch_NAME.py; called by drills/elasticsearch_NAME

The cluster is the one TEST_SEARCH_URL names, the database a new one beside TEST_DATABASE_URL, or SQLite without it. The
drill gets an index prefix of its own. Exit code 2 when there is no cluster to drill on.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent


def main() -> int:
    name, *options = sys.argv[1:]
    cluster = os.environ.get("TEST_SEARCH_URL", "").rstrip("/")
    wants_help = "-h" in options or "--help" in options
    if not cluster and not wants_help:
        sys.stderr.write('没有 Elasticsearch：drills/services start elasticsearch; eval "$(drills/services env)"\n')
        return 2
    cluster = cluster or "elasticsearch://127.0.0.1:9"
    prefix = f"drill-{uuid.uuid4().hex[:10]}"
    with tempfile.TemporaryDirectory(prefix="drill-") as folder, _database() as database:
        environment = {
            **os.environ,
            **database,
            "MARKETPLACE_VAR_DIR": folder,
            "SEARCH_URL": f"{cluster}/{prefix}",
            "DJANGO_SETTINGS_MODULE": "elasticsearch_settings",
            "PYTHONPATH": os.pathsep.join([str(FOLDER), str(ROOT)]),
            "PYTHONWARNINGS": "ignore",
        }
        try:
            drill = [sys.executable, str(FOLDER / f"elasticsearch_{name}.py"), *options]
            return subprocess.run(drill, env=environment, check=False).returncode
        finally:
            _remove_indexes(cluster, prefix)


@contextlib.contextmanager
def _database() -> Iterator[dict[str, str]]:
    """A database of its own on the server of TEST_DATABASE_URL; SQLite in the drill's folder without one."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    if not given:
        yield {}
        return
    name = f"drill_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(given, autocommit=True) as server:
        server.execute(f'create database "{name}"')
    try:
        yield {"TEST_DATABASE_URL": urlsplit(given)._replace(path=f"/{name}").geturl()}
    finally:
        _drop(given, name)


def _drop(server_url: str, name: str) -> None:
    """The server's own cleaner may be at work in it, and only a superuser may send that away: wait for it."""
    for _ in range(20):
        try:
            with psycopg.connect(server_url, autocommit=True) as server:
                server.execute(f'drop database "{name}" with (force)')
            return
        except psycopg.errors.InsufficientPrivilege:
            time.sleep(1)
    sys.stderr.write(f"数据库 {name} 未能删除，请手工删除。\n")


def _ask(address: str, method: str, path: str) -> object:
    request = urllib.request.Request(f"http://{address}{path}", method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def _remove_indexes(cluster: str, prefix: str) -> None:
    """On the first node that answers; one that was killed by its drill does not."""
    for node in cluster.split("://", 1)[1].split("/")[0].split(","):
        with contextlib.suppress(OSError):
            found = _ask(node, "GET", f"/_cat/indices/{prefix}-*?format=json&h=index")
            names = [entry["index"] for entry in found]  # type: ignore[attr-defined]
            if names:
                _ask(node, "DELETE", "/" + ",".join(names))
            return


if __name__ == "__main__":
    sys.exit(main())
