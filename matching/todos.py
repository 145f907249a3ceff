"""What waits for the two sides of an engagement."""

from typing import Any

from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.enums import Role
from accounts.permissions import has_role
from accounts.selectors import acting_people
from core import todos
from core.clock import today
from core.todos import Duty, Expectation
from matching.enums import EngagementState
from matching.models import Engagement
from matching.services.engagements import engagements_of

#: The step a side has confirmed is the one both must take from the present state.
CONFIRMING = (EngagementState.MATCHING, EngagementState.TRIAL, EngagementState.INTENT, EngagementState.CONTRACTED)


def demand_side(user: Any) -> QuerySet[Engagement]:
    rows = engagements_of(user).filter(scenario__owner=user.current_organisation_id)
    return rows if has_role(user, Role.DEMAND_SUBMITTER) else rows.none()


def supply_side(user: Any) -> QuerySet[Engagement]:
    rows = engagements_of(user).filter(vendor__organisation=user.current_organisation_id)
    return rows if has_role(user, Role.VENDOR_STAFF) else rows.none()


def to_answer(user: Any) -> QuerySet[Engagement]:
    return demand_side(user).filter(state=EngagementState.INTERESTED)


def to_confirm(user: Any) -> QuerySet[Engagement]:
    """Where the other side has confirmed terms that this side has not."""
    running = Q(state__in=CONFIRMING)
    by_vendor = demand_side(user).filter(running, ~Q(vendor_digest=""), ~Q(vendor_digest=F("owner_digest")))
    by_owner = supply_side(user).filter(running, ~Q(owner_digest=""), ~Q(owner_digest=F("vendor_digest")))
    return by_vendor | by_owner


def trials_over(user: Any) -> QuerySet[Engagement]:
    return demand_side(user).filter(state=EngagementState.TRIAL, trial_ends_on__lt=today())


def owners_of_trials() -> list[Any]:
    over = Engagement.objects.filter(state=EngagementState.TRIAL, trial_ends_on__lt=today())
    return acting_people(Role.DEMAND_SUBMITTER, organisations=over.values("scenario__owner_id"))


def unanswered(user: Any) -> QuerySet[Engagement]:
    return supply_side(user).filter(state=EngagementState.INTERESTED)


def unconfirmed(user: Any) -> QuerySet[Engagement]:
    """Where this side has confirmed terms that the other has not."""
    running = Q(state__in=CONFIRMING)
    as_owner = demand_side(user).filter(running, ~Q(owner_digest=""), ~Q(owner_digest=F("vendor_digest")))
    as_vendor = supply_side(user).filter(running, ~Q(vendor_digest=""), ~Q(vendor_digest=F("owner_digest")))
    return as_owner | as_vendor


def engagement_page(engagement: Engagement) -> str:
    return reverse("matching:engagement", args=[engagement.public_id])


todos.register(
    Duty(
        "engagement.answer",
        _("答复供给方的意向"),
        roles=frozenset({Role.DEMAND_SUBMITTER}),
        rows=to_answer,
        url=engagement_page,
        since=todos.by_field("created_at"),
        due=lambda engagement: engagement.respond_by,
        everything="matching:engagements",
        told_by="engagement.moved",
    ),
    Duty(
        "engagement.confirm",
        _("确认对方已确认的内容"),
        roles=frozenset({Role.DEMAND_SUBMITTER, Role.VENDOR_STAFF}),
        rows=to_confirm,
        url=engagement_page,
        everything="matching:engagements",
        told_by="engagement.moved",
    ),
    Duty(
        "engagement.trial_over",
        _("试用已到期，请定下一步"),
        roles=frozenset({Role.DEMAND_SUBMITTER}),
        rows=trials_over,
        url=engagement_page,
        due=lambda engagement: engagement.trial_ends_on,
        everything="matching:engagements",
        holders=owners_of_trials,
    ),
)

todos.expect(
    Expectation(
        "engagement.answer",
        _("对我方意向的答复"),
        _("需求单位"),
        roles=frozenset({Role.VENDOR_STAFF}),
        rows=unanswered,
        url=engagement_page,
        since=todos.by_field("created_at"),
        due=lambda engagement: engagement.respond_by,
    ),
    Expectation(
        "engagement.confirm",
        _("对方确认同一内容"),
        _("对接的另一方"),
        roles=frozenset({Role.DEMAND_SUBMITTER, Role.VENDOR_STAFF}),
        rows=unconfirmed,
        url=engagement_page,
    ),
)
