"""Machine A of domain.md §2.4: a need becomes a challenge, a challenge becomes contracts.

Steps that need more than the row (draws, openings, periods) hand what they found to the guard in `context`.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.enums import (
    AnnualListState,
    ChallengeState,
    ObjectionState,
    ProgrammeModel,
    ProgrammeState,
    PublicityState,
)
from challenges.models import AnnualList, Challenge
from challenges.parameters import Parameters, parameters_from
from challenges.permissions import (
    acts_as_demander,
    approves_challenge,
    approves_list,
    by_clock,
    handles_challenge,
    handles_list,
    handles_programme,
    may_check_first,
    supervises,
)
from challenges.validators import need_problems, personal_information_problems
from core.clock import BEIJING, database_now, now
from core.errors import Reason
from core.guards import has_comment, has_defects
from core.transitions import Machine, Transition

Context = Mapping[str, Any]
S = ChallengeState


# --- guards of needs ----------------------------------------------------------------------------------------------


def programme_parameters(challenge: Challenge) -> Parameters:
    """The frozen sheet once on a published list; the programme's own before."""
    annual_list = challenge.annual_list
    if annual_list is not None and annual_list.parameters:
        return parameters_from(annual_list.parameters)
    return parameters_from(challenge.programme.parameters)


def call_is_open(challenge: Challenge, _context: Context) -> list[Reason]:
    """The call closes by the database's clock; nobody can keep it open (domain.md §2.2 a)."""
    programme, moment = challenge.programme, database_now()
    if (
        programme.state == ProgrammeState.CALLING
        and programme.needs_open_at is not None
        and programme.needs_close_at is not None
        and programme.needs_open_at <= moment < programme.needs_close_at
    ):
        return []
    return [Reason("call_closed", _("本计划的需求征集不在受理期内，不能提交。"))]


def demander_is_verified(challenge: Challenge, _context: Context) -> list[Reason]:
    if challenge.demander.is_verified:
        return []
    return [Reason("demander_not_verified", _("需求单位尚未通过核验，请先在“本机构”页面申请核验。"))]


def demander_is_clear(_challenge: Challenge, context: Context) -> list[Reason]:
    """No valid dishonesty entry and no overdue acceptance (V15, V16); the service looked both up."""
    return list(context.get("credit_reasons", ()))


def need_is_complete(challenge: Challenge, _context: Context) -> list[Reason]:
    return need_problems(challenge, programme_parameters(challenge)) + personal_information_problems(challenge)


def one_need_per_organisation(challenge: Challenge, _context: Context) -> list[Reason]:
    """V02: by organisation, not by account."""
    most = programme_parameters(challenge).demand_max_per_organisation
    other = (
        Challenge.objects.filter(programme_id=challenge.programme_id, demander_id=challenge.demander_id)
        .exclude(pk=challenge.pk)
        .exclude(state__in=(S.DRAFT, S.WITHDRAWN, S.REJECTED, S.NOT_SELECTED))
        .count()
    )
    if other < most:
        return []
    return [Reason("too_many_needs", _("每个单位在本计划中最多提交 %d 项需求，本单位已提交。") % most)]


def may_be_returned_again(challenge: Challenge, _context: Context) -> list[Reason]:
    if challenge.return_count < programme_parameters(challenge).return_maximum:
        return []
    return [Reason("returned_too_often", _("退回补正次数已达上限，请作出通过或不通过的结论。"))]


def panel_has_signed(_challenge: Challenge, context: Context) -> list[Reason]:
    if context.get("panel_signed"):
        return []
    return [Reason("panel_not_signed", _("论证专家组尚未全部签署意见。"))]


def has_minutes(_challenge: Challenge, context: Context) -> list[Reason]:
    """A collective decision has minutes; nobody decides alone (domain.md §2.2 e)."""
    if str(context.get("minutes_number", "")).strip():
        return []
    return [Reason("minutes_missing", _("请填写集体决策的会议纪要号。"), "minutes_number")]


def demander_has_agreed(challenge: Challenge, _context: Context) -> list[Reason]:
    if challenge.demander_agreed_at is not None:
        return []
    return [Reason("demander_not_agreed", _("需求单位尚未确认最终文本。"))]


# --- guards from publication to contract --------------------------------------------------------------------------


def deadline_has_passed(challenge: Challenge, _context: Context) -> list[Reason]:
    """SYS only, and only when the clock says so: `[open, deadline)` (reliability.md D.2.4)."""
    if challenge.deadline_at is not None and database_now() >= challenge.deadline_at:
        return []
    return [Reason("deadline_ahead", _("揭榜截止时间未到。"))]


def too_few_bids(_challenge: Challenge, context: Context) -> list[Reason]:
    if context.get("valid_bids", 0) < context["minimum"]:
        return []
    return [Reason("enough_bids", _("有效申请数已达到开启要求。"))]


