"""Every step a person can take on a page, as data: label, form, service, and when it is offered.

One view (`views.actions.act`) serves them all. What is offered follows the machines; what is allowed is decided by the
services again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from challenges import forms as f
from challenges.enums import (
    AnnualListState,
    AwardState,
    BidState,
    ChallengeState,
    ChangeState,
    MilestoneState,
    ObjectionState,
    PanelPurpose,
    PanelState,
    ProgrammeState,
    ProjectState,
    QuestionState,
    SeatState,
)
from challenges.models import (
    AnnualList,
    Award,
    Bid,
    Challenge,
    ChangeRequest,
    Expert,
    Objection,
    Opener,
    Panel,
    Programme,
    Project,
    Question,
    Seat,
    SuspicionHint,
)
from challenges.permissions import (
    acts_as_bidder,
    acts_as_demander,
    acts_as_end_user,
    acts_as_solver,
    approves_challenge,
    approves_list,
    approves_project,
    handles_challenge,
    handles_list,
    handles_programme,
    handles_project,
    holds_seat,
    may_bid,
    may_check_first,
    may_handle_objection,
    may_run_programmes,
    supervises,
    witnesses_panel,
)
from challenges.project_states import PROJECT_MACHINE
from challenges.services import (
    clarification,
    decision,
    experts,
    hints,
    needs,
    openers,
    programmes,
    projects,
    review,
    supplementary_draw,
)
from challenges.services.projects import signing_side
from challenges.services.reserve import leaves_short
from challenges.states import CHALLENGE_MACHINE, LIST_MACHINE, PROGRAMME_MACHINE
from core.forms import PageForm
from core.money import format_fen
from core.transitions import Machine

Run = Callable[[Any, Any, dict[str, Any]], Any]
Offered = Callable[[Any, Any], bool]


@dataclass(frozen=True)
class Action:
    """`run(user, obj, cleaned_data)` calls the service; `offered(user, obj)` decides whether the page shows it."""

    label: str | Promise
    run: Run
    offered: Offered
    form: type[PageForm] = f.EmptyForm
    note: str | Promise = ""
    danger: bool = False
    main: bool = False
    #: What follows from this step for this object, in words to be read before; empty if nothing beyond `note` does.
    warning: Callable[[Any], str] = lambda _obj: ""
    #: What the form must know of the object, such as who runs in a race.
    form_options: Callable[[Any], dict[str, Any]] | None = None


def by_machine(machine: Machine, name: str) -> Offered:
    """Offered where the machine has this step from the present state for this person."""
    step = machine[name]
    return lambda user, obj: obj.state in step.sources and step.permitted(user, obj)


def _challenge(name: str) -> Offered:
    return by_machine(CHALLENGE_MACHINE, name)


def _no_panel(purpose: str, *states: str) -> Offered:
    def offered(user: Any, challenge: Challenge) -> bool:
        return (
            challenge.state in {str(state) for state in states}
            and handles_challenge(user, challenge)
            and not challenge.panels.filter(purpose=purpose).exclude(state=PanelState.VOID).exists()
        )

    return offered


def _racers(challenge: Challenge) -> list[Project]:
    running = challenge.projects.filter(is_race=True, state=ProjectState.IN_PROGRESS)
    return list(running.select_related("solver").order_by("pk"))


def who_is_awarded(challenge: Challenge) -> str:
    """Whom the decision names, with how much, and what the supervisor has not looked into yet."""
    current = decision.current_decision(challenge)
    if current is None:
        return ""
    awards = current.awards.select_related("bid__organisation").order_by("rank")
    told = str(_("拟定榜：")) + "；".join(
        f"{one.bid.organisation.name}（{format_fen(one.grant_fen)}）" for one in awards
    )
    unhandled = challenge.hints.filter(handled_comment="").count()
    if unhandled:
        told += str(_("。还有 %d 条疑似串通线索没有登记核查情况") % unhandled)
    return told + str(_("。定榜后不能撤回。"))


CHALLENGE_ACTIONS: Mapping[str, Action] = {
    "check": Action(
        _("初审"),
        lambda user, obj, data: needs.need_check(challenge_id=obj.pk, acting_user=user, **data),
        lambda user, obj: obj.state == ChallengeState.SUBMITTED and may_check_first(user, obj),
        f.CheckForm,
        main=True,
    ),
    "agree": Action(
        _("确认最终文本"),
        lambda user, obj, data: needs.need_agree(challenge_id=obj.pk, acting_user=user),
        lambda user, obj: obj.state in needs.TERM_STATES and acts_as_demander(user, obj) and not obj.demander_agreed_at,
        note=_("请先通读榜单页面上的文本、指标和评审指标。确认后组织单位才能将其列入榜单。"),
        main=True,
    ),
    "commit_argumentation": Action(
        _("组建论证专家组"),
        lambda user, obj, data: review.panel_commit(
            challenge_id=obj.pk, acting_user=user, purpose=PanelPurpose.ARGUMENTATION
        ),
        _no_panel(PanelPurpose.ARGUMENTATION, ChallengeState.FIRST_PASSED),
        note=_("系统先承诺一个随机种子，再由监督人员输入见证词抽取专家，双方都不能单独左右结果。"),
        main=True,
    ),
    "argue": Action(
        _("送论证"),
        lambda user, obj, data: needs.need_argue(challenge_id=obj.pk, acting_user=user),
        _challenge("argue"),
        note=_("论证专家抽取完成后才能送论证。"),
    ),
    "select": Action(
        _("入榜"),
        lambda user, obj, data: needs.need_select(challenge_id=obj.pk, acting_user=user, selected=True, **data),
        _challenge("select"),
        f.MinutesForm,
        main=True,
    ),
    "not_select": Action(
        _("不入榜"),
        lambda user, obj, data: needs.need_select(challenge_id=obj.pk, acting_user=user, selected=False, **data),
        _challenge("not_select"),
        f.MinutesAndCommentForm,
        danger=True,
    ),
    "withdraw": Action(
        _("撤回需求"),
        lambda user, obj, data: needs.need_withdraw(challenge_id=obj.pk, acting_user=user, **data),
        _challenge("withdraw"),
        f.CommentForm,
        danger=True,
    ),
    "ask": Action(
        _("提问"),
        lambda user, obj, data: clarification.question_ask(challenge_id=obj.pk, acting_user=user, **data),
        lambda user, obj: may_bid(user) and clarification.takes_questions(obj),
        f.QuestionForm,
    ),
    "clarify": Action(
        _("澄清修改"),
        lambda user, obj, data: _clarify(user, obj, data),
        lambda user, obj: obj.state == ChallengeState.PUBLISHED and handles_challenge(user, obj),
        f.ClarifyForm,
        note=_("只填写需要修改的栏目，留空的栏目不变。发布后所有关注者同时收到。"),
    ),
    "cancel": Action(
        _("终止"),
        lambda user, obj, data: decision.challenge_cancel(challenge_id=obj.pk, acting_user=user, **data),
        _challenge("cancel"),
        f.CommentForm,
        danger=True,
    ),
    "reissue": Action(
        _("重新发榜"),
        lambda user, obj, data: programmes.challenge_reissue(
            challenge_id=obj.pk, acting_user=user, programme_id=data["programme"].pk, comment=data["comment"]
        ),
        _challenge("reissue"),
        f.ReissueForm,
        main=True,
    ),
    "formal_check": Action(
        _("完成形式审查"),
        lambda user, obj, data: review.formal_check_complete(challenge_id=obj.pk, acting_user=user),
        _challenge("formal_check"),
        main=True,
    ),
    "commit_review": Action(
        _("组建评审专家组"),
        lambda user, obj, data: review.panel_commit(challenge_id=obj.pk, acting_user=user, purpose=PanelPurpose.REVIEW),
        _no_panel(
            PanelPurpose.REVIEW,
            ChallengeState.PUBLISHED,
            ChallengeState.CLOSED,
            ChallengeState.OPENED,
            ChallengeState.FORMAL_CHECKED,
        ),
        note=_("现在承诺随机种子；标书开启后由监督人员抽取，抽取时已自动排除有利害关系的专家。"),
    ),
    "review": Action(
        _("开始评审"),
        lambda user, obj, data: review.review_start(challenge_id=obj.pk, acting_user=user),
        _challenge("review"),
        note=_("开始前会重新核查一次回避。"),
        main=True,
    ),
    "recheck": Action(
        _("重新核查回避"),
        lambda user, obj, data: review.review_recheck(challenge_id=obj.pk, acting_user=user),
        lambda user, obj: (
            obj.state in (ChallengeState.FORMAL_CHECKED, ChallengeState.REVIEWING)
            and handles_challenge(user, obj)
            and review.review_panel(obj) is not None
        ),
    ),
    "complete_review": Action(
        _("汇总评审结果"),
        lambda user, obj, data: review.review_complete(challenge_id=obj.pk, acting_user=user),
        lambda user, obj: obj.state == ChallengeState.REVIEWING and handles_challenge(user, obj),
        note=_("全部专家签署、报价开启之后，按发榜时公布的规则计算。"),
        main=True,
    ),
    "negotiate": Action(
        _("对接洽谈"),
        lambda user, obj, data: decision.negotiation_start(challenge_id=obj.pk, acting_user=user),
        lambda user, obj: _challenge("negotiate")(user, obj) and obj.programme.model == "M2",
    ),
    "end_negotiation": Action(
        _("结束洽谈"),
        lambda user, obj, data: decision.negotiation_end(challenge_id=obj.pk, acting_user=user, **data),
        _challenge("end_negotiation"),
        f.RecordForm,
    ),
    "publicise": Action(
        _("开始公示"),
        lambda user, obj, data: decision.publicity_start(challenge_id=obj.pk, acting_user=user),
        _challenge("publicise"),
        note=_("起止日期按国务院节假日安排计算，今天之后的第一个工作日为第一天。"),
        main=True,
    ),
    "suspend": Action(
        _("中止公示"),
        lambda user, obj, data: decision.publicity_suspend(challenge_id=obj.pk, acting_user=user),
        _challenge("suspend"),
        danger=True,
    ),
    "resume": Action(
        _("恢复公示"),
        lambda user, obj, data: decision.publicity_resume(challenge_id=obj.pk, acting_user=user),
        _challenge("resume"),
        main=True,
    ),
    "award": Action(
        _("定榜"),
        lambda user, obj, data: decision.challenge_award(challenge_id=obj.pk, acting_user=user),
        _challenge("award"),
        note=_("公示期满且没有未办结的异议才能定榜。所有申请单位同时收到通知。"),
        main=True,
        warning=who_is_awarded,
    ),
    "assess_stage": Action(
        _("赛马阶段评估"),
        lambda user, obj, data: projects.stage_assess(challenge_id=obj.pk, acting_user=user, **data),
        lambda user, obj: (
            obj.state == ChallengeState.CONTRACTED and approves_challenge(user, obj) and len(_racers(obj)) > 1
        ),
        f.StageAssessForm,
        note=_("全部赛马项目在同一日期按相同指标评估。停止支持的项目保留已形成的知识产权。"),
        form_options=lambda obj: {"racers": _racers(obj)},
    ),
    "finish": Action(
        _("结题"),
        lambda user, obj, data: projects.challenge_finish(challenge_id=obj.pk, acting_user=user),
        _challenge("finish"),
        main=True,
    ),
}


def _clarify(user: Any, obj: Challenge, data: dict[str, Any]) -> Any:
    changed = {
        name: data[name]
        for name in ("background", "content", "expected_result", "acceptance_method", "eligibility_conditions")
        if data[name].strip()
    }
    return clarification.challenge_clarify(
        challenge_id=obj.pk,
        acting_user=user,
        values=changed,
        reason=data["reason"],
        material=data["material"],
        deadline_at=data["deadline_at"],
    )


QUESTION_ACTIONS: Mapping[str, Action] = {
    "answer": Action(
        _("答复"),
        lambda user, obj, data: clarification.question_answer(
            question_public_id=obj.public_id, acting_user=user, **data
        ),
        lambda user, obj: obj.state == QuestionState.ASKED and handles_challenge(user, obj.challenge),
        f.AnswerForm,
        main=True,
    ),
}

PROGRAMME_ACTIONS: Mapping[str, Action] = {
    "call": Action(
        _("发布征集通知"),
        lambda user, obj, data: programmes.programme_call(programme_id=obj.pk, acting_user=user),
        by_machine(PROGRAMME_MACHINE, "call"),
        note=_("发布后征集时间和参数不能再改，到截止时间由系统自动关闭。"),
        main=True,
    ),
    "new_list": Action(
        _("编制榜单"),
        lambda user, obj, data: programmes.annual_list_create(programme_id=obj.pk, acting_user=user, **data),
        lambda user, obj: (
            handles_programme(user, obj) and obj.state in (ProgrammeState.CALLING, ProgrammeState.COLLECTED)
        ),
        f.AnnualListForm,
    ),
    "take_scenario": Action(
        _("从需求清单转入"),
        lambda user, obj, data: needs.challenge_from_scenario(
            scenario_id=data["scenario"].pk, programme_id=obj.pk, acting_user=user
        ),
        lambda user, obj: (
            handles_programme(user, obj) and obj.state in (ProgrammeState.CALLING, ProgrammeState.COLLECTED)
        ),
        f.ScenarioForm,
    ),
    "archive": Action(
        _("归档"),
        lambda user, obj, data: programmes.programme_archive(programme_id=obj.pk, acting_user=user),
        by_machine(PROGRAMME_MACHINE, "archive"),
    ),
}


def _list(name: str) -> Offered:
    return by_machine(LIST_MACHINE, name)


def _editable_list(user: Any, obj: AnnualList) -> bool:
    return handles_list(user, obj) and obj.state in (AnnualListState.PREPARING, AnnualListState.LIST_PUBLICITY)


LIST_ACTIONS: Mapping[str, Action] = {
    "appoint": Action(
        _("指定开启人"),
        lambda user, obj, data: openers.opener_appoint(
            list_id=obj.pk,
            acting_user=user,
            capacity=data["capacity"],
            user=data["username"],
            organisation=data["username"].current_organisation,
        ),
        _editable_list,
        f.OpenerForm,
        note=_("默认三人：组织单位、监督、平台或公证各一人，至少来自两个机构；三员不能担任。"),
    ),
    "publicise": Action(
        _("拟发榜公示"),
        lambda user, obj, data: programmes.annual_list_publicise(list_id=obj.pk, acting_user=user),
        _list("publicise"),
    ),
    "send": Action(
        _("送审"),
        lambda user, obj, data: programmes.annual_list_send_to_approval(list_id=obj.pk, acting_user=user),
        _list("send_to_approval"),
        main=True,
    ),
    "return": Action(
        _("退回编制"),
        lambda user, obj, data: programmes.annual_list_return(list_id=obj.pk, acting_user=user, **data),
        lambda user, obj: _list("return")(user, obj) and approves_list(user, obj),
        f.CommentForm,
        danger=True,
    ),
    "publish": Action(
        _("发榜"),
        lambda user, obj, data: programmes.annual_list_publish(list_id=obj.pk, acting_user=user, **data),
        lambda user, obj: _list("publish")(user, obj) and approves_list(user, obj),
        f.ListPublishForm,
        note=_("发榜后参数、文本和密钥指纹即固定，任何人不能更改，修改只能以澄清方式公布新版本。"),
        main=True,
    ),
    "archive": Action(
        _("归档"),
        lambda user, obj, data: programmes.annual_list_archive(list_id=obj.pk, acting_user=user),
        _list("archive"),
    ),
}

OPENER_ACTIONS: Mapping[str, Action] = {
    "take_key": Action(
        _("使用我的密钥"),
        lambda user, obj, data: openers.opener_take_key(opener_id=obj.pk, acting_user=user),
        lambda user, obj: obj.user_id == user.pk and obj.replaced_at is None and not obj.annual_list.is_public,
        note=_("将您最近验证过的开启密钥用于本榜单。"),
        main=True,
    ),
    "replace": Action(
        _("更换开启人"),
        lambda user, obj, data: openers.opener_replace(
            opener_id=obj.pk,
            acting_user=user,
            user=data["username"],
            organisation=data["username"].current_organisation,
            reason=data["reason"],
        ),
        lambda user, obj: obj.replaced_at is None and handles_list(user, obj.annual_list),
        f.OpenerReplaceForm,
        note=_("发榜后更换：已密封的标书仍可由其余开启人开启；如需新密钥，请发布更换封标密钥的澄清。"),
        danger=True,
    ),
}

BID_ACTIONS: Mapping[str, Action] = {
    "formal_check": Action(
        _("形式审查结论"),
        lambda user, obj, data: review.bid_formal_check(bid_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: (
            obj.challenge.state == ChallengeState.OPENED
            and obj.state in (BidState.OPENED, BidState.FORM_PASS, BidState.FORM_FAIL)
            and handles_challenge(user, obj.challenge)
        ),
        f.FormalCheckForm,
        main=True,
    ),
    "supplement": Action(
        _("要求补正"),
        lambda user, obj, data: review.bid_formal_check(
            bid_public_id=obj.public_id, acting_user=user, passed=False, **data
        ),
        lambda user, obj: (
            obj.challenge.state == ChallengeState.OPENED
            and obj.state == BidState.OPENED
            and handles_challenge(user, obj.challenge)
        ),
        f.SupplementForm,
    ),
    "answer_supplement": Action(
        _("提交补正"),
        lambda user, obj, data: review.bid_supplement(bid_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: (
            obj.challenge.state == ChallengeState.OPENED
            and obj.state == BidState.OPENED
            and acts_as_bidder(user, obj)
            and review.awaits_supplement(obj)
        ),
        f.SupplementAnswerForm,
        main=True,
    ),
    "disqualify": Action(
        _("取消资格"),
        lambda user, obj, data: decision.bid_disqualify(bid_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: (
            obj.state in (BidState.SCORED, BidState.PROPOSED, BidState.RESERVE, BidState.FORM_PASS)
            and handles_challenge(user, obj.challenge)
        ),
        f.ReasonForm,
        danger=True,
    ),
}

PANEL_ACTIONS: Mapping[str, Action] = {
    "draw": Action(
        _("抽取专家"),
        lambda user, obj, data: review.panel_draw(panel_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: obj.state == PanelState.COMMITTED and witnesses_panel(user, obj),
        f.DrawForm,
        main=True,
    ),
    "supplement": Action(
        _("发起补抽"),
        lambda user, obj, data: supplementary_draw.supplement_commit(panel_public_id=obj.public_id, acting_user=user),
        lambda user, obj: handles_challenge(user, obj.challenge) and supplementary_draw.may_be_supplemented(obj),
        note=_("候补专家已用完。系统现在承诺一个新的随机种子，再由监督人员输入见证词，为空缺席位抽取专家。"),
        main=True,
    ),
    "supplement_draw": Action(
        _("补抽专家"),
        lambda user, obj, data: supplementary_draw.supplement_draw(
            panel_public_id=obj.public_id, acting_user=user, **data
        ),
        lambda user, obj: supplementary_draw.witnesses_draw(user, obj),
        f.DrawForm,
        note=_("只为空缺的席位抽取；抽中过本评审组的专家不再参加。"),
        main=True,
    ),
}

SEAT_ACTIONS: Mapping[str, Action] = {
    "declare": Action(
        _("接受并声明"),
        lambda user, obj, data: review.seat_declare(seat_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: obj.state == SeatState.NOTIFIED and holds_seat(user, obj),
        f.DeclarationForm,
        main=True,
    ),
    "decline": Action(
        _("谢绝或回避"),
        lambda user, obj, data: review.seat_decline(seat_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: (
            obj.state in (SeatState.NOTIFIED, SeatState.DECLARED, SeatState.SUBMITTED) and holds_seat(user, obj)
        ),
        f.DeclineForm,
        warning=leaves_short,
        danger=True,
    ),
    "submit": Action(
        _("提交评分"),
        lambda user, obj, data: review.seat_submit(seat_public_id=obj.public_id, acting_user=user),
        lambda user, obj: review.scoring_is_open(obj, obj.panel.challenge) and holds_seat(user, obj),
        note=_("提交后不能修改；全部专家提交后可以看到彼此的评分，再签署。"),
        main=True,
    ),
    "summarise": Action(
        _("填写综合意见"),
        lambda user, obj, data: review.panel_summarise(seat_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: obj.state == SeatState.SUBMITTED and obj.is_chair and holds_seat(user, obj),
        f.SummaryForm,
    ),
    "sign": Action(
        _("签署"),
        lambda user, obj, data: review.seat_sign(seat_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: review.signing_is_open(obj) and holds_seat(user, obj),
        f.SignForm,
        note=_("签署即对本人评分和意见负责。不同意专家组结论的，请写明不同意见。"),
        main=True,
    ),
    "replace": Action(
        _("更换专家"),
        lambda user, obj, data: review.seat_recuse(seat_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: (
            obj.state in review.IN_OFFICE
            and obj.panel.locked_at is None
            and handles_challenge(user, obj.panel.challenge)
        ),
        f.ReasonForm,
        note=_("该专家的评分作废。抽取顺序中有候补专家时，由下一名专家重新评审。"),
        warning=leaves_short,
        danger=True,
    ),
}

EXPERT_ACTIONS: Mapping[str, Action] = {
    "retire": Action(
        _("出库"),
        lambda user, obj, data: experts.expert_retire(expert_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: obj.active and may_run_programmes(user),
        f.ReasonForm,
        note=_(
            "出库后不再参加抽取和候补，资料和历次评审记录保留，以后可以重新入库。在任席位不受影响，由该项目经办人决定。"
        ),
        danger=True,
    ),
    "reinstate": Action(
        _("重新入库"),
        lambda user, obj, data: experts.expert_reinstate(expert_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: not obj.active and may_run_programmes(user),
        f.ReasonForm,
    ),
}

OBJECTION_ACTIONS: Mapping[str, Action] = {
    "admit": Action(
        _("受理"),
        lambda user, obj, data: decision.objection_admit(objection_public_id=obj.public_id, acting_user=user),
        lambda user, obj: obj.state == ObjectionState.FILED and may_handle_objection(user, obj),
        note=_("受理后该项公示中止计时，办结后恢复。"),
        main=True,
    ),
    "testing": Action(
        _("登记检验鉴定"),
        lambda user, obj, data: decision.objection_testing(objection_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: obj.state == ObjectionState.INVESTIGATING and may_handle_objection(user, obj),
        f.TestingForm,
    ),
    "conclude": Action(
        _("办结答复"),
        lambda user, obj, data: decision.objection_conclude(
            objection_public_id=obj.public_id, acting_user=user, **data
        ),
        lambda user, obj: (
            obj.state in (ObjectionState.FILED, ObjectionState.INVESTIGATING) and may_handle_objection(user, obj)
        ),
        f.ConcludeForm,
        main=True,
    ),
}

HINT_ACTIONS: Mapping[str, Action] = {
    "handle": Action(
        _("登记核查情况"),
        lambda user, obj, data: hints.hint_handle(hint_id=obj.pk, acting_user=user, **data),
        lambda user, obj: supervises(user) and not obj.handled_comment,
        f.CommentForm,
        main=True,
    ),
}

AWARD_ACTIONS: Mapping[str, Action] = {
    "lapse": Action(
        _("中榜失效"),
        lambda user, obj, data: decision.award_lapse(award_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: (
            obj.state == AwardState.AWARDED
            and obj.bid.challenge.state == ChallengeState.AWARDED
            and approves_challenge(user, obj.bid.challenge)
        ),
        f.CommentForm,
        note=_("递补单位须重新决策并重新公示。"),
        danger=True,
    ),
}


def _project(name: str) -> Offered:
    return by_machine(PROJECT_MACHINE, name)


def _milestone(*states: str) -> Callable[[Project], bool]:
    return lambda project: (
        project.state in (ProjectState.IN_PROGRESS, ProjectState.OVERDUE)
        and (project.milestones.filter(state__in=states).exists())
    )


def _end(name: str) -> Run:
    return lambda user, obj, data: projects.project_end(
        project_public_id=obj.public_id, acting_user=user, action=name, **data
    )


PROJECT_ACTIONS: Mapping[str, Action] = {
    "report": Action(
        _("报告里程碑"),
        lambda user, obj, data: projects.milestone_report(project_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: acts_as_solver(user, obj) and _milestone(MilestoneState.PLANNED, MilestoneState.FAILED)(obj),
        f.MilestoneReportForm,
        main=True,
    ),
    "confirm": Action(
        _("签认里程碑"),
        lambda user, obj, data: projects.milestone_confirm(project_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: acts_as_end_user(user, obj) and _milestone(MilestoneState.REPORTED)(obj),
        f.MilestoneConfirmForm,
        main=True,
    ),
    "assess": Action(
        _("考核里程碑"),
        lambda user, obj, data: projects.milestone_assess(project_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: handles_project(user, obj) and _milestone(MilestoneState.CONFIRMED)(obj),
        f.MilestoneAssessForm,
        main=True,
    ),
    "ask_change": Action(
        _("申请变更"),
        lambda user, obj, data: projects.change_ask(project_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: obj.state == ProjectState.IN_PROGRESS and acts_as_solver(user, obj),
        f.ChangeForm,
    ),
    "apply_acceptance": Action(
        _("申请验收"),
        lambda user, obj, data: projects.acceptance_apply(project_public_id=obj.public_id, acting_user=user, **data),
        _project("apply_acceptance"),
        f.AcceptanceForm,
        main=True,
    ),
    "call_acceptance": Action(
        _("组织验收"),
        lambda user, obj, data: projects.acceptance_call(project_public_id=obj.public_id, acting_user=user, **data),
        _project("call_acceptance"),
        f.MeetingForm,
        main=True,
    ),
    "conclude_acceptance": Action(
        _("验收结论"),
        lambda user, obj, data: projects.acceptance_conclude(project_public_id=obj.public_id, acting_user=user, **data),
        _project("pass"),
        f.AcceptanceConclusionForm,
        note=_("技术和财务都通过才算通过；未通过的有一次整改机会；弄虚作假的直接不通过。"),
        main=True,
    ),
    "evaluate": Action(
        _("绩效评价并公布成果"),
        lambda user, obj, data: projects.project_evaluate(project_public_id=obj.public_id, acting_user=user, **data),
        _project("evaluate"),
        f.EvaluationForm,
        main=True,
    ),
    "transfer": Action(
        _("填报成果转化"),
        lambda user, obj, data: projects.transfer_report(
            project_public_id=obj.public_id, acting_user=user, **{**data, "revenue_fen": data["revenue_fen"] or 0}
        ),
        lambda user, obj: (
            obj.state == ProjectState.EVALUATED and (acts_as_solver(user, obj) or acts_as_end_user(user, obj))
        ),
        f.TransferForm,
    ),
    "suspend": Action(_("暂停"), _end("suspend"), _project("suspend"), f.CommentForm, danger=True),
    "resume": Action(_("恢复"), _end("resume"), _project("resume"), f.CommentForm),
    "terminate_diligent": Action(
        _("终止（尽职免责）"), _end("terminate_diligent"), _project("terminate_diligent"), f.EndForm, danger=True
    ),
    "terminate_fault": Action(
        _("终止（有过错）"), _end("terminate_fault"), _project("terminate_fault"), f.FaultForm, danger=True
    ),
    "revoke": Action(_("撤销"), _end("revoke"), _project("revoke"), f.FaultForm, danger=True),
    "archive": Action(
        _("归档"),
        lambda user, obj, data: projects.project_archive(project_public_id=obj.public_id, acting_user=user),
        _project("archive"),
    ),
}

CHANGE_ACTIONS: Mapping[str, Action] = {
    "agree": Action(
        _("同意变更"),
        lambda user, obj, data: projects.change_agree(change_public_id=obj.public_id, acting_user=user),
        lambda user, obj: obj.state == ChangeState.ASKED and acts_as_end_user(user, obj.project),
        main=True,
    ),
    "decide": Action(
        _("审批变更"),
        lambda user, obj, data: projects.change_decide(change_public_id=obj.public_id, acting_user=user, **data),
        lambda user, obj: obj.state in (ChangeState.ASKED, ChangeState.AGREED) and approves_project(user, obj.project),
        f.ChangeDecisionForm,
        main=True,
    ),
}

#: Kind of object in an address → (model, actions).
KINDS: Mapping[str, tuple[type[Any], Mapping[str, Action]]] = {
    "challenge": (Challenge, CHALLENGE_ACTIONS),
    "question": (Question, QUESTION_ACTIONS),
    "programme": (Programme, PROGRAMME_ACTIONS),
    "list": (AnnualList, LIST_ACTIONS),
    "opener": (Opener, OPENER_ACTIONS),
    "bid": (Bid, BID_ACTIONS),
    "panel": (Panel, PANEL_ACTIONS),
    "seat": (Seat, SEAT_ACTIONS),
    "expert": (Expert, EXPERT_ACTIONS),
    "objection": (Objection, OBJECTION_ACTIONS),
    "hint": (SuspicionHint, HINT_ACTIONS),
    "award": (Award, AWARD_ACTIONS),
    "project": (Project, PROJECT_ACTIONS),
    "change": (ChangeRequest, CHANGE_ACTIONS),
}


def offered(kind: str, user: Any, obj: Any) -> list[tuple[str, Action]]:
    """What the page of `obj` shows this person, main steps first."""
    found = [(name, action) for name, action in KINDS[kind][1].items() if action.offered(user, obj)]
    return sorted(found, key=lambda pair: (not pair[1].main, pair[1].danger))


def signs(user: Any, project: Project) -> bool:
    """Whether this person may still sign the contract for a side."""
    side = signing_side(user, project)
    return (
        project.state == ProjectState.SIGNING and side is not None and not project.signatures.filter(side=side).exists()
    )
