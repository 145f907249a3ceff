"""Machine C of domain.md §2.7: a project from signing to archive."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.enums import ProjectState
from challenges.models import Project
from challenges.permissions import acts_as_solver, approves_project, by_clock, handles_project, supervises
from core.errors import Reason
from core.guards import has_comment
from core.transitions import Machine, Transition

Context = Mapping[str, Any]
P = ProjectState
#: A project in one of these holds nothing open.
CLOSED_STATES = (
    P.PASSED,
    P.FAILED,
    P.ELIMINATED,
    P.TERMINATED_DILIGENT,
    P.TERMINATED_FAULT,
    P.REVOKED,
    P.EVALUATED,
    P.ARCHIVED,
)


def handles_or_supervises(user: Any, project: Project) -> bool:
    return handles_project(user, project) or supervises(user, project)


def milestones_are_settled(_project: Project, context: Context) -> list[Reason]:
    if not context.get("open_milestones"):
        return []
    return [Reason("milestones_open", _("还有 %d 个里程碑没有通过考核，不能申请验收。") % context["open_milestones"])]


def has_user_opinion(_project: Project, context: Context) -> list[Reason]:
    reasons = []
    if not str(context.get("user_opinion", "")).strip():
        reasons.append(Reason("user_opinion_missing", _("请填写最终用户意见。"), "user_opinion"))
    if not str(context.get("report_number", "")).strip():
        reasons.append(Reason("report_number_missing", _("请填写科技报告编号。"), "report_number"))
    return reasons


def notice_is_long_enough(_project: Project, context: Context) -> list[Reason]:
    if not context.get("notice_short"):
        return []
    return [Reason("notice_short", _("验收会应至少提前 %d 天通知。") % context["days"], "meeting_on")]


def party_was_heard(_project: Project, context: Context) -> list[Reason]:
    """Nothing against a party without its statement (domain.md §2.7)."""
    if str(context.get("statement_heard", "")).strip():
        return []
    return [Reason("statement_missing", _("请记录当事单位的陈述申辩。"), "statement_heard")]


def has_minutes(_project: Project, context: Context) -> list[Reason]:
    if str(context.get("minutes_number", "")).strip():
        return []
    return [Reason("minutes_missing", _("请填写集体决策的会议纪要号。"), "minutes_number")]


_RUNNING = (P.IN_PROGRESS, P.OVERDUE, P.SUSPENDED)

PROJECT_MACHINE: Machine = {
    "begin": Transition([P.SIGNING], P.IN_PROGRESS, permitted=by_clock, label=gettext_lazy("开始实施")),
    "suspend": Transition(
        [P.IN_PROGRESS],
        P.SUSPENDED,
        permitted=handles_or_supervises,
        guards=(has_comment,),
        label=gettext_lazy("暂停"),
    ),
    "resume": Transition(
        [P.SUSPENDED],
        P.IN_PROGRESS,
        permitted=handles_or_supervises,
        guards=(has_comment,),
        label=gettext_lazy("恢复"),
    ),
    "flag_overdue": Transition([P.IN_PROGRESS], P.OVERDUE, permitted=by_clock, label=gettext_lazy("标记逾期未验收")),
    "eliminate": Transition(
        [P.IN_PROGRESS],
        P.ELIMINATED,
        permitted=approves_project,
        guards=(has_comment,),
        label=gettext_lazy("停止支持"),
    ),
    "apply_acceptance": Transition(
        [P.IN_PROGRESS, P.OVERDUE, P.RECTIFYING],
        P.ACCEPTANCE_APPLIED,
        permitted=acts_as_solver,
        guards=(milestones_are_settled, has_user_opinion),
        label=gettext_lazy("申请验收"),
    ),
    "call_acceptance": Transition(
        [P.ACCEPTANCE_APPLIED],
        P.ACCEPTING,
        permitted=handles_project,
        guards=(notice_is_long_enough,),
        label=gettext_lazy("组织验收"),
    ),
    "pass": Transition([P.ACCEPTING], P.PASSED, permitted=approves_project, label=gettext_lazy("通过验收")),
    "rectify": Transition([P.ACCEPTING], P.RECTIFYING, permitted=approves_project, label=gettext_lazy("限期整改")),
    "fail": Transition([P.ACCEPTING], P.FAILED, permitted=approves_project, label=gettext_lazy("不通过验收")),
    "terminate_diligent": Transition(
        _RUNNING,
        P.TERMINATED_DILIGENT,
        permitted=approves_project,
        guards=(has_comment, has_minutes),
        label=gettext_lazy("终止（尽职免责）"),
    ),
    "terminate_fault": Transition(
        _RUNNING,
        P.TERMINATED_FAULT,
        permitted=approves_project,
        guards=(has_comment, party_was_heard, has_minutes),
        label=gettext_lazy("终止（有过错）"),
    ),
    "revoke": Transition(
        (*_RUNNING, P.ACCEPTANCE_APPLIED, P.ACCEPTING, P.RECTIFYING),
        P.REVOKED,
        permitted=approves_project,
        guards=(has_comment, party_was_heard, has_minutes),
        label=gettext_lazy("撤销"),
    ),
    "evaluate": Transition(
        [P.PASSED], P.EVALUATED, permitted=handles_project, label=gettext_lazy("绩效评价并公布成果")
    ),
    "archive": Transition(
        [P.EVALUATED, P.FAILED, P.ELIMINATED, P.TERMINATED_DILIGENT, P.TERMINATED_FAULT, P.REVOKED],
        P.ARCHIVED,
        permitted=handles_project,
        label=gettext_lazy("归档"),
    ),
}
