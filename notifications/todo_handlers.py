"""Every duty is told once to each person whose turn it is (ADR 0014).

A minute's job rather than a handler for each event: a duty also begins because a day has come, a colleague has left or
a panel is complete, and whoever could not be told once is told the next minute.
"""

from datetime import date, datetime
from typing import Any

from django.urls import resolve
from django.utils.translation import gettext as _

from core import todos
from core.clock import BEIJING, now
from core.schedule import every
from core.todos import Duty, Todo
from notifications.models import Notification
from notifications.services import notify

TOPIC = "todo.waits"
INTERVAL = 60


@every(seconds=INTERVAL, name="notifications.tell_what_waits")
def tell_what_waits() -> dict[str, int]:
    """Tell what waits and was not told yet; what no longer waits need not be read. Returns how many of each."""
    waiting = [_waiting(duty) for duty in todos.duties() if duty.holders is not None]
    told = sum(_tell_all(duty, found) for duty, found in waiting)
    return {"told": told, "done": _settle({key for _duty, found in waiting for key in found})}


Found = dict[tuple[int, str], tuple[Any, Todo]]


def _waiting(duty: Duty) -> tuple[Duty, Found]:
    """Who waits with what: (person's key, notice's key) → person and step.

    The notice's key holds since when the step waits, so that what comes back later is told anew.
    """
    found: Found = {}
    for person in duty.holders() if duty.holders is not None else ():
        rows = list(duty.rows(person))
        for row, todo in zip(rows, todos.todos_of(duty, rows), strict=True):
            found[person.pk, f"{TOPIC}:{duty.topic}:{row.pk}:{_episode(todo)}"] = (person, todo)
    return duty, found


def _tell_all(duty: Duty, found: Found) -> int:
    keys = {key for _person, key in found}
    told = set(Notification.objects.filter(key__in=keys).values_list("recipient_id", "key"))
    groups: dict[str, tuple[Todo, list[Any]]] = {}
    for (person_key, key), (person, todo) in found.items():
        if (person_key, key) not in told:
            groups.setdefault(key, (todo, []))[1].append(person)
    return sum(len(_tell(duty, key, todo, people)) for key, (todo, people) in groups.items())


def _settle(waiting: set[tuple[int, str]]) -> int:
    """Mark as read the notices of steps that have been taken; returns how many."""
    unread = Notification.objects.filter(topic=TOPIC, read_at=None).values_list("pk", "recipient_id", "key")
    done = [pk for pk, recipient_id, key in unread if (recipient_id, key) not in waiting]
    return Notification.objects.filter(pk__in=done).update(read_at=now())


def _episode(todo: Todo) -> str:
    """Since when the step waits, or for which day: what tells this turn from the next one with the same object."""
    mark = todo.since or todo.due
    return mark.strftime("%Y%m%d%H%M%S") if mark is not None else ""


def _tell(duty: Duty, key: str, todo: Todo, recipients: list[Any]) -> list[Notification]:
    page = resolve(todo.url)
    return notify(
        TOPIC,
        recipients=recipients,
        key=key.removeprefix(f"{TOPIC}:"),
        values={"what": str(duty.label), "title": todo.title, "due": _due_sentence(todo.due)},
        url_name=page.view_name,
        url_arguments=[*page.args, *map(str, page.kwargs.values())],
    )


def _due_sentence(due: date | datetime | None) -> str:
    if due is None:
        return ""
    if isinstance(due, datetime):
        return _("请在 %s 前办理。") % due.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
    return _("请在 %s 前办理。") % due.isoformat()
