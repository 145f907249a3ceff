"""The machine of an organisation's verification (V01; domain.md §5.1)."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.enums import OrganisationState as S
from accounts.models import Organisation
from accounts.naming import neutral_name
from accounts.permissions import may_manage_organisation, may_suspend_organisation, may_verify_organisation
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
