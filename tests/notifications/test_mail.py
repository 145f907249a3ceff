"""What becomes of a mail when the mail server, or we, break off: at most once after it was handed over."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction

from accounts.enums import Role
from core import relay
from core.clock import frozen, now
from core.errors import IllegalTransition, NotPermitted, ObjectNotFound
from core.models import AuditEntry, OutboxDelivery, OutboxEvent
from notifications import selectors, services
from notifications.models import Delivery
from tests.factories import make_person
from tests.mail_server import MailServer, mail_server

pytestmark = [pytest.mark.django_db, pytest.mark.integration]
ROOT = Path(__file__).resolve().parents[2]
VALUES = {"title": "供水漏损识别", "reviewer": "济南示范局", "defects": "1. 请补充指标\n", "comment": ""}


@pytest.fixture
def server(settings) -> Iterator[MailServer]:
    with mail_server() as running:
        settings.EMAIL_BACKEND = "notifications.mailing.SmtpBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", running.port, 5
        yield running


@pytest.fixture
def delivery(clock) -> Delivery:
    """One promised mail."""
    services.notify(
        "scenario.returned",
        recipients=[make_person(Role.DEMAND_SUBMITTER)],
        key="1",
        values=VALUES,
        url_arguments=["x"],
    )
    return Delivery.objects.get(channel="mail")


def state(delivery: Delivery) -> tuple[str, str]:
    """(state of the mail, state of its outbox delivery)."""
    delivery.refresh_from_db()
    return delivery.state, OutboxDelivery.objects.latest("pk").state


def drain_later(minutes: int) -> int:
    with frozen(now() + timedelta(minutes=minutes)):
        return relay.drain()


def test_a_mail_the_server_confirms_is_sent_once_with_its_message_id(server, delivery):
    assert relay.drain() == 1
    assert drain_later(5) == 0
    assert state(delivery) == ("sent", "done")
    assert (delivery.attempts, delivery.error) == (1, "")
    assert server.by_message_id() == {delivery.message_id: 1}
    assert re.fullmatch(r"<[a-z2-7]{26}@marketplace\.example>", delivery.message_id), "on one line, and no number in it"


@pytest.mark.parametrize("hang_up", ["RCPT", "refused", "nobody there"])
def test_what_breaks_before_the_text_begins_is_tried_again(server, delivery, settings, hang_up):
    if hang_up == "nobody there":
        settings.EMAIL_PORT = 1
    elif hang_up == "refused":
        server.answers["RCPT"] = "451 come again later"
    else:
        server.hang_up = hang_up
    assert relay.drain() == 0
    assert state(delivery) == ("pending", "pending")
    assert (OutboxDelivery.objects.get().attempts, delivery.attempts) == (0, 1)
    assert delivery.error
    assert server.taken == []

    settings.EMAIL_PORT, server.hang_up, server.answers = server.port, "", {}
    assert drain_later(5) == 1
    assert state(delivery) == ("sent", "done")
    assert server.by_message_id() == {delivery.message_id: 1}


def test_attempts_grow_apart_up_to_a_quarter_of_an_hour():
    assert [services._pause_seconds(attempt) for attempt in (1, 2, 3, 7, 8, 30000)] == [15, 30, 60, 900, 900, 900]


@pytest.mark.parametrize(("command", "answer"), [("RCPT", "550 no such user"), ("DATA", "554 not wanted")])
def test_a_refusal_for_good_is_final_and_shown_to_the_operator(server, delivery, command, answer):
    server.answers[command] = answer
    assert relay.drain() == 1
    assert state(delivery) == ("failed", "done")
    assert answer[4:] in delivery.error
    assert list(selectors.troubled_mails()) == [delivery]
    assert server.taken == []


def test_what_no_server_took_for_three_days_is_given_up(server, delivery, settings):
    settings.EMAIL_PORT = 1
    with frozen(delivery.created_at + services.GIVE_UP_AFTER):
        assert relay.drain() == 1
    assert state(delivery) == ("failed", "done")


def test_a_connection_lost_after_the_text_leaves_the_mail_uncertain_and_it_is_not_sent_again(server, delivery):
    server.hang_up = "TAKEN"
    assert relay.drain() == 1
    assert state(delivery) == ("uncertain", "done")
    server.hang_up = ""
    assert drain_later(60) == 0
    assert server.by_message_id() == {delivery.message_id: 1}
    assert list(selectors.troubled_mails()) == [delivery]


def test_a_mail_found_in_sending_is_uncertain_and_not_sent(server, delivery):
    Delivery.objects.filter(pk=delivery.pk).update(state="sending", sending_since=now(), message_id="<x@y>")
    assert relay.drain() == 1
    assert state(delivery) == ("uncertain", "done")
    assert server.taken == []


def test_who_was_taken_for_dead_and_was_not_records_what_he_knows(server, delivery):
    """The lease ran out while the mail server took its time: another relay called the mail uncertain meanwhile."""
    begun = services._begin_sending(delivery.pk)
    assert services._begin_sending(delivery.pk).state == "uncertain"
    assert services._finish_sending(begun, "sent", "").state == "sent"
    # A later attempt's row is not touched by what an earlier one has to say.
    Delivery.objects.filter(pk=delivery.pk).update(state="sending", sending_since=now() + timedelta(seconds=1))
    assert services._finish_sending(begun, "sent", "").state == "sending"


def test_sending_inside_a_transaction_is_refused(server, transactional_db, reference_data):
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        services.delivery_send(delivery_id=1)
    assert server.taken == []


# --- the operator ------------------------------------------------------------------------------------------------


def test_the_operator_sends_an_uncertain_mail_again_under_the_same_message_id(server, delivery):
    operator = make_person(Role.OPERATOR)
    server.hang_up = "TAKEN"
    relay.drain()
    server.hang_up = ""
    services.mail_resend(acting_user=operator, delivery_id=delivery.pk)
    assert relay.drain() == 1
    assert state(delivery) == ("sent", "done")
    assert server.by_message_id() == {delivery.message_id: 2}
    entry = AuditEntry.objects.get(action="notifications.mail.resend")
    assert entry.detail == {"message_id": delivery.message_id, "was": "uncertain"}


def test_the_operator_settles_an_uncertain_mail_that_was_found_at_the_server(delivery):
    operator = make_person(Role.OPERATOR)
    Delivery.objects.filter(pk=delivery.pk).update(state="uncertain", sending_since=now())
    services.mail_settle(acting_user=operator, delivery_id=delivery.pk)
    assert state(delivery)[0] == "sent"
    assert AuditEntry.objects.filter(action="notifications.mail.settle").count() == 1


@pytest.mark.parametrize("act", [services.mail_resend, services.mail_settle])
@pytest.mark.parametrize(
    ("role", "mail_state", "error"),
    [
        (Role.DEMAND_SUBMITTER, "uncertain", NotPermitted),
        (Role.SYSTEM_ADMINISTRATOR, "uncertain", NotPermitted),
        (Role.OPERATOR, "sent", IllegalTransition),
        (Role.OPERATOR, "pending", IllegalTransition),
        (Role.OPERATOR, "sending", IllegalTransition),
    ],
)
def test_a_refused_decision_changes_nothing(delivery, act, role, mail_state, error):
    person = make_person(role)
    Delivery.objects.filter(pk=delivery.pk).update(state=mail_state)
    before = (AuditEntry.objects.count(), OutboxEvent.objects.count())
    with pytest.raises(error):
        act(acting_user=person, delivery_id=delivery.pk)
    assert state(delivery)[0] == mail_state
    assert (AuditEntry.objects.count(), OutboxEvent.objects.count()) == before


def test_a_failed_mail_is_not_settled_and_a_missing_one_not_found(delivery):
    operator = make_person(Role.OPERATOR)
    Delivery.objects.filter(pk=delivery.pk).update(state="failed")
    with pytest.raises(IllegalTransition):
        services.mail_settle(acting_user=operator, delivery_id=delivery.pk)
    with pytest.raises(ObjectNotFound):
        services.mail_resend(acting_user=operator, delivery_id=0)
    assert state(delivery)[0] == "failed"


# --- kill -9 between the server's answer and the commit ----------------------------------------------------------


def test_kill_9_between_the_servers_answer_and_the_commit_sends_nothing_twice(tmp_path):
    """The database is held while the server answers, so that the sender dies exactly there."""
    with mail_server() as server:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("DJANGO_", "TEST_"))},
            "MARKETPLACE_VAR_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "marketplace.settings.dev",
            "EMAIL_URL": server.url,
            "PYTHONWARNINGS": "ignore",
        }

        def start(*arguments: str) -> subprocess.Popen[str]:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )

        def run(*arguments: str) -> str:
            process = start(*arguments)
            output, _nothing = process.communicate(timeout=120)
            assert process.returncode == 0, output
            return output

        run("manage.py", "migrate", "--verbosity", "0")
        run("manage.py", "load_classification")
        run("-m", "tests.notifications.mail_steps", "promise")

        held: list[sqlite3.Connection] = []
        taken = threading.Event()

        def hold_the_database(_mail) -> None:
            database = sqlite3.connect(tmp_path / "marketplace.sqlite3", check_same_thread=False)
            database.execute("BEGIN IMMEDIATE")
            held.append(database)
            taken.set()

        server.when_taken = hold_the_database
        sender = start("manage.py", "outbox", "relay")
        assert taken.wait(60)
        # It has its answer or will have it at once; it cannot commit what it knows.
        sender.send_signal(signal.SIGKILL)
        sender.communicate(timeout=20)
        held.pop().close()
        server.when_taken = lambda _mail: None

        report = json.loads(run("-m", "tests.notifications.mail_steps", "report"))
        assert (report["mail"], report["outbox"]) == ("sending", "pending")
        # The lease of the dead is over; the next relay finds the mail.
        run("-m", "tests.notifications.mail_steps", "relay_after_lease")
        report = json.loads(run("-m", "tests.notifications.mail_steps", "report"))
        assert (report["mail"], report["outbox"]) == ("uncertain", "done")
        assert server.by_message_id() == {report["message_id"]: 1}
