"""Installations for drills about sealed bids: the production profile on PostgreSQL, an empty database for each step."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.production.environment import ROOT, manage
from tests.production.installation import Installation, Prepared, new_installation
from tests.production.installation import _database as about_database

#: Nobody listens there: what a commit promises waits in the outbox, and the cache is left alone.
NOWHERE = {"TEST_BROKER_URL": "amqp://nobody:x@127.0.0.1:1//", "TEST_REDIS_URL": "redis://127.0.0.1:1/0"}


@dataclass(frozen=True)
class SealedGround:
    """A migrated database with its code tables, to be copied for each step."""

    servers: dict[str, str]
    prepared: Prepared
    folder: Path

    @contextmanager
    def installation(self) -> Iterator[Installation]:
        """An empty installation without a pool of connections, so that its processes may fork."""
        folder = self.folder / uuid4().hex[:8]
        folder.mkdir()
        try:
            with new_installation(self.servers, self.prepared, folder) as made:
                made.environment |= {
                    "SEALING_SIGNING_KEY": base64.b64encode(os.urandom(32)).decode(),
                    "CONTENT_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
                    "DATABASE_POOL_SIZE": "0",
                    "LOG_LEVEL": "CRITICAL",
                }
                yield made
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def step(self, *arguments: str, timeout: float = 900) -> dict[str, Any]:
        """One step of tests/seal_steps.py on an installation of its own."""
        with self.installation() as made:
            done = subprocess.run(
                [sys.executable, "-m", "tests.seal_steps", *arguments],
                cwd=ROOT,
                env=made.environment,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.strip().splitlines()[-1])


@contextmanager
def sealed_ground(database_url: str, folder: Path) -> Iterator[SealedGround]:
    """Made once on the server at `database_url`; nothing is left of it afterwards."""
    servers = {"TEST_DATABASE_URL": database_url, **NOWHERE}
    name = f"marketplace_sealed_{uuid4().hex[:8]}"
    url = about_database(servers, name, "CREATE DATABASE {}")
    try:
        base = folder / "base"
        base.mkdir()
        (base / "static").mkdir()
        made = Installation(base, servers, url)
        for command in (("migrate", "--verbosity", "0"), ("load_classification",), ("load_workdays", "2025", "2026")):
            done = manage(*command, environment=made.environment, timeout=300)
            assert done.returncode == 0, done.stderr[-3000:]
        yield SealedGround(servers, Prepared(name, base / "static"), folder)
    finally:
        about_database(servers, name, "DROP DATABASE {} WITH (FORCE)")
