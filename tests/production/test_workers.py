"""Real workers on real PostgreSQL and RabbitMQ: quick when all is well, complete whatever is killed."""

from collections import Counter
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.production.environment import REQUEST_ID
from tests.production.installation import Installation, until

pytestmark = pytest.mark.integration

PEOPLE = 400
NOTICES = "SELECT count(*) FROM notifications_notification"
OPEN = "SELECT count(*) FROM core_outboxdelivery WHERE state <> 'done'"
UNSEALED = "SELECT count(*) FROM core_auditentry WHERE sequence IS NULL"


def mails(folder: Path) -> Counter[str]:
    """How often each mail was handed to the mail server, by recipient."""
    found: Counter[str] = Counter()
    for path in folder.iterdir():
        for part in path.read_bytes().split(b"-" * 79 + b"\n"):
            recipient = message_from_bytes(part)["To"]
            if recipient:
                found[recipient] += 1
    return found


@pytest.mark.parametrize("broker", ["TEST_BROKER_URL", "TEST_REDIS_URL"])
def test_a_commit_wakes_the_workers_and_the_request_id_follows(
    installation: Installation, servers: dict[str, str], broker: str
):
    """RabbitMQ, and Redis as the lesser choice. Without beat, so that only the wake-up can have started the work."""
    installation.environment["BROKER_URL"] = servers[broker]
    worker = installation.worker("relay,mail,matching,indexing,maintenance", concurrency=2)
    installation.step("verify", "1")
    until(lambda: installation.number(NOTICES) == 1, seconds=90, what="the notice is there")
    until(lambda: sum(mails(installation.mail_folder).values()) == 1, seconds=60, what="the mail is sent")
    until(lambda: installation.number(OPEN) == 0, seconds=150, what="every delivery is done")
    installation.kill(worker)
    handled = {
        entry["handler"]: entry.get("request_id")
        for entry in installation.log("worker-relay-mail-matching-indexing-maintenance")
        if entry["event"] == "handled"
    }
    assert handled == {
        "notifications.organisation_transitioned": REQUEST_ID,
        "notifications.send_mail": REQUEST_ID,
    }


def test_kill_9_in_the_middle_of_a_batch_loses_nothing_and_repeats_nothing(installation: Installation):
    """R2: the worker and all its children are killed while notices appear; a new one finishes within a minute."""
    installation.beat()
    first = installation.worker("relay")
    installation.step("verify", str(PEOPLE))
    until(lambda: installation.number(NOTICES) >= 1, seconds=90, what="the first notice is there")
    installation.kill(first)
    after_kill = installation.number(NOTICES)
    assert 1 <= after_kill < PEOPLE
    held = installation.number("SELECT count(*) FROM core_outboxdelivery WHERE state = 'pending' AND owner <> ''")
    assert held > 0

    installation.worker("relay,mail,maintenance", concurrency=2)
    seconds = until(lambda: installation.number(OPEN) == 0, seconds=150, what="every delivery is done")
    until(lambda: installation.number(UNSEALED) == 0, seconds=60, what="the audit chain is sealed")
    print(f"killed after {after_kill} of {PEOPLE} notices, {held} deliveries held; all done {seconds:.1f} s later")

    assert installation.number(NOTICES) == PEOPLE
    assert installation.number("SELECT count(DISTINCT recipient_id) FROM notifications_notification") == PEOPLE
    assert Counter(mails(installation.mail_folder).values()) == {1: PEOPLE}
    # From November on the clockwork tells, too, that the next year's calendar is missing.
    counted = "SELECT handler, count(*) FROM core_outboxdelivery WHERE handler <> 'notifications.workdays_missing'"
    assert installation.query(f"{counted} GROUP BY 1 ORDER BY 1") == [
        ("notifications.organisation_transitioned", PEOPLE),
        ("notifications.send_mail", PEOPLE),
    ]


CUT_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def test_workers_survive_the_loss_of_every_database_connection(installation: Installation):
    """As when PostgreSQL is restarted: the pool and the relay connect anew by themselves."""
    installation.beat()
    installation.worker("relay,mail,maintenance", concurrency=2)
    installation.step("verify", "1")
    until(lambda: installation.number(OPEN) == 0, seconds=90, what="the workers work")
    cut: list = []
    # The workers open connections as they look at their lanes; between two looks there may be none to cut.
    until(lambda: cut.extend(installation.query(CUT_ALL)) or bool(cut), seconds=90, what="connections are cut")
    installation.step("tell_again", "1")
    seconds = until(lambda: installation.number(OPEN) == 0, seconds=120, what="the workers work again")
    print(f"{len(cut)} connections cut; next work done {seconds:.1f} s after it was promised")
    assert installation.number("SELECT count(*) FROM core_outboxdelivery WHERE state = 'parked'") == 0
    assert installation.number(NOTICES) == 2
