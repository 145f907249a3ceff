"""How the installation is doing: one set of figures, shown to people as JSON and to Prometheus as text.

They come from what all processes share (database, engine, broker), so it does not matter which web process answers.
A part that is down is a figure like the others, never an error.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Min

from core import schedule
from core.clock import now
from core.enums import DeliveryState
from core.models import AuditEntry, JobRun, OutboxDelivery
from core.workday_calendars import years_missing
from notifications.selectors import TROUBLED, troubled_mails
from search import indexing
from search.contract import EngineUnavailable
from search.documents import INDEXES
from search.engines import get_engine

logger = logging.getLogger("marketplace.operations")

DRIFT_JOB = "marketplace.measure_drift"
COMPARISON_JOB = "core.compare_with_digests"
#: Rows of a table on the operator's page; the heading tells how many there are.
SHOWN = 50
POLL_NOTED_SECONDS = 30
#: Promised work that has been due for longer than this says that workers are missing or stuck.
LAG_ALARM_SECONDS = 60
UNNAMED_QUEUE = "all"


def _timed(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    begun = time.perf_counter()
    try:
        found = {"status": "ok", **measure()}
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a part is what the report is for
        logger.warning("status of %s: %s", measure.__name__, error)
        found = {"status": "down", "error": type(error).__name__}
    return {**found, "milliseconds": round((time.perf_counter() - begun) * 1000, 1)}


def _database() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {"vendor": connection.vendor}


def _search() -> dict[str, Any]:
    """Documents per index; an index that cannot be read is named and makes the part degraded."""
    engine = get_engine()
    documents: dict[str, int | None] = {}
    for name, index in INDEXES.items():
        try:
            documents[name] = engine.probe(index.schema)
        except EngineUnavailable:
            documents[name] = None
    found: dict[str, Any] = {"engine": engine.name, "documents": documents}
    if None in documents.values():
        found["status"] = "down" if not any(documents.values()) else "degraded"
    return found


def _queue_of(handler: str) -> str:
    """The queue of the handler where there are queues; the embedded relay takes all."""
    if not _broker_url():
        return UNNAMED_QUEUE
    return import_module("marketplace.celery").lane_of(handler)


def _outbox() -> dict[str, Any]:
    """Deliveries that wait and that were given up, per queue; lag is how long the oldest due one has been waiting."""
    moment = now()
    # One question per state: each has a partial index, the two together have none.
    rows: dict[str, dict[str, Any]] = {}
    for state in (DeliveryState.PENDING, DeliveryState.PARKED):
        counted = OutboxDelivery.objects.filter(state=state).order_by().values("handler")
        for row in counted.annotate(count=Count("pk"), oldest=Min("not_before")):
            known = rows.setdefault(row["handler"], {"pending": 0, "parked": 0, "oldest": None})
            known[state.value] = row["count"]
            if state == DeliveryState.PENDING:
                known["oldest"] = row["oldest"]
    queues: dict[str, dict[str, Any]] = {}
    for handler, row in rows.items():
        queue = queues.setdefault(_queue_of(handler), {"pending": 0, "parked": 0, "lag_seconds": 0.0})
        queue["pending"] += row["pending"]
        queue["parked"] += row["parked"]
        if row["oldest"]:
            lag = max(0.0, (moment - row["oldest"]).total_seconds())
            queue["lag_seconds"] = max(queue["lag_seconds"], round(lag, 1))
    total = {
        "pending": sum(queue["pending"] for queue in queues.values()),
        "parked": sum(queue["parked"] for queue in queues.values()),
        "lag_seconds": max((queue["lag_seconds"] for queue in queues.values()), default=0.0),
    }
    late = total["lag_seconds"] > LAG_ALARM_SECONDS
    return {**total, "queues": queues, "status": "degraded" if late or total["parked"] else "ok"}


def _mails() -> dict[str, Any]:
    """Mails that an operator must look at; they make nothing degraded by themselves."""
    counts = dict.fromkeys(TROUBLED, 0) | dict(troubled_mails().order_by().values_list("state").annotate(Count("pk")))
    return {"states": {str(state): count for state, count in counts.items()}}


def _schedule() -> dict[str, Any]:
    """Seconds since each entry of the schedule last ran."""
    moment = now()
    return {
        "age_seconds": {
            row.name: round((moment - row.started_at).total_seconds(), 1) for row in job_rows() if row.started_at
        }
    }


def _audit() -> dict[str, Any]:
    return {"unsealed": AuditEntry.objects.filter(sequence__isnull=True).count()}


def _workdays() -> dict[str, Any]:
    """Years whose working days are awaited and not there: periods into them cannot be computed (V09)."""
    missing = years_missing()
    return {"missing": missing, "status": "degraded" if missing else "ok"}


def _cache() -> dict[str, Any]:
    cache.set("operations.probe", "1", 10)
    return {"status": "ok" if cache.get("operations.probe") == "1" else "down"}


def _broker_url() -> str:
    return getattr(settings, "BROKER_URL", "")


def _tasks() -> dict[str, Any]:
    """Messages that wait in the broker, per queue. None: the queue does not exist yet."""
    return {"messages": import_module("marketplace.celery").messages_waiting()}


def measure_drift() -> dict[str, int | None]:
    """Documents per index that differ from the database; None where the index cannot be read. Reads everything."""
    found: dict[str, int | None] = {}
    for name in INDEXES:
        try:
            drift = indexing.check(name)
            found[name] = len(drift.missing) + len(drift.outdated) + len(drift.superfluous) + int(drift.damaged)
        except EngineUnavailable:
            found[name] = None
    return found


def measure_drift_now() -> dict[str, int | None]:
    """The scheduled measurement, run at once: its figures are what the next reports show."""
    schedule.run(next(job for job in schedule.jobs() if job.name == DRIFT_JOB))
    return _drift()["documents"]


def _drift() -> dict[str, Any]:
    known = JobRun.objects.filter(name=DRIFT_JOB, result__isnull=False).first()
    if known is None or known.result is None:
        return {"status": "unknown", "measured_at": None, "documents": {}}
    counts = known.result.values()
    # An index that could not be read was not measured; that it cannot be read is told by the part `search`.
    status = "degraded" if any(counts) else "unknown" if None in counts else "ok"
    return {
        "status": status,
        "measured_at": known.started_at.isoformat(),
        "documents": known.result,
    }


def comparison() -> dict[str, Any]:
    """The last nightly comparison of deciding rows, files and heads with what the platform left (core.integrity)."""
    known = JobRun.objects.filter(name=COMPARISON_JOB, result__isnull=False).first()
    if known is None or known.result is None:
        return {"status": "unknown", "compared_at": None, "faults": 0, "first": ""}
    faults = known.result["faults"]
    return {
        "status": "degraded" if faults else "ok",
        "compared_at": known.started_at.isoformat(),
        "faults": faults,
        "first": known.result.get("first", ""),
    }


def _comparison() -> dict[str, Any]:
    """For the machines that watch: that something was found, not what."""
    return {name: value for name, value in comparison().items() if name != "first"}


# --- the operator's page -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class QueueRow:
    """One queue: what waits in the outbox, for how long the oldest due one, and what the broker holds (None: nothing
    known)."""

    name: str
    pending: int
    parked: int
    lag_seconds: float
    messages: int | None


@dataclass(frozen=True)
class JobRow:
    """One entry of the schedule. `late`: its last run is longer ago than three of its periods (and a minute)."""

    name: str
    period_seconds: int
    started_at: datetime | None
    seconds: float | None
    error: str
    late: bool


def queue_rows() -> tuple[list[QueueRow], str]:
    """(a row per queue, what is wrong with the broker: "", "embedded" or "down")."""
    found = _outbox()["queues"]
    empty = {"pending": 0, "parked": 0, "lag_seconds": 0.0}
    if not _broker_url():
        return [QueueRow(UNNAMED_QUEUE, **found.get(UNNAMED_QUEUE, empty), messages=None)], "embedded"
    part = _timed(_tasks)
    messages = part.get("messages", {})
    names = import_module("marketplace.celery").QUEUES
    return [QueueRow(name, **found.get(name, empty), messages=messages.get(name)) for name in names], "down" if part[
        "status"
    ] == "down" else ""


def job_rows() -> list[JobRow]:
    """Every entry of the schedule with its last run; with a broker also the polls of the queues."""
    periods = {job.name: job.seconds for job in schedule.jobs()}
    if _broker_url():
        celery = import_module("marketplace.celery")
        # Polls note their turns at most every half minute.
        periods |= {f"poll.{lane}": POLL_NOTED_SECONDS for lane in celery.LANES} | {"seal": POLL_NOTED_SECONDS}
    runs = {run.name: run for run in JobRun.objects.filter(name__in=periods)}
    moment = now()
    rows = []
    for name, seconds in sorted(periods.items()):
        run = runs.get(name)
        late = run is None or moment - run.started_at > timedelta(seconds=3 * seconds + 60)
        rows.append(
            JobRow(
                name,
                seconds,
                run.started_at if run else None,
                run.seconds if run else None,
                run.error if run else "",
                late,
            )
        )
    return rows


def comparison_shown() -> dict[str, Any]:
    """`comparison` with its time as a moment, for a page."""
    found = comparison()
    moment = found["compared_at"]
    return {**found, "compared_at": datetime.fromisoformat(moment) if moment else None}


def page() -> dict[str, Any]:
    """What the operator's page shows: queues, given-up work, mails in doubt, indexes, schedule. No business content."""
    queues, broker = queue_rows()
    drift = _timed(_drift)
    documents = _timed(_search).get("documents", {})
    parked = OutboxDelivery.objects.filter(state=DeliveryState.PARKED)
    mails = troubled_mails()
    return {
        "queues": queues,
        "broker": broker,
        "pending": sum(row.pending for row in queues),
        "lag_seconds": max(row.lag_seconds for row in queues),
        "lag_alarm": max(row.lag_seconds for row in queues) > LAG_ALARM_SECONDS,
        "parked_count": parked.count(),
        "parked": parked.select_related("event").order_by("-pk")[:SHOWN],
        "unsealed": _audit()["unsealed"],
        "comparison": comparison_shown(),
        "years_missing": years_missing(),
        "mails_count": mails.count(),
        "mails": mails[:SHOWN],
        "drift_measured_at": datetime.fromisoformat(drift["measured_at"]) if drift["measured_at"] else None,
        "indexes": [
            (name, documents.get(name), drift["documents"].get(name), name in drift["documents"]) for name in INDEXES
        ],
        "jobs": job_rows(),
        "shown": SHOWN,
    }


