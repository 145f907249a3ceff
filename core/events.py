"""What happened, as data. An event is written to the outbox in the transaction that made it true."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

_event_types: dict[str, type["Event"]] = {}


@dataclass(frozen=True)
class Event:
    """Base of every event. Subclasses are frozen dataclasses with a `topic` and JSON-able fields only."""

    topic: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not cls.topic:
            raise TypeError(f"{cls.__name__} needs a topic")
        if cls.topic in _event_types and _event_types[cls.topic].__qualname__ != cls.__qualname__:
            raise TypeError(f"topic {cls.topic} is taken by {_event_types[cls.topic].__qualname__}")
        _event_types[cls.topic] = cls

    def payload(self) -> dict[str, Any]:
        return asdict(self)


def event_from(topic: str, payload: dict[str, Any]) -> Event:
    """The event a stored row stands for. Fields that a newer release dropped are ignored."""
    cls = _event_types[topic]
    known = {name: payload[name] for name in cls.__dataclass_fields__ if name in payload}
    return cls(**known)


@dataclass(frozen=True)
class AuditAnchored(Event):
    """The day's heads of the audit chain and of the row digests were published; `heads` is what one notes down."""

    topic: ClassVar[str] = "core.audit.anchored"
    day: str
    heads: str


@dataclass(frozen=True)
class IntegrityDoubted(Event):
    """The nightly comparison found what is not as the platform left it: how much, and the first of it in words."""

    topic: ClassVar[str] = "core.integrity.doubted"
    day: str
    faults: int
    first: str


@dataclass(frozen=True)
class WorkdaysMissing(Event):
    """A year's working days are awaited and not loaded; `week` is the week it is said in, as 2026W45."""

    topic: ClassVar[str] = "core.workdays.missing"
    year: int
    week: str
