"""Due days announced by the clock: before they come to who must act, after they passed to who answers for it."""

from typing import Any

from django.db import transaction

from challenges.due_days import DUE_DAYS, DueDay
from challenges.events import DueDayReached
from challenges.models import DueNotice
from core import outbox
from core.clock import database_now


def due_days_announce() -> int:
    """The clock's job: announce every day that nears or has passed, each once; returns how many."""
    moment, announced = database_now(), 0
    for entry in DUE_DAYS.values():
        for row in entry.waiting().exclude(**{entry.field: None}):
            end, near = entry.end_of(row), entry.nears_from(row)
            if end is None or near is None:
                continue
            if moment >= end:
                announced += bool(entry.overdue) and due_day_tell(entry, row, "over")
            elif moment >= near:
                announced += bool(entry.acts) and due_day_tell(entry, row, "nears")
    return announced


@transaction.atomic
def due_day_tell(entry: DueDay, row: Any, mark: str) -> bool:
    """Announce one day of one row, once; also for jobs that close by themselves what was due."""
    day = getattr(row, entry.field).isoformat()
    _notice, new = DueNotice.objects.get_or_create(entry=entry.name, row=row.pk, day=day, mark=mark)
    if new:
        outbox.publish(DueDayReached(entry.name, row.pk, day, mark))
    return new
