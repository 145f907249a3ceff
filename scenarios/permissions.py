"""Who may do what with demands and lists (domain.md §6)."""

from typing import Any

from accounts.enums import Role
from accounts.permissions import acts_for, has_role, is_member, is_provincial, organisation_of
from scenarios.enums import ReviewStage, ScenarioState
from scenarios.models import ErratumDraft, QuarterlyList, Scenario


def by_clock(user: Any, _obj: Any) -> bool:
    """Only the platform's own clockwork: no person, whatever their role."""
    return user is None


def may_create_scenario(user: Any) -> bool:
    return has_role(user, Role.DEMAND_SUBMITTER) and organisation_of(user) is not None


def acts_as_owner(user: Any, scenario: Scenario) -> bool:
    return acts_for(user, scenario.owner_id) and has_role(user, Role.DEMAND_SUBMITTER)


def may_edit_scenario(user: Any, scenario: Scenario) -> bool:
    return scenario.state in (ScenarioState.DRAFT, ScenarioState.SUPPLEMENT) and acts_as_owner(user, scenario)


def is_on_owner_side(user: Any, scenario: Scenario) -> bool:
    """Belongs to the owner, or made or submitted the demand: then never its reviewer, under any organisation."""
    return is_member(user, scenario.owner_id) or user.pk in (scenario.created_by_id, scenario.submitted_by_id)


def responsible_for_region(user: Any, scenario: Scenario) -> bool:
    """The person's organisation covers the demand's region, or leads its field as a department."""
    own = organisation_of(user)
    if own is None:
        return False
    if scenario.lead_department_id == own.pk:
        return True
    return own.region is not None and own.region.covers(scenario.region or scenario.owner.region)


def may_review_first(user: Any, scenario: Scenario) -> bool:
    """City or department reviewer of the demand's region, never of one's own organisation (domain.md §6)."""
    return (
        has_role(user, Role.FIRST_REVIEWER)
        and not is_on_owner_side(user, scenario)
        and responsible_for_region(user, scenario)
    )


def may_review_provincially(user: Any, scenario: Scenario) -> bool:
    """Provincial reviewer; not who passed the first review (maker is not checker)."""
    if not has_role(user, Role.PROVINCIAL_REVIEWER) or is_on_owner_side(user, scenario):
        return False
    return not scenario.reviews.filter(stage=ReviewStage.FIRST, reviewer=user).exists()


def may_regulate_listed(user: Any, scenario: Scenario) -> bool:
    """Suspend, resume or withdraw what is published."""
    return has_role(user, Role.PROVINCIAL_REVIEWER) and not is_on_owner_side(user, scenario)


def may_convert_to_challenge(user: Any, scenario: Scenario) -> bool:
    return has_role(user, Role.SCIENCE_HANDLER) and not is_on_owner_side(user, scenario)


def sees_review_file(user: Any, scenario: Scenario) -> bool:
    """Owner's side, responsible reviewers and supervisors read reviews and private contacts."""
    return (
        acts_for(user, scenario.owner_id)
        or has_role(user, Role.PROVINCIAL_REVIEWER, Role.SUPERVISOR)
        or (has_role(user, Role.FIRST_REVIEWER) and responsible_for_region(user, scenario))
    )


# --- lists -------------------------------------------------------------------------------------------------------


def may_edit_lists(user: Any) -> bool:
    return has_role(user, Role.LIST_EDITOR) and is_provincial(user)


def may_edit_list(user: Any, _quarterly_list: QuarterlyList) -> bool:
    return may_edit_lists(user)


def may_freeze_item(user: Any, _scenario: Scenario) -> bool:
    return may_edit_lists(user)


def may_approve_list(user: Any, quarterly_list: QuarterlyList) -> bool:
    """An approver who had no hand in editing this list (maker ≠ checker, domain.md §6)."""
    return (
        has_role(user, Role.LIST_APPROVER)
        and is_provincial(user)
        and not quarterly_list.editors.filter(pk=user.pk).exists()
    )


def may_approve_erratum(user: Any, draft: ErratumDraft) -> bool:
    """An approver of the list who did not prepare the correction."""
    return may_approve_list(user, draft.quarterly_list) and draft.prepared_by_id != user.pk


def may_publish_item(user: Any, _scenario: Scenario) -> bool:
    return has_role(user, Role.LIST_APPROVER) and is_provincial(user)


def may_release_item(user: Any, scenario: Scenario) -> bool:
    """Back to the pool: by the editor who unfreezes a list, or the approver who returns one."""
    return may_freeze_item(user, scenario) or may_publish_item(user, scenario)


def may_see_list(user: Any, quarterly_list: QuarterlyList) -> bool:
    return quarterly_list.is_public or has_role(
        user, Role.LIST_EDITOR, Role.LIST_APPROVER, Role.PROVINCIAL_REVIEWER, Role.SUPERVISOR
    )
