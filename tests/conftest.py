"""Fixtures of every test: classification and working days loaded once, the clock held on request."""

import io
from collections.abc import Generator, Iterator
from datetime import datetime

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker, blocking_manager_key

from core import classification
from core.clock import BEIJING, frozen
from core.models import Category, WorkdayCalendar
from tests.browser import browser
from tests.sessions import record_as_the_sign_in_pages_do

__all__ = ["browser", "record_as_the_sign_in_pages_do"]

#: A Tuesday in the middle of a quarter; tests that need a fixed day take the `clock` fixture.
A_TUESDAY = datetime(2026, 11, 24, 10, 0, tzinfo=BEIJING)


def load_reference_data() -> None:
    """What every installation has: code tables and the working days of known years."""
    if not Category.objects.exists():
        classification.load()
    if not WorkdayCalendar.objects.exists():
        call_command("load_workdays", "2025", "2026", stdout=io.StringIO())


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        load_reference_data()
    yield
    with django_db_blocker.unblock():
        end_other_sessions()


def end_other_sessions() -> None:
    """PostgreSQL drops no database in use, and a thread that served a browser may have left its connection open."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


def empties_the_tables(item: pytest.Item) -> bool:
    """Whether the test's clean-up empties the tables, instead of rolling a transaction back."""
    marker = item.get_closest_marker("django_db")
    fixtures = getattr(item, "fixturenames", ())
    return "transactional_db" in fixtures or bool(marker and marker.kwargs.get("transaction"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """After a test that emptied the tables, the next one finds the reference data again, in whatever order they run."""
    result = yield
    # After the last test the database itself is gone.
    if empties_the_tables(item) and nextitem is not None:
        with item.config.stash[blocking_manager_key].unblock():
            load_reference_data()
    return result


@pytest.fixture
def reference_data(transactional_db: None) -> None:
    """For transactional tests, whose clean-up empties the tables: load them anew."""
    load_reference_data()


@pytest.fixture
def clock() -> Iterator[datetime]:
    """Holds "now" at 2026-11-24 10:00 Beijing time."""
    with frozen(A_TUESDAY):
        yield A_TUESDAY


@pytest.fixture(autouse=True)
def fresh_cache() -> Iterator[None]:
    """Rate limits and cached counts of one test are not those of the next."""
    cache.clear()
    yield
    cache.clear()
