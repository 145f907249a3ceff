"""Who is told of a due day of 揭榜挂帅: the words of `challenges.due_days` as people."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts.enums import Role
from accounts.models import User
from challenges.due_days import DUE_DAYS, days_left
from challenges.enums import ChallengeState, ObjectionState
from challenges.events import DueDayReached, PublicityEnded
from challenges.models import Challenge, Publicity
from core.clock import BEIJING
from core.outbox import subscribe
from notifications.selectors import demand_side_of, people_with_role, supply_side_of
from notifications.services import notify

People = Iterable[User]


def _programme(row: Any) -> Any:
    return row.programme if hasattr(row, "programme") else _challenge_of(row).programme


def _challenge_of(row: Any) -> Challenge:
    """The challenge a row belongs to, whichever way leads there."""
    for path in (("challenge",), ("bid", "challenge"), ("panel", "challenge"), ("project", "challenge")):
        found = row
        for name in path:
            found = getattr(found, name, None)
        if isinstance(found, Challenge):
            return found
    return row


def _owner_side(role: str) -> Callable[[Any], People]:
    """People of the department that runs it; of a list's publicity as of a challenge's."""

    def people(row: Any) -> People:
        if isinstance(row, Publicity) and row.annual_list is not None:
            return people_with_role(role, organisation=row.annual_list.programme.owner)
        return people_with_role(role, organisation=_programme(row).owner)

    return people


def _drafters(programme: Any) -> People:
    states = (ChallengeState.DRAFT, ChallengeState.RETURNED)
    drafts = programme.challenges.filter(state__in=states).select_related("demander")
    return [person for row in drafts for person in demand_side_of(row.demander)]


def _first_reviewers(programme: Any) -> People:
    waiting = programme.challenges.filter(state=ChallengeState.SUBMITTED).select_related("region", "demander__region")
    return [
        person
        for row in waiting
        for person in people_with_role(Role.FIRST_REVIEWER, region=row.region or row.demander.region)
    ]


def _followers(challenge: Challenge) -> People:
    rows = challenge.followers.select_related("organisation")
    return [person for row in rows for person in supply_side_of(row.organisation)]


def _solver(row: Any) -> People:
    if hasattr(row, "bid"):
        return supply_side_of(row.bid.organisation)
    return supply_side_of((row.project if hasattr(row, "project") else row).solver)


PEOPLE: Mapping[str, Callable[[Any], People]] = {
    "drafters": _drafters,
    "first_reviewers": _first_reviewers,
    "programme_handlers": lambda row: people_with_role(Role.SCIENCE_HANDLER, organisation=row.owner),
    "list_handlers": _owner_side(Role.SCIENCE_HANDLER),
    "handlers": _owner_side(Role.SCIENCE_HANDLER),
    "approvers": _owner_side(Role.SCIENCE_APPROVER),
    "supervisors": lambda _row: people_with_role(Role.SUPERVISOR),
    "demander": lambda row: demand_side_of(_challenge_of(row).demander),
    "followers": _followers,
    "bidder": lambda row: supply_side_of(row.organisation),
    "solver": _solver,
    "expert": lambda row: [row.expert.user] if row.expert.user is not None else [],
    "objection_handler": lambda row: [row.handler] if row.handler is not None else [],
}


def _day(value: date | datetime) -> str:
    return value.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else value.isoformat()


def _left(value: date | datetime) -> str:
    days = days_left(value)
    return _("就是今天") if days == 0 else _("还有 %d 天") % days


@subscribe(DueDayReached, name="notifications.due_day_reached")
def due_day_reached(event: DueDayReached) -> None:
    """Nothing is said of a day that was moved, or of what was done, before the notice went out."""
    entry = DUE_DAYS.get(event.entry)
    row = entry.model._default_manager.filter(pk=event.row_id).first() if entry is not None else None
    if entry is None or row is None:
        return
    value = getattr(row, entry.field)
    closed_by_job = event.mark == "over"
    if value is None or value.isoformat() != event.day:
        return
    if not closed_by_job and not entry.waiting().filter(pk=row.pk).exists():
        return
    for word in entry.acts if event.mark == "nears" else entry.overdue:
        notify(
            entry.topic(event.mark),
            recipients=PEOPLE[word](row),
            key=f"{event.entry}:{row.pk}:{event.day}",
            values={"what": str(entry.label), "title": entry.about(row), "due": _day(value), "left": _left(value)},
            url_arguments=[str(entry.key(row))],
        )


@subscribe(PublicityEnded, name="notifications.publicity_ended")
def publicity_ended(event: PublicityEnded) -> None:
    """The period is over: handlers and approvers learn that they may go on, or what still stands in the way."""
    publicity = Publicity.objects.select_related("challenge", "annual_list").filter(pk=event.publicity_id).first()
    if publicity is None:
        return
    waiting = publicity.objections.filter(state__in=(ObjectionState.FILED, ObjectionState.INVESTIGATING)).count()
    told = (
        _("还有 %d 件异议没有办结，办结后才能继续。") % waiting if waiting else _("没有未办结的异议，可以办理下一步。")
    )
    people = {person.pk: person for word in ("handlers", "approvers") for person in PEOPLE[word](publicity)}
    notify(
        "challenge.publicity_ended",
        recipients=people.values(),
        key=f"{publicity.pk}:{publicity.last_day}",
        values={
            "title": str(publicity.challenge or publicity.annual_list),
            "last": publicity.last_day.isoformat(),
            "open": told,
        },
        url_arguments=[str(publicity.public_id)],
    )
