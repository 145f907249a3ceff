"""What happens to demands and lists."""

from dataclasses import dataclass
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True)
class ScenarioChanged(Event):
    """Something a search or matching document shows has changed; `document_version` rises with each."""

    topic: ClassVar[str] = "scenarios.scenario.changed"
    scenario_id: int
    document_version: int


@dataclass(frozen=True)
class ScenarioTransitioned(Event):
    topic: ClassVar[str] = "scenarios.scenario.transitioned"
    scenario_id: int
    action: str
    source: str
    target: str
    actor_id: int | None = None
    review_id: int | None = None
    #: The demand's `document_version` after the step: what follows tells the second suspension from the first.
    document_version: int = 0


@dataclass(frozen=True)
class QuarterlyListTransitioned(Event):
    topic: ClassVar[str] = "scenarios.quarterly_list.transitioned"
    list_id: int
    action: str
    source: str
    target: str
    actor_id: int | None = None


@dataclass(frozen=True)
class QuarterlyListPublished(Event):
    topic: ClassVar[str] = "scenarios.quarterly_list.published"
    list_id: int


@dataclass(frozen=True)
class ErratumDraftMoved(Event):
    """A correction was prepared, published or returned."""

    topic: ClassVar[str] = "scenarios.erratum_draft.moved"
    draft_id: int
    action: str


@dataclass(frozen=True)
class ErratumPublished(Event):
    topic: ClassVar[str] = "scenarios.quarterly_list.erratum_published"
    erratum_id: int


@dataclass(frozen=True)
class QuarterOverdue(Event):
    """A quarter ended without a published list (V21)."""

    topic: ClassVar[str] = "scenarios.quarter.overdue"
    quarter: str
