"""Vocabularies of 揭榜挂帅 (domain.md §2). Values are stored in rows and shown in addresses: never rename one."""

from django.db import models
from django.utils.translation import gettext_lazy as _

# --- programme, list, challenge -----------------------------------------------------------------------------------


class ProgrammeModel(models.TextChoices):
    """The four organising models seen in real notices (domain.md §2.1)."""

    GOVERNMENT = "M1", _("政府发榜")
    ENTERPRISE = "M2", _("企业发榜")
    SCENARIO = "M3", _("场景发榜")
    SHORTLIST = "M4", _("入围测试")


def outcome_name(text: object, model: str) -> str:
    """What an outcome is called in a programme of that model.

    In M4 a bid is shortlisted (入围) where others are awarded (中榜): who has won (优胜) is known after the test only
    (工信厅科函〔2023〕235号; domain.md §2.1).
    """
    name = str(text)
    return name.replace(str(_("中榜")), str(_("入围"))) if model == ProgrammeModel.SHORTLIST else name


class ProgrammeState(models.TextChoices):
    PREPARING = "preparing", _("筹备中")
    CALLING = "calling", _("征集中")
    COLLECTED = "collected", _("征集截止")
    ARCHIVED = "archived", _("已归档")


class AnnualListState(models.TextChoices):
    PREPARING = "preparing", _("编制中")
    LIST_PUBLICITY = "list_publicity", _("拟发榜公示中")
    IN_REVIEW = "in_review", _("审批中")
    PUBLISHED = "published", _("已发榜")
    ARCHIVED = "archived", _("已归档")


class ChallengeState(models.TextChoices):
    """Machine A (domain.md §2.4)."""

    DRAFT = "draft", _("草稿")
    SUBMITTED = "submitted", _("待初审")
    RETURNED = "returned", _("退回补正")
    FIRST_PASSED = "first_passed", _("初审通过")
    REJECTED = "rejected", _("初审未通过")
    ARGUING = "arguing", _("论证中")
    SELECTED = "selected", _("入榜")
    NOT_SELECTED = "not_selected", _("未入榜")
    PUBLISHED = "published", _("揭榜申报中")
    CLOSED = "closed", _("已截止")
    NO_BID = "no_bid", _("流榜")
    REISSUED = "reissued", _("已重新发榜")
    OPENED = "opened", _("已开启")
    FORMAL_CHECKED = "formal_checked", _("形式审查完成")
    REVIEWING = "reviewing", _("评审中")
    REVIEWED = "reviewed", _("评审完成")
    NEGOTIATING = "negotiating", _("对接洽谈")
    DECIDED = "decided", _("拟揭榜")
    PUBLICITY = "publicity", _("公示中")
    PUBLICITY_SUSPENDED = "publicity_suspended", _("公示中止")
    AWARDED = "awarded", _("已中榜")
    AWARD_LAPSED = "award_lapsed", _("中榜失效")
    CONTRACTED = "contracted", _("已签约")
    FINISHED = "finished", _("已结题")
    WITHDRAWN = "withdrawn", _("已撤回")
    CANCELLED = "cancelled", _("已终止")


class SelectionMethod(models.TextChoices):
    COMPETITIVE = "competitive", _("择优立项")
    DIRECTED = "directed", _("定向委托")


class CheckStage(models.TextChoices):
    """Who looked at a need before it may be argued."""

    FIRST = "first", _("市县初审")
    SELECTION = "selection", _("入榜遴选")


class QuestionState(models.TextChoices):
    ASKED = "asked", _("待答复")
    ANSWERED = "answered", _("已答复")
    DECLINED = "declined", _("不予公开答复")


# --- sealed bids --------------------------------------------------------------------------------------------------


class EnvelopeKind(models.TextChoices):
    TECHNICAL = "technical", _("技术标书")
    PRICE = "price", _("报价")


class OpenerCapacity(models.TextChoices):
    """What an opening officer stands for; three capacities, at least two organisations (security.md C.3)."""

    OWNER = "owner", _("组织单位")
    SUPERVISION = "supervision", _("监督")
    PLATFORM = "platform", _("平台或公证")


class BidState(models.TextChoices):
    """Machine B (domain.md §2.5). A draft is ciphertext of the bidder's own and no row of this machine."""

    SEALED = "sealed", _("已密封提交")
    WITHDRAWN = "withdrawn", _("已撤回")
    LOCKED = "locked", _("已锁定待开启")
    RETURNED = "returned", _("未开启退回")
    OPENED = "opened", _("已开启")
    UNREADABLE = "unreadable", _("无法解密")
    FORM_PASS = "form_pass", _("形式审查通过")
    FORM_FAIL = "form_fail", _("形式审查未通过")
    SCORED = "scored", _("已评审")
    PROPOSED = "proposed", _("拟中榜")
    RESERVE = "reserve", _("候补")
    NOT_SELECTED = "not_selected", _("未中榜")
    AWARDED = "awarded", _("中榜")
    DISQUALIFIED = "disqualified", _("取消资格")


class OpeningState(models.TextChoices):
    RUNNING = "running", _("进行中")
    DONE = "done", _("已完成")
    FAILED = "failed", _("未能开启")


