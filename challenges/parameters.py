"""The parameter sheet of a programme (domain.md §2.3): one process, many local rules, frozen at publication.

Every value has a default with its source; a programme overrides what its own notice says otherwise. A published
list carries the complete sheet, so that a later change of defaults changes nothing that was promised.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.enums import ProgrammeModel
from core.errors import InvalidInput

NAMES_AFTER_RESULT = "after_result"
NAMES_NEVER = "never"
NAMES_WITH_RESULT = "with_result"


@dataclass(frozen=True)
class Parameters:
    """Values as frozen. Money in fen, durations in the unit of the name, percentages as whole numbers."""

    demand_max_per_organisation: int = 1
    demand_minimum_own_funding_fen: int = 0
    apply_window_minimum_days: int = 20
    apply_maximum_as_lead: int = 1
    consortium_maximum_members: int = 4
    minimum_applicants_to_open: int = 1
    related_party_ban: bool = True
    credit_lookback_years: int = 3
    credit_evidence_days: int = 30
    experts: int = 5
    technical_expert_share_percent: int = 67
    trim_extremes: bool = False
    expert_names: str = NAMES_AFTER_RESULT
    price_weight_percent: int = 0
    publicity_working_days: int = 5
    list_publicity: bool = False
    contract_days: int = 30
    self_funding_percent: int = 0
    race_maximum: int = 2
    race_first_payment_maximum_percent: int = 30
    race_first_assessment_months: int = 12
    maximum_duration_months: int = 36
    extension_maximum: int = 1
    extension_months: int = 12
    extension_notice_months: int = 3
    acceptance_days_after_expiry: int = 30
    acceptance_decision_days: int = 60
    acceptance_notice_days: int = 5
    rectification_maximum: int = 1
    rectification_days: int = 90
    objection_reply_working_days: int = 7
    clarification_minimum_days: int = 15
    supplement_working_days: int = 5
    return_maximum: int = 2
    opening_threshold: int = 2
    opening_officers: int = 3
    reminder_hours: tuple[int, ...] = field(default=(168, 72, 24, 2))


#: What a model changes in the defaults (domain.md §2.1).
BY_MODEL: dict[str, Mapping[str, Any]] = {
    ProgrammeModel.GOVERNMENT: {},
    ProgrammeModel.ENTERPRISE: {},
    ProgrammeModel.SCENARIO: {},
    ProgrammeModel.SHORTLIST: {"race_maximum": 5, "maximum_duration_months": 24},
}

#: Key → (label, lowest, highest). Bounds are what a law or the process itself allows, not what is usual.
BOUNDS: dict[str, tuple[str | Promise, int, int]] = {
    "demand_max_per_organisation": (gettext_lazy("每单位需求数上限"), 1, 20),
    "demand_minimum_own_funding_fen": (gettext_lazy("需求单位最低自有投入"), 0, 10**13),
    "apply_window_minimum_days": (gettext_lazy("揭榜期最短天数"), 5, 180),
    "apply_maximum_as_lead": (gettext_lazy("每单位牵头揭榜数上限"), 1, 20),
    "consortium_maximum_members": (gettext_lazy("联合体成员数上限（不含牵头单位）"), 0, 10),
    "minimum_applicants_to_open": (gettext_lazy("开启所需最少申请数"), 1, 5),
    "credit_lookback_years": (gettext_lazy("信用追溯年限"), 1, 5),
    "credit_evidence_days": (gettext_lazy("信用核查有效天数"), 1, 90),
    "experts": (gettext_lazy("评审专家数（奇数，不少于5）"), 5, 31),
    "technical_expert_share_percent": (gettext_lazy("技术经济专家比例下限（%）"), 67, 100),
    "price_weight_percent": (gettext_lazy("报价分权重（%）"), 0, 50),
    "publicity_working_days": (gettext_lazy("公示工作日数"), 5, 30),
    "contract_days": (gettext_lazy("签约期限（天）"), 1, 90),
    "self_funding_percent": (gettext_lazy("自筹与财政资金之比下限（%）"), 0, 400),
    "race_maximum": (gettext_lazy("赛马单位数上限"), 1, 5),
    "race_first_payment_maximum_percent": (gettext_lazy("赛马首付款比例上限（%）"), 1, 30),
    "race_first_assessment_months": (gettext_lazy("赛马首次评估（月）"), 1, 36),
    "maximum_duration_months": (gettext_lazy("实施周期上限（月）"), 6, 60),
    "extension_maximum": (gettext_lazy("延期次数上限"), 0, 2),
    "extension_months": (gettext_lazy("延期月数上限"), 1, 24),
    "extension_notice_months": (gettext_lazy("延期须提前月数"), 0, 12),
    "acceptance_days_after_expiry": (gettext_lazy("到期后申请验收天数"), 1, 365),
    "acceptance_decision_days": (gettext_lazy("验收结论期限（天）"), 1, 180),
    "acceptance_notice_days": (gettext_lazy("验收会提前通知天数"), 1, 30),
    "rectification_maximum": (gettext_lazy("整改次数上限"), 0, 2),
    "rectification_days": (gettext_lazy("整改期限（天）"), 1, 180),
    "objection_reply_working_days": (gettext_lazy("异议答复工作日数"), 1, 30),
    "clarification_minimum_days": (gettext_lazy("实质修改后至截止最短天数"), 3, 60),
    "supplement_working_days": (gettext_lazy("补正工作日数"), 1, 30),
    "return_maximum": (gettext_lazy("退回补正次数上限"), 1, 5),
    "opening_threshold": (gettext_lazy("开启所需人数"), 2, 3),
    "opening_officers": (gettext_lazy("开启人数"), 2, 5),
}


FEN_PER_WAN = 1_000_000


def is_money(key: str) -> bool:
    """Kept in fen, told and typed in 万元."""
    return key.endswith("_fen")


def default_parameters(model: str) -> Parameters:
    """The sheet a programme of this model starts from."""
    return replace(Parameters(), **BY_MODEL.get(model, {}))


def parameters_from(stored: Mapping[str, Any]) -> Parameters:
    """The sheet as stored on a programme or list; keys this release does not know are refused, never ignored."""
    known = {each.name for each in fields(Parameters)}
    unknown = sorted(set(stored) - known)
    if unknown:
        raise InvalidInput({"parameters": [_("不认识的参数：%s。") % "、".join(unknown)]})
    values = dict(stored)
    if "reminder_hours" in values:
        values["reminder_hours"] = tuple(values["reminder_hours"])
    return Parameters(**values)


def stored(parameters: Parameters) -> dict[str, Any]:
    """JSON-able form of the complete sheet."""
    return asdict(parameters) | {"reminder_hours": list(parameters.reminder_hours)}


def checked(parameters: Parameters) -> Parameters:
    """The same sheet, or InvalidInput naming every value out of bounds (招标投标法 37: five or more, odd)."""
    problems: dict[str, list[str]] = {}
    for key, (label, lowest, highest) in BOUNDS.items():
        value = getattr(parameters, key)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            words = _("“%(label)s”应为 %(lowest)d 到 %(highest)d 之间的整数。")
            if is_money(key):
                words = _("“%(label)s”应在 %(lowest)d 到 %(highest)d 万元之间。")
                lowest, highest = lowest // FEN_PER_WAN, highest // FEN_PER_WAN
            problems[key] = [words % {"label": label, "lowest": lowest, "highest": highest}]
    if "experts" not in problems and parameters.experts % 2 == 0:
        problems["experts"] = [_("评审专家数应为奇数。")]
    if parameters.opening_threshold >= parameters.opening_officers:
        problems["opening_threshold"] = [
            _("开启所需人数应少于开启人数：一人也不能缺时，任何一人缺席或遗失密钥，全部标书都无法开启。")
        ]
    if parameters.expert_names not in (NAMES_AFTER_RESULT, NAMES_NEVER, NAMES_WITH_RESULT):
        problems["expert_names"] = [_("请选择专家名单的公开方式。")]
    if problems:
        raise InvalidInput(problems)
    return parameters
