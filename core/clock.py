"""The one source of "now". A test moves it with `frozen`; no page, command or administrator can (domain.md §6)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

BEIJING = ZoneInfo("Asia/Shanghai")
_frozen_moment: ContextVar[datetime | None] = ContextVar("frozen_moment", default=None)


def now() -> datetime:
    """The process's time, aware and in UTC. For labels and records; deadlines use `database_now`."""
    return _frozen_moment.get() or timezone.now()


def database_now() -> datetime:
    """The time by which deadlines are decided, read inside the transaction that holds the row.

    PostgreSQL answers with `clock_timestamp()`, so every web host agrees; on SQLite there is one host and its clock
    is read inside the IMMEDIATE transaction (architecture.md §3).
    """
    moment = _frozen_moment.get()
    if moment is not None:
        return moment
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def today() -> date:
    """The calendar day in Beijing, the zone of every published date."""
    return now().astimezone(BEIJING).date()


@contextmanager
def frozen(moment: datetime) -> Iterator[None]:
    """Hold the clock at `moment` (aware) for the enclosed block; for tests and the demonstration's past quarters."""
    if moment.tzinfo is None:
        raise ValueError("frozen() takes an aware datetime")
    token = _frozen_moment.set(moment)
    try:
        yield
    finally:
        _frozen_moment.reset(token)
