"""Queues, schedule and message form of the production tasks; what needs no server."""

import time

import pytest

from core import outbox, schedule
from core.enums import DeliveryState
from core.events import event_from
from core.lanes import Lane
from core.models import OutboxDelivery, OutboxEvent
from core.relay import claim
from marketplace import tasks
from marketplace.celery import HARD_LIMIT_SECONDS, JOB_TASK, LANES, QUEUES, RELAY_TASK, SEAL_TASK, _Waker, app, lane_of

pytestmark = pytest.mark.unit


def handler_names() -> list[str]:
    return sorted(outbox._by_name)


def test_every_handler_has_exactly_one_lane():
    assert handler_names()
    for name in handler_names():
        assert [lane for lane in LANES if LANES[lane].takes(name)] == [lane_of(name)]


@pytest.mark.parametrize(
    ("handler", "lane"),
    [
        ("notifications.send_mail", "mail"),
        ("notifications.scenario_transitioned", "relay"),
        ("matching.start_list", "matching"),
        ("search.sync_scenario", "indexing"),
        ("challenges.whatever_comes", "relay"),
    ],
)
def test_work_goes_to_the_queue_of_its_kind(handler: str, lane: str):
    assert lane_of(handler) == lane


@pytest.mark.django_db
def test_a_claim_takes_only_its_lane():
    event = OutboxEvent.objects.create(topic="test.topic")
    for handler in ("notifications.send_mail", "matching.start_list", "search.sync_scenario", "notifications.other"):
        OutboxDelivery.objects.create(event=event, handler=handler)
    assert [row.handler for row in claim("one", lane=LANES["mail"])] == ["notifications.send_mail"]
    assert [row.handler for row in claim("two", lane=LANES["relay"])] == ["notifications.other"]
    assert [row.handler for row in claim("three", lane=Lane(only=("search.", "matching.")))] == [
        "matching.start_list",
        "search.sync_scenario",
    ]
    assert claim("four") == []
    assert OutboxDelivery.objects.filter(state=DeliveryState.PENDING, owner="").count() == 0


def test_tasks_have_explicit_names_and_limits():
    own = {name for name in app.tasks if not name.startswith("celery.")}
    assert own == {RELAY_TASK, JOB_TASK, SEAL_TASK}
    assert app.conf.task_time_limit == HARD_LIMIT_SECONDS
    assert app.conf.task_soft_time_limit < app.conf.task_time_limit
    assert app.tasks[JOB_TASK].time_limit > app.tasks[JOB_TASK].soft_time_limit > 0


def test_a_message_is_json_acknowledged_after_the_work_and_fetched_one_at_a_time():
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
    assert app.conf.task_acks_late is True
    assert app.conf.task_reject_on_worker_lost is True
    assert app.conf.worker_prefetch_multiplier == 1
    assert {queue.name for queue in app.conf.task_queues} == set(QUEUES)
    assert app.conf.task_create_missing_queues is False
    # A task that is redelivered before it can end would run twice (Redis only).
    assert app.conf.broker_transport_options["visibility_timeout"] > app.conf.task_time_limit


def test_beat_runs_the_one_schedule_polls_every_lane_and_seals():
    entries = tasks.beat_schedule()
    jobs = {entry["kwargs"]["name"]: entry for entry in entries.values() if entry["task"] == JOB_TASK}
    assert {name: entry["schedule"] for name, entry in jobs.items()} == {
        job.name: job.seconds for job in schedule.jobs()
    }
    polls = {entry["kwargs"]["lane"]: entry for entry in entries.values() if entry["task"] == RELAY_TASK}
    assert set(polls) == set(LANES)
    for lane, entry in polls.items():
        assert entry["options"] == {"queue": lane, "expires": 2}
        assert entry["schedule"] == 2
    assert [entry["schedule"] for entry in entries.values() if entry["task"] == SEAL_TASK] == [2]
    assert {entry["options"]["queue"] for entry in entries.values()} == set(QUEUES)


def test_a_job_this_release_does_not_have_is_refused_not_raised():
    assert tasks.run_job("nothing.of_that_name") is False


def test_a_broker_that_is_away_does_not_hold_up_the_request(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(app.conf, "broker_url", "amqp://nobody:x@127.0.0.1:1//")
    waker = _Waker()
    begun = time.perf_counter()
    waker(frozenset({"notifications.send_mail", "search.sync_scenario"}))
    first = time.perf_counter() - begun
    begun = time.perf_counter()
    for _request in range(1000):
        waker(frozenset({"notifications.send_mail"}))
    assert first < 2.0
    assert time.perf_counter() - begun < 0.5


@pytest.mark.django_db(transaction=True)
def test_a_commit_wakes_with_the_names_of_the_handlers_and_a_rollback_does_not(monkeypatch: pytest.MonkeyPatch):
    woken: list[frozenset[str]] = []
    monkeypatch.setattr(outbox, "_wakers", [woken.append])
    event = event_from("accounts.membership.roles_changed", {"membership_id": 1})
    with outbox.transaction.atomic():
        outbox.publish(event)
        outbox.transaction.set_rollback(True)
    assert woken == []
    with outbox.transaction.atomic():
        outbox.publish(event)
        assert woken == []
    assert woken == [frozenset({"notifications.roles_changed"})]


@pytest.mark.django_db(transaction=True)
def test_a_waker_that_fails_does_not_fail_the_write(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    def broken(_names: frozenset[str]) -> None:
        raise OSError("no broker")

    monkeypatch.setattr(outbox, "_wakers", [broken])
    with outbox.transaction.atomic():
        outbox.publish(event_from("accounts.membership.roles_changed", {"membership_id": 1}))
    assert OutboxDelivery.objects.filter(handler="notifications.roles_changed").count() == 1
    assert "no broker" in caplog.text
