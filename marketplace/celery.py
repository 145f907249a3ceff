"""Celery in production: the same relay and schedule as the embedded runner, spread over queues and hosts.

The outbox in PostgreSQL is the truth (architecture.md §4). A message only says "look at your lane now": the broker may
lose all of them, deliver them twice or be away for an hour, and nothing promised is lost.

    celery -A marketplace worker -Q mail -c 1      one worker per queue, see docs/operations.md
    celery -A marketplace beat
"""

import logging
import os
import time
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings
from kombu import Queue
from kombu.exceptions import OperationalError

from core.lanes import Lane
from core.secret_files import keep_to_owner

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings.prod")

logger = logging.getLogger("marketplace.tasks")

keep_to_owner()

#: Queues by kind, each with the handlers its relay takes: what is slow in one never holds up another.
_MAIL = ("notifications.send_mail", "notifications.mail_case_confirmation")
_MATCHING = ("matching.",)
_INDEXING = ("search.",)
LANES: dict[str, Lane] = {
    "relay": Lane(without=_MAIL + _MATCHING + _INDEXING),
    "mail": Lane(only=_MAIL),
    "matching": Lane(only=_MATCHING),
    "indexing": Lane(only=_INDEXING),
}
MAINTENANCE = "maintenance"
QUEUES = (*LANES, MAINTENANCE)

RELAY_TASK = "marketplace.relay"
JOB_TASK = "marketplace.run_job"
SEAL_TASK = "marketplace.seal_audit"

#: The poll that makes wake-ups a convenience.
POLL_SECONDS = 2
SOFT_LIMIT_SECONDS = 600
HARD_LIMIT_SECONDS = 660
WAKE_EXPIRES_SECONDS = 10
#: After a failed wake-up the broker is left alone for so long: requests do not wait for its timeouts.
WAKE_PAUSE_SECONDS = 10.0

app = Celery("marketplace")
app.conf.update(
    broker_url=getattr(settings, "BROKER_URL", None),
    broker_connection_timeout=2,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # `max_retries` bounds a sender's patience (without it kombu tries for ever inside a request). The visibility
    # timeout concerns Redis only and must be longer than the longest task.
    broker_transport_options={
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.1,
        "visibility_timeout": 6 * 3600,
    },
    imports=("marketplace.tasks",),
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    event_serializer="json",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=HARD_LIMIT_SECONDS,
    task_soft_time_limit=SOFT_LIMIT_SECONDS,
    task_create_missing_queues=False,
    task_default_queue="relay",
    task_queues=[Queue(name, routing_key=name) for name in QUEUES],
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_max_tasks_per_child=5000,
    worker_enable_remote_control=True,
    beat_schedule_filename=getattr(settings, "BEAT_STATE_FILE", "celerybeat-schedule"),
    beat_max_loop_interval=1,
    timezone=settings.TIME_ZONE,
    enable_utc=True,
)


@setup_logging.connect
def _keep_our_logging(**_options: Any) -> None:
    """Django's LOGGING holds for workers too; a receiver of this signal keeps Celery from setting up its own."""


def lane_of(handler: str) -> str:
    """The queue whose relay carries out this handler's deliveries; each handler has exactly one."""
    return next(name for name, lane in LANES.items() if lane.takes(handler))


def messages_waiting() -> dict[str, int | None]:
    """Messages in the broker per queue, None for a queue no worker has declared yet. Raises if the broker is away."""
    found: dict[str, int | None] = {}
    with app.connection_for_write(connect_timeout=1) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        for name in QUEUES:
            # A passive declaration of a missing queue closes its channel: one each.
            channel = connection.channel()
            try:
                found[name] = channel.queue_declare(queue=name, passive=True).message_count
            except connection.channel_errors:
                found[name] = None
            else:
                channel.close()
    return found


class _Waker:
    """Sends "look at your lane now" after a commit. Never raises, and never waits long for a broker that is away."""

    def __init__(self) -> None:
        self._silent_until = 0.0

    def __call__(self, handlers: frozenset[str]) -> None:
        if time.monotonic() < self._silent_until:
            return
        try:
            for lane in sorted({lane_of(handler) for handler in handlers}):
                app.send_task(RELAY_TASK, kwargs={"lane": lane}, queue=lane, expires=WAKE_EXPIRES_SECONDS, retry=False)
        except (OperationalError, OSError) as error:
            self._silent_until = time.monotonic() + WAKE_PAUSE_SECONDS
            logger.warning("broker is not available, the poll will find the work: %s", error)


wake = _Waker()
