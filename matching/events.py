"""What matching announces."""

from dataclasses import dataclass, field
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True)
class ListMatchingContinues(Event):
    """Matching's own: the next portion of a list's matching is due. `step` tells portions apart in the outbox."""

    topic: ClassVar[str] = "matching.list.continues"
    list_id: int
    step: int


@dataclass(frozen=True)
class ListMatched(Event):
    """Every item of a published list has its ranked vendors."""

    topic: ClassVar[str] = "matching.list.matched"
    list_id: int


@dataclass(frozen=True)
class VendorRecommended(Event):
    """A vendor that accepts recommendations got new ones; announced once per list and vendor, or per capability.

    `recommendation_ids` are `matching.Recommendation` rows, best first. Exactly one of `list_id`, `capability_id`.
    """

    topic: ClassVar[str] = "matching.vendor.recommended"
    vendor_id: int
    recommendation_ids: list[int] = field(default_factory=list)
    list_id: int | None = None
    capability_id: int | None = None


@dataclass(frozen=True)
class EngagementMoved(Event):
    topic: ClassVar[str] = "matching.engagement.moved"
    engagement_id: int
    action: str
    target: str
    by_owner: bool
    #: Which confirmation it was, for steps of both sides: each is told, none twice.
    turn: int = 0


@dataclass(frozen=True)
class EngagedDemandMoved(Event):
    """The demand of an engagement was suspended, resumed or ended; `ended`: the engagement ended with it.

    One for each engagement that was neither closed nor delivered by then, however far it had come: what its vendor is
    told of it. `turn` is the demand's version after its step.
    """

    topic: ClassVar[str] = "matching.engagement.demand_moved"
    engagement_id: int
    action: str
    turn: int
    ended: bool