class CreditGate(models.TextChoices):
    """The four points at which credit is looked at (domain.md §2.9)."""

    SUBMIT = "submit", _("提交时")
    FORMAL_CHECK = "formal_check", _("形式审查")
    PUBLICITY = "publicity", _("公示前")
    CONTRACT = "contract", _("签约前")


# --- review -------------------------------------------------------------------------------------------------------


class ExpertKind(models.TextChoices):
    TECHNICAL = "technical", _("技术")
    ECONOMIC = "economic", _("经济")
    MANAGEMENT = "management", _("管理")
    FINANCE = "finance", _("财务")


class PanelPurpose(models.TextChoices):
    ARGUMENTATION = "argumentation", _("需求论证")
    REVIEW = "review", _("揭榜评审")
    ACCEPTANCE = "acceptance", _("验收评审")


class PanelState(models.TextChoices):
    COMMITTED = "committed", _("已承诺种子")
    DRAWN = "drawn", _("已抽取")
    WORKING = "working", _("评审中")
    SIGNED = "signed", _("已签署")
    VOID = "void", _("作废")


class SeatState(models.TextChoices):
    """A review assignment (domain.md §2.6)."""

    DRAWN = "drawn", _("已抽中")
    NOTIFIED = "notified", _("已通知")
    DECLINED = "declined", _("已谢绝")
    TIMED_OUT = "timed_out", _("逾期未复")
    RECUSED = "recused", _("已回避")
    DECLARED = "declared", _("已声明无利害关系")
    SUBMITTED = "submitted", _("已提交评分")
    SIGNED = "signed", _("已签署")
    REPLACED = "replaced", _("已更换")


class AffiliationKind(models.TextChoices):
    """Ties that make two organisations related parties (V04)."""

    CONTROL = "control", _("控制")
    JOINT = "joint", _("共同控制")
    INFLUENCE = "influence", _("重大影响")


# --- decision, publicity, objection -------------------------------------------------------------------------------


class AwardState(models.TextChoices):
    PROPOSED = "proposed", _("拟中榜")
    AWARDED = "awarded", _("中榜")
    LAPSED = "lapsed", _("失效")
    WITHDRAWN = "withdrawn", _("放弃")


class PublicityState(models.TextChoices):
    RUNNING = "running", _("公示中")
    SUSPENDED = "suspended", _("已中止")
    ENDED = "ended", _("已期满")
    VOID = "void", _("作废")


class ObjectionState(models.TextChoices):
    """Machine D (domain.md §2.8)."""

    FILED = "filed", _("待受理")
    INADMISSIBLE = "inadmissible", _("不予受理")
    INVESTIGATING = "investigating", _("调查中")
    UPHELD = "upheld", _("成立")
    PARTLY = "partly", _("部分成立")
    DISMISSED = "dismissed", _("不成立")
    WITHDRAWN = "withdrawn", _("已撤回")


# --- project ------------------------------------------------------------------------------------------------------


class StageOutcome(models.TextChoices):
    """What a race's assessment decides of one racer (V22)."""

    CONTINUE = "continue", _("继续支持")
    ELIMINATED = "eliminated", _("停止支持")
    MERGED = "merged", _("合并攻关")


class ProjectState(models.TextChoices):
    """Machine C (domain.md §2.7)."""

    SIGNING = "signing", _("待签署")
    IN_PROGRESS = "in_progress", _("实施中")
    SUSPENDED = "suspended", _("暂停")
    OVERDUE = "overdue", _("逾期未验收")
    ACCEPTANCE_APPLIED = "acceptance_applied", _("已申请验收")
    ACCEPTING = "accepting", _("验收中")
    RECTIFYING = "rectifying", _("整改中")
    PASSED = "passed", _("通过验收")
    FAILED = "failed", _("未通过验收")
    ELIMINATED = "eliminated", _("赛马淘汰")
    TERMINATED_DILIGENT = "terminated_diligent", _("终止（尽职免责）")
    TERMINATED_FAULT = "terminated_fault", _("终止（有过错）")
    REVOKED = "revoked", _("撤销")
    EVALUATED = "evaluated", _("已绩效评价")
    ARCHIVED = "archived", _("已归档")


class MilestoneState(models.TextChoices):
    PLANNED = "planned", _("未到期")
    REPORTED = "reported", _("已报告")
    CONFIRMED = "confirmed", _("最终用户已签认")
    PASSED = "passed", _("考核通过")
    CONDITIONAL = "conditional", _("有条件通过")
    FAILED = "failed", _("考核未通过")


class ChangeKind(models.TextChoices):
    EXTENSION = "extension", _("延期")
    LEADER = "leader", _("更换负责人")
    MEMBER = "member", _("调整参加单位")
    ROUTE = "route", _("技术路线调整")
    BUDGET = "budget", _("预算科目调整")
    INDICATOR = "indicator", _("考核指标调整")


class ChangeState(models.TextChoices):
    ASKED = "asked", _("待处理")
    AGREED = "agreed", _("发榜方已同意")
    APPROVED = "approved", _("已批准")
    REFUSED = "refused", _("未批准")


class Grade(models.TextChoices):
    EXCELLENT = "excellent", _("优秀")
    GOOD = "good", _("良好")
    FAIR = "fair", _("一般")
    FAILED = "failed", _("不合格")
