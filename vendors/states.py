"""The machine of a capability: draft → submitted → verified → listed → expired / suspended (issue 3, point 6)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.clock import today
from core.errors import Reason
from core.guards import has_comment, has_defects
from core.transitions import Machine, Transition
from vendors.enums import CapabilityState as S
from vendors.enums import ConfirmationState as C
from vendors.models import Capability
from vendors.permissions import (
    acts_as_vendor,
    by_clock,
    may_answer_confirmation,
    may_suspend_capability,
    may_verify_capability,
    may_withdraw_confirmation,
)
from vendors.validators import submission_problems

Context = Mapping[str, Any]
RENEWAL_WINDOW = timedelta(days=60)


def is_complete(capability: Capability, _context: Context) -> list[Reason]:
    return submission_problems(capability)


def vendor_is_verified(capability: Capability, _context: Context) -> list[Reason]:
    """Only a verified organisation offers anything to the public."""
    if capability.vendor.organisation.is_verified:
        return []
    return [Reason("vendor_not_verified", _("本单位尚未通过核验，请先在“本机构”页面申请核验。"))]


def ends_soon(capability: Capability, _context: Context) -> list[Reason]:
    """A vendor confirms anew at the end of the twelve months, not at any time."""
    if capability.expires_on is not None and capability.expires_on - today() <= RENEWAL_WINDOW:
        return []
    return [Reason("too_early_to_extend", _("到期前 60 天内才可以续期。"))]


def is_still_valid(capability: Capability, _context: Context) -> list[Reason]:
    """Back on the shelf without a new verification only within the twelve months of the last."""
    if capability.expires_on is None or capability.expires_on >= today():
        return []
    return [Reason("verification_expired", _("核验有效期已过，请修改后重新提交核验。"))]


CAPABILITY_MACHINE: Machine = {
    "submit": Transition(
        [S.DRAFT, S.RETURNED],
        S.SUBMITTED,
        permitted=acts_as_vendor,
        guards=(vendor_is_verified, is_complete),
        label=gettext_lazy("提交核验"),
    ),
    "verify": Transition(
        [S.SUBMITTED],
        S.VERIFIED,
        permitted=may_verify_capability,
        guards=(vendor_is_verified,),
        label=gettext_lazy("通过核验"),
    ),
    "verify_and_list": Transition(
        [S.SUBMITTED],
        S.LISTED,
        permitted=may_verify_capability,
        guards=(vendor_is_verified, is_complete),
        label=gettext_lazy("核验并上架"),
    ),
    "return": Transition(
        [S.SUBMITTED, S.VERIFIED],
        S.RETURNED,
        permitted=may_verify_capability,
        guards=(has_defects,),
        label=gettext_lazy("退回补充"),
    ),
    "list": Transition(
        [S.VERIFIED, S.WITHDRAWN],
        S.LISTED,
        permitted=acts_as_vendor,
        guards=(vendor_is_verified, is_complete, is_still_valid),
        label=gettext_lazy("上架"),
    ),
    "renew": Transition(
        [S.EXPIRED],
        S.SUBMITTED,
        permitted=acts_as_vendor,
        guards=(vendor_is_verified, is_complete),
        label=gettext_lazy("重新提交核验"),
    ),
    "extend": Transition(
        [S.LISTED],
        S.LISTED,
        permitted=acts_as_vendor,
        guards=(vendor_is_verified, is_complete, ends_soon),
        label=gettext_lazy("续期"),
    ),
    "edit": Transition(
        [S.VERIFIED, S.LISTED, S.EXPIRED, S.WITHDRAWN, S.SUBMITTED],
        S.DRAFT,
        permitted=acts_as_vendor,
        label=gettext_lazy("撤下修改"),
    ),
    "withdraw": Transition([S.LISTED], S.WITHDRAWN, permitted=acts_as_vendor, label=gettext_lazy("下架")),
    "suspend": Transition(
        [S.LISTED],
        S.SUSPENDED,
        permitted=may_suspend_capability,
        guards=(has_comment,),
        label=gettext_lazy("暂停"),
    ),
    "resume": Transition([S.SUSPENDED], S.LISTED, permitted=may_suspend_capability, label=gettext_lazy("恢复")),
    "expire": Transition([S.LISTED], S.EXPIRED, permitted=by_clock, label=gettext_lazy("到期")),
}

#: A question to a customer about a delivered case.
CONFIRMATION_MACHINE: Machine = {
    "confirm": Transition(
        [C.ASKED], C.CONFIRMED, permitted=may_answer_confirmation, label=gettext_lazy("确认案例属实")
    ),
    "refuse": Transition(
        [C.ASKED], C.REFUSED, permitted=may_answer_confirmation, guards=(has_comment,), label=gettext_lazy("不认可")
    ),
    "lapse": Transition([C.ASKED], C.LAPSED, permitted=by_clock, label=gettext_lazy("逾期失效")),
    "withdraw": Transition([C.ASKED], C.WITHDRAWN, permitted=may_withdraw_confirmation, label=gettext_lazy("撤销")),
}
