"""What happens to vendors and capabilities."""

from dataclasses import dataclass
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True)
class CapabilityChanged(Event):
    """Something a search or matching document shows has changed; `document_version` rises with each."""

    topic: ClassVar[str] = "vendors.capability.changed"
    capability_id: int
    document_version: int


@dataclass(frozen=True)
class CapabilityTransitioned(Event):
    topic: ClassVar[str] = "vendors.capability.transitioned"
    capability_id: int
    action: str
    source: str
    target: str
    actor_id: int | None = None
    comment: str = ""


@dataclass(frozen=True)
class CapabilityExpiring(Event):
    """A listed capability ends in `days_left` days unless it is renewed."""

    topic: ClassVar[str] = "vendors.capability.expiring"
    capability_id: int
    days_left: int


@dataclass(frozen=True)
class CaseConfirmationMoved(Event):
    """A customer was asked about a case (`ask`), answered (`confirm`, `refuse`) or let the time pass (`lapse`)."""

    topic: ClassVar[str] = "vendors.case_confirmation.moved"
    confirmation_id: int
    action: str