def report() -> dict[str, Any]:
    """The whole picture. `status` is "down" without the database, "degraded" when some part is not well, else "ok"."""
    parts: dict[str, dict[str, Any]] = {"database": _timed(_database)}
    if parts["database"]["status"] == "ok":
        parts |= {"outbox": _timed(_outbox), "audit": _timed(_audit), "comparison": _timed(_comparison)}
        parts |= {"workdays": _timed(_workdays)}
        parts |= {"mails": _timed(_mails), "schedule": _timed(_schedule), "index_drift": _timed(_drift)}
    parts |= {"search": _timed(_search), "cache": _timed(_cache)}
    if _broker_url():
        parts["tasks"] = _timed(_tasks)
    if parts["database"]["status"] != "ok":
        status = "down"
    else:
        well = all(part["status"] in ("ok", "unknown") for part in parts.values())
        status = "ok" if well else "degraded"
    return {"status": status, "moment": now().isoformat(), **parts}


# --- Prometheus' text format -------------------------------------------------------------------------------------

_HELP = {
    "marketplace_up": "1 if this part answers",
    "marketplace_probe_seconds": "How long the part took to answer",
    "marketplace_outbox_pending": "Deliveries that wait, by queue",
    "marketplace_outbox_parked": "Deliveries given up until an operator retries them, by queue",
    "marketplace_outbox_lag_seconds": "How long the oldest due delivery has been waiting, by queue",
    "marketplace_audit_unsealed": "Audit entries not chained yet",
    "marketplace_index_documents": "Documents in the index",
    "marketplace_index_drift": "Documents that differ from the database when last measured",
    "marketplace_broker_messages": "Messages waiting in the broker, by queue",
    "marketplace_mails": "Mails an operator decides about, by state",
    "marketplace_job_age_seconds": "How long ago an entry of the schedule last ran",
}
_PARTS = ("database", "outbox", "audit", "search", "cache", "tasks")


