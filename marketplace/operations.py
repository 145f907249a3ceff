"""How the installation is doing: one set of figures, shown to people as JSON and to Prometheus as text.

They come from what all processes share (database, engine, broker), so it does not matter which web process answers.
A part that is down is a figure like the others, never an error.
"""

import logging
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Min, Q

from core.clock import now
from core.enums import DeliveryState
from core.models import AuditEntry, OutboxDelivery
from search import indexing
from search.contract import EngineUnavailable
from search.documents import INDEXES
from search.engines import get_engine

logger = logging.getLogger("marketplace.operations")

DRIFT_KEY = "operations.index_drift"
DRIFT_KEPT_SECONDS = 3 * 3600
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
    rows = (
        OutboxDelivery.objects.filter(state__in=(DeliveryState.PENDING, DeliveryState.PARKED))
        .order_by()
        .values("handler")
        .annotate(
            pending=Count("pk", filter=Q(state=DeliveryState.PENDING)),
            parked=Count("pk", filter=Q(state=DeliveryState.PARKED)),
            oldest=Min("not_before", filter=Q(state=DeliveryState.PENDING)),
        )
    )
    queues: dict[str, dict[str, Any]] = {}
    for row in rows:
        queue = queues.setdefault(_queue_of(row["handler"]), {"pending": 0, "parked": 0, "lag_seconds": 0.0})
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


def _audit() -> dict[str, Any]:
    return {"unsealed": AuditEntry.objects.filter(sequence__isnull=True).count()}


def _cache() -> dict[str, Any]:
    cache.set("operations.probe", "1", 10)
    return {"status": "ok" if cache.get("operations.probe") == "1" else "down"}


def _broker_url() -> str:
    return getattr(settings, "BROKER_URL", "")


def _tasks() -> dict[str, Any]:
    """Messages that wait in the broker, per queue. None: the queue does not exist yet."""
    return {"messages": import_module("marketplace.celery").messages_waiting()}


def measure_drift() -> dict[str, int | None]:
    """Differences between each index and the database, kept for the next reports. Reads everything."""
    found: dict[str, int | None] = {}
    for name in INDEXES:
        try:
            drift = indexing.check(name)
            found[name] = len(drift.missing) + len(drift.outdated) + len(drift.superfluous) + int(drift.damaged)
        except EngineUnavailable:
            found[name] = None
    cache.set(DRIFT_KEY, {"at": now().isoformat(), "documents": found}, DRIFT_KEPT_SECONDS)
    return found


def _drift() -> dict[str, Any]:
    known = cache.get(DRIFT_KEY)
    if known is None:
        return {"status": "unknown", "measured_at": None, "documents": {}}
    clean = not any(count is None or count for count in known["documents"].values())
    return {
        "status": "ok" if clean else "degraded",
        "measured_at": known["at"],
        "documents": known["documents"],
    }


def report() -> dict[str, Any]:
    """The whole picture. `status` is "down" without the database, "degraded" when some part is not well, else "ok"."""
    parts: dict[str, dict[str, Any]] = {"database": _timed(_database)}
    if parts["database"]["status"] == "ok":
        parts |= {"outbox": _timed(_outbox), "audit": _timed(_audit)}
    parts |= {"search": _timed(_search), "cache": _timed(_cache), "index_drift": _timed(_drift)}
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
