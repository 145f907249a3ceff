"""The outbox: written with the change, carried out once, never lost (architecture.md §4)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import pytest
from django.db import connection, transaction

from core import outbox, relay
from core.clock import frozen, now
from core.enums import DeliveryState
from core.errors import ServiceUnavailable
from core.events import Event
from core.models import OutboxDelivery, OutboxEvent

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@dataclass(frozen=True)
class Rang(Event):
    topic: ClassVar[str] = "tests.bell.rang"
    number: int


@dataclass(frozen=True)
class RangTogether(Event):
    topic: ClassVar[str] = "tests.bell.rang_together"
    number: int


@dataclass(frozen=True)
class RangOutside(Event):
    topic: ClassVar[str] = "tests.bell.rang_outside"
    number: int


heard: list[int] = []
outside: list[tuple[int, bool]] = []
batches: list[list[int]] = []
trouble: dict[int, Exception] = {}


@outbox.subscribe(Rang, name="tests.hear")
def hear(event: Rang) -> None:
    if event.number in trouble:
        raise trouble[event.number]
    heard.append(event.number)


@outbox.subscribe(RangTogether, name="tests.hear_together", batch=True)
def hear_together(events: list[RangTogether]) -> None:
    numbers = [event.number for event in events]
    for number in numbers:
        if number in trouble:
            raise trouble[number]
    batches.append(numbers)


@outbox.subscribe(RangOutside, name="tests.hear_outside", atomic=False)
def hear_outside(event: RangOutside) -> None:
    outside.append((event.number, connection.in_atomic_block))
    if event.number in trouble:
        raise trouble[event.number]


@pytest.fixture(autouse=True)
def quiet():
    outside.clear()
    heard.clear()
    batches.clear()
    trouble.clear()


def test_an_event_rolled_back_with_its_change_is_never_heard():
    def change_that_fails() -> None:
        with transaction.atomic():
            outbox.publish(Rang(1))
            raise ValueError("the change failed")

    with pytest.raises(ValueError, match="change"):
        change_that_fails()

    assert relay.drain() == 0
    assert heard == []
    assert OutboxEvent.objects.count() == 0


def test_a_published_event_reaches_each_handler_once():
    outbox.publish(Rang(1))

    assert relay.drain() == 1
    assert relay.drain() == 0
    assert heard == [1]
    assert OutboxDelivery.objects.get().state == DeliveryState.DONE


def test_a_batch_handler_takes_all_waiting_events_in_one_call():
    outbox.publish_many([RangTogether(1), RangTogether(2), RangTogether(3)])

    relay.drain()

    assert batches == [[1, 2, 3]]


def test_one_bad_event_does_not_hold_up_its_batch():
    trouble[2] = ValueError("broken bell")
    outbox.publish_many([RangTogether(1), RangTogether(2), RangTogether(3)])

    relay.drain()

    assert batches == [[1], [3]]
    states = OutboxDelivery.objects.order_by("pk").values_list("state", "attempts")
    assert list(states) == [("done", 0), ("pending", 1), ("done", 0)]


def test_a_failing_handler_is_tried_again_later_and_parked_in_the_end_where_an_operator_can_retry_it(clock):
    trouble[1] = ValueError("broken bell")
    outbox.publish(Rang(1))

    moment = now()
    for _attempt in range(relay.MAXIMUM_ATTEMPTS):
        with frozen(moment):
            relay.drain()
        moment += timedelta(minutes=10)
    delivery = OutboxDelivery.objects.get()
    assert (delivery.state, delivery.attempts) == (DeliveryState.PARKED, relay.MAXIMUM_ATTEMPTS)
    assert delivery.error == "ValueError: broken bell"

    trouble.clear()
    with frozen(moment):
        assert relay.drain() == 0
        assert outbox.retry([delivery.pk]) == 1
        assert relay.drain() == 1
    assert heard == [1]


def test_an_outage_uses_up_no_attempt(clock):
    trouble[1] = ServiceUnavailable("检索服务暂时不可用")
    outbox.publish(Rang(1))

    for minutes in range(20):
        with frozen(clock + timedelta(minutes=minutes)):
            relay.drain()

    delivery = OutboxDelivery.objects.get()
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 0)
    assert delivery.not_before <= clock + timedelta(minutes=19, seconds=relay.OUTAGE_PAUSE_SECONDS)


def test_what_a_dead_relay_had_claimed_is_claimed_again_when_its_lease_runs_out(clock):
    outbox.publish(Rang(1))
    assert [delivery.event.payload for delivery in relay.claim("dead relay")] == [{"number": 1}]

    assert relay.drain() == 0
    with frozen(clock + relay.LEASE + timedelta(seconds=1)):
        assert relay.drain() == 1
    assert heard == [1]


def test_a_relay_that_lost_its_lease_does_not_carry_out_what_another_holds(clock):
    outbox.publish(Rang(1))
    stale = relay.claim("slow relay")
    with frozen(clock + relay.LEASE + timedelta(seconds=1)):
        relay.claim("fast relay")
        assert relay._carry_out("tests.hear", stale, "slow relay") == 0
    assert heard == []


def test_a_delivery_whose_handler_this_release_lacks_is_parked_with_a_reason():
    event = OutboxEvent.objects.create(topic=Rang.topic, payload={"number": 1})
    delivery = OutboxDelivery.objects.create(event=event, handler="tests.removed")

    relay.drain()

    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.PARKED
    assert "tests.removed" in delivery.error


@pytest.mark.django_db(transaction=True)
def test_publishing_outside_a_transaction_is_refused(reference_data):
    with pytest.raises(RuntimeError, match="transaction"):
        outbox.publish(Rang(1))
    assert OutboxEvent.objects.count() == 0


def test_two_handlers_of_one_name_are_refused():
    with pytest.raises(ValueError, match="taken"):
        outbox.subscribe(Rang, name="tests.hear")(hear)


@pytest.mark.django_db(transaction=True)
def test_a_handler_that_talks_to_the_world_runs_outside_of_a_transaction(reference_data):
    with transaction.atomic():
        outbox.publish_many([RangOutside(1), RangOutside(2)])
    trouble[2] = outbox.TryLater("come again", seconds=600)

    assert relay.drain() == 1

    assert outside == [(1, False), (2, False)]
    later, done = OutboxDelivery.objects.order_by("state").reverse()
    assert (done.state, done.owner, done.lease_until) == ("done", "", None)
    assert (later.state, later.attempts) == ("pending", 0)
    assert later.not_before >= now() + timedelta(seconds=290)


def test_a_handler_outside_of_transactions_that_lost_its_lease_does_not_start(clock):
    outbox.publish(RangOutside(1))
    stale = relay.claim("slow relay")
    with frozen(clock + relay.LEASE + timedelta(seconds=1)):
        relay.claim("fast relay")
        assert relay._carry_out("tests.hear_outside", stale, "slow relay") == 0
    assert outside == []


def test_a_batch_runs_in_one_transaction_or_not_at_all():
    with pytest.raises(ValueError, match="one transaction"):
        outbox.subscribe(Rang, name="tests.never", batch=True, atomic=False)