def is_frozen(challenge: Challenge, _context: Context) -> list[Reason]:
    if challenge.frozen_at is not None:
        return []
    return [Reason("not_frozen", _("标书尚未冻结，不能开启。"))]


def every_bid_is_checked(_challenge: Challenge, context: Context) -> list[Reason]:
    open_bids = context.get("unchecked", 0)
    if not open_bids:
        return []
    return [Reason("bids_unchecked", _("还有 %d 份申请没有形式审查结论。") % open_bids)]


def panel_is_clean(_challenge: Challenge, context: Context) -> list[Reason]:
    return list(context.get("panel_reasons", ()))


def every_seat_has_signed(_challenge: Challenge, context: Context) -> list[Reason]:
    if context.get("all_signed"):
        return []
    return [Reason("seats_unsigned", _("评审组还有成员没有签署。"))]


def is_enterprise_model(challenge: Challenge, _context: Context) -> list[Reason]:
    if challenge.programme.model == ProgrammeModel.ENTERPRISE:
        return []
    return [Reason("not_enterprise_model", _("只有企业发榜模式可以先行对接洽谈。"))]


def decision_is_sound(_challenge: Challenge, context: Context) -> list[Reason]:
    return list(context.get("decision_reasons", ()))


def no_open_objection(challenge: Challenge, _context: Context) -> list[Reason]:
    """V10: none filed and undecided, none under investigation."""
    open_states = (ObjectionState.FILED, ObjectionState.INVESTIGATING)
    count = sum(publicity.objections.filter(state__in=open_states).count() for publicity in challenge.publicities.all())
    if not count:
        return []
    return [Reason("objections_open", _("还有 %d 件异议没有办结，不能定榜。") % count)]


def publicity_has_elapsed(challenge: Challenge, _context: Context) -> list[Reason]:
    """V10: the whole of the last publicity day is over in Beijing, and the publicity is of the present decision."""
    publicity = challenge.publicities.filter(decision__replaced_at__isnull=True).order_by("-pk").first()
    if publicity is None or publicity.state not in (PublicityState.RUNNING, PublicityState.ENDED):
        return [Reason("publicity_missing", _("当前的决策没有经过公示。"))]
    if beijing_day(database_now()) > publicity.last_day:
        return []
    return [
        Reason("publicity_running", _("公示期到 %s 结束，期满后才能定榜。") % publicity.last_day.strftime("%Y-%m-%d"))
    ]


def beijing_day(moment: datetime) -> date:
    return moment.astimezone(BEIJING).date()


def credit_is_clear(_challenge: Challenge, context: Context) -> list[Reason]:
    """V15: looked at again at this gate; a change reopens the decision."""
    return list(context.get("credit_reasons", ()))


def every_award_is_signed(challenge: Challenge, context: Context) -> list[Reason]:
    if context.get("all_contracted"):
        return []
    return [Reason("contracts_missing", challenge.outcome_name(_("还有中榜单位没有完成任务书签署。")))]


def every_project_is_closed(_challenge: Challenge, context: Context) -> list[Reason]:
    if context.get("all_closed"):
        return []
    return [Reason("projects_open", _("还有项目没有结题。"))]


_BEFORE_PUBLICATION = (S.DRAFT, S.SUBMITTED, S.RETURNED, S.FIRST_PASSED, S.ARGUING, S.SELECTED)
_FROM_PUBLICATION_TO_AWARD = (
    S.PUBLISHED,
    S.CLOSED,
    S.NO_BID,
    S.OPENED,
    S.FORMAL_CHECKED,
    S.REVIEWING,
    S.REVIEWED,
    S.NEGOTIATING,
    S.DECIDED,
    S.PUBLICITY,
    S.PUBLICITY_SUSPENDED,
    S.AWARD_LAPSED,
)

