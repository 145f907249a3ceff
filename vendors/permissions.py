"""Who may do what on the supply side (domain.md §6)."""

from typing import Any

from accounts.enums import Role
from accounts.permissions import acts_for, has_role, is_member, is_signed_in, organisation_of
from vendors.enums import CapabilityState
from vendors.models import Capability, CaseConfirmation, VendorProfile


def by_clock(user: Any, _obj: Any) -> bool:
    """Only the platform's own clockwork."""
    return user is None


def may_hold_profile(user: Any) -> bool:
    return is_signed_in(user) and organisation_of(user) is not None and has_role(user, Role.VENDOR_STAFF)


def may_edit_profile(user: Any, profile: VendorProfile) -> bool:
    return acts_for(user, profile.organisation_id) and has_role(user, Role.VENDOR_STAFF)


def acts_as_vendor(user: Any, capability: Capability) -> bool:
    return may_edit_profile(user, capability.vendor)


def may_edit_capability(user: Any, capability: Capability) -> bool:
    return capability.state in (CapabilityState.DRAFT, CapabilityState.RETURNED) and acts_as_vendor(user, capability)


def may_verify_capability(user: Any, capability: Capability) -> bool:
    """City reviewer of the vendor's seat, or a provincial one; never for one's own organisation."""
    organisation = capability.vendor.organisation
    if is_member(user, organisation) or user.pk in (capability.created_by_id, capability.submitted_by_id):
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


def may_suspend_capability(user: Any, capability: Capability) -> bool:
    return has_role(user, Role.PROVINCIAL_REVIEWER) and not is_member(user, capability.vendor.organisation_id)


def may_see_verification(user: Any, capability: Capability) -> bool:
    return (
        acts_as_vendor(user, capability) or has_role(user, Role.SUPERVISOR) or may_verify_capability(user, capability)
    )


#: Who answers for a customer.
ANSWERING_ROLES = (Role.DEMAND_SUBMITTER, Role.ORGANISATION_MANAGER)


def may_answer_confirmation(user: Any, confirmation: CaseConfirmation) -> bool:
    """The customer's people, none of them of the vendor, too; no person at all for the holder of a mailed link."""
    if user is None:
        return bool(confirmation.address)
    return (
        acts_for(user, confirmation.customer_id)
        and has_role(user, *ANSWERING_ROLES)
        and not is_member(user, confirmation.case.capability.vendor.organisation_id)
    )


def may_withdraw_confirmation(user: Any, confirmation: CaseConfirmation) -> bool:
    return acts_as_vendor(user, confirmation.case.capability)
