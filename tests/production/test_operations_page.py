"""The operator's page: what it shows, who may see and act, and that it stands when parts are down."""

import re
from datetime import timedelta

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from accounts.enums import Role
from core import schedule
from core.clock import now
from core.enums import DeliveryState
from core.models import JobRun, OutboxDelivery, OutboxEvent
from core.opaque import opaque
from marketplace import operations
from marketplace.celery import LANES, QUEUES
from notifications.models import Delivery, Notification
from search import indexing
from search.documents import INDEXES
from tests.factories import make_listed_capability, make_person

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PAGE = "/desk/operations/"


@pytest.fixture
def operator(client: Client):
    person = make_person(Role.OPERATOR)
    client.force_login(person)
    return person


def troubled_mail(state: str, recipient) -> Delivery:
    notice = Notification.objects.create(
        recipient=recipient, topic="scenario.expired", group="result", title="业务标题", key=state
    )
    return Delivery.objects.create(
        notification=notice,
        channel="mail",
        state=state,
        address="someone@example.org",
        message_id=f"<notification-{state}@example.org>",
        sending_since=now(),
        error="550 no such user" if state == "failed" else "",
    )


def parked() -> OutboxDelivery:
    event = OutboxEvent.objects.create(topic="test.topic")
    return OutboxDelivery.objects.create(
        event=event, handler="notifications.send_mail", state=DeliveryState.PARKED, attempts=8, error="ValueError: x"
    )


def test_an_embedded_installation_says_that_it_has_no_queues(client: Client, operator):
    event = OutboxEvent.objects.create(topic="test.topic")
    OutboxDelivery.objects.create(event=event, handler="a", not_before=now() - timedelta(seconds=90))
    text = client.get(PAGE).content.decode()
    assert "嵌入运行，无队列" in text
    assert re.search("最早一条已等待 9[0-9] 秒", text)
    rows, broker = operations.queue_rows()
    assert broker == "embedded"
    assert [(row.name, row.pending, row.parked, row.messages) for row in rows] == [("all", 1, 0, None)]


@override_settings(BROKER_URL="amqp://nobody:x@127.0.0.1:1//")
def test_with_a_broker_every_queue_has_a_row_and_a_broker_that_is_away_is_told(client: Client, operator, monkeypatch):
    monkeypatch.setattr("marketplace.celery.app.conf.broker_url", "amqp://nobody:x@127.0.0.1:1//")
    event = OutboxEvent.objects.create(topic="test.topic")
    OutboxDelivery.objects.create(event=event, handler="matching.start_list")
    rows, broker = operations.queue_rows()
    assert broker == "down"
    assert {row.name: row.pending for row in rows} == dict.fromkeys(QUEUES, 0) | {"matching": 1}
    text = client.get(PAGE).content.decode()
    assert "消息代理暂时连接不上" in text
    assert {row.name for row in operations.job_rows()} >= {f"poll.{lane}" for lane in LANES} | {"seal"}


def test_parked_deliveries_are_retried_from_the_page(client: Client, operator):
    delivery = parked()
    assert "ValueError: x" in client.get(PAGE).content.decode()
    assert client.post(reverse("retry_delivery", args=[opaque(delivery)])).status_code == 302
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 0)
    assert "没有搁置的投递" in client.get(PAGE).content.decode()


def test_mails_in_doubt_are_shown_by_message_id_without_content_and_decided(client: Client, operator):
    uncertain, failed = (troubled_mail(state, operator) for state in ("uncertain", "failed"))
    text = client.get(PAGE).content.decode()
    assert "&lt;notification-uncertain@example.org&gt;" in text
    assert "550 no such user" in text
    assert text.count("记为送出<span") == 1  # only a mail in doubt can be found sent
    assert "业务标题" not in text
    assert "someone@example.org" not in text
    client.post(reverse("decide_mail", args=[opaque(uncertain)]), {"decision": "settle"})
    client.post(reverse("decide_mail", args=[opaque(failed)]), {"decision": "resend"})
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent", "pending"}
    # A second click, or another operator's, changes nothing more.
    answer = client.post(reverse("decide_mail", args=[opaque(failed)]), {"decision": "resend"}, follow=True)
    assert "无需处理" in answer.content.decode()
    assert OutboxDelivery.objects.count() == 1


@pytest.mark.parametrize("role", [Role.LIST_EDITOR, Role.SYSTEM_ADMINISTRATOR, Role.AUDIT_ADMINISTRATOR])
def test_nobody_else_sees_or_does_anything_here(client: Client, role: str):
    client.force_login(make_person(role))
    delivery, mail = parked(), troubled_mail("uncertain", make_person(Role.OPERATOR))
    assert client.get(PAGE).status_code == 403
    for address in (
        reverse("retry_delivery", args=[opaque(delivery)]),
        reverse("decide_mail", args=[opaque(mail)]),
        reverse("measure_drift"),
    ):
        assert client.post(address, {"decision": "settle"}).status_code == 403
    delivery.refresh_from_db()
    mail.refresh_from_db()
    assert (delivery.state, mail.state, JobRun.objects.count()) == ("parked", "uncertain", 0)


@pytest.mark.django_db(transaction=True)
def test_index_drift_is_measured_from_the_page(reference_data, client: Client):
    client.force_login(make_person(Role.OPERATOR))
    for name in INDEXES:
        indexing.rebuild(name, reason="test")
    assert "尚未核对" in client.get(PAGE).content.decode()
    make_listed_capability()
    answer = client.post(reverse("measure_drift"), follow=True).content.decode()
    differing = JobRun.objects.get(name=operations.DRIFT_JOB).result
    assert differing["capability"] == 1
    assert f"有 {sum(differing.values())} 份文档与数据库不一致" in answer
    assert "尚未核对" not in answer


# --- the schedule's own account ----------------------------------------------------------------------------------


def test_each_run_of_a_job_is_noted_with_its_figures_or_its_error():
    schedule.run(schedule.Job("tests.fine", 60, lambda: {"done": 3}))

    def breaks() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        schedule.run(schedule.Job("tests.breaks", 60, breaks))
    fine, broken = JobRun.objects.get(name="tests.fine"), JobRun.objects.get(name="tests.breaks")
    assert (fine.error, fine.result) == ("", {"done": 3})
    assert fine.seconds is not None
    assert (broken.error, broken.result) == ("ValueError: broken", None)


def test_a_failing_run_keeps_the_last_figures_and_the_next_clears_the_error():
    outcomes: list = [{"done": 1}, None, {"done": 2}]

    def job() -> dict:
        outcome = outcomes.pop(0)
        if outcome is None:
            raise ValueError("broken")
        return outcome

    entry = schedule.Job("tests.sometimes", 60, job)
    schedule.run(entry)
    with pytest.raises(ValueError, match="broken"):
        schedule.run(entry)
    assert JobRun.objects.values_list("error", "result").get() == ("ValueError: broken", {"done": 1})
    schedule.run(entry)
    assert JobRun.objects.values_list("error", "result").get() == ("", {"done": 2})


def test_a_job_that_did_not_run_for_three_periods_is_late():
    name = schedule.jobs()[0].name
    assert {row.name: row.late for row in operations.job_rows()}[name] is True
    schedule.run(schedule.Job(name, 60, lambda: None))
    assert {row.name: row.late for row in operations.job_rows()}[name] is False
    JobRun.objects.update(started_at=now() - timedelta(days=30))
    assert {row.name: row.late for row in operations.job_rows()}[name] is True