CHALLENGE_MACHINE: Machine = {
    "submit": Transition(
        [S.DRAFT, S.RETURNED],
        S.SUBMITTED,
        permitted=acts_as_demander,
        guards=(call_is_open, demander_is_verified, demander_is_clear, need_is_complete, one_need_per_organisation),
        label=gettext_lazy("提交需求"),
    ),
    "return": Transition(
        [S.SUBMITTED],
        S.RETURNED,
        permitted=may_check_first,
        guards=(has_defects, may_be_returned_again),
        label=gettext_lazy("退回补正"),
    ),
    "pass_first": Transition([S.SUBMITTED], S.FIRST_PASSED, permitted=may_check_first, label=gettext_lazy("初审通过")),
    "reject": Transition(
        [S.SUBMITTED], S.REJECTED, permitted=may_check_first, guards=(has_comment,), label=gettext_lazy("初审不通过")
    ),
    "argue": Transition(
        [S.FIRST_PASSED], S.ARGUING, permitted=handles_challenge, guards=(panel_is_clean,), label=gettext_lazy("送论证")
    ),
    "select": Transition(
        [S.ARGUING],
        S.SELECTED,
        permitted=approves_challenge,
        guards=(panel_has_signed, has_minutes, demander_has_agreed),
        label=gettext_lazy("入榜"),
    ),
    "not_select": Transition(
        [S.ARGUING],
        S.NOT_SELECTED,
        permitted=approves_challenge,
        guards=(panel_has_signed, has_minutes, has_comment),
        label=gettext_lazy("不入榜"),
    ),
    "publish": Transition(
        [S.SELECTED],
        S.PUBLISHED,
        permitted=approves_challenge,
        guards=(demander_has_agreed, panel_is_clean),
        label=gettext_lazy("发榜"),
    ),
    "close": Transition(
        [S.PUBLISHED], S.CLOSED, permitted=by_clock, guards=(deadline_has_passed,), label=gettext_lazy("截止")
    ),
    "fail": Transition([S.CLOSED], S.NO_BID, permitted=by_clock, guards=(too_few_bids,), label=gettext_lazy("流榜")),
    "reissue": Transition(
        [S.NO_BID],
        S.REISSUED,
        permitted=handles_challenge,
        guards=(has_comment,),
        label=gettext_lazy("重新发榜"),
    ),
    "open": Transition([S.CLOSED], S.OPENED, permitted=by_clock, guards=(is_frozen,), label=gettext_lazy("开启")),
    "formal_check": Transition(
        [S.OPENED],
        S.FORMAL_CHECKED,
        permitted=handles_challenge,
        guards=(every_bid_is_checked,),
        label=gettext_lazy("完成形式审查"),
    ),
    "review": Transition(
        [S.FORMAL_CHECKED],
        S.REVIEWING,
        permitted=handles_challenge,
        guards=(panel_is_clean,),
        label=gettext_lazy("开始评审"),
    ),
    "complete_review": Transition(
        [S.REVIEWING], S.REVIEWED, permitted=by_clock, guards=(every_seat_has_signed,), label=gettext_lazy("评审完成")
    ),
    "negotiate": Transition(
        [S.REVIEWED],
        S.NEGOTIATING,
        permitted=handles_challenge,
        guards=(is_enterprise_model,),
        label=gettext_lazy("对接洽谈"),
    ),
    "end_negotiation": Transition(
        [S.NEGOTIATING], S.REVIEWED, permitted=handles_challenge, label=gettext_lazy("结束洽谈")
    ),
    "decide": Transition(
        [S.REVIEWED, S.NEGOTIATING, S.PUBLICITY_SUSPENDED, S.PUBLICITY, S.AWARD_LAPSED],
        S.DECIDED,
        permitted=approves_challenge,
        guards=(has_minutes, decision_is_sound),
        label=gettext_lazy("作出决策"),
    ),
    "publicise": Transition(
        [S.DECIDED],
        S.PUBLICITY,
        permitted=approves_challenge,
        guards=(credit_is_clear,),
        label=gettext_lazy("开始公示"),
    ),
    "suspend": Transition([S.PUBLICITY], S.PUBLICITY_SUSPENDED, permitted=supervises, label=gettext_lazy("中止公示")),
    "resume": Transition(
        [S.PUBLICITY_SUSPENDED],
        S.PUBLICITY,
        permitted=supervises,
        guards=(no_open_objection,),
        label=gettext_lazy("恢复公示"),
    ),
    "award": Transition(
        [S.PUBLICITY],
        S.AWARDED,
        permitted=approves_challenge,
        guards=(publicity_has_elapsed, no_open_objection, credit_is_clear),
        label=gettext_lazy("定榜"),
    ),
    "lapse": Transition(
        [S.AWARDED],
        S.AWARD_LAPSED,
        permitted=approves_challenge,
        guards=(has_comment,),
        label=gettext_lazy("中榜失效"),
    ),
    "contract": Transition(
        [S.AWARDED],
        S.CONTRACTED,
        permitted=by_clock,
        guards=(every_award_is_signed,),
        label=gettext_lazy("完成签约"),
    ),
    "finish": Transition(
        [S.CONTRACTED],
        S.FINISHED,
        permitted=handles_challenge,
        guards=(every_project_is_closed,),
        label=gettext_lazy("结题"),
    ),
    "withdraw": Transition(
        _BEFORE_PUBLICATION,
        S.WITHDRAWN,
        permitted=acts_as_demander,
        guards=(has_comment,),
        label=gettext_lazy("撤回需求"),
    ),
    "cancel": Transition(
        _FROM_PUBLICATION_TO_AWARD,
        S.CANCELLED,
        permitted=approves_challenge,
        guards=(has_comment,),
        label=gettext_lazy("终止"),
    ),
}


