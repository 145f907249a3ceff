"""The outbox: what was promised is never lost (architecture.md §4).

`publish` writes an event and one delivery per subscribed handler in the caller's transaction; `core.relay` carries
the deliveries out. Handler names are stored in rows: renaming one needs a data migration.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from core.clock import now
from core.errors import ServiceUnavailable
from core.events import Event
from core.middleware import current_request_id
from core.models import OutboxDelivery, OutboxEvent


class TryLater(ServiceUnavailable):
    """Raised by a handler: the delivery is due again after so many seconds, and uses up no attempt."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True)
class Subscription:
    """A named handler of one topic.

    A batch handler takes a list of events, others one event. One that is not `atomic` runs outside of a transaction,
    because it talks to the world and must commit what it is about to do first.
    """

    name: str
    topic: str
    function: Callable[[Any], None]
    batch: bool
    atomic: bool = True


_by_topic: dict[str, list[Subscription]] = {}
_by_name: dict[str, Subscription] = {}
_wakers: list[Callable[[frozenset[str]], None]] = []


def subscribe(
    event_type: type[Event], *, name: str, batch: bool = False, atomic: bool = True
) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Register a handler. It runs in a transaction that also marks the delivery done, and must bear being run twice.

    With `atomic=False` it runs outside of a transaction and makes its own; the delivery is marked done after it
    returned. ValueError for a name that is taken, and for a batch handler that is not atomic.
    """
    if batch and not atomic:
        raise ValueError("a batch handler runs in one transaction")

    def register(function: Callable[[Any], None]) -> Callable[[Any], None]:
        if name in _by_name:
            raise ValueError(f"handler name {name} is taken")
        subscription = Subscription(name, event_type.topic, function, batch, atomic)
        _by_name[name] = subscription
        _by_topic.setdefault(event_type.topic, []).append(subscription)
        return function

    return register


def subscription(name: str) -> Subscription | None:
    """The handler of that name, or None if this release has none (the delivery is then parked)."""
    return _by_name.get(name)


def on_published(waker: Callable[[frozenset[str]], None]) -> None:
    """Have `waker` called with the handlers' names after each commit that promised them something.

    A convenience that saves waiting for the next poll: it may fail or be lost, and nothing depends on it.
    """
    if waker not in _wakers:
        _wakers.append(waker)


def publish(event: Event) -> None:
    """Announce `event` with the change that made it true. Raises RuntimeError outside a transaction."""
    publish_many([event])


def publish_many(events: Iterable[Event]) -> None:
    """`publish` for many events at once, with a constant number of inserts (imports, list publication)."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("publish() belongs inside the transaction of the change it announces")
    moment, request_id = now(), current_request_id()
    rows = OutboxEvent.objects.bulk_create(
        [
            OutboxEvent(topic=event.topic, payload=event.payload(), created_at=moment, request_id=request_id)
            for event in events
        ],
        batch_size=500,
    )
    deliveries = [
        OutboxDelivery(event=row, handler=subscribed.name, not_before=moment)
        for row in rows
        for subscribed in _by_topic.get(row.topic, ())
    ]
    OutboxDelivery.objects.bulk_create(deliveries, batch_size=500)
    names = frozenset(delivery.handler for delivery in deliveries)
    if names and _wakers:
        transaction.on_commit(lambda: _wake(names), robust=True)


def _wake(names: frozenset[str]) -> None:
    for waker in _wakers:
        waker(names)


@transaction.atomic
def retry(delivery_ids: Sequence[int]) -> int:
    """Give parked deliveries another life; returns how many were parked."""
    return OutboxDelivery.objects.filter(pk__in=delivery_ids, state="parked").update(
        state="pending", attempts=0, not_before=now(), lease_until=None, owner="", error=""
    )
