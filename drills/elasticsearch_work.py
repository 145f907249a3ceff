"""What the Elasticsearch drills do on the installation that `elasticsearch_ground.py` has made for them.

Rows in bulk, changes as services make them, threads of readers and writers that count failures, the relay, drift.
"""

import argparse
import contextlib
import json
import logging
import os
import random
import subprocess
import sys
import threading
import time
import traceback
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

django.setup()

# ruff: noqa: E402 - models can be imported only after django.setup()
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.db import connections, transaction

from core import outbox
from core import relay as core_relay
from search import indexing
from search.contract import EngineUnavailable
from search.documents import INDEXES
from tests.factories import make_listed_capability, make_organisation, make_vendor
from vendors.events import CapabilityChanged
from vendors.models import Capability

# An outage is what a drill is about: told once as a figure, not a thousand times as a line.
logging.getLogger("search").setLevel(logging.CRITICAL)
logging.getLogger("core").setLevel(logging.CRITICAL)

ROOT = Path(__file__).resolve().parent.parent
VIEWER = AnonymousUser()


def arguments(description: str | None, **defaults: int) -> argparse.Namespace:
    """The drill's numbers as options, and --json."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def prepare() -> None:
    """Database and code tables."""
    call_command("migrate", verbosity=0)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        call_command("load_classification", stdout=nowhere)


def report(figures: dict[str, Any], failures: list[str], *, as_json: bool) -> int:
    """Print what was measured and what was missed; the exit code."""
    figures["load_average"] = round(os.getloadavg()[0], 1)
    if as_json:
        print(json.dumps(figures | {"failures": failures}, ensure_ascii=False))
    else:
        for name, value in figures.items():
            print(f"  {name:<34} {value}")
        print("passed" if not failures else "FAILED: " + "; ".join(failures))
    return 1 if failures else 0


def ask(address: str, method: str, path: str) -> Any:
    request = urllib.request.Request(f"http://{address}{path}", method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


# --- rows --------------------------------------------------------------------------------------------------------

WORDS = tuple("水电路桥城乡医学农林渔港车船云图数网光声热气料机")


def fill(number: int) -> None:
    """`number` capabilities on the shelf, written in bulk, of ten vendors; no events (a reindex reads them)."""
    vendors = [make_vendor(make_organisation(f"演练单位{place}", kind="enterprise")) for place in range(10)]
    pattern = make_listed_capability(vendors[0])
    rows = [copy_of(pattern, vendors[place % 10], place) for place in range(number - 1)]
    Capability.objects.bulk_create(rows, batch_size=500)


def copy_of(pattern: Any, vendor: Any, number: int) -> Any:
    """Another row like this one, with a title and a description of its own."""
    chance = random.Random(number)
    words = "".join(chance.choices(WORDS, k=6))
    return Capability(
        vendor=vendor,
        state=pattern.state,
        title=f"{words}系统第{number}号",
        summary=pattern.summary,
        description=f"{pattern.description}{''.join(chance.choices(WORDS, k=60))}",
        category=pattern.category,
        serves_whole_province=True,
        listed_at=pattern.listed_at,
        verified_at=pattern.verified_at,
        expires_on=pattern.expires_on,
    )


def change(key: int, **values: Any) -> None:
    """One change as every service makes it: row, document version and event in one transaction."""
    with transaction.atomic():
        row = Capability.objects.select_for_update().get(pk=key)
        for name, value in values.items():
            setattr(row, name, value)
        row.document_version += 1
        row.save(update_fields=[*values, "document_version"])
        outbox.publish(CapabilityChanged(key, row.document_version))


def add(pattern: Any, number: int) -> int:
    """A new row with its event."""
    with transaction.atomic():
        row = copy_of(pattern, pattern.vendor, number)
        row.save()
        outbox.publish(CapabilityChanged(row.pk, row.document_version))
    return row.pk


# --- work that goes on -------------------------------------------------------------------------------------------


class Crew:
    """Threads that repeat something until they are stopped. What they raise is collected, never swallowed."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.counted: Counter[str] = Counter()
        self.errors: list[str] = []
        self.seconds: dict[str, list[float]] = {}
        self._threads: list[threading.Thread] = []
        self._halted: set[str] = set()
        self._lock = threading.Lock()

    def repeat(self, name: str, work: Callable[[], Any], *, times: int = 1, pause: float = 0.0) -> None:
        """`times` threads that call `work` again and again; each call is counted and timed under `name`."""
        for _ in range(times):
            self._start(lambda: self._repeating(name, work, pause))

    def run(self, work: Callable[[threading.Event], Any]) -> None:
        """A thread with a loop of its own that ends when the event is set."""
        self._start(lambda: work(self.stopping))

    def _repeating(self, name: str, work: Callable[[], Any], pause: float) -> None:
        while not self.stopping.is_set() and name not in self._halted:
            started = time.perf_counter()
            try:
                work()
            except Exception:  # noqa: BLE001 - a drill reports every failure
                self.failed(name, traceback.format_exc(limit=-3))
            with self._lock:
                self.counted[name] += 1
                self.seconds.setdefault(name, []).append(time.perf_counter() - started)
            if pause:
                self.stopping.wait(random.uniform(0.5, 1.5) * pause)

    def halt(self, name: str) -> None:
        """End the threads of that name after what they are doing."""
        self._halted.add(name)

    def failed(self, name: str, what: str) -> None:
        with self._lock:
            self.counted[f"{name} failed"] += 1
            if len(self.errors) < 5:
                self.errors.append(what)

    def note(self, name: str, seconds: float) -> None:
        with self._lock:
            self.counted[name] += 1
            self.seconds.setdefault(name, []).append(seconds)

    def _start(self, work: Callable[[], Any]) -> None:
        def guarded() -> None:
            try:
                work()
            except Exception:  # noqa: BLE001
                self.failed("thread", traceback.format_exc(limit=-3))
            finally:
                connections.close_all()

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        self.stopping.set()
        for thread in self._threads:
            thread.join(60)

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def percentile(self, name: str, share: float = 0.95) -> float:
        values = sorted(self.seconds.get(name, []))
        return round(values[min(len(values) - 1, int(share * len(values)))], 3) if values else float("nan")


def relay(crew: Crew, threads: int = 2, *, healing: bool = True) -> None:
    """The relay, and (`healing`) the job that keeps indexes in order, as the runner has them."""
    for _ in range(threads):
        crew.run(core_relay.run_forever)

    def heal() -> None:
        with contextlib.suppress(EngineUnavailable):
            indexing.heal()

    if healing:
        crew.repeat("heal", heal, pause=5.0)


def drift() -> dict[str, int | None]:
    """Differences per index between the cluster and the database; None: could not be read."""
    found: dict[str, int | None] = {}
    for name in INDEXES:
        try:
            found[name] = indexing.check(name).size
        except EngineUnavailable:
            found[name] = None
    return found


def until_no_drift(limit: float) -> float | None:
    """Seconds until nothing differs any more; None when the limit passes."""
    started = time.monotonic()
    while time.monotonic() - started < limit:
        if all(count == 0 for count in drift().values()):
            return round(time.monotonic() - started, 1)
        time.sleep(0.5)
    return None


def manage(*words: str) -> subprocess.Popen[str]:
    """`manage.py …` as a process of its own on this installation."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