def _samples(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, str], float]]:
    for part in _PARTS:
        if part in found:
            yield "marketplace_up", {"part": part}, float(found[part]["status"] != "down")
            yield "marketplace_probe_seconds", {"part": part}, found[part]["milliseconds"] / 1000
    for queue, figures in found.get("outbox", {}).get("queues", {}).items():
        for name in ("pending", "parked", "lag_seconds"):
            yield f"marketplace_outbox_{name}", {"queue": queue}, figures[name]
    if "unsealed" in found.get("audit", {}):
        yield "marketplace_audit_unsealed", {}, found["audit"]["unsealed"]
    for metric, label, part, key in (
        ("marketplace_index_documents", "index", "search", "documents"),
        ("marketplace_index_drift", "index", "index_drift", "documents"),
        ("marketplace_broker_messages", "queue", "tasks", "messages"),
        ("marketplace_mails", "state", "mails", "states"),
        ("marketplace_job_age_seconds", "job", "schedule", "age_seconds"),
    ):
        for name, count in found.get(part, {}).get(key, {}).items():
            if count is not None:
                yield metric, {label: name}, count


def metrics_text() -> str:
    """The report in Prometheus' text exposition format 0.0.4."""
    by_name: dict[str, list[str]] = {}
    for name, labels, number in _samples(report()):
        shown = ",".join(f'{key}="{text}"' for key, text in labels.items())
        by_name.setdefault(name, []).append(f"{name}{{{shown}}} {number:g}" if shown else f"{name} {number:g}")
    lines: list[str] = []
    for name, samples in by_name.items():
        lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge", *samples]
    return "\n".join(lines) + "\n"
