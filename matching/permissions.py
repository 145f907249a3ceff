"""Who may see and start what in matching (domain.md §6; candidates are nobody's business but the two sides')."""

from typing import Any

from accounts.enums import Role
from accounts.permissions import acts_for, has_role, is_signed_in, organisation_of
from matching.models import Engagement
from scenarios.models import QuarterlyList, Scenario
from scenarios.permissions import may_see_list, responsible_for_region
from vendors.models import Capability, VendorProfile
from vendors.permissions import may_edit_profile


def may_see_candidates(user: Any, scenario: Scenario) -> bool:
    """The owner's side; reviewers responsible for it; those who make lists; supervisors. Never another vendor."""
    if not is_signed_in(user) or organisation_of(user) is None:
        return False
    if acts_for(user, scenario.owner_id) and has_role(user, Role.DEMAND_SUBMITTER, Role.ORGANISATION_MANAGER):
        return True
    if has_role(user, Role.PROVINCIAL_REVIEWER, Role.LIST_EDITOR, Role.LIST_APPROVER, Role.SUPERVISOR):
        return True
    return has_role(user, Role.FIRST_REVIEWER) and responsible_for_region(user, scenario)


def may_start_match(user: Any, scenario: Scenario) -> bool:
    """Whoever sees candidates may have them ranked anew, except those who only look on."""
    return may_see_candidates(user, scenario) and (
        acts_for(user, scenario.owner_id)
        or has_role(user, Role.PROVINCIAL_REVIEWER, Role.LIST_EDITOR, Role.FIRST_REVIEWER)
    )


def may_see_recommended(user: Any, capability: Capability) -> bool:
    """Demands ranked for a capability: its vendor's staff, and supervisors."""
    return may_edit_profile(user, capability.vendor) or has_role(user, Role.SUPERVISOR)


def may_dismiss(user: Any, vendor: VendorProfile) -> bool:
    return may_edit_profile(user, vendor)


def may_see_list_matching(user: Any, quarterly_list: QuarterlyList) -> bool:
    """Progress is for those who work with lists."""
    return may_see_list(user, quarterly_list) and has_role(
        user, Role.LIST_EDITOR, Role.LIST_APPROVER, Role.PROVINCIAL_REVIEWER, Role.SUPERVISOR, Role.OPERATOR
    )


def may_change_profile(user: Any) -> bool:
    """The weights are the province's own rule: its reviewers change them, with a reason on record."""
    return has_role(user, Role.PROVINCIAL_REVIEWER)


# --- engagements -------------------------------------------------------------------------------------------------


def acts_for_demand(user: Any, engagement: Engagement) -> bool:
    return acts_for(user, engagement.scenario.owner_id) and has_role(user, Role.DEMAND_SUBMITTER)


def acts_for_supply(user: Any, engagement: Engagement) -> bool:
    return acts_for(user, engagement.vendor.organisation_id) and has_role(user, Role.VENDOR_STAFF)


def acts_for_either(user: Any, engagement: Engagement) -> bool:
    return acts_for_demand(user, engagement) or acts_for_supply(user, engagement)


def may_see_engagement(user: Any, engagement: Engagement) -> bool:
    """The two sides, the demand's reviewers and the supervisor; never another vendor."""
    return acts_for_either(user, engagement) or (
        has_role(user, Role.PROVINCIAL_REVIEWER, Role.SUPERVISOR)
        or (has_role(user, Role.FIRST_REVIEWER) and responsible_for_region(user, engagement.scenario))
    )
