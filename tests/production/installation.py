"""A production installation on real servers: its own database, its own processes. For tests and for drills/."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests.production.environment import ROOT, manage, production_environment

SERVERS = ("TEST_DATABASE_URL", "TEST_BROKER_URL", "TEST_REDIS_URL")


class NotSo(AssertionError):
    """What was waited for did not come."""


def until(condition: Callable[[], bool], *, seconds: float, what: str) -> float:
    """Wait for `condition`; returns the seconds it took, fails with `what` after `seconds`."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            raise NotSo(f"after {seconds} s still not so: {what}")
        time.sleep(0.05)  # the condition is another process's work: there is nothing to wait on but its effects
    return time.monotonic() - begun


class Installation:
    """One installation of the production profile: database, folder, and the processes a test starts."""

    def __init__(self, folder: Path, servers: dict[str, str], database_url: str) -> None:
        self.folder = folder
        self.database_url = database_url
        self.mail_folder = folder / "mail"
        self.processes: list[subprocess.Popen[bytes]] = []
        (folder / "search").mkdir()
        self.mail_folder.mkdir()
        self.environment = production_environment(
            DATABASE_URL=database_url,
            BROKER_URL=servers["TEST_BROKER_URL"],
            CACHE_URL=servers["TEST_REDIS_URL"],
            SEARCH_URL=f"embedded://{folder / 'search'}",
            EMAIL_URL=f"filemail:///{self.mail_folder}",
            MARKETPLACE_VAR_DIR=str(folder),
            DJANGO_ALLOWED_HOSTS="127.0.0.1",
            PYTHONWARNINGS="ignore",
        )

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement).fetchall()  # type: ignore[arg-type]

    def number(self, statement: str) -> int:
        return int(self.query(statement)[0][0])

    def step(self, *arguments: str, timeout: float = 120) -> dict[str, Any]:
        """Run one of tests/production/steps.py in this installation."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.production.steps", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.strip().splitlines()[-1])

    def writer(self, batch: int) -> "Writer":
        return Writer(self, batch)

    def start(self, name: str, *arguments: str, **changes: str) -> subprocess.Popen[bytes]:
        """A process in a group of its own, with its output in `<name>.log` below the installation's folder."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=self.environment | changes,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def worker(self, queues: str, concurrency: int = 1) -> subprocess.Popen[bytes]:
        name = f"worker-{queues.replace(',', '-')}"
        return self.start(
            name,
            *("celery", "-A", "marketplace", "worker", "-Q", queues, "-c", str(concurrency)),
            *("-n", f"{name}-{uuid.uuid4().hex[:6]}@%h", "--without-gossip", "--without-mingle"),
        )

    def beat(self) -> subprocess.Popen[bytes]:
        return self.start("beat", "celery", "-A", "marketplace", "beat")

    def log(self, name: str) -> list[dict[str, Any]]:
        """The JSON lines of a process's output."""
        lines = (self.folder / f"{name}.log").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """`kill -9` for the process and all its children at once."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                self.kill(process)


def takes_connections(database_url: str) -> bool:
    try:
        with psycopg.connect(database_url, connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def _database(servers: dict[str, str], name: str, statement: str) -> str:
    """Run `statement` about the database `name` on the test server; returns the database's address."""
    # A server that a drill has brought down may still be recovering: its refusal must not hide what went wrong before.
    until(lambda: takes_connections(servers["TEST_DATABASE_URL"]), seconds=60, what="the database server is there")
    with psycopg.connect(servers["TEST_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))  # type: ignore[arg-type]
    return urlunsplit(urlsplit(servers["TEST_DATABASE_URL"])._replace(path=f"/{name}"))


class Writer:
    """A process that changes something each time it is told to, and knows what was acknowledged."""

    def __init__(self, installation: Installation, batch: int) -> None:
        with (installation.folder / "writer.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.production.steps", "keep_verifying", str(batch)],
                cwd=ROOT,
                env=installation.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        installation.processes.append(self.process)  # type: ignore[arg-type]
        self.acknowledged: dict[str, list[int]] = {}
        self.refused: list[str] = []

    def write(self, name: str) -> bool:
        """One transaction under `name`; True if it was acknowledged."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or "{}")
        if "acknowledged" in answer:
            self.acknowledged[name] = answer["ids"]
            return True
        self.refused.append(name)
        return False


@dataclass(frozen=True)
class Prepared:
    """What `manage.py prepare` of a release leaves: a database to copy, and the static files."""

    database: str
    static_folder: Path


@contextmanager
def prepared_release(servers: dict[str, str], static_folder: Path) -> Iterator[Prepared]:
    """Made by the command of compose.yaml's `prepare`; each installation gets a copy of the database."""
    made = Prepared(f"marketplace_prepared_{uuid.uuid4().hex[:8]}", static_folder)
    url = _database(servers, made.database, "CREATE DATABASE {}")
    try:
        # An unreachable cache and broker: preparing needs neither.
        environment = production_environment(
            DATABASE_URL=url,
            DJANGO_STATIC_ROOT=str(made.static_folder),
            CACHE_URL="redis://127.0.0.1:1/0",
            BROKER_URL="amqp://nobody:x@127.0.0.1:1//",
            PGOPTIONS="-c lock_timeout=2s",
        )
        done = manage("prepare", environment=environment, timeout=600)
        assert done.returncode == 0, done.stderr[-3000:]
        yield made
    finally:
        _database(servers, made.database, "DROP DATABASE {} WITH (FORCE)")


@contextmanager
def new_installation(servers: dict[str, str], prepared: Prepared, folder: Path) -> Iterator[Installation]:
    """An empty installation of its own; nothing is left of it afterwards."""
    name = f"marketplace_production_{uuid.uuid4().hex[:8]}"
    made = Installation(folder, servers, _database(servers, name, f"CREATE DATABASE {{}} TEMPLATE {prepared.database}"))
    made.environment["DJANGO_STATIC_ROOT"] = str(prepared.static_folder)
    try:
        yield made
    finally:
        made.stop()
        _database(servers, name, "DROP DATABASE {} WITH (FORCE)")
