"""The machine of an engagement (domain.md §3.3): interest, talks, trial, intent, contract, delivery."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.errors import Reason
from core.guards import has_comment
from core.transitions import Machine, Transition
from matching.enums import EngagementState as E
from matching.models import Engagement
from matching.permissions import acts_for_demand, acts_for_either
from scenarios.enums import FundingNature
from scenarios.permissions import by_clock

Context = Mapping[str, Any]


def has_trial_plan(_engagement: Engagement, context: Context) -> list[Reason]:
    """A trial has a plan with a data-security annex and an end; it carries no payment and is no award."""
    reasons = []
    if not str(context.get("trial_plan", "")).strip():
        reasons.append(Reason("trial_plan_missing", _("请写明试用方案和数据安全约定。"), "trial_plan"))
    if context.get("trial_ends_on") is None:
        reasons.append(Reason("trial_end_missing", _("请填写试用截止日期，最长六个月。"), "trial_ends_on"))
    elif context.get("trial_too_long"):
        reasons.append(Reason("trial_long", _("试用最长六个月。"), "trial_ends_on"))
    return reasons


def both_sides_confirm(engagement: Engagement, context: Context) -> list[Reason]:
    """V20: the step is taken with the second side's confirmation; the first is kept until then."""
    step = context["step"]
    if engagement.owner_confirms == step and engagement.vendor_confirms == step:
        return []
    return [Reason("one_sided", _("还需要对方确认，双方都确认后才生效。"))]


def procurement_is_named(engagement: Engagement, _context: Context) -> list[Reason]:
    """V19: fiscal money is contracted only by a procurement route, with its notice or contract number."""
    fiscal = engagement.scenario.funding_nature == FundingNature.FISCAL
    reasons = []
    if fiscal and not engagement.procurement_method:
        reasons.append(
            Reason(
                "procurement_method_missing", _("使用财政资金的需求须依法采购，请填写采购方式。"), "procurement_method"
            )
        )
    if fiscal and not engagement.procurement_number.strip():
        reasons.append(
            Reason(
                "procurement_number_missing",
                _("使用财政资金的需求须填写采购公告或合同编号，才能标记为已签约。"),
                "procurement_number",
            )
        )
    if not fiscal and not engagement.contract_digest:
        reasons.append(Reason("contract_missing", _("请上传合同文件，平台只保存它的摘要。"), "contract"))
    return reasons


def outcome_is_told(engagement: Engagement, _context: Context) -> list[Reason]:
    if engagement.outcome.strip():
        return []
    return [Reason("outcome_missing", _("请写明投入使用的情况和指标完成值。"), "outcome")]


#: Talks that end with their demand. A contract is the parties' own: it is carried out whatever becomes of the demand.
OPEN_STATES = (E.INTERESTED, E.MATCHING, E.TRIAL, E.INTENT)
ENGAGEMENT_MACHINE: Machine = {
    "accept": Transition([E.INTERESTED], E.MATCHING, permitted=acts_for_demand, label=gettext_lazy("接受对接")),
    "trial": Transition(
        [E.MATCHING], E.TRIAL, permitted=acts_for_demand, guards=(has_trial_plan,), label=gettext_lazy("开始试用")
    ),
    "intent": Transition(
        [E.MATCHING, E.TRIAL],
        E.INTENT,
        permitted=acts_for_either,
        guards=(both_sides_confirm,),
        label=gettext_lazy("达成意向"),
    ),
    "contract": Transition(
        [E.INTENT],
        E.CONTRACTED,
        permitted=acts_for_either,
        guards=(both_sides_confirm, procurement_is_named),
        label=gettext_lazy("签约"),
    ),
    "deliver": Transition(
        [E.CONTRACTED],
        E.DELIVERED,
        permitted=acts_for_either,
        guards=(both_sides_confirm, outcome_is_told),
        label=gettext_lazy("落地"),
    ),
    "close": Transition(
        OPEN_STATES, E.CLOSED, permitted=acts_for_either, guards=(has_comment,), label=gettext_lazy("结束对接")
    ),
    "end": Transition(OPEN_STATES, E.CLOSED, permitted=by_clock, label=gettext_lazy("随需求结束")),
}
