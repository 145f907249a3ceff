"""Officers: their keys before the publication, their layers after the freeze."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from challenges.enums import AnnualListState, ChallengeState, EnvelopeKind, OpeningState
from challenges.models import Challenge, Opener, Opening
from challenges.permissions import is_in_office, office_of
from challenges.selectors import openers_of
from challenges.services.openings import scores_are_locked
from challenges.todos.rows import SINCE, challenges_in, title_of, title_of_challenge
from core import todos
from core.todos import Duty

S = ChallengeState
UNPUBLISHED = (AnnualListState.PREPARING, AnnualListState.LIST_PUBLICITY, AnnualListState.IN_REVIEW)


def keyless_offices(user: Any) -> list[Opener]:
    """Appointments to lists still in the making, without a key."""
    return [one for one in openers_of(user) if one.key_id is None and one.annual_list.state in UNPUBLISHED]


def officers(**which: Any) -> list[Any]:
    """Officers in office, each acting for the organisation of the appointment."""
    appointed = Opener.objects.filter(replaced_at=None, **which).select_related("user", "organisation")
    people = []
    for opener in appointed:
        if is_in_office(opener):
            opener.user.current_organisation = opener.organisation
            people.append(opener.user)
    return people


def keyless_officers() -> list[Any]:
    return officers(key=None, annual_list__state__in=UNPUBLISHED)


def technical_unopened() -> QuerySet[Challenge]:
    return challenges_in(S.CLOSED)().exclude(frozen_at=None)


def prices_unopened() -> QuerySet[Challenge]:
    return challenges_in(S.REVIEWING)().filter(price_opened_at=None)


def to_open_technical(user: Any) -> list[Challenge]:
    """Frozen challenges of the person's lists whose ceremony nobody has begun."""
    return [one for one in technical_unopened() if office_of(user, one.annual_list_id) and not _begun(one, "technical")]


def to_open_prices(user: Any) -> list[Challenge]:
    return [
        one
        for one in prices_unopened()
        if scores_are_locked(one) and office_of(user, one.annual_list_id) and not _begun(one, "price")
    ]


def _begun(challenge: Challenge, kind: str) -> bool:
    return challenge.openings.filter(kind=kind, state=OpeningState.RUNNING).exists()


def running() -> QuerySet[Opening]:
    related = ("challenge", "challenge__programme", "challenge__annual_list")
    return Opening.objects.filter(state=OpeningState.RUNNING).select_related(*related)


def turns(user: Any) -> list[Opening]:
    """Ceremonies under way in which the next layer is the person's own."""
    found = []
    for opening in running():
        office = office_of(user, opening.challenge.annual_list_id)
        position = opening.layers.count()
        if office is None or office.key is None or position >= len(opening.officers):
            continue
        if opening.officers[position] == str(office.key.public_id):
            found.append(opening)
    return found


def opening_page(challenge: Challenge, kind: str) -> str:
    return reverse("challenges:opening", args=[challenge.code, kind])


todos.register(
    Duty(
        "opener.key",
        _("生成并登记开启密钥"),
        roles=frozenset(),
        rows=keyless_offices,
        title=lambda opener: opener.annual_list.title,
        url=lambda _opener: reverse("challenges:officer_keys"),
        since=todos.by_field("appointed_at"),
        everything="challenges:board",
        holders=keyless_officers,
    ),
    Duty(
        "opening.technical",
        _("开启技术标书"),
        roles=frozenset(),
        rows=to_open_technical,
        title=title_of,
        url=lambda challenge: opening_page(challenge, EnvelopeKind.TECHNICAL),
        since=todos.by_field("frozen_at"),
        everything="challenges:board",
        told_by="challenge.openers_called",
    ),
    Duty(
        "opening.price",
        _("开启报价"),
        roles=frozenset(),
        rows=to_open_prices,
        title=title_of,
        url=lambda challenge: opening_page(challenge, EnvelopeKind.PRICE),
        since=SINCE,
        everything="challenges:board",
        holders=lambda: officers(annual_list__challenges__in=prices_unopened()),
    ),
    Duty(
        "opening.turn",
        _("轮到您解开一层"),
        roles=frozenset(),
        rows=turns,
        title=title_of_challenge,
        url=lambda opening: opening_page(opening.challenge, opening.kind),
        since=todos.by_field("started_at"),
        everything="challenges:board",
        holders=lambda: officers(annual_list__challenges__openings__state=OpeningState.RUNNING),
    ),
)
