"""Roles given and taken. What belongs to the province is given by two security administrators, and taken by one.

Who may hold what stands in accounts/holding.py. A role that needs two persons becomes a proposal: its author, another
security administrator and the person concerned are told, and the other one confirms it or refuses with a reason.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.enums import ROLES_OF_TWO_PERSONS, ProposalState, Role
from accounts.events import RoleProposalDecided, RoleProposed, RolesChanged
from accounts.holding import grant_problems, holding_problems, meeting_problems
from accounts.models import Membership, RoleGrant, RoleProposal, User
from accounts.permissions import has_role, may_grant_role
from accounts.states import PROPOSAL_MACHINE
from core import audit, outbox
from core.clock import now
from core.errors import InvalidInput, NotPermitted, ObjectNotFound
from core.texts import text_problems
from core.transitions import transition


def _locked(membership_id: int) -> Membership:
    membership = (
        Membership.objects.select_for_update(of=("self",))
        .select_related("organisation", "user")
        .filter(pk=membership_id, ended_at__isnull=True)
        .first()
    )
    if membership is None:
        raise ObjectNotFound()
    return membership


@transaction.atomic
def roles_set(*, membership_id: int, roles: Sequence[str], acting_user: User, grounds: str = "") -> Membership:
    """Give a member exactly `roles`, as far as the acting person may give or take each.

    Those of the province that are new become proposals (ROLES_OF_TWO_PERSONS) and are not held until another security
    administrator has confirmed; taking any role away is done at once. Raises NotPermitted for a role the person may
    not give or take; InvalidInput for a role the organisation may not hold, for roles that exclude each other, and
    when administrator roles would be combined with any other (三员分立, domain.md §5.7). Nothing is changed then.
    """
    membership = _locked(membership_id)
    wanted = {str(role) for role in roles}
    unknown = wanted - set(Role.values)
    if unknown:
        raise InvalidInput({"roles": [_("没有这样的角色：%s") % "、".join(sorted(unknown))]})
    held = set(membership.grants.values_list("role", flat=True))
    given, taken = wanted - held, held - wanted
    for role in sorted(given | taken):
        if not may_grant_role(acting_user, membership.organisation, role):
            raise NotPermitted(_("您不能授予或收回“%s”这个角色。") % Role(role).label)
    if wanted != held and membership.user_id == acting_user.pk and has_role(acting_user, Role.SECURITY_ADMINISTRATOR):
        raise NotPermitted(_("安全管理员不能给自己授权。"))
    waiting = set(membership.role_proposals.filter(state=ProposalState.WAITING).values_list("role", flat=True))
    problems = grant_problems(membership, given, wanted | waiting)
    if problems:
        raise InvalidInput({"roles": problems})
    membership.grants.filter(role__in=taken).delete()
    at_once = sorted(given - ROLES_OF_TWO_PERSONS)
    RoleGrant.objects.bulk_create(
        [RoleGrant(membership=membership, role=role, granted_by=acting_user) for role in at_once]
    )
    if at_once or taken:
        audit.record(
            acting_user, "accounts.membership.set_roles", membership, {"given": at_once, "taken": sorted(taken)}
        )
        outbox.publish(RolesChanged(membership.pk))
    for role in sorted((given & ROLES_OF_TWO_PERSONS) - waiting):
        _propose(membership, role, grounds.strip(), acting_user)
    return membership


# --- two persons -------------------------------------------------------------------------------------------------


def _propose(membership: Membership, role: str, grounds: str, acting_user: User) -> RoleProposal:
    proposal = RoleProposal(membership=membership, role=role, grounds=grounds, proposed_by=acting_user)
    problems = text_problems(proposal, {"grounds": grounds})
    if problems:
        raise InvalidInput(problems)
    proposal.save()
    audit.record(acting_user, "accounts.role.propose", proposal, {"role": role, "grounds": grounds})
    outbox.publish(RoleProposed(proposal.pk))
    return proposal


@transaction.atomic
def proposal_decide(*, public_id: UUID, action: str, acting_user: User, comment: str = "") -> RoleProposal:
    """Confirm or refuse what another proposed, or withdraw one's own (PROPOSAL_MACHINE). Confirmed, it is held.

    Raises ObjectNotFound for anybody who is no security administrator, NotPermitted for one's own proposal and for a
    role one would get oneself, IllegalTransition for one that was decided, GuardFailed when it no longer fits (the
    person left, the organisation changed, another role stands against it) and for a refusal without a reason.
    """
    found = RoleProposal.objects.filter(public_id=public_id).values_list("membership_id", flat=True).first()
    if found is None or not has_role(acting_user, Role.SECURITY_ADMINISTRATOR) or action not in PROPOSAL_MACHINE:
        raise ObjectNotFound()
    # The membership first, as roles_set does: who takes roles away and who confirms one wait for each other.
    Membership.objects.select_for_update().get(pk=found)
    proposal = (
        RoleProposal.objects.select_for_update(of=("self",))
        .select_related("membership__organisation", "membership__user")
        .get(public_id=public_id)
    )
    problems = text_problems(proposal, {"comment": comment})
    if problems:
        raise InvalidInput(problems)
    proposal.decided_by, proposal.decided_at, proposal.comment = acting_user, now(), comment.strip()
    transition(
        proposal,
        action,
        PROPOSAL_MACHINE,
        by=acting_user,
        context={"comment": comment},
        update_fields=["decided_by", "decided_at", "comment"],
    )
    audit.record(acting_user, f"accounts.role.{action}", proposal, {"role": proposal.role, "comment": comment.strip()})
    if proposal.state == ProposalState.CONFIRMED:
        RoleGrant.objects.create(
            membership=proposal.membership, role=proposal.role, granted_by_id=proposal.proposed_by_id
        )
        outbox.publish(RolesChanged(proposal.membership_id))
    outbox.publish(RoleProposalDecided(proposal.pk))
    return proposal


def proposals_waiting(user: Any) -> QuerySet[RoleProposal]:
    """What waits for a second security administrator, oldest first; nothing for anybody else."""
    waiting = RoleProposal.objects.filter(state=ProposalState.WAITING, membership__ended_at__isnull=True)
    if not has_role(user, Role.SECURITY_ADMINISTRATOR):
        return waiting.none()
    return (
        waiting.select_related("membership__organisation__region", "membership__user", "proposed_by")
        .prefetch_related("membership__grants")
        .order_by("pk")
    )


def proposal_for(user: Any, public_id: UUID) -> RoleProposal:
    """The one door to a proposal, waiting or decided: security administrators; ObjectNotFound for others."""
    found = RoleProposal.objects.filter(public_id=public_id)
    if not has_role(user, Role.SECURITY_ADMINISTRATOR):
        raise ObjectNotFound()
    shown = (
        found.select_related("membership__organisation__region", "membership__user", "proposed_by", "decided_by")
        .prefetch_related("membership__grants")
        .first()
    )
    if shown is None:
        raise ObjectNotFound()
    return shown


def proposals_decided(user: Any) -> QuerySet[RoleProposal]:
    """What was decided, latest first, for security administrators."""
    decided = RoleProposal.objects.exclude(state=ProposalState.WAITING)
    if not has_role(user, Role.SECURITY_ADMINISTRATOR):
        return decided.none()
    return decided.select_related("membership__organisation", "membership__user", "proposed_by", "decided_by")


def may_see_holders(user: Any) -> bool:
    return has_role(user, Role.SECURITY_ADMINISTRATOR, Role.AUDIT_ADMINISTRATOR)


def holders(user: Any, *, role: str = "", words: str = "") -> QuerySet[RoleGrant]:
    """Who holds which role now, with whoever gave it: for security and audit administrators, ObjectNotFound for others.

    `words` are looked for in names of people and organisations.
    """
    if not may_see_holders(user):
        raise ObjectNotFound()
    found = RoleGrant.objects.filter(membership__ended_at__isnull=True).select_related(
        "membership__user", "membership__organisation", "granted_by"
    )
    if role:
        found = found.filter(role=role)
    if words:
        found = found.filter(
            Q(membership__user__username__icontains=words)
            | Q(membership__user__display_name__icontains=words)
            | Q(membership__organisation__name__icontains=words)
        )
    return found.order_by("role", "membership__organisation__name", "pk").prefetch_related("membership__grants")


def doubts(grant: RoleGrant) -> list[str]:
    """What a role that is held would be refused for today: given before the rule, or the organisation has changed."""
    membership = grant.membership
    beside = [other.role for other in membership.grants.all()]
    return holding_problems(membership.organisation, [grant.role]) + meeting_problems([grant.role], beside)
