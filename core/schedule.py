"""One schedule in code; the embedded scheduler and Celery beat both read it (architecture.md §10.5).

Jobs are idempotent: they look at what is due and do it, so running one twice, or late, is harmless.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import close_old_connections

from core.clock import now

logger = logging.getLogger("marketplace.schedule")


@dataclass(frozen=True)
class Job:
    """A function of no arguments and the seconds between its runs."""

    name: str
    seconds: int
    function: Callable[[], object]


_jobs: dict[str, Job] = {}


def every(*, seconds: int, name: str) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Register a periodic job; it also runs once soon after start."""

    def register(function: Callable[[], object]) -> Callable[[], object]:
        if name in _jobs and _jobs[name].function is not function:
            raise ValueError(f"job name {name} is taken")
        _jobs[name] = Job(name, seconds, function)
        return function

    return register


def jobs() -> list[Job]:
    return sorted(_jobs.values(), key=lambda job: job.name)


def run_due(last_runs: dict[str, datetime]) -> list[str]:
    """Run every job whose time has come; `last_runs` is updated in place. A failing job does not stop the others."""
    ran = []
    for job in jobs():
        moment = now()
        last = last_runs.get(job.name)
        if last is not None and moment - last < timedelta(seconds=job.seconds):
            continue
        last_runs[job.name] = moment
        try:
            job.function()
        except Exception:  # noqa: BLE001 - logged; the next run looks at what is due again
            logger.exception("scheduled job %s failed", job.name)
        ran.append(job.name)
    return ran


def run_forever(stop: threading.Event) -> None:
    """The embedded scheduler's loop."""
    last_runs: dict[str, datetime] = {}
    while not stop.wait(1.0):
        close_old_connections()
        run_due(last_runs)
