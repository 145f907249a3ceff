"""How rows that wait are found: narrowed by the department or the side, then asked of the step itself."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from accounts.enums import Role
from accounts.permissions import has_role, organisation_of
from accounts.selectors import acting_people
from challenges.actions import KINDS
from challenges.models import Challenge
from challenges.states import CHALLENGE_MACHINE
from core import todos

SINCE = todos.by_trail(CHALLENGE_MACHINE, "challenges.challenge")
HANDLER = frozenset({Role.SCIENCE_HANDLER})
APPROVER = frozenset({Role.SCIENCE_APPROVER})
SUPERVISOR = frozenset({Role.SUPERVISOR})
DEMANDER = frozenset({Role.DEMAND_SUBMITTER})
SOLVER = frozenset({Role.VENDOR_STAFF})
EXPERT = frozenset({Role.EXPERT})

Ripe = Callable[[Any], bool]


def _always(_obj: Any) -> bool:
    return True


def offered(kind: str, name: str, waiting: Callable[[], QuerySet[Any]], side: str = "", ripe: Ripe = _always) -> Any:
    """`rows` of a duty: objects of `waiting()` whose step `name` is offered to the person and due now.

    `side` is the path to the organisation that the person must act for; "" asks the step alone.
    """
    step = KINDS[kind][1][name]

    def rows(user: Any) -> list[Any]:
        own = organisation_of(user)
        if own is None:
            return []
        found = waiting().filter(**{side: own}) if side else waiting()
        return [obj for obj in found if step.offered(user, obj) and ripe(obj)]

    return rows


def permitted(
    waiting: Callable[[], QuerySet[Any]], side: str, may: Callable[[Any, Any], bool], ripe: Ripe = _always
) -> Any:
    """As `offered`, for a step with a page of its own: `may(user, obj)` is what that page asks."""

    def rows(user: Any) -> list[Any]:
        own = organisation_of(user)
        if own is None:
            return []
        return [obj for obj in waiting().filter(**{side: own}) if may(user, obj) and ripe(obj)]

    return rows


def holders(role: str, waiting: Callable[[], QuerySet[Any]], side: str) -> Callable[[], Iterable[Any]]:
    """People with the role in the organisations that `side` of the waiting rows names."""
    return lambda: acting_people(role, organisations=set(waiting().order_by().values_list(side, flat=True)))


def supervisors() -> list[Any]:
    return acting_people(Role.SUPERVISOR)


def only(role: str, rows: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Nothing for who does not hold the role in the organisation they act for."""
    return lambda user: rows(user) if has_role(user, role) else []


def challenges_in(*states: str) -> Callable[[], QuerySet[Challenge]]:
    related = ("programme", "programme__owner", "demander", "demander__region", "region", "annual_list")
    return lambda: Challenge.objects.filter(state__in=states).select_related(*related).order_by("pk")


def act(kind: str, name: str) -> Callable[[Any], str]:
    """The page on which the step is taken."""
    return lambda obj: reverse("challenges:act", args=[kind, key_of(obj), name])


def key_of(obj: Any) -> str:
    return str(getattr(obj, "code", None) or obj.public_id)


def page_of(challenge: Challenge) -> str:
    return reverse("challenges:challenge", args=[key_of(challenge)])


def title_of(challenge: Challenge) -> str:
    return str(challenge)


def title_of_challenge(obj: Any) -> str:
    return str(obj.challenge)
