"""Engagements: interest of a verified vendor, and the steps both sides take (domain.md §3.3; V19, V20)."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.enums import Role
from accounts.models import User
from accounts.permissions import has_role, organisation_of
from core import audit, outbox
from core.clock import database_now, now, today
from core.errors import DomainError, InvalidInput, NotPermitted, ObjectNotFound
from core.transitions import transition
from core.working_days import period
from matching.enums import EngagementState, ProcurementMethod
from matching.events import EngagementMoved
from matching.models import Engagement
from matching.permissions import acts_for_demand, acts_for_either, may_see_engagement
from matching.states import ENGAGEMENT_MACHINE
from matching.terms import terms_digest, terms_of
from scenarios.enums import ScenarioState
from scenarios.models import Scenario
from vendors.models import Capability
from vendors.selectors import own_profile

#: domain.md §3.3: the owner's first answer.
ANSWER_WORKING_DAYS = 10
LONGEST_TRIAL_DAYS = 184
#: What the public reads on a demand, from the furthest engagement (domain.md §3.3, public vocabulary).
PUBLIC_ORDER = (
    EngagementState.MATCHING,
    EngagementState.TRIAL,
    EngagementState.INTENT,
    EngagementState.CONTRACTED,
    EngagementState.DELIVERED,
)


def engagements_of(user: Any) -> QuerySet[Engagement]:
    """Engagements of the organisation the person acts for, on either side, newest first."""
    own = organisation_of(user)
    rows = Engagement.objects.select_related("scenario__owner", "vendor__organisation", "capability")
    if own is None:
        return rows.none()
    return rows.filter(scenario__owner=own) | rows.filter(vendor__organisation=own)


def engagement_for(user: Any, public_id: Any) -> Engagement:
    """The one door; another vendor does not learn that it exists."""
    found = (
        Engagement.objects.select_related("scenario__owner", "scenario__region", "vendor__organisation", "capability")
        .filter(public_id=public_id)
        .first()
    )
    if found is None or not may_see_engagement(user, found):
        raise ObjectNotFound()
    return found


def public_progress(scenario: Scenario) -> str:
    """The label everybody reads: 待撮合 until somebody talks, then the furthest step. Names nobody.

    A demand that is suspended or has ended, and where nothing further was reached, says so instead of waiting.
    """
    states = set(scenario.engagements.values_list("state", flat=True))
    reached = [state for state in PUBLIC_ORDER if state in states]
    if reached:
        return str(EngagementState(reached[-1]).label)
    return str(_("待撮合")) if scenario.state == ScenarioState.LISTED else str(scenario.get_state_display())


def interest_refusal(scenario: Scenario) -> str:
    """Why a demand takes no interest now, for people; "" while it is listed, in force and its deadline not passed."""
    if scenario.state == ScenarioState.SUSPENDED:
        return _("这项需求已暂停对接，恢复后才能表达意向。")
    if scenario.state != ScenarioState.LISTED:
        return _("这项需求当前为“%s”，不再接受新的意向。") % scenario.get_state_display()
    if scenario.deadline_at is not None and scenario.deadline_at <= database_now():
        return _("这项需求的响应截止时间已过，不再接受新的意向。")
    if scenario.valid_until is not None and scenario.valid_until < today():
        return _("这项需求的有效期已过，不再接受新的意向。")
    return ""


@transaction.atomic
def engagement_begin(
    *, scenario_id: int, acting_user: User, message: str, capability_id: int | None = None
) -> Engagement:
    """A verified vendor expresses interest in a listed demand; the owner answers within ten working days."""
    profile = own_profile(acting_user)
    if profile is None or not has_role(acting_user, Role.VENDOR_STAFF):
        raise NotPermitted(_("表达意向需要“供给方经办人”角色和供给方资料。"))
    scenario = Scenario.objects.select_for_update(of=("self",)).select_related("owner").filter(pk=scenario_id).first()
    if scenario is None or not scenario.is_public:
        raise ObjectNotFound()
    if refusal := interest_refusal(scenario):
        raise DomainError(refusal, code="takes_no_interest")
    if not profile.organisation.is_verified:
        raise DomainError(_("本单位尚未通过核验，核验后才能表达意向。"), code="vendor_not_verified")
    if profile.organisation_id == scenario.owner_id:
        raise DomainError(_("不能对接本单位自己的需求。"), code="own_demand")
    if not message.strip():
        raise InvalidInput({"message": [_("请写明能提供什么、有什么依据。")]})
    if Engagement.objects.filter(scenario=scenario, vendor=profile).exclude(state=EngagementState.CLOSED).exists():
        raise DomainError(_("已经表达过意向，请在“对接”中继续。"), code="already_engaged")
    capability = Capability.objects.filter(pk=capability_id, vendor=profile).first() if capability_id else None
    engagement = Engagement.objects.create(
        scenario=scenario,
        vendor=profile,
        capability=capability,
        message=message.strip(),
        created_by=acting_user,
        respond_by=period(today(), ANSWER_WORKING_DAYS).last_day,
    )
    audit.record(acting_user, "matching.engagement.begin", engagement)
    outbox.publish(EngagementMoved(engagement.pk, "begin", engagement.state, by_owner=False))
    return engagement


def _locked(public_id: UUID, acting_user: User) -> Engagement:
    found = (
        Engagement.objects.select_for_update(of=("self",))
        .select_related("scenario__owner", "vendor__organisation")
        .filter(public_id=public_id)
        .first()
    )
    if found is None or not acts_for_either(acting_user, found):
        raise ObjectNotFound()
    return found


def _move(
    engagement: Engagement, action: str, acting_user: User, context: Mapping[str, Any], fields: Sequence[str] = ()
) -> Engagement:
    engagement.moved_at = now()
    source = transition(
        engagement,
        action,
        ENGAGEMENT_MACHINE,
        by=acting_user,
        context=context,
        update_fields=["moved_at", *fields],
    )
    audit.record(acting_user, f"matching.engagement.{action}", engagement, {"from": source})
    outbox.publish(
        EngagementMoved(engagement.pk, action, engagement.state, by_owner=acts_for_demand(acting_user, engagement))
    )
    return engagement


@transaction.atomic
def engagement_accept(*, public_id: UUID, acting_user: User) -> Engagement:
    return _move(_locked(public_id, acting_user), "accept", acting_user, {})


@transaction.atomic
def engagement_trial(*, public_id: UUID, acting_user: User, trial_plan: str, trial_ends_on: date | None) -> Engagement:
    """先试后转: a trial is agreed in writing, ends, pays nothing and awards nothing."""
    engagement = _locked(public_id, acting_user)
    engagement.trial_plan, engagement.trial_ends_on = trial_plan.strip(), trial_ends_on
    too_long = trial_ends_on is not None and not 0 < (trial_ends_on - today()).days <= LONGEST_TRIAL_DAYS
    return _move(
        engagement,
        "trial",
        acting_user,
        {"trial_plan": trial_plan, "trial_ends_on": trial_ends_on, "trial_too_long": too_long},
        ["trial_plan", "trial_ends_on"],
    )


@transaction.atomic
def engagement_confirm(
    *,
    public_id: UUID,
    acting_user: User,
    step: str,
    values: Mapping[str, Any] | None = None,
    seen: str | None = None,
) -> Engagement:
    """One side confirms intent, contract or delivery: the terms as they stand, with its own `values` put in.

    The step is taken when both sides confirmed the same terms, by digest. Until then it is only a claim and the state
    does not change. Values that change the terms take the other side's confirmation back, and tell it. `seen` is the
    digest of the terms that the person was shown; other terms meanwhile are a DomainError (`terms_changed`).
    """
    engagement = _locked(public_id, acting_user)
    machine_step = ENGAGEMENT_MACHINE.get(step)
    if machine_step is None or step not in ("intent", "contract", "deliver"):
        raise InvalidInput({"step": [_("没有这种操作。")]})
    if engagement.state not in machine_step.sources:
        raise DomainError(
            _("当前状态为“%s”，不能进行这项操作。") % engagement.get_state_display(), code="illegal_transition"
        )
    before, former = terms_of(engagement, step), terms_digest(engagement, step)
    if seen is not None and seen != former:
        raise DomainError(_("对方刚刚修改了确认的内容，请核对下面列出的差异后再确认。"), code="terms_changed")
    _apply(engagement, values or {})
    own, other = ("owner", "vendor") if acts_for_demand(acting_user, engagement) else ("vendor", "owner")
    digest = terms_digest(engagement, step)
    engagement.confirmations += 1
    setattr(engagement, f"{own}_confirms", step)
    setattr(engagement, f"{own}_digest", digest)
    changed = digest != former and getattr(engagement, f"{other}_confirms") == step
    if changed:
        setattr(engagement, f"{other}_confirms", "")
        setattr(engagement, f"{other}_digest", "")
        engagement.overtaken = {"step": step, "by": other, "terms": before}
    if _both_confirmed(engagement, step, digest):
        engagement.overtaken = None
        _move(engagement, step, acting_user, {"step": step}, _FIELDS)
        return engagement
    for guard in machine_step.guards[1:]:
        reasons = guard(engagement, {"step": step})
        if reasons:
            raise InvalidInput({reason.field: [str(reason.message)] for reason in reasons})
    engagement.save(update_fields=_FIELDS)
    action = f"{'change' if changed else 'confirm'}_{step}"
    audit.record(acting_user, "matching.engagement.confirm", engagement, {"step": step, "terms": digest})
    outbox.publish(
        EngagementMoved(engagement.pk, action, engagement.state, by_owner=own == "owner", turn=engagement.confirmations)
    )
    return engagement


def _both_confirmed(engagement: Engagement, step: str, digest: str) -> bool:
    """Both sides, the same step and terms. Confirmed before digests were kept, it counts for the terms unchanged."""
    sides = (
        (engagement.owner_confirms, engagement.owner_digest or digest),
        (engagement.vendor_confirms, engagement.vendor_digest or digest),
    )
    return all(side == (step, digest) for side in sides)


_FIELDS = [
    "owner_confirms",
    "vendor_confirms",
    "owner_digest",
    "vendor_digest",
    "confirmations",
    "overtaken",
    "procurement_method",
    "procurement_number",
    "contract_digest",
    "amount_fen",
    "outcome",
]


def _apply(engagement: Engagement, values: Mapping[str, Any]) -> None:
    method = values.get("procurement_method") or ""
    if method and method not in ProcurementMethod.values:
        raise InvalidInput({"procurement_method": [_("请从给出的选项中选择。")]})
    for name in ("procurement_method", "procurement_number", "outcome"):
        if values.get(name):
            setattr(engagement, name, str(values[name]).strip())
    if values.get("amount_fen") is not None:
        engagement.amount_fen = values["amount_fen"]
    if values.get("contract"):
        # The file itself is the parties' own; its digest is enough to tell two texts apart later.
        engagement.contract_digest = hashlib.sha256(values["contract"]).hexdigest()


@transaction.atomic
def engagement_close(*, public_id: UUID, acting_user: User, comment: str) -> Engagement:
    """Either side ends it, with a reason the other reads."""
    engagement = _locked(public_id, acting_user)
    engagement.closing_reason = comment.strip()
    return _move(engagement, "close", acting_user, {"comment": comment}, ["closing_reason"])
