"""The cluster goes away under the running product: nothing fails, nothing is lost, and it comes back by itself."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser

from core import relay
from core.clock import frozen
from core.enums import DeliveryState
from core.models import OutboxDelivery
from scenarios.models import Scenario
from search import indexing
from search.documents import INDEXES
from search.engines import get_engine
from search.services import search, suggest
from tests.factories import make_listed_scenario
from tests.search.servers import Gate, cluster_of_its_own

pytestmark = [pytest.mark.django_db, pytest.mark.engine]
NOBODY = AnonymousUser()


@pytest.fixture
def gate(settings) -> Iterator[Gate]:
    gate = Gate()
    with cluster_of_its_own() as url:
        settings.SEARCH_URL = f"elasticsearch://{gate.address}/{url.rsplit('/', 1)[1]}"
        yield gate
    gate.shut()


@pytest.mark.parametrize("fault", ["shut", "hang"])
def test_saves_go_on_searches_say_so_and_the_index_catches_up(clock, gate: Gate, fault):
    indexing.heal()
    before = make_listed_scenario(title="城市道路积水智能监测")
    relay.drain()
    assert search(kind="scenario", text="道路积水", viewer=NOBODY).degraded is False

    getattr(gate, fault)()
    started = time.monotonic()
    page = search(kind="scenario", text="道路积水", viewer=NOBODY)
    assert ([item.obj.pk for item in page.items], page.degraded) == ([before.pk], True)
    assert time.monotonic() - started < 3.0
    started = time.monotonic()
    during = make_listed_scenario(title="海洋牧场水质监测")
    Scenario.objects.filter(pk=before.pk).update(state="withdrawn", document_version=before.document_version + 1)
    assert suggest(kind="scenario", text="海洋", viewer=NOBODY) == ["海洋牧场水质监测"]
    for _number in range(20):
        assert search(kind="scenario", text="水质", viewer=NOBODY).degraded is True
    relay.drain()
    assert time.monotonic() - started < 3.0
    waiting = OutboxDelivery.objects.filter(handler__startswith="search.", state=DeliveryState.PENDING)
    assert waiting.exists()
    assert set(waiting.values_list("attempts", flat=True)) == {0}

    gate.open()
    get_engine().breaker._closed_from = 0.0  # as if its pause were over
    with frozen(clock + timedelta(seconds=20)):
        relay.drain()
        assert waiting.exists() is False
        page = search(kind="scenario", text="水质", viewer=NOBODY)
        assert ([item.obj.pk for item in page.items], page.degraded) == ([during.pk], False)
        drift = indexing.check("scenario")
        assert (drift.missing, drift.superfluous) == ((), ())
        indexing.repair(drift)
        assert all(indexing.check(name).is_clean for name in INDEXES)
