"""Who may do what with organisations, and the questions every other app asks about a person.

Roles count in the organisation a person acts for now. "Nobody acts on both sides of one item" looks at all of a
person's memberships, so switching does not get round it.
"""

from typing import Any

from django.utils.translation import gettext as _

from accounts.enums import ADMINISTRATOR_ROLES, ROLES_GIVEN_BY_ORGANISATION, OrganisationState, Role
from accounts.models import Organisation, RoleProposal
from core.enums import RegionLevel
from core.errors import NotPermitted


def is_signed_in(user: Any) -> bool:
    return bool(getattr(user, "is_authenticated", False)) and user.is_active


def current_roles(user: Any) -> frozenset[str]:
    """Roles the person holds in the current organisation; cached on the user object until `forget_roles`.

    None in a suspended one: its people read what is theirs and do nothing, whatever they were given (ADR 0012).
    """
    if not is_signed_in(user) or user.current_organisation_id is None:
        return frozenset()
    cached = user.__dict__.get("_current_roles")
    if cached is None or cached[0] != user.current_organisation_id:
        roles = frozenset(
            user.memberships.active()
            .filter(organisation_id=user.current_organisation_id)
            .exclude(grants__role=None)
            .exclude(organisation__state=OrganisationState.SUSPENDED)
            .values_list("grants__role", flat=True)
        )
        user.__dict__["_current_roles"] = cached = (user.current_organisation_id, roles)
    return cached[1]


def forget_roles(user: Any) -> None:
    """Drop what is cached on this object, after memberships or roles changed."""
    user.__dict__.pop("_current_roles", None)
    user.__dict__.pop("_organisation_ids", None)
    user.__dict__.pop("_membership_spans", None)


def has_role(user: Any, *roles: str) -> bool:
    """Whether the person holds any of `roles` in the current organisation."""
    return not current_roles(user).isdisjoint(roles)


def organisation_of(user: Any) -> Organisation | None:
    """The organisation the person acts for, if they hold any role there."""
    return user.current_organisation if is_signed_in(user) and user.current_organisation_id else None


def organisation_ids(user: Any) -> frozenset[int]:
    """All organisations the person belongs to, whichever they act for now."""
    if not is_signed_in(user):
        return frozenset()
    cached = user.__dict__.get("_organisation_ids")
    if cached is None:
        cached = frozenset(user.memberships.active().values_list("organisation_id", flat=True))
        user.__dict__["_organisation_ids"] = cached
    return cached


def membership_spans(user: Any) -> tuple[Any, ...]:
    """Every membership the person has or had, oldest first; cached like the others until `forget_roles`."""
    if not is_signed_in(user):
        return ()
    cached = user.__dict__.get("_membership_spans")
    if cached is None:
        cached = tuple(user.memberships.order_by("pk"))
        user.__dict__["_membership_spans"] = cached
    return cached


def is_member(user: Any, organisation: Organisation | int | None) -> bool:
    """Whether the person belongs to the organisation at all."""
    key = organisation.pk if isinstance(organisation, Organisation) else organisation
    return key is not None and key in organisation_ids(user)


def acts_for(user: Any, organisation: Organisation | int | None) -> bool:
    """Whether the person acts for the organisation right now."""
    key = organisation.pk if isinstance(organisation, Organisation) else organisation
    return is_signed_in(user) and key is not None and user.current_organisation_id == key and is_member(user, key)


def acts_for_suspended(user: Any) -> bool:
    """Whether the person acts for an organisation that has been stopped."""
    organisation = organisation_of(user)
    return organisation is not None and organisation.is_suspended


def refuse_suspended(user: Any) -> None:
    """For services that ask for no role: raises NotPermitted when the person acts for a suspended organisation."""
    if acts_for_suspended(user):
        raise NotPermitted(suspended_message(), code="organisation_suspended")


def suspended_message() -> str:
    return _("本机构已停用，只能查看已有内容，不能办理。如有疑问请联系核验单位；也可切换到其他机构办理。")


def is_administrator(user: Any) -> bool:
    """One of the three separated administrators, who see no business content (domain.md §5.7)."""
    return has_role(user, *ADMINISTRATOR_ROLES)


def is_provincial(user: Any) -> bool:
    organisation = organisation_of(user)
    return (
        organisation is not None
        and organisation.region is not None
        and (organisation.region.level == RegionLevel.PROVINCE)
    )


# --- organisations -----------------------------------------------------------------------------------------------


def may_manage_organisation(user: Any, organisation: Organisation) -> bool:
    return acts_for(user, organisation) and has_role(user, Role.ORGANISATION_MANAGER)


def may_verify_organisation(user: Any, organisation: Organisation) -> bool:
    """A city reviewer for its own region, a provincial one for all; never one's own organisation."""
    if is_member(user, organisation):
        return False
    if has_role(user, Role.PROVINCIAL_REVIEWER):
        return True
    own = organisation_of(user)
    return (
        has_role(user, Role.FIRST_REVIEWER)
        and own is not None
        and own.region is not None
        and own.region.covers(organisation.region)
    )


def may_suspend_organisation(user: Any, organisation: Organisation) -> bool:
    return has_role(user, Role.PROVINCIAL_REVIEWER) and not is_member(user, organisation)


def may_create_account(user: Any) -> bool:
    """Only the system administrator, who in turn cannot grant business roles (domain.md §5.7)."""
    return has_role(user, Role.SYSTEM_ADMINISTRATOR)


def may_grant_role(user: Any, organisation: Organisation, role: str) -> bool:
    """The security administrator grants platform roles; an organisation's manager only those of its own work."""
    from_platform = has_role(user, Role.SECURITY_ADMINISTRATOR)
    from_organisation = may_manage_organisation(user, organisation) and role in ROLES_GIVEN_BY_ORGANISATION
    return from_platform or from_organisation


def may_decide_proposal(user: Any, proposal: RoleProposal) -> bool:
    """Another security administrator than the one who proposed, and not the person concerned: two and a third."""
    return has_role(user, Role.SECURITY_ADMINISTRATOR) and user.pk not in (
        proposal.proposed_by_id,
        proposal.membership.user_id,
    )


def may_withdraw_proposal(user: Any, proposal: RoleProposal) -> bool:
    return has_role(user, Role.SECURITY_ADMINISTRATOR) and user.pk == proposal.proposed_by_id


def may_load_workdays(user: Any) -> bool:
    return has_role(user, Role.SYSTEM_ADMINISTRATOR)


def may_read_audit(user: Any) -> bool:
    return has_role(user, Role.AUDIT_ADMINISTRATOR)


def may_operate(user: Any) -> bool:
    """Sees health, queues and failed deliveries; no content (architecture.md §10.6)."""
    return has_role(user, Role.OPERATOR)
