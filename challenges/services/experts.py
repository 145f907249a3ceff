"""Experts of the pool after their entry: corrected, retired, reinstated; never deleted."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from challenges.enums import PanelState
from challenges.events import ExpertMoved
from challenges.expert_rules import EMPLOYMENT_FIELDS, expert_facts, expert_problems
from challenges.models import Employment, Expert, Seat
from challenges.permissions import may_run_programmes
from challenges.services.reserve import IN_OFFICE
from core import audit, outbox
from core.clock import now
from core.errors import DomainError, InvalidInput, NotPermitted, ObjectNotFound


def seats_held(expert: Expert) -> QuerySet[Seat]:
    """Seats on panels that are not done yet."""
    return expert.seats.filter(
        state__in=IN_OFFICE, panel__locked_at=None, panel__state__in=(PanelState.DRAWN, PanelState.WORKING)
    ).select_related("panel__challenge__programme__owner", "expert__user")


def _locked(public_id: UUID, acting_user: User) -> Expert:
    if not may_run_programmes(acting_user):
        raise NotPermitted()
    expert = Expert.objects.select_for_update(of=("self",)).filter(public_id=public_id).first()
    if expert is None:
        raise ObjectNotFound()
    return expert


def _tell(expert: Expert, step: str) -> None:
    outbox.publish(ExpertMoved(expert.pk, step, now().isoformat()))


@transaction.atomic
def expert_edit(
    *,
    expert_public_id: UUID,
    acting_user: User,
    name: str,
    kind: str,
    title: str,
    years: int,
    areas: Sequence[Any] = (),
    employments: Sequence[Mapping[str, Any]] = (),
    user: User | None = None,
) -> Expert:
    """Correct an entry; the trail keeps what stood before. Draws made earlier keep what was true for them.

    The account cannot change while a seat is held: another person would sit in it.
    """
    expert = _locked(expert_public_id, acting_user)
    problems = expert_problems(name=name, title=title, years=years, employments=employments)
    if (user.pk if user is not None else None) != expert.user_id:
        if seats_held(expert).exists():
            problems["username"] = [_("该专家有在任的评审席位，办结或更换之前不能改登录用户。")]
        elif user is not None and Expert.objects.filter(user=user).exists():
            problems["username"] = [_("这个用户已是专家库中的另一名专家。")]
    if problems:
        raise InvalidInput(problems)
    before = expert_facts(expert)
    expert.name, expert.kind, expert.title = name.strip(), kind, title.strip()
    expert.years, expert.user = years, user
    expert.save(update_fields=["name", "kind", "title", "years", "user"])
    expert.areas.set(areas)
    expert.employments.all().delete()
    Employment.objects.bulk_create(
        [Employment(expert=expert, **{key: row[key] for key in EMPLOYMENT_FIELDS if key in row}) for row in employments]
    )
    after = expert_facts(Expert.objects.get(pk=expert.pk))
    changed = [key for key in after if after[key] != before[key]]
    if changed:
        detail = {"before": {key: before[key] for key in changed}, "after": {key: after[key] for key in changed}}
        audit.record(acting_user, "challenges.expert.edit", expert, detail)
        _tell(expert, "edited")
    return expert


@transaction.atomic
def expert_retire(*, expert_public_id: UUID, acting_user: User, reason: str) -> Expert:
    """Out of every later draw and reserve. Seats already held stay; their handlers and the expert are told."""
    return _set_active(expert_public_id, acting_user, reason, active=False)


@transaction.atomic
def expert_reinstate(*, expert_public_id: UUID, acting_user: User, reason: str) -> Expert:
    return _set_active(expert_public_id, acting_user, reason, active=True)


def _set_active(public_id: UUID, acting_user: User, reason: str, *, active: bool) -> Expert:
    expert = _locked(public_id, acting_user)
    if expert.active == active:
        raise DomainError(_("该专家已在库。") if active else _("该专家已出库。"), code="expert_state")
    if not reason.strip():
        raise InvalidInput({"reason": [_("请写明理由。")]})
    expert.active = active
    expert.retired_at, expert.retired_reason = (None, "") if active else (now(), reason.strip())
    expert.save(update_fields=["active", "retired_at", "retired_reason"])
    step = "reinstated" if active else "retired"
    audit.record(acting_user, f"challenges.expert.{step}", expert, {"reason": reason.strip()})
    _tell(expert, step)
    return expert
