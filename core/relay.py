"""Carries out the outbox's deliveries. Any number of relays may run; each delivery is held by one at a time.

A delivery is claimed in one short transaction with a lease, then each handler runs in a transaction of its own that
also marks it done: a process killed at any moment leaves the delivery either done with its effects or not done. A
handler that talks to the world (`atomic=False`) runs between two transactions and keeps account of its own steps.
"""

import logging
import os
import random
import socket
import threading
import traceback
import uuid
from collections import defaultdict
from datetime import timedelta
from itertools import islice

from django.db import DatabaseError, close_old_connections, connection, transaction

from core import outbox
from core.clock import now
from core.enums import DeliveryState
from core.errors import ServiceUnavailable
from core.events import event_from
from core.lanes import EVERYTHING, Lane
from core.middleware import request_id_scope
from core.models import OutboxDelivery

logger = logging.getLogger("marketplace.relay")

LEASE = timedelta(seconds=20)
RENEWAL_SECONDS = 6.0
CLAIM_LIMIT = 200
MAXIMUM_ATTEMPTS = 8
OUTAGE_PAUSE_SECONDS = 15


def relay_name() -> str:
    """Names this process and run, so that a lease left by a dead one is told apart."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


@transaction.atomic
def claim(owner: str, limit: int = CLAIM_LIMIT, lane: Lane = EVERYTHING) -> list[OutboxDelivery]:
    """Take up to `limit` due deliveries of `lane` whose lease is free or has run out."""
    moment = now()
    due = lane.narrow(OutboxDelivery.objects.filter(state=DeliveryState.PENDING, not_before__lte=moment))
    free = due.filter(lease_until__isnull=True) | due.filter(lease_until__lt=moment)
    rows = free.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked).order_by("pk")
    ids = list(rows.values_list("pk", flat=True)[:limit])
    if not ids:
        return []
    OutboxDelivery.objects.filter(pk__in=ids).update(owner=owner, lease_until=moment + LEASE)
    return list(OutboxDelivery.objects.filter(pk__in=ids).select_related("event").order_by("pk"))


class _LeaseKeeper:
    """Renews the leases of a claim while its handlers run, in a thread with a connection of its own.

    Not needed where one writer at a time is the database's own rule (SQLite) and all handlers write: nobody can claim
    meanwhile.
    """

    def __init__(self, owner: str, *, needed: bool) -> None:
        self._owner = owner
        self._needed = needed
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "_LeaseKeeper":
        if self._needed:
            self._thread = threading.Thread(target=self._renew, name="lease-keeper", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _renew(self) -> None:
        while not self._stop.wait(RENEWAL_SECONDS):
            try:
                OutboxDelivery.objects.filter(owner=self._owner, state=DeliveryState.PENDING).update(
                    lease_until=now() + LEASE
                )
            except DatabaseError as error:
                # Tried again next time; a lease that runs out meanwhile is another relay's, which is safe.
                logger.warning("leases could not be renewed: %s", error)
                connection.close()
        connection.close()


def _still_mine(deliveries: list[OutboxDelivery], owner: str) -> list[OutboxDelivery]:
    ids = [delivery.pk for delivery in deliveries]
    mine = set(
        OutboxDelivery.objects.select_for_update()
        .filter(pk__in=ids, owner=owner, state=DeliveryState.PENDING)
        .values_list("pk", flat=True)
    )
    return [delivery for delivery in deliveries if delivery.pk in mine]


def _perform(subscribed: outbox.Subscription, deliveries: list[OutboxDelivery], owner: str) -> int:
    with transaction.atomic():
        mine = _still_mine(deliveries, owner)
        if not mine:
            return 0
        events = [event_from(delivery.event.topic, delivery.event.payload) for delivery in mine]
        with request_id_scope(mine[0].event.request_id):
            if subscribed.batch:
                subscribed.function(events)
            else:
                for event in events:
                    subscribed.function(event)
            logger.debug("handled", extra={"handler": subscribed.name, "events": len(mine)})
        OutboxDelivery.objects.filter(pk__in=[delivery.pk for delivery in mine]).update(
            state=DeliveryState.DONE, done_at=now(), owner="", lease_until=None, error=""
        )
        return len(mine)


def _perform_outside(subscribed: outbox.Subscription, delivery: OutboxDelivery, owner: str) -> int:
    """Run a handler that makes its own transactions; only then the delivery is done."""
    with transaction.atomic():
        if not _still_mine([delivery], owner):
            return 0
    with request_id_scope(delivery.event.request_id):
        subscribed.function(event_from(delivery.event.topic, delivery.event.payload))
        logger.debug("handled", extra={"handler": subscribed.name, "events": 1})
    return OutboxDelivery.objects.filter(pk=delivery.pk, owner=owner, state=DeliveryState.PENDING).update(
        state=DeliveryState.DONE, done_at=now(), owner="", lease_until=None, error=""
    )


def _postpone(deliveries: list[OutboxDelivery], owner: str, error: Exception) -> None:
    """Record the failure. An outage of a service uses up no attempt; other errors are parked after the last one."""
    outage = isinstance(error, ServiceUnavailable)
    text = "".join(traceback.format_exception_only(error)).strip()[-2000:]
    for delivery in deliveries:
        attempts = delivery.attempts + (0 if outage else 1)
        pause = error.seconds if isinstance(error, outbox.TryLater) else OUTAGE_PAUSE_SECONDS
        pause = pause if outage else min(300, 2**attempts)
        parked = attempts >= MAXIMUM_ATTEMPTS
        OutboxDelivery.objects.filter(pk=delivery.pk, owner=owner, state=DeliveryState.PENDING).update(
            state=DeliveryState.PARKED if parked else DeliveryState.PENDING,
            attempts=attempts,
            not_before=now() + timedelta(seconds=pause * random.uniform(0.5, 1.0)),
            owner="",
            lease_until=None,
            error=text,
        )
    logger.error(
        "handler %s failed for %d deliveries",
        deliveries[0].handler,
        len(deliveries),
        exc_info=None if outage else error,
    )


def _carry_out(handler: str, deliveries: list[OutboxDelivery], owner: str) -> int:
    subscribed = outbox.subscription(handler)
    if subscribed is None:
        OutboxDelivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries], owner=owner).update(
            state=DeliveryState.PARKED, owner="", lease_until=None, error=f"此版本没有名为 {handler} 的处理程序"
        )
        return 0
    groups = [deliveries] if subscribed.batch else [[delivery] for delivery in deliveries]
    done = 0
    for group in groups:
        try:
            done += (
                _perform(subscribed, group, owner)
                if subscribed.atomic
                else _perform_outside(subscribed, group[0], owner)
            )
        except ServiceUnavailable as error:
            _postpone(group, owner, error)
        except Exception as error:  # noqa: BLE001 - recorded on the row, retried, and shown to the operator
            if len(group) == 1:
                _postpone(group, owner, error)
                continue
            # One bad event must not hold up its batch: try each alone.
            for delivery in group:
                try:
                    done += _perform(subscribed, [delivery], owner)
                except Exception as single_error:  # noqa: BLE001 - as above
                    _postpone([delivery], owner, single_error)
    return done


def relay_batch(owner: str, limit: int = CLAIM_LIMIT, lane: Lane = EVERYTHING) -> tuple[int, int]:
    """Claim and carry out one batch of `lane`; returns (claimed, done)."""
    deliveries = claim(owner, limit, lane)
    if not deliveries:
        return 0, 0
    by_handler: dict[str, list[OutboxDelivery]] = defaultdict(list)
    for delivery in deliveries:
        by_handler[delivery.handler].append(delivery)
    done = 0
    subscribed = [outbox.subscription(handler) for handler in by_handler]
    outside = any(found is not None and not found.atomic for found in subscribed)
    with _LeaseKeeper(owner, needed=outside or connection.vendor != "sqlite"):
        for handler, group in by_handler.items():
            done += _carry_out(handler, group, owner)
    return len(deliveries), done


def drain(maximum_batches: int = 1000, lane: Lane = EVERYTHING) -> int:
    """Carry out everything of `lane` that is due now, including what handlers announce meanwhile; returns how many.

    Inside a transaction of the caller only handlers that are atomic can run: name a lane without the others.
    """
    owner = relay_name()
    total = 0
    for _batch in islice(iter(int, 1), maximum_batches):
        claimed, done = relay_batch(owner, lane=lane)
        total += done
        if claimed == 0:
            break
    return total


def run_forever(stop: threading.Event, *, idle_seconds: float = 0.2, after_batch=lambda: None) -> None:
    """The relay's loop: carry out batches until `stop` is set; polls every `idle_seconds` while idle."""
    owner = relay_name()
    while not stop.is_set():
        close_old_connections()
        try:
            claimed, _done = relay_batch(owner)
            after_batch()
        except Exception:  # noqa: BLE001 - the loop outlives a database restart; logged, and the leases run out
            logger.exception("relay batch failed")
            claimed = 0
            stop.wait(1.0)
        if claimed == 0:
            stop.wait(idle_seconds)
