"""What waits for people in the life of a capability."""

from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.enums import Role
from accounts.permissions import has_role
from core import todos
from core.clock import today
from core.todos import Duty, Expectation
from vendors.confirmations import confirmations_waiting_for
from vendors.enums import CapabilityState, ConfirmationState
from vendors.models import Capability, CaseConfirmation
from vendors.permissions import ANSWERING_ROLES
from vendors.selectors import own_capabilities, verification_queue
from vendors.states import CAPABILITY_MACHINE, RENEWAL_WINDOW

SINCE = todos.by_trail(CAPABILITY_MACHINE, "vendors.capability")


def own_where(condition: Q) -> todos.Rows:
    """Capabilities of the organisation of which this is so, for its vendor's staff."""

    def rows(user: Any) -> QuerySet[Capability]:
        own = own_capabilities(user).filter(condition)
        return own if has_role(user, Role.VENDOR_STAFF) else own.none()

    return rows


def ending_or_ended(user: Any) -> QuerySet[Capability]:
    """Listed ones in their last sixty days, and those whose twelve months are over."""
    soon = today() + RENEWAL_WINDOW
    ends = Q(state=CapabilityState.LISTED, expires_on__lte=soon) | Q(state=CapabilityState.EXPIRED)
    return own_where(ends)(user)


def asked_customers(user: Any) -> QuerySet[CaseConfirmation]:
    """Questions to customers of the organisation's own cases that wait for an answer."""
    waiting = CaseConfirmation.objects.filter(
        state=ConfirmationState.ASKED, case__capability__vendor__organisation_id=user.current_organisation_id
    )
    return waiting.select_related("case__capability") if has_role(user, Role.VENDOR_STAFF) else waiting.none()


def edit_page(capability: Capability) -> str:
    return reverse("vendors:edit", args=[capability.key])


todos.register(
    Duty(
        "case.confirm",
        _("确认供给方的交付案例"),
        roles=frozenset(ANSWERING_ROLES),
        rows=confirmations_waiting_for,
        title=lambda confirmation: str(confirmation.case),
        url=lambda confirmation: reverse("vendors:case_answer", args=[confirmation.public_id]),
        since=todos.by_field("asked_at"),
        due=lambda confirmation: confirmation.lapses_at,
        told_by="case.waits_for_customer",
    ),
    Duty(
        "capability.supplement",
        _("补充后重新提交核验"),
        roles=frozenset({Role.VENDOR_STAFF}),
        rows=own_where(Q(state=CapabilityState.RETURNED)),
        title=lambda capability: capability.title,
        url=edit_page,
        since=SINCE,
        everything="vendors:own",
        told_by="capability.returned",
    ),
    Duty(
        "capability.draft",
        _("继续登记能力"),
        roles=frozenset({Role.VENDOR_STAFF}),
        rows=own_where(Q(state=CapabilityState.DRAFT)),
        title=lambda capability: capability.title,
        url=edit_page,
        since=todos.by_field("updated_at"),
        everything="vendors:own",
        own_work=True,
    ),
    Duty(
        "capability.verify",
        _("核验能力"),
        roles=frozenset({Role.FIRST_REVIEWER, Role.PROVINCIAL_REVIEWER}),
        rows=verification_queue,
        title=lambda capability: capability.title,
        url=lambda capability: reverse("vendors:verification", args=[capability.key]),
        since=todos.by_field("submitted_at"),
        everything="vendors:verification_queue",
        told_by="capability.waits_for_verification",
    ),
    Duty(
        "capability.list",
        _("上架已通过核验的能力"),
        roles=frozenset({Role.VENDOR_STAFF}),
        rows=own_where(Q(state=CapabilityState.VERIFIED)),
        title=lambda capability: capability.title,
        url=edit_page,
        since=SINCE,
        everything="vendors:own",
        told_by="capability.verified",
    ),
    Duty(
        "capability.renew",
        _("续期即将到期的能力"),
        roles=frozenset({Role.VENDOR_STAFF}),
        rows=ending_or_ended,
        title=lambda capability: capability.title,
        url=edit_page,
        due=lambda capability: capability.expires_on,
        everything="vendors:own",
        told_by="capability.expiring",
    ),
)

todos.expect(
    Expectation(
        "capability.verification",
        _("能力核验"),
        _("核验单位"),
        roles=frozenset({Role.VENDOR_STAFF}),
        rows=own_where(Q(state=CapabilityState.SUBMITTED)),
        title=lambda capability: capability.title,
        url=edit_page,
        since=todos.by_field("submitted_at"),
    ),
    Expectation(
        "case.confirmation",
        _("客户确认交付案例"),
        _("客户单位"),
        roles=frozenset({Role.VENDOR_STAFF}),
        rows=asked_customers,
        title=lambda confirmation: str(confirmation.case),
        url=lambda confirmation: reverse("vendors:cases", args=[confirmation.case.capability.key]),
        since=todos.by_field("asked_at"),
        due=lambda confirmation: confirmation.lapses_at,
    ),
)
