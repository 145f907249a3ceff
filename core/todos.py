"""What waits for whom: one table of duties, read by the desk, the badge and the notices (ADR 0014).

A duty says which step somebody must take next, whose step it is and until when. It is never stored: it is there while
the machine stands where the step is due, and gone the moment the step is taken. Apps name theirs in `todos`; each row
asks the same selectors, machines and permissions as the pages, so that desk, notice and page cannot disagree.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Max, QuerySet
from django.utils.functional import Promise

from core.clock import now, today
from core.models import AuditEntry
from core.transitions import Machine

Rows = Callable[[Any], Sequence[Any] | QuerySet[Any]]
Since = Callable[[Sequence[Any]], Mapping[Any, datetime | None]]


def _nothing(_rows: Sequence[Any]) -> Mapping[Any, datetime | None]:
    return {}


def _no_due(_obj: Any) -> None:
    return None


@dataclass(frozen=True)
class Duty:
    """One kind of step that somebody must take.

    `rows(person)` are the objects for which it is the person's turn, in the organisation they act for now.
    `holders()` are the people whose turn it may be, each acting for the organisation in which it is; the notices ask
    `rows` of each of them. `told_by` names the notice that an event's own handler sends instead; `own_work` is what a
    person began alone (a draft): shown, never told.
    """

    topic: str
    label: str | Promise
    roles: frozenset[str]
    rows: Rows
    url: Callable[[Any], str]
    title: Callable[[Any], str] = str
    holders: Callable[[], Iterable[Any]] | None = None
    since: Since = _nothing
    due: Callable[[Any], date | datetime | None] = _no_due
    everything: str = ""
    told_by: str = ""
    own_work: bool = False

    def __post_init__(self) -> None:
        if (self.holders is None) != bool(self.told_by or self.own_work):
            raise ValueError(f"{self.topic}: told by a handler of its own, by its holders, or not at all")


@dataclass(frozen=True)
class Todo:
    """One step that waits for the person who asked."""

    title: str
    url: str
    since: datetime | None
    due: date | datetime | None

    @property
    def is_overdue(self) -> bool:
        if isinstance(self.due, datetime):
            return self.due < now()
        return self.due is not None and self.due < today()


@dataclass(frozen=True)
class Waiting:
    """All steps of one kind that wait for a person: how many, and the first of them."""

    duty: Duty
    count: int
    todos: list[Todo] = field(default_factory=list)

    @property
    def is_overdue(self) -> bool:
        return any(todo.is_overdue for todo in self.todos)


@dataclass(frozen=True)
class Expectation:
    """What a person waits for from somebody else: their own thing that is another's turn. `whom` says whose."""

    topic: str
    label: str | Promise
    whom: str | Promise
    roles: frozenset[str]
    rows: Rows
    url: Callable[[Any], str]
    title: Callable[[Any], str] = str
    since: Since = _nothing
    due: Callable[[Any], date | datetime | None] = _no_due


@dataclass(frozen=True)
class Expected:
    """Everything of one kind that a person waits for: how many, and the first of them."""

    expectation: Expectation
    count: int
    todos: list[Todo] = field(default_factory=list)


_duties: dict[str, Duty] = {}
_expectations: dict[str, Expectation] = {}


def register(*duties: Duty) -> None:
    """Called once from an app's `todos`; two duties of one topic are a mistake."""
    for duty in duties:
        if _duties.get(duty.topic, duty) is not duty:
            raise ValueError(f"duty {duty.topic} is there already")
        _duties[duty.topic] = duty


def expect(*expectations: Expectation) -> None:
    """As `register`, for what people wait for."""
    for expectation in expectations:
        if _expectations.get(expectation.topic, expectation) is not expectation:
            raise ValueError(f"expectation {expectation.topic} is there already")
        _expectations[expectation.topic] = expectation


def duties() -> list[Duty]:
    """In the order of their registration: from the first step of a life to the last."""
    return list(_duties.values())


def expectations() -> list[Expectation]:
    return list(_expectations.values())


def counted(rows: Sequence[Any] | QuerySet[Any]) -> int:
    return rows.count() if isinstance(rows, QuerySet) else len(rows)


def waiting_for(person: Any, *, roles: Iterable[str], shown: int) -> list[Waiting]:
    """Everything that waits for the person, who holds `roles` now; at most `shown` of a kind are read in full.

    Kinds with something overdue first, then what has a day, then the rest, in the table's order.
    """
    found = [Waiting(duty, *there) for duty, there in _held(duties(), person, frozenset(roles), shown)]
    return sorted(found, key=lambda one: (not one.is_overdue, all(todo.due is None for todo in one.todos)))


def expected_by(person: Any, *, roles: Iterable[str], shown: int) -> list[Expected]:
    """Everything the person waits for from others, in the table's order."""
    return [Expected(kind, *there) for kind, there in _held(expectations(), person, frozenset(roles), shown)]


def _held(kinds: Iterable[Any], person: Any, roles: frozenset[str], shown: int) -> Iterator[tuple[Any, Any]]:
    for kind in kinds:
        if kind.roles and roles.isdisjoint(kind.roles):
            continue
        rows = kind.rows(person)
        first = list(rows[:shown])
        if first:
            yield kind, (counted(rows) if len(first) == shown else len(first), todos_of(kind, first))


def todos_of(kind: Duty | Expectation, rows: Sequence[Any]) -> list[Todo]:
    since = kind.since(rows)
    return [Todo(kind.title(row), kind.url(row), since.get(row.pk), kind.due(row)) for row in rows]


# --- since when ---------------------------------------------------------------------------------------------------


def by_field(name: str) -> Since:
    """Waiting since the moment in this field of the row (dotted names follow relations)."""

    def since(rows: Sequence[Any]) -> Mapping[Any, datetime | None]:
        return {row.pk: _value(row, name) for row in rows}

    return since


def _value(row: Any, name: str) -> Any:
    for part in name.split("."):
        row = getattr(row, part)
    return row


def by_trail(machine: Machine, prefix: str) -> Since:
    """Waiting since the machine entered the state the row is in now, as the audit trail has it."""

    def since(rows: Sequence[Any]) -> Mapping[Any, datetime | None]:
        moments: dict[Any, datetime | None] = {}
        for state in {row.state for row in rows}:
            entered = [f"{prefix}.{action}" for action, step in machine.items() if step.target == state]
            moments |= _last_of([row for row in rows if row.state == state], entered)
        return moments

    return since


def by_action(*actions: str) -> Since:
    """Waiting since the last of these entries of the audit trail about the row."""
    return lambda rows: _last_of(rows, actions)


def _last_of(rows: Sequence[Any], actions: Sequence[str]) -> dict[Any, datetime | None]:
    if not rows:
        return {}
    there = {str(row.pk): row.pk for row in rows}
    entries = AuditEntry.objects.filter(
        subject_type=rows[0]._meta.label_lower, subject_id__in=there, action__in=actions
    )
    found = entries.order_by().values_list("subject_id").annotate(last=Max("moment"))
    return {there[key]: moment for key, moment in found}
