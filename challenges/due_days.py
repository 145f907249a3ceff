"""Every stored due day of 揭榜挂帅, as one table: whose it is, what watches it, what is said, where it is shown.

A field that looks like a due day and is neither here nor in `NOT_DUE` fails tests/challenges/test_due_days.py: a day
that is stored and that nobody looks at misleads whoever reads it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import models
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from challenges.enums import (
    AnnualListState,
    AwardState,
    BidState,
    ChallengeState,
    MilestoneState,
    ObjectionState,
    ProgrammeState,
    ProjectState,
    PublicityState,
    SeatState,
)
from challenges.models import (
    Acceptance,
    AnnualList,
    Award,
    Bid,
    Challenge,
    Milestone,
    Objection,
    Programme,
    Project,
    Publicity,
    Seat,
)
from core.clock import BEIJING, now, today

#: The job that announces what has no job of its own.
ANNOUNCER = "challenges.announce_due_days"
BEFORE_PUBLICATION = (
    ChallengeState.DRAFT,
    ChallengeState.SUBMITTED,
    ChallengeState.RETURNED,
    ChallengeState.FIRST_PASSED,
    ChallengeState.ARGUING,
    ChallengeState.SELECTED,
)


@dataclass(frozen=True)
class DueDay:
    """`waiting()` gives the rows for which the day still matters. `acts` and `overdue` name who is told, by the words
    of `notifications.due_handlers`; empty where another notice (`before`, `after`) says it already.
    """

    model: type[models.Model]
    field: str
    label: str | Promise
    waiting: Callable[[], QuerySet[Any]]
    #: Address of the page and what it is called with.
    page: str
    key: Callable[[Any], Any]
    #: What the day is about, in words.
    about: Callable[[Any], str]
    acts: tuple[str, ...] = ()
    overdue: tuple[str, ...] = ()
    days_before: int = 3
    job: str = ANNOUNCER
    before: str = ""
    after: str = ""

    @property
    def name(self) -> str:
        return f"{self.model._meta.model_name}.{self.field}"

    def topic(self, mark: str) -> str:
        """The notice of the catalogue, which leads to the page that shows the day."""
        place = self.page.removeprefix("challenges:")
        if mark == "nears":
            return self.before or f"challenge.due_nears.{place}"
        return self.after or f"challenge.overdue.{place}"

    def end_of(self, row: Any) -> datetime | None:
        """The moment from which the day is over: a day ends with its last second in Beijing."""
        value = getattr(row, self.field)
        if value is None or isinstance(value, datetime):
            return value
        return datetime.combine(value + timedelta(days=1), time(), BEIJING)

    def nears_from(self, row: Any) -> datetime | None:
        """The moment from which the day counts as near; a day is told of on a day, not in the middle of one."""
        value = getattr(row, self.field)
        if value is None or isinstance(value, datetime):
            return value and value - timedelta(days=self.days_before)
        return datetime.combine(value - timedelta(days=self.days_before), time(), BEIJING)


def days_left(value: date | datetime) -> int:
    """Calendar days in Beijing from today to this day; negative when it is over."""
    day = value.astimezone(BEIJING).date() if isinstance(value, datetime) else value
    return (day - today()).days


def is_over(value: date | datetime) -> bool:
    return value <= now() if isinstance(value, datetime) else value < today()


def _challenge_key(challenge: Challenge) -> str:
    return challenge.code or str(challenge.public_id)


_PROJECTS = Project.objects.select_related("challenge__programme__owner", "challenge__demander", "solver")
_ALL = (
    DueDay(
        Programme,
        "needs_close_at",
        _("征集截止"),
        lambda: Programme.objects.filter(state=ProgrammeState.CALLING).select_related("owner"),
        "challenges:programme",
        lambda row: row.public_id,
        lambda row: row.title,
        acts=("drafters",),
        overdue=("programme_handlers",),
        job="challenges.collect",
    ),
    DueDay(
        Programme,
        "check_due_at",
        _("市县初审截止"),
        lambda: Programme.objects.filter(challenges__state=ChallengeState.SUBMITTED).select_related("owner").distinct(),
        "challenges:programme",
        lambda row: row.public_id,
        lambda row: row.title,
        acts=("first_reviewers",),
        overdue=("first_reviewers", "programme_handlers"),
    ),
    DueDay(
        AnnualList,
        "publicity_last_day",
        _("拟发榜公示结束"),
        lambda: AnnualList.objects.filter(state=AnnualListState.LIST_PUBLICITY).select_related("programme__owner"),
        "challenges:working_list",
        lambda row: row.code,
        lambda row: row.title,
        acts=("list_handlers",),
        days_before=1,
        after="challenge.publicity_ended",
    ),
    DueDay(
        Challenge,
        "supplement_due_on",
        _("需求补正期限"),
        lambda: Challenge.objects.filter(state=ChallengeState.RETURNED),
        "challenges:challenge",
        _challenge_key,
        str,
        acts=("demander",),
        overdue=("demander", "handlers"),
    ),
    DueDay(
        Challenge,
        "fair_competition_ends_on",
        _("限制条件终止日期"),
        lambda: Challenge.objects.filter(state__in=BEFORE_PUBLICATION),
        "challenges:challenge",
        _challenge_key,
        str,
        acts=("handlers",),
        overdue=("handlers",),
        days_before=14,
    ),
    DueDay(
        Challenge,
        "question_deadline_at",
        _("提问截止"),
        lambda: Challenge.objects.filter(state=ChallengeState.PUBLISHED),
        "challenges:challenge",
        _challenge_key,
        str,
        acts=("followers",),
        overdue=("handlers",),
    ),
    DueDay(
        Challenge,
        "deadline_at",
        _("揭榜截止"),
        lambda: Challenge.objects.filter(state=ChallengeState.PUBLISHED),
        "challenges:challenge",
        _challenge_key,
        str,
        job="challenges.freeze",
        before="challenge.deadline_nears",
        after="challenge.openers_called",
    ),
    DueDay(
        Bid,
        "supplement_due_on",
        _("补正期限"),
        lambda: Bid.objects.filter(
            state=BidState.OPENED, challenge__state=ChallengeState.OPENED, supplement_received_at=None
        ),
        "challenges:bid",
        lambda row: row.public_id,
        lambda row: str(row.challenge),
        acts=("bidder",),
        overdue=("bidder", "handlers"),
        days_before=1,
    ),
    DueDay(
        Seat,
        "answer_due_at",
        _("评审任务答复期限"),
        lambda: Seat.objects.filter(state=SeatState.NOTIFIED),
        "challenges:seat",
        lambda row: row.public_id,
        lambda row: str(row.panel.challenge),
        acts=("expert",),
        overdue=("expert", "handlers"),
        days_before=1,
        job="challenges.time_out_seats",
    ),
    DueDay(
        Award,
        "contract_due_on",
        _("签约期限"),
        lambda: Award.objects.filter(state=AwardState.AWARDED, decision__challenge__state=ChallengeState.AWARDED),
        "challenges:challenge",
        lambda row: _challenge_key(row.bid.challenge),
        lambda row: str(row.bid.challenge),
        acts=("solver", "demander", "handlers"),
        days_before=7,
        job="challenges.flag_late_contracts",
        after="challenge.contract_late",
    ),
    DueDay(
        Publicity,
        "last_day",
        _("公示最后一天"),
        lambda: Publicity.objects.filter(state=PublicityState.RUNNING),
        "challenges:publicity",
        lambda row: row.public_id,
        lambda row: str(row.challenge or row.annual_list),
        acts=("handlers", "approvers"),
        days_before=1,
        job="challenges.end_publicities",
        after="challenge.publicity_ended",
    ),
    DueDay(
        Objection,
        "reply_due_on",
        _("异议答复期限"),
        lambda: Objection.objects.filter(state=ObjectionState.INVESTIGATING),
        "challenges:objection",
        lambda row: row.public_id,
        lambda row: str(row.publicity.challenge or row.publicity.annual_list),
        acts=("objection_handler",),
        overdue=("supervisors",),
    ),
    DueDay(
        Project,
        "ends_on",
        _("项目到期日"),
        lambda: _PROJECTS.filter(state=ProjectState.IN_PROGRESS),
        "challenges:project",
        lambda row: row.public_id,
        lambda row: str(row.challenge),
        acts=("solver", "demander"),
        overdue=("solver", "demander", "handlers"),
        days_before=30,
    ),
    DueDay(
        Project,
        "rectification_due_on",
        _("整改期限"),
        lambda: _PROJECTS.filter(state=ProjectState.RECTIFYING),
        "challenges:project",
        lambda row: row.public_id,
        lambda row: str(row.challenge),
        acts=("solver",),
        overdue=("solver", "handlers", "approvers"),
        days_before=7,
    ),
    DueDay(
        Milestone,
        "due_on",
        _("里程碑期限"),
        lambda: Milestone.objects.filter(
            state__in=(MilestoneState.PLANNED, MilestoneState.FAILED),
            project__state__in=(ProjectState.IN_PROGRESS, ProjectState.OVERDUE),
        ),
        "challenges:project",
        lambda row: row.project.public_id,
        lambda row: f"{row.project.challenge} {row.title}",
        acts=("solver",),
        overdue=("solver", "handlers"),
        days_before=14,
    ),
    DueDay(
        Acceptance,
        "decide_by",
        _("验收办结期限"),
        lambda: Acceptance.objects.filter(
            concluded_at=None, project__state__in=(ProjectState.ACCEPTANCE_APPLIED, ProjectState.ACCEPTING)
        ),
        "challenges:project",
        lambda row: row.project.public_id,
        lambda row: str(row.project.challenge),
        acts=("handlers", "approvers"),
        overdue=("handlers", "approvers", "supervisors"),
        days_before=7,
    ),
)
DUE_DAYS: Mapping[str, DueDay] = {entry.name: entry for entry in _ALL}
#: Days that nobody has to keep, and why.
NOT_DUE: Mapping[str, str] = {
    "challengeversion.deadline_at": "what the version said; the challenge's own deadline_at is the one that counts",
    "affiliation.valid_until": "validity of a tie, asked of the calendar wherever ties are read",
    "creditentry.ends_on": "validity of an entry, asked of the calendar at each of the four gates",
}


def waits(row: Any, field: str) -> bool:
    """Whether anybody still has to act before this day of this row."""
    entry = DUE_DAYS[f"{row._meta.model_name}.{field}"]
    return getattr(row, field) is not None and entry.waiting().filter(pk=row.pk).exists()
