"""/statusz and /metrics: who may read them, what they say, and that nothing that is down makes them fail."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client, override_settings

from accounts.enums import Role
from core.clock import now
from core.enums import DeliveryState
from core.models import OutboxDelivery, OutboxEvent
from marketplace.celery import QUEUES
from search import indexing
from search.documents import INDEXES
from tests.factories import make_listed_capability, make_person
from tests.production.environment import manage, production_environment
from tests.production.installation import Installation, until

pytestmark = pytest.mark.integration

#: One sample of Prometheus' text format.
SAMPLE = re.compile(r'^[a-z_]+(\{[a-z]+="[a-z_.]+"(,[a-z]+="[a-z_.]+")*\})? [0-9.e+-]+$')
ADDRESSES = ("/statusz", "/metrics")
PROBE = (
    "from django.test import Client; c = Client(raise_request_exception=False);"
    "a = c.get('/statusz', headers={'host': 'marketplace.example'}); print(a.status_code); print(a.content.decode())"
)


@pytest.mark.django_db
@pytest.mark.parametrize("address", ADDRESSES)
def test_monitoring_reads_it_from_loopback_and_nobody_else_does(client: Client, address: str):
    assert client.get(address).status_code == 200
    assert client.get(address, REMOTE_ADDR="203.0.113.7").status_code == 403
    assert client.get(address, REMOTE_ADDR="").status_code == 403
    # A proxy that this profile does not know stands in between: loopback says nothing.
    assert client.get(address, headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 403
    assert client.post(address).status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("address", ADDRESSES)
def test_the_operator_reads_it_from_anywhere_and_other_roles_do_not(client: Client, address: str):
    client.force_login(make_person(Role.OPERATOR))
    assert client.get(address, REMOTE_ADDR="203.0.113.7").status_code == 200
    client.force_login(make_person(Role.LIST_EDITOR))
    assert client.get(address, REMOTE_ADDR="203.0.113.7").status_code == 403


@pytest.mark.django_db
def test_other_networks_can_be_named(client: Client):
    with override_settings(MONITORING_NETWORKS=["10.8.0.0/16"]):
        assert client.get("/statusz", REMOTE_ADDR="10.8.3.4").status_code == 200
        assert client.get("/statusz", REMOTE_ADDR="127.0.0.1").status_code == 403


@pytest.mark.django_db
def test_the_outbox_is_told_by_age_and_by_what_was_given_up(client: Client):
    event = OutboxEvent.objects.create(topic="test.topic")
    OutboxDelivery.objects.create(event=event, handler="a", not_before=now() - timedelta(seconds=90))
    OutboxDelivery.objects.create(event=event, handler="b", not_before=now() + timedelta(seconds=90))
    OutboxDelivery.objects.create(event=event, handler="c", state=DeliveryState.PARKED)
    OutboxDelivery.objects.create(event=event, handler="d", state=DeliveryState.DONE)
    found = client.get("/statusz").json()
    assert found["status"] == "degraded"
    assert (found["outbox"]["pending"], found["outbox"]["parked"]) == (2, 1)
    assert 90 <= found["outbox"]["lag_seconds"] < 100
    assert "tasks" not in found
    text = client.get("/metrics").content.decode()
    assert 'marketplace_outbox_pending{queue="all"} 2\n' in text
    assert 'marketplace_outbox_parked{queue="all"} 1\n' in text
    assert "marketplace_audit_unsealed 0\n" in text
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert samples
    assert [line for line in samples if not SAMPLE.match(line)] == []


@pytest.mark.django_db(transaction=True)
def test_index_drift_is_shown_once_it_was_measured(client: Client, reference_data: None):
    for name in INDEXES:
        indexing.rebuild(name, reason="test")
    assert client.get("/statusz").json()["index_drift"]["status"] == "unknown"
    assert set(client.get("/statusz?drift=1").json()["index_drift"]["documents"].values()) == {0}
    make_listed_capability()  # nothing carries its event out: the index lacks it
    found = client.get("/statusz?drift=1").json()
    assert found["index_drift"]["documents"]["capability"] == 1
    assert found["index_drift"]["status"] == "degraded"
    assert 'marketplace_index_drift{index="capability"} 1\n' in client.get("/metrics").content.decode()


def test_with_everything_down_it_still_answers(tmp_path: Path):
    """No database, no cache, no broker, no index: 200, and each is named."""
    environment = production_environment(
        MARKETPLACE_VAR_DIR=str(tmp_path),
        SEARCH_URL=f"embedded://{tmp_path / 'search'}",
        DATABASE_URL="postgres://nobody:x@127.0.0.1:1/nothing",
        BROKER_URL="amqp://nobody:x@127.0.0.1:1//",
        CACHE_URL="redis://127.0.0.1:1/0",
    )
    done = manage("shell", "--no-imports", "-c", PROBE, environment=environment)
    code, _newline, content = done.stdout.partition("\n")
    assert code == "200", done.stderr[-2000:]
    found = json.loads(content)
    assert found["status"] == "down"
    assert {part: found[part]["status"] for part in ("database", "search", "cache", "tasks")} == {
        "database": "down",
        "search": "down",
        "cache": "down",
        "tasks": "down",
    }
    assert "outbox" not in found


def test_queues_of_the_broker_are_shown(installation: Installation):
    """With a worker per queue declared, every queue has a number, and the parts are well."""
    installation.worker(",".join(QUEUES))
    installation.environment["DJANGO_ALLOWED_HOSTS"] = "marketplace.example"

    def report() -> dict:
        done = manage("shell", "--no-imports", "-c", PROBE, environment=installation.environment)
        assert done.stdout.startswith("200\n"), done.stderr[-2000:]
        return json.loads(done.stdout.partition("\n")[2])

    until(lambda: None not in report()["tasks"]["messages"].values(), seconds=90, what="all queues are declared")
    found = report()
    assert set(found["tasks"]["messages"]) == set(QUEUES)
    assert {part: found[part]["status"] for part in ("database", "outbox", "audit", "cache", "tasks")} == dict.fromkeys(
        ("database", "outbox", "audit", "cache", "tasks"), "ok"
    )
