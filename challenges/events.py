"""What happens in 揭榜挂帅. No event names a bidder or says that a bid exists before its opening."""

from dataclasses import dataclass
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True)
class ProgrammeCalled(Event):
    topic: ClassVar[str] = "challenges.programme.called"
    programme_id: int


@dataclass(frozen=True)
class ChallengeChanged(Event):
    """Something a search or matching document shows has changed."""

    topic: ClassVar[str] = "challenges.challenge.changed"
    challenge_id: int
    document_version: int


@dataclass(frozen=True)
class ChallengeTransitioned(Event):
    topic: ClassVar[str] = "challenges.challenge.transitioned"
    challenge_id: int
    action: str
    source: str
    target: str
    actor_id: int | None = None
    comment: str = ""


@dataclass(frozen=True)
class AnnualListPublished(Event):
    topic: ClassVar[str] = "challenges.annual_list.published"
    list_id: int


@dataclass(frozen=True)
class ChallengeClarified(Event):
    """A new version; if material, every bid must be reconfirmed."""

    topic: ClassVar[str] = "challenges.challenge.clarified"
    challenge_id: int
    number: int
    material: bool


@dataclass(frozen=True)
class QuestionAnswered(Event):
    topic: ClassVar[str] = "challenges.question.answered"
    question_id: int


@dataclass(frozen=True)
class SolverInvited(Event):
    topic: ClassVar[str] = "challenges.solver.invited"
    invitation_id: int


@dataclass(frozen=True)
class BidReceived(Event):
    """Tells the bidder alone; carries the bid's own key and nothing of the challenge's other bids."""

    topic: ClassVar[str] = "challenges.bid.received"
    bid_version_id: int


@dataclass(frozen=True)
class BidWithdrawn(Event):
    topic: ClassVar[str] = "challenges.bid.withdrawn"
    bid_id: int


@dataclass(frozen=True)
class DeadlineNears(Event):
    """7 days, 3 days, 24 hours, 2 hours before a deadline."""

    topic: ClassVar[str] = "challenges.challenge.deadline_nears"
    challenge_id: int
    hours: int


@dataclass(frozen=True)
class OpeningStep(Event):
    """A step of an opening, told to every bidder of the challenge once it is frozen."""

    topic: ClassVar[str] = "challenges.opening.step"
    challenge_id: int
    kind: str
    step: str


@dataclass(frozen=True)
class SeatNotified(Event):
    topic: ClassVar[str] = "challenges.seat.notified"
    seat_id: int


@dataclass(frozen=True)
class ExpertMoved(Event):
    """`step`: edited, retired, reinstated; told where the expert holds a seat."""

    topic: ClassVar[str] = "challenges.expert.moved"
    expert_id: int
    step: str
    at: str


@dataclass(frozen=True)
class PanelMoved(Event):
    """`step`: short (no reserve is left for a seat: handlers), draw_committed (a supplementary draw: supervisors)."""

    topic: ClassVar[str] = "challenges.panel.moved"
    panel_id: int
    step: str
    at: str


@dataclass(frozen=True)
class BidFormalCheckMoved(Event):
    """`step`: asked (补正), answered, passed, failed; told to the bidder, an answer to the handlers."""

    topic: ClassVar[str] = "challenges.bid.formal_check_moved"
    bid_id: int
    step: str
    at: str


@dataclass(frozen=True)
class BidConcluded(Event):
    """A bidder's own result, with their own scores and reasons; all of one challenge in one transaction."""

    topic: ClassVar[str] = "challenges.bid.concluded"
    bid_id: int
    outcome: str


@dataclass(frozen=True)
class PublicityStarted(Event):
    topic: ClassVar[str] = "challenges.publicity.started"
    publicity_id: int


@dataclass(frozen=True)
class PublicityEnded(Event):
    topic: ClassVar[str] = "challenges.publicity.ended"
    publicity_id: int


@dataclass(frozen=True)
class DueDayReached(Event):
    """`entry`: a name of `due_days.DUE_DAYS`; `mark`: nears or over; `day`: the day it was about, as ISO text."""

    topic: ClassVar[str] = "challenges.due_day.reached"
    entry: str
    row_id: int
    day: str
    mark: str


@dataclass(frozen=True)
class ObjectionMoved(Event):
    topic: ClassVar[str] = "challenges.objection.moved"
    objection_id: int
    action: str


@dataclass(frozen=True)
class ProjectTransitioned(Event):
    topic: ClassVar[str] = "challenges.project.transitioned"
    project_id: int
    action: str
    source: str
    target: str
    actor_id: int | None = None


@dataclass(frozen=True)
class MilestoneMoved(Event):
    topic: ClassVar[str] = "challenges.milestone.moved"
    milestone_id: int
    action: str


@dataclass(frozen=True)
class ChangeDecided(Event):
    topic: ClassVar[str] = "challenges.change.decided"
    change_id: int
    state: str


@dataclass(frozen=True)
class ContractLate(Event):
    """An award whose days for signing are over; what follows is people's to decide."""

    topic: ClassVar[str] = "challenges.award.contract_late"
    award_id: int
