"""How people come into an organisation and leave it: invited, by their own acceptance, and out whenever they like.

A membership counts against its holder (domain.md §6: nobody acts on both sides of one item), so nobody can be made a
member by somebody else. What an invitation answers never depends on whether an account goes by the name that was typed.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.enums import ADMINISTRATOR_ROLES, InvitationState, Role
from accounts.events import MembershipBegan, PersonInvited
from accounts.models import Membership, MembershipInvitation, Organisation, RoleGrant, User
from accounts.permissions import forget_roles, has_role, may_manage_organisation
from core import audit, outbox
from core.clock import now
from core.errors import DomainError, InvalidInput, NotPermitted, ObjectNotFound

LAPSES_AFTER = timedelta(days=14)
#: Of a user name and of what the form takes.
LONGEST_WORDS = 150
#: More open invitations than this at once are not of use to an organisation, and would be to somebody who tries names.
MOST_OPEN = 50


def may_invite(user: Any, organisation: Organisation) -> bool:
    return may_manage_organisation(user, organisation) or has_role(user, Role.SECURITY_ADMINISTRATOR)


# --- inviting ----------------------------------------------------------------------------------------------------


@transaction.atomic
def member_invite(*, organisation_id: int, username_or_email: str, acting_user: User) -> MembershipInvitation:
    """Ask whoever goes by this name or address to become a member; lapses after a fortnight.

    The same rows, the same event and the same answer whether or not there is such an account. Asking again while an
    invitation to the same words is open gives that one. Raises ObjectNotFound for an organisation one does not manage,
    InvalidInput for no words, too many words, or too many open invitations.
    """
    organisation = Organisation.objects.select_for_update().filter(pk=organisation_id).first()
    if organisation is None or not may_invite(acting_user, organisation):
        raise ObjectNotFound()
    words = username_or_email.strip()
    if not words or len(words) > LONGEST_WORDS:
        raise InvalidInput({"username": [_("请填写对方的用户名或邮箱，最多 150 个字。")]})
    still_open = invitations_open().filter(organisation=organisation)
    before = still_open.filter(addressed_to__iexact=words).first()
    if before is not None:
        return before
    if still_open.count() >= MOST_OPEN:
        raise InvalidInput({"username": [_("等待接受的邀请已有 %d 个，请先撤回不再需要的。") % MOST_OPEN]})
    invitation = MembershipInvitation.objects.create(
        organisation=organisation,
        addressed_to=words,
        person=_account_that_goes_by(words),
        invited_by=acting_user,
        lapses_at=now() + LAPSES_AFTER,
    )
    audit.record(acting_user, "accounts.invitation.create", invitation)
    outbox.publish(PersonInvited(invitation.pk))
    return invitation


def _account_that_goes_by(words: str) -> User | None:
    """By user name before by address, in one query either way."""
    found = User.objects.filter(Q(username__iexact=words) | Q(email__iexact=words), is_active=True)
    people = sorted(found, key=lambda person: (person.username.lower() != words.lower(), person.pk))
    return people[0] if people else None


@transaction.atomic
def invitation_withdraw(*, public_id: UUID, acting_user: User) -> MembershipInvitation:
    """Take an open invitation back. Declined and lapsed ones answer as open ones do: who made it learns nothing."""
    invitation = (
        MembershipInvitation.objects.select_for_update(of=("self",))
        .select_related("organisation")
        .filter(public_id=public_id)
        .exclude(state=InvitationState.ACCEPTED)
        .first()
    )
    if invitation is None or not may_invite(acting_user, invitation.organisation):
        raise ObjectNotFound()
    if invitation.state != InvitationState.WITHDRAWN:
        _answer(invitation, InvitationState.WITHDRAWN)
        audit.record(acting_user, "accounts.invitation.withdraw", invitation)
    return invitation


def invitations_open() -> QuerySet[MembershipInvitation]:
    return MembershipInvitation.objects.filter(state=InvitationState.OPEN, lapses_at__gt=now())


def invitations_of(user: Any, organisation: Organisation) -> QuerySet[MembershipInvitation]:
    """What an organisation has asked and nobody accepted yet, without a word about who is behind a name.

    A declined one stays in the list until it lapses, as one to an unknown name does.
    """
    if not may_invite(user, organisation):
        return MembershipInvitation.objects.none()
    return organisation.membership_invitations.filter(
        state__in=(InvitationState.OPEN, InvitationState.DECLINED), lapses_at__gt=now()
    ).order_by("-pk")


def invitations_to(user: User) -> QuerySet[MembershipInvitation]:
    """What waits for this person's own answer."""
    return invitations_open().filter(person=user).select_related("organisation", "invited_by")


