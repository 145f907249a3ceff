"""The index follows the database, survives damage, and a late write loses."""

import pytest

from core import relay
from search import indexing
from search.engines import get_engine
from tests.factories import make_listed_capability, make_listed_scenario

pytestmark = [pytest.mark.django_db, pytest.mark.engine]


def test_smoke(clock):
    indexing.heal()
    capability = make_listed_capability()
    scenario = make_listed_scenario()
    relay.drain()
    for name in indexing.INDEXES:
        print(name, indexing.check(name))
        assert indexing.check(name).is_clean
