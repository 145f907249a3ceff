"""One schedule in code; the embedded scheduler and Celery beat both read it (architecture.md §10.5).

Jobs are idempotent: they look at what is due and do it, so running one twice, or late, is harmless.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import close_old_connections

from core.clock import now
from core.models import JobRun

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


def _note(name: str, **changes: Any) -> None:
    JobRun.objects.update_or_create(name=name, defaults=changes, create_defaults={"started_at": now(), **changes})


def run(job: Job) -> object:
    """Run `job` and note when, for how long, with what error and what figures (a dict it returns). Raises its error."""
    begun = time.monotonic()
    _note(job.name, started_at=now(), seconds=None)
    try:
        result = job.function()
    except Exception as error:
        _note(job.name, seconds=round(time.monotonic() - begun, 3), error=f"{type(error).__name__}: {error}"[:500])
        raise
    figures = result if isinstance(result, dict) else None
    _note(job.name, seconds=round(time.monotonic() - begun, 3), error="", result=figures)
    return result


_noted: dict[str, float] = {}


def note_turn(name: str, *, at_most_every: float = 30.0) -> None:
    """Note that a poll which runs all the time ran; each process writes it down at most every so many seconds."""
    moment = time.monotonic()
    if moment - _noted.get(name, -at_most_every) >= at_most_every:
        _noted[name] = moment
        _note(name, started_at=now(), seconds=None, error="")


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
            run(job)
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
