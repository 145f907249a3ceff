"""The machines of an organisation's verification (V01; domain.md §5.1) and of a power that two persons give."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.enums import OrganisationState as S
from accounts.enums import ProposalState
from accounts.holding import grant_problems
from accounts.models import Organisation, RoleGrant, RoleProposal
from accounts.naming import neutral_name
from accounts.permissions import (
    may_decide_proposal,
    may_manage_organisation,
    may_suspend_organisation,
    may_verify_organisation,
    may_withdraw_proposal,
)
from core.errors import Reason
from core.guards import has_comment
from core.transitions import Machine, Transition
from core.unified_code import problem_with


def has_valid_code(organisation: Organisation, _context: Mapping[str, Any]) -> list[Reason]:
    """A unit without a valid unified code cannot be verified (GB 32100-2015)."""
    if not organisation.unified_code:
        return [Reason("unified_code_missing", str(_("请填写统一社会信用代码。")), "unified_code")]
    problem = problem_with(organisation.unified_code)
    return [Reason("unified_code_invalid", problem, "unified_code")] if problem else []


def has_settled_name(organisation: Organisation, _context: Mapping[str, Any]) -> list[Reason]:
    """A name that reads like an authority's was looked at first, and one that was refused has been changed."""
    if organisation.claimed_name:
        return [Reason("name_waits", str(_("名称与已登记的机关、单位相同或相近，须先由核验单位核对名称。")), "name")]
    if organisation.name == neutral_name(organisation):
        return [Reason("name_refused", str(_("所填名称未获准使用，请修改机构名称。")), "name")]
    return []


def has_region(organisation: Organisation, _context: Mapping[str, Any]) -> list[Reason]:
    """Without a region no reviewer is responsible."""
    return [] if organisation.region_id else [Reason("region_missing", str(_("请选择所在地区。")), "region")]


ORGANISATION_MACHINE: Machine = {
    "request_verification": Transition(
        [S.UNVERIFIED, S.RETURNED],
        S.PENDING,
        permitted=may_manage_organisation,
        guards=(has_settled_name, has_valid_code, has_region),
        label=_("申请核验"),
    ),
    "verify": Transition(
        [S.PENDING],
        S.VERIFIED,
        permitted=may_verify_organisation,
        guards=(has_settled_name, has_valid_code),
        label=_("通过核验"),
    ),
    "return": Transition(
        [S.PENDING], S.RETURNED, permitted=may_verify_organisation, guards=(has_comment,), label=_("退回补充")
    ),
    "suspend": Transition(
        [S.VERIFIED], S.SUSPENDED, permitted=may_suspend_organisation, guards=(has_comment,), label=_("停用")
    ),
    "restore": Transition([S.SUSPENDED], S.VERIFIED, permitted=may_suspend_organisation, label=_("恢复")),
}


# --- a power of the province, given by two persons ---------------------------------------------------------------


def still_fits(proposal: RoleProposal, _context: Mapping[str, Any]) -> list[Reason]:
    """Looked at again when it is given: the person may have left, the organisation may have been stopped meanwhile."""
    membership = proposal.membership
    if membership.ended_at is not None:
        return [Reason("membership_ended", str(_("该成员已离开机构，不能再授权。请退回这一提议。")))]
    held = set(RoleGrant.objects.filter(membership=membership).values_list("role", flat=True))
    problems = grant_problems(membership, {proposal.role}, held | {proposal.role})
    return [Reason("role_does_not_fit", text) for text in problems]


PROPOSAL_MACHINE: Machine = {
    "confirm": Transition(
        [ProposalState.WAITING],
        ProposalState.CONFIRMED,
        permitted=may_decide_proposal,
        guards=(still_fits,),
        label=_("确认授权"),
    ),
    "refuse": Transition(
        [ProposalState.WAITING],
        ProposalState.REFUSED,
        permitted=may_decide_proposal,
        guards=(has_comment,),
        label=_("不予确认"),
    ),
    "withdraw": Transition(
        [ProposalState.WAITING], ProposalState.WITHDRAWN, permitted=may_withdraw_proposal, label=_("撤回提议")
    ),
}