# --- answering ---------------------------------------------------------------------------------------------------


def _asked(public_id: UUID, acting_user: User) -> MembershipInvitation:
    invitation = (
        MembershipInvitation.objects.select_for_update(of=("self",))
        .select_related("organisation")
        .filter(public_id=public_id, person=acting_user)
        .first()
    )
    if invitation is None:
        raise ObjectNotFound()
    if invitation.state != InvitationState.OPEN:
        raise DomainError(_("这个邀请已经处理过：%s。") % invitation.get_state_display(), code="invitation_answered")
    if invitation.lapses_at <= now():
        raise DomainError(_("这个邀请已过期，请对方重新邀请。"), code="invitation_lapsed")
    return invitation


def _answer(invitation: MembershipInvitation, state: str) -> None:
    invitation.state, invitation.answered_at = state, now()
    invitation.save(update_fields=["state", "answered_at"])


@transaction.atomic
def invitation_accept(*, public_id: UUID, acting_user: User) -> Membership:
    """Become a member, without roles, by one's own decision.

    Raises ObjectNotFound for somebody else's invitation, DomainError for one that was answered or has lapsed,
    NotPermitted for one of the three administrators (三员分立, domain.md §5.7).
    """
    invitation = _asked(public_id, acting_user)
    organisation = invitation.organisation
    held = RoleGrant.objects.filter(
        membership__user=acting_user, membership__ended_at__isnull=True, role__in=ADMINISTRATOR_ROLES
    )
    if held.exists():
        raise NotPermitted(_("系统、安全、审计管理员账号不能兼任其他机构的成员。"))
    if organisation.is_suspended:
        raise DomainError(_("该机构已停用，暂不能加入。"), code="organisation_suspended")
    _answer(invitation, InvitationState.ACCEPTED)
    membership, made = Membership.objects.get_or_create(user=acting_user, organisation=organisation, ended_at=None)
    forget_roles(acting_user)
    audit.record(acting_user, "accounts.invitation.accept", invitation)
    if made:
        audit.record(acting_user, "accounts.membership.begin", membership)
        outbox.publish(MembershipBegan(membership.pk))
    return membership


@transaction.atomic
def invitation_decline(*, public_id: UUID, acting_user: User) -> MembershipInvitation:
    """Say no; the organisation is not told."""
    invitation = _asked(public_id, acting_user)
    _answer(invitation, InvitationState.DECLINED)
    audit.record(acting_user, "accounts.invitation.decline", invitation)
    return invitation


# --- leaving -----------------------------------------------------------------------------------------------------


@transaction.atomic
def member_end(*, membership_id: int, acting_user: User) -> Membership:
    """End a membership: access is gone with the person's next click. The last manager cannot leave unnoticed."""
    membership = _membership_in_force(membership_id)
    if membership is None or not may_invite(acting_user, membership.organisation):
        raise ObjectNotFound()
    return _end(membership, "accounts.membership.end", acting_user)


@transaction.atomic
def membership_leave(*, membership_id: int, acting_user: User) -> Membership:
    """Leave by one's own decision. What one took part in stays on record, and so do conflicts of interest."""
    membership = _membership_in_force(membership_id)
    if membership is None or membership.user_id != acting_user.pk:
        raise ObjectNotFound()
    return _end(membership, "accounts.membership.leave", acting_user)


def _membership_in_force(membership_id: int) -> Membership | None:
    """Under the organisation's lock, so that two managers who leave at once do not both count the other."""
    found = Membership.objects.filter(pk=membership_id).values_list("organisation_id", flat=True).first()
    if found is None:
        return None
    Organisation.objects.select_for_update().get(pk=found)
    return Membership.objects.active().select_related("organisation").filter(pk=membership_id).first()


def _end(membership: Membership, action: str, acting_user: User) -> Membership:
    managers = RoleGrant.objects.filter(
        membership__organisation=membership.organisation,
        membership__ended_at__isnull=True,
        role=Role.ORGANISATION_MANAGER,
    )
    if managers.filter(membership=membership).exists() and managers.count() == 1:
        raise DomainError(_("这是本机构唯一的管理员，请先指定另一位管理员。"), code="last_manager")
    membership.ended_at = now()
    membership.save(update_fields=["ended_at"])
    forget_roles(acting_user)
    audit.record(acting_user, action, membership)
    return membership
