"""Celery's entries: each looks at what is due and calls the rooms below. No rules here (architecture.md §2)."""

import logging
import time
from typing import Any

from celery.signals import beat_init

from core import audit, relay, schedule
from marketplace.celery import (
    JOB_TASK,
    LANES,
    MAINTENANCE,
    POLL_SECONDS,
    RELAY_TASK,
    SEAL_TASK,
    WAKE_EXPIRES_SECONDS,
    app,
)

logger = logging.getLogger("marketplace.tasks")

#: A task hands its slot back after so long and asks for another turn: restarts and other queues never wait for more.
TURN_SECONDS = 20.0
#: Mails are sent one by one over the network: small claims leave the rest to other workers.
CLAIM_LIMITS = {"mail": 20}
SEAL_LIMIT = 1000
#: Jobs may rebuild an index; the next beat starts anew what did not finish.
JOB_SOFT_LIMIT_SECONDS = 6000
JOB_HARD_LIMIT_SECONDS = 6600


@app.task(name=RELAY_TASK)
def relay_lane(lane: str) -> int:
    """Carry out what is due in one lane; returns how many deliveries were done."""
    owner, until, total = relay.relay_name(), time.monotonic() + TURN_SECONDS, 0
    limit = CLAIM_LIMITS.get(lane, relay.CLAIM_LIMIT)
    while True:
        claimed, done = relay.relay_batch(owner, limit, LANES[lane])
        total += done
        if claimed == 0:
            break
        if time.monotonic() >= until:
            app.send_task(RELAY_TASK, kwargs={"lane": lane}, queue=lane, expires=WAKE_EXPIRES_SECONDS)
            break
    schedule.note_turn(f"poll.{lane}")
    if total:
        logger.info("relayed", extra={"lane": lane, "deliveries": total})
    return total


@app.task(name=SEAL_TASK)
def seal_audit() -> int:
    """Chain the audit entries written since the last run; returns how many."""
    total = 0
    while True:
        sealed = audit.seal_pending_if_any(SEAL_LIMIT)
        total += sealed
        if sealed < SEAL_LIMIT:
            schedule.note_turn("seal")
            return total


# Acknowledged at once: a job that a dying worker left behind is started by the next beat, and RabbitMQ does not wait
# longer than half an hour for a late acknowledgement.
@app.task(name=JOB_TASK, acks_late=False, soft_time_limit=JOB_SOFT_LIMIT_SECONDS, time_limit=JOB_HARD_LIMIT_SECONDS)
def run_job(name: str) -> bool:
    """Run one job of the schedule by its name; False if this release has none of that name."""
    job = next((job for job in schedule.jobs() if job.name == name), None)
    if job is None:
        logger.error("no scheduled job is called %s", name)
        return False
    schedule.run(job)
    return True


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Celery's form of the one schedule in code, the polls of the lanes, and the sealing of the audit chain.

    What was not picked up before its next turn expires, so that an outage leaves no pile behind.
    """
    entries: dict[str, dict[str, Any]] = {
        f"poll.{lane}": {
            "task": RELAY_TASK,
            "kwargs": {"lane": lane},
            "schedule": POLL_SECONDS,
            "options": {"queue": lane, "expires": POLL_SECONDS},
        }
        for lane in LANES
    }
    entries["seal"] = {
        "task": SEAL_TASK,
        "schedule": POLL_SECONDS,
        "options": {"queue": MAINTENANCE, "expires": POLL_SECONDS},
    }
    entries |= {
        f"job.{job.name}": {
            "task": JOB_TASK,
            "kwargs": {"name": job.name},
            "schedule": job.seconds,
            "options": {"queue": MAINTENANCE, "expires": job.seconds},
        }
        for job in schedule.jobs()
    }
    return entries


app.conf.beat_schedule = beat_schedule()


@beat_init.connect
def run_jobs_after_start(**_options: Any) -> None:
    """Each job also runs soon after a start: a daily one must not wait a day for its first run after every release."""
    for job in schedule.jobs():
        app.send_task(JOB_TASK, kwargs={"name": job.name}, queue=MAINTENANCE, expires=job.seconds)