# --- programme and list -------------------------------------------------------------------------------------------


def call_is_described(programme: Any, _context: Context) -> list[Reason]:
    reasons = []
    if not programme.call_text.strip():
        reasons.append(Reason("call_text_missing", _("请填写征集通知。"), "call_text"))
    opens, closes = programme.needs_open_at, programme.needs_close_at
    if opens is None or closes is None or opens >= closes:
        reasons.append(Reason("call_dates", _("请填写征集的开始和截止时间，截止应晚于开始。"), "needs_close_at"))
    elif closes <= now():
        reasons.append(Reason("call_over", _("征集截止时间已经过去。"), "needs_close_at"))
    return reasons


def call_has_closed(programme: Any, _context: Context) -> list[Reason]:
    if programme.needs_close_at is not None and database_now() >= programme.needs_close_at:
        return []
    return [Reason("call_open", _("征集截止时间未到。"))]


PROGRAMME_MACHINE: Machine = {
    "call": Transition(
        [ProgrammeState.PREPARING],
        ProgrammeState.CALLING,
        permitted=handles_programme,
        guards=(call_is_described,),
        label=gettext_lazy("发布征集通知"),
    ),
    "collect": Transition(
        [ProgrammeState.CALLING],
        ProgrammeState.COLLECTED,
        permitted=by_clock,
        guards=(call_has_closed,),
        label=gettext_lazy("征集截止"),
    ),
    "archive": Transition(
        [ProgrammeState.COLLECTED],
        ProgrammeState.ARCHIVED,
        permitted=handles_programme,
        label=gettext_lazy("归档"),
    ),
}


def list_has_items(annual_list: AnnualList, _context: Context) -> list[Reason]:
    if annual_list.challenges.exists():
        return []
    return [Reason("list_is_empty", _("榜单中还没有条目。"))]


def list_items_are_fit(_annual_list: AnnualList, context: Context) -> list[Reason]:
    return list(context.get("item_reasons", ()))


def list_publicity_is_over(annual_list: AnnualList, context: Context) -> list[Reason]:
    """Where the programme asks for 拟发榜公示, it has fully elapsed before approval."""
    if not context.get("needs_publicity"):
        return []
    last = annual_list.publicity_last_day
    if last is not None and beijing_day(database_now()) > last:
        return []
    return [Reason("list_publicity", _("拟发榜公示尚未期满，不能发榜。"))]


def no_objection_to_list(annual_list: AnnualList, _context: Context) -> list[Reason]:
    open_states = (ObjectionState.FILED, ObjectionState.INVESTIGATING)
    if any(row.objections.filter(state__in=open_states).exists() for row in annual_list.publicities.all()):
        return [Reason("objections_open", _("拟发榜公示还有异议没有办结。"))]
    return []


def has_list_secrecy_reviewer(_annual_list: AnnualList, context: Context) -> list[Reason]:
    """保守国家秘密法 35; V18."""
    if str(context.get("secrecy_reviewer_name", "")).strip():
        return []
    return [Reason("secrecy_reviewer_missing", _("请填写保密审查人姓名。"), "secrecy_reviewer_name")]


def openers_are_ready(_annual_list: AnnualList, context: Context) -> list[Reason]:
    """Nobody publishes a call whose bids could not be opened (security.md C.3)."""
    return list(context.get("opener_reasons", ()))


L = AnnualListState
LIST_MACHINE: Machine = {
    "publicise": Transition(
        [L.PREPARING],
        L.LIST_PUBLICITY,
        permitted=handles_list,
        guards=(list_has_items,),
        label=gettext_lazy("拟发榜公示"),
    ),
    "send_to_approval": Transition(
        [L.PREPARING, L.LIST_PUBLICITY],
        L.IN_REVIEW,
        permitted=handles_list,
        guards=(list_has_items, list_items_are_fit, list_publicity_is_over, no_objection_to_list, openers_are_ready),
        label=gettext_lazy("送审"),
    ),
    "return": Transition(
        [L.IN_REVIEW], L.PREPARING, permitted=approves_list, guards=(has_comment,), label=gettext_lazy("退回编制")
    ),
    "publish": Transition(
        [L.IN_REVIEW],
        L.PUBLISHED,
        permitted=approves_list,
        guards=(
            list_has_items,
            list_items_are_fit,
            list_publicity_is_over,
            no_objection_to_list,
            has_minutes,
            has_list_secrecy_reviewer,
            openers_are_ready,
        ),
        label=gettext_lazy("发榜"),
    ),
    "archive": Transition([L.PUBLISHED], L.ARCHIVED, permitted=handles_list, label=gettext_lazy("归档")),
}
