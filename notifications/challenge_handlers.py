"""Who is told what in 揭榜挂帅. Before the opening, bidders are told of their own bid only, and nobody else of any."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.enums import Role
from accounts.events import MembershipBegan
from accounts.models import Membership, User
from challenges.conflicts import concerned_parties, conflict_reasons
from challenges.enums import BidState, ChallengeState, EnvelopeKind, ObjectionState, SelectionMethod
from challenges.events import (
    AnnualListPublished,
    BidConcluded,
    BidFormalCheckMoved,
    BidReceived,
    BidWithdrawn,
    ChallengeClarified,
    ChallengeTransitioned,
    ChangeDecided,
    ContractLate,
    DeadlineNears,
    ExpertMoved,
    MilestoneMoved,
    ObjectionMoved,
    OpeningStep,
    PanelMoved,
    ProgrammeCalled,
    ProjectTransitioned,
    PublicityStarted,
    QuestionAnswered,
    SeatNotified,
    SolverInvited,
)
from challenges.models import (
    AnnualList,
    Award,
    Bid,
    BidVersion,
    Challenge,
    ChangeRequest,
    Expert,
    Invitation,
    Milestone,
    Objection,
    Opener,
    Panel,
    Programme,
    Project,
    Publicity,
    Question,
    Seat,
)
from challenges.permissions import is_in_office
from challenges.services.experts import seats_held
from challenges.services.membership_looks import WaitingLook, looks_waiting
from challenges.services.reserve import missing_seats
from core.clock import BEIJING, now
from core.outbox import subscribe
from notifications.selectors import demand_side_of, people_with_role, supply_side_of
from notifications.services import notify
from notifications.wording import comment_sentence

CHECK_WORDS = {
    "pass_first": gettext_lazy("初审通过"),
    "return": gettext_lazy("退回补正"),
    "reject": gettext_lazy("初审未通过"),
}
#: Steps the demander is told of, beside the checks.
DEMANDER_STEPS = {
    "argue": gettext_lazy("进入专家论证"),
    "select": gettext_lazy("入榜"),
    "not_select": gettext_lazy("未入榜"),
    "close": gettext_lazy("揭榜截止"),
    "fail": gettext_lazy("流榜"),
    "award": gettext_lazy("已定榜"),
    "cancel": gettext_lazy("已终止"),
    "contract": gettext_lazy("签约完成"),
}
#: Steps every follower is told of (cancelled: all applicants told, domain.md §2.4).
FOLLOWER_STEPS = {"cancel": gettext_lazy("已终止"), "fail": gettext_lazy("流榜，未开启的标书已退回")}
OPENING_WORDS = {
    "started": gettext_lazy("开启开始"),
    "done": gettext_lazy("开启完成"),
}
#: At this reminder the officers are asked to prove their keys.
PROOF_HOURS = 24
OUTCOMES = {
    "awarded": gettext_lazy("中榜"),
    "not_selected": gettext_lazy("未中榜"),
    "disqualified": gettext_lazy("取消资格"),
    "lapsed": gettext_lazy("中榜失效"),
}
FORMAL_CHECK_WORDS = {
    "passed": gettext_lazy("形式审查通过"),
    "failed": gettext_lazy("形式审查未通过"),
}
PROJECT_WORDS = {
    "begin": gettext_lazy("开始实施"),
    "suspend": gettext_lazy("暂停"),
    "resume": gettext_lazy("恢复"),
    "flag_overdue": gettext_lazy("逾期未验收"),
    "eliminate": gettext_lazy("停止支持"),
    "apply_acceptance": gettext_lazy("申请验收"),
    "call_acceptance": gettext_lazy("组织验收"),
    "pass": gettext_lazy("通过验收"),
    "rectify": gettext_lazy("限期整改"),
    "fail": gettext_lazy("未通过验收"),
    "terminate_diligent": gettext_lazy("终止（尽职免责）"),
    "terminate_fault": gettext_lazy("终止"),
    "revoke": gettext_lazy("撤销"),
    "evaluate": gettext_lazy("绩效评价并公布成果"),
}
MILESTONE_WORDS = {
    "reported": gettext_lazy("已报告，待最终用户签认"),
    "confirmed": gettext_lazy("已签认，待考核"),
    "assessed": gettext_lazy("已考核"),
}


def _text(moment: datetime | None) -> str:
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M") if moment else ""


def _key(challenge: Challenge) -> str:
    return challenge.code or str(challenge.public_id)


def _challenge(challenge_id: int) -> Challenge | None:
    return (
        Challenge.objects.select_related("programme", "programme__owner", "demander", "demander__region", "region")
        .filter(pk=challenge_id)
        .first()
    )


def _handlers_of(challenge: Challenge) -> Iterable[User]:
    return people_with_role(Role.SCIENCE_HANDLER, organisation=challenge.programme.owner)


def _bidders(challenge: Challenge) -> list[User]:
    """Everybody who acts for an organisation with a bid; called only once the challenge is frozen."""
    people: dict[int, User] = {}
    for bid in challenge.bids.exclude(state=BidState.WITHDRAWN).select_related("organisation"):
        people |= {person.pk: person for person in supply_side_of(bid.organisation)}
    return list(people.values())


def _followers(challenge: Challenge) -> list[User]:
    people: dict[int, User] = {}
    for follower in challenge.followers.select_related("organisation"):
        people |= {person.pk: person for person in supply_side_of(follower.organisation)}
    return list(people.values())


@subscribe(ProgrammeCalled, name="notifications.programme_called")
def programme_called(event: ProgrammeCalled) -> None:
    programme = Programme.objects.filter(pk=event.programme_id).first()
    if programme is None:
        return
    notify(
        "challenge.call",
        recipients=people_with_role(Role.DEMAND_SUBMITTER),
        key=str(programme.pk),
        values={"programme": programme.title, "closes": _text(programme.needs_close_at)},
        url_arguments=[str(programme.public_id)],
    )


@subscribe(ChallengeTransitioned, name="notifications.challenge_transitioned")
def challenge_transitioned(event: ChallengeTransitioned) -> None:
    challenge = _challenge(event.challenge_id)
    if challenge is None:
        return
    key = f"{challenge.pk}:{event.action}:{challenge.return_count}:{event.source}"
    arguments = [_key(challenge)]
    if event.action == "submit" and challenge.state == ChallengeState.SUBMITTED:
        notify(
            "challenge.waits_for_check",
            recipients=people_with_role(Role.FIRST_REVIEWER, region=challenge.region or challenge.demander.region),
            key=key,
            values={"title": challenge.title, "demander": challenge.demander.name},
            url_arguments=arguments,
            organisation=challenge.demander,
        )
    elif event.action in CHECK_WORDS:
        check = challenge.checks.order_by("-pk").first()
        notify(
            "challenge.checked",
            recipients=demand_side_of(challenge.demander),
            key=key,
            values={
                "title": challenge.title,
                "conclusion": str(CHECK_WORDS[event.action]),
                "comment": comment_sentence(event.comment),
                "defects": "\n".join(check.defects) if check is not None else "",
            },
            url_arguments=arguments,
            organisation=challenge.demander,
        )
    elif event.action in DEMANDER_STEPS:
        notify(
            "challenge.step",
            recipients=demand_side_of(challenge.demander),
            key=key,
            values={
                "title": challenge.title,
                "step": str(DEMANDER_STEPS[event.action]),
                "comment": comment_sentence(event.comment),
            },
            url_arguments=arguments,
            organisation=challenge.demander,
        )
    if event.action in FOLLOWER_STEPS:
        notify(
            "challenge.step",
            recipients=_followers(challenge),
            key=f"{key}:followers",
            values={
                "title": challenge.title,
                "step": str(FOLLOWER_STEPS[event.action]),
                "comment": comment_sentence(event.comment),
            },
            url_arguments=arguments,
        )
    if event.action == "close" and challenge.annual_list_id is not None:
        _call_openers(challenge, EnvelopeKind.TECHNICAL)


def _in_office(appointed: QuerySet[Opener]) -> list[User]:
    """Those of these officers who may act now; who has left the organisation of the appointment is told nothing."""
    return [opener.user for opener in appointed.select_related("user", "organisation") if is_in_office(opener)]


def _call_openers(challenge: Challenge, kind: str) -> None:
    appointed = Opener.objects.filter(annual_list_id=challenge.annual_list_id, replaced_at=None)
    notify(
        "challenge.openers_called",
        recipients=_in_office(appointed),
        key=f"{challenge.pk}:{kind}",
        values={"title": challenge.title, "kind": EnvelopeKind(kind).label},
        url_arguments=[_key(challenge)],
    )


@subscribe(AnnualListPublished, name="notifications.annual_list_published")
def annual_list_published(event: AnnualListPublished) -> None:
    annual_list = AnnualList.objects.filter(pk=event.list_id).first()
    if annual_list is None:
        return
    items = list(annual_list.challenges.select_related("demander").order_by("sequence"))
    by_demander: dict[int, list[Challenge]] = {}
    for item in items:
        by_demander.setdefault(item.demander_id, []).append(item)
    for demander_id, own in by_demander.items():
        notify(
            "challenge.list_published",
            recipients=demand_side_of(own[0].demander),
            key=f"{annual_list.pk}:{demander_id}",
            values={
                "list": annual_list.title,
                "count": len(items),
                "items": "\n".join(f"{item.code} {item.title}" for item in own),
            },
            url_arguments=[annual_list.code],
            organisation=own[0].demander,
        )
    _tell_commissioned(annual_list)


def _tell_commissioned(annual_list: AnnualList) -> None:
    """Whom a commission goes to: nobody else is shown it, so nobody else could tell them."""
    commissions = annual_list.challenges.filter(selection_method=SelectionMethod.DIRECTED, directed_to__isnull=False)
    for challenge in commissions.select_related("directed_to").order_by("sequence"):
        notify(
            "challenge.commissioned",
            recipients=supply_side_of(challenge.directed_to),
            key=str(challenge.pk),
            values={
                "list": annual_list.title,
                "title": challenge.title,
                "deadline": _text(challenge.deadline_at),
                "reason": challenge.directed_reason,
            },
            url_arguments=[_key(challenge)],
            organisation=challenge.directed_to,
        )


@subscribe(ChallengeClarified, name="notifications.challenge_clarified")
def challenge_clarified(event: ChallengeClarified) -> None:
    challenge = _challenge(event.challenge_id)
    version = challenge.versions.filter(number=event.number).first() if challenge is not None else None
    if challenge is None or version is None:
        return
    notify(
        "challenge.clarified",
        recipients=_followers(challenge),
        key=f"{challenge.pk}:{event.number}",
        values={
            "title": challenge.title,
            "number": event.number,
            "reason": version.reason,
            "deadline": _text(version.deadline_at),
            "confirm": _("已提交标书的单位请重新确认或重新提交，否则截止后不予开启。") if event.material else "",
        },
        url_arguments=[_key(challenge)],
    )


@subscribe(QuestionAnswered, name="notifications.question_answered")
def question_answered(event: QuestionAnswered) -> None:
    """To all followers at one instant; a declined one only to who asked."""
    question = Question.objects.select_related("challenge", "asked_by").filter(pk=event.question_id).first()
    if question is None:
        return
    public = question.state == "answered"
    notify(
        "challenge.answered",
        recipients=_followers(question.challenge) if public else [question.asked_by] if question.asked_by else [],
        key=str(question.pk),
        values={"title": question.challenge.title, "question": question.text, "answer": question.answer},
        url_arguments=[_key(question.challenge)],
    )


@subscribe(SolverInvited, name="notifications.solver_invited")
def solver_invited(event: SolverInvited) -> None:
    """Names nobody else who was invited (招标投标法 22)."""
    invitation = Invitation.objects.select_related("challenge", "organisation").filter(pk=event.invitation_id).first()
    if invitation is None:
        return
    notify(
        "challenge.invited",
        recipients=supply_side_of(invitation.organisation),
        key=str(invitation.pk),
        values={
            "title": invitation.challenge.title,
            "deadline": _text(invitation.challenge.deadline_at),
            "reasons": "\n".join(invitation.reasons),
        },
        url_arguments=[_key(invitation.challenge)],
        organisation=invitation.organisation,
    )


@subscribe(BidReceived, name="notifications.bid_received")
def bid_received(event: BidReceived) -> None:
    version = (
        BidVersion.objects.select_related("bid__challenge", "bid__organisation").filter(pk=event.bid_version_id).first()
    )
    if version is None:
        return
    notify(
        "challenge.bid_received",
        recipients=supply_side_of(version.bid.organisation),
        key=str(version.pk),
        values={
            "title": version.bid.challenge.title,
            "number": version.number,
            "received": version.received_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
        },
        url_arguments=[str(version.bid.public_id)],
        organisation=version.bid.organisation,
    )


@subscribe(BidWithdrawn, name="notifications.bid_withdrawn")
def bid_withdrawn(event: BidWithdrawn) -> None:
    bid = Bid.objects.select_related("challenge", "organisation").filter(pk=event.bid_id).first()
    if bid is None:
        return
    notify(
        "challenge.bid_withdrawn",
        recipients=supply_side_of(bid.organisation),
        key=f"{bid.pk}:{bid.version}",
        values={"title": bid.challenge.title},
        url_arguments=[str(bid.public_id)],
        organisation=bid.organisation,
    )


@subscribe(DeadlineNears, name="notifications.deadline_nears")
def deadline_nears(event: DeadlineNears) -> None:
    challenge = _challenge(event.challenge_id)
    if challenge is None or challenge.deadline_at is None:
        return
    notify(
        "challenge.deadline_nears",
        recipients=_followers(challenge),
        key=f"{challenge.pk}:{event.hours}:{challenge.deadline_at:%Y%m%d%H%M}",
        values={"title": challenge.title, "deadline": _text(challenge.deadline_at)},
        url_arguments=[_key(challenge)],
    )
    if event.hours == PROOF_HOURS:
        _ask_for_proof(challenge)


def _ask_for_proof(challenge: Challenge) -> None:
    """A day before the opening every officer proves once more that the key is at hand (security.md C.3, step 1)."""
    since = now() - timedelta(hours=PROOF_HOURS)
    waiting = Opener.objects.filter(annual_list_id=challenge.annual_list_id, replaced_at=None).exclude(
        last_proven_at__gte=since
    )
    notify(
        "challenge.proof_wanted",
        recipients=_in_office(waiting),
        key=f"{challenge.pk}:{challenge.deadline_at:%Y%m%d%H%M}",
        values={"title": challenge.title, "deadline": _text(challenge.deadline_at)},
    )


@subscribe(MembershipBegan, name="notifications.membership_waits")
def membership_waits(event: MembershipBegan) -> None:
    """Supervisors hear of a membership that began while a challenge it concerns was running."""
    membership = Membership.objects.filter(pk=event.membership_id).first()
    if membership is not None:
        _tell_supervisors(looks_waiting(membership=membership))


def _tell_supervisors(waiting: Iterable[WaitingLook]) -> None:
    for row in waiting:
        notify(
            "challenge.membership_waits",
            recipients=people_with_role(Role.SUPERVISOR),
            key=f"{row.challenge.pk}:{row.membership.pk}",
            values={
                "title": row.challenge.title,
                "person": str(row.membership.user),
                "organisation": row.membership.organisation.name,
            },
        )


@subscribe(OpeningStep, name="notifications.memberships_disclosed")
def memberships_disclosed(event: OpeningStep) -> None:
    """With the opening bidders become known, and with them who joined one of them late."""
    challenge = _challenge(event.challenge_id)
    if challenge is not None and event.step == "done":
        _tell_supervisors(looks_waiting(challenge=challenge))


@subscribe(OpeningStep, name="notifications.opening_step")
def opening_step(event: OpeningStep) -> None:
    """Every bidder is told of every step of the opening (security.md C.3, step 6)."""
    challenge = _challenge(event.challenge_id)
    if challenge is None or challenge.frozen_at is None:
        return
    word = OPENING_WORDS.get(event.step)
    notify(
        "challenge.opening",
        recipients=_bidders(challenge),
        key=f"{challenge.pk}:{event.kind}:{event.step}",
        values={
            "title": challenge.title,
            "kind": EnvelopeKind(event.kind).label,
            "step": str(word) if word else _("第 %s 名开启人已解封") % event.step.removeprefix("peeled_"),
        },
        url_arguments=[_key(challenge)],
    )


@subscribe(SeatNotified, name="notifications.seat_notified")
def seat_notified(event: SeatNotified) -> None:
    seat = Seat.objects.select_related("panel__challenge", "expert__user").filter(pk=event.seat_id).first()
    if seat is None or seat.expert.user is None:
        return
    notify(
        "challenge.seat",
        recipients=[seat.expert.user],
        key=str(seat.pk),
        values={
            "title": seat.panel.challenge.title,
            "purpose": seat.panel.get_purpose_display(),
            "due": _text(seat.answer_due_at),
        },
        url_arguments=[str(seat.public_id)],
    )


EXPERT_WORDS = {
    "edited": gettext_lazy("的资料修改后存在需要回避的情形"),
    "retired": gettext_lazy("已出库"),
}


@subscribe(ExpertMoved, name="notifications.expert_moved")
def expert_moved(event: ExpertMoved) -> None:
    """Where an expert who was retired, or whose corrected entry shows a conflict, holds a seat, the handlers hear."""
    expert = Expert.objects.select_related("user").filter(pk=event.expert_id).first()
    if expert is None or event.step not in EXPERT_WORDS:
        return
    retired = event.step == "retired"
    for seat in seats_held(expert):
        panel = seat.panel
        found = (
            ()
            if retired
            else conflict_reasons(expert, panel.challenge, panel.purpose, concerned_parties(panel.challenge))
        )
        if not retired and not found:
            continue
        told = expert.retired_reason if retired else "".join(reason.message for reason in found)
        notify(
            "challenge.expert_moved",
            recipients=_handlers_of(panel.challenge),
            key=f"{seat.pk}:{event.step}:{event.at}",
            values={
                "title": panel.challenge.title,
                "purpose": panel.get_purpose_display(),
                "expert": expert.name,
                "step": str(EXPERT_WORDS[event.step]),
                "reason": comment_sentence(told),
            },
            url_arguments=[str(panel.public_id)],
        )
    if retired and expert.user is not None and seats_held(expert).exists():
        notify(
            "challenge.expert_retired",
            recipients=[expert.user],
            key=f"{expert.pk}:{event.at}",
            values={"reason": expert.retired_reason.rstrip("。")},
        )


@subscribe(PanelMoved, name="notifications.panel_moved")
def panel_moved(event: PanelMoved) -> None:
    """A seat without a reserve is told to the handlers, a supplementary draw that waits to the supervisors."""
    panel = Panel.objects.select_related("challenge__programme__owner").filter(pk=event.panel_id).first()
    if panel is None:
        return
    short = event.step == "short"
    values = {"title": panel.challenge.title, "purpose": panel.get_purpose_display()}
    notify(
        "challenge.panel_short" if short else "challenge.draw_waits",
        recipients=_handlers_of(panel.challenge) if short else people_with_role(Role.SUPERVISOR),
        key=f"{panel.pk}:{event.step}:{event.at}",
        values=values | ({"missing": missing_seats(panel)} if short else {}),
        url_arguments=[str(panel.public_id)],
    )


@subscribe(BidConcluded, name="notifications.bid_concluded")
def bid_concluded(event: BidConcluded) -> None:
    """A bidder's own outcome with their own scores and reasons; nobody else's."""
    bid = Bid.objects.select_related("challenge", "organisation").filter(pk=event.bid_id).first()
    if bid is None:
        return
    result = bid.results.filter(panel__purpose="review").order_by("-pk").first()
    scores = (
        _("评审总分 %(total)s，排序第 %(rank)d。") % {"total": result.total, "rank": result.rank}
        if result is not None
        else ""
    )
    notify(
        "challenge.bid_concluded",
        recipients=supply_side_of(bid.organisation),
        key=f"{bid.pk}:{event.outcome}",
        values={
            "title": bid.challenge.title,
            "outcome": bid.challenge.outcome_name(OUTCOMES.get(event.outcome, event.outcome)),
            "scores": scores,
            "reason": comment_sentence(bid.disqualified_reason or bid.form_comment),
        },
        url_arguments=[str(bid.public_id)],
        organisation=bid.organisation,
    )


@subscribe(BidFormalCheckMoved, name="notifications.bid_formal_check_moved")
def bid_formal_check_moved(event: BidFormalCheckMoved) -> None:
    """The bidder learns of each conclusion and request with its reason; the handlers that 补正 has come."""
    bid = Bid.objects.select_related("challenge", "organisation").filter(pk=event.bid_id).first()
    if bid is None:
        return
    values = {"title": bid.challenge.title, "reason": comment_sentence(bid.form_comment)}
    if event.step == "answered":
        notify(
            "challenge.supplement_answered",
            recipients=_handlers_of(bid.challenge),
            key=f"{bid.pk}:{event.at}",
            values=values | {"organisation": bid.organisation.name},
            url_arguments=[str(bid.public_id)],
        )
        return
    message = "challenge.supplement_asked" if event.step == "asked" else "challenge.formal_check"
    notify(
        message,
        recipients=supply_side_of(bid.organisation),
        key=f"{bid.pk}:{event.at}",
        values=values
        | {
            "outcome": str(FORMAL_CHECK_WORDS.get(event.step, "")),
            "due": bid.supplement_due_on.isoformat() if bid.supplement_due_on else "",
        },
        url_arguments=[str(bid.public_id)],
        organisation=bid.organisation,
    )


@subscribe(PublicityStarted, name="notifications.publicity_started")
def publicity_started(event: PublicityStarted) -> None:
    publicity = Publicity.objects.select_related("challenge", "annual_list").filter(pk=event.publicity_id).first()
    if publicity is None or publicity.challenge is None:
        return
    notify(
        "challenge.publicity",
        recipients=_bidders(publicity.challenge),
        key=str(publicity.pk),
        values={
            "title": publicity.challenge.title,
            "first": publicity.first_day,
            "last": publicity.last_day,
        },
        url_arguments=[str(publicity.public_id)],
    )


@subscribe(ObjectionMoved, name="notifications.objection_moved")
def objection_moved(event: ObjectionMoved) -> None:
    """New ones to the supervisors; answers to the filer. The handler of the review is told nothing of either."""
    objection = (
        Objection.objects.select_related("publicity__challenge", "publicity__annual_list", "filed_by")
        .filter(pk=event.objection_id)
        .first()
    )
    if objection is None:
        return
    subject = objection.publicity.challenge or objection.publicity.annual_list
    if event.action == "filed":
        notify(
            "challenge.objection_filed",
            recipients=people_with_role(Role.SUPERVISOR),
            key=str(objection.pk),
            values={"title": str(subject)},
            url_arguments=[str(objection.public_id)],
        )
    elif objection.filed_by is not None:
        notify(
            "challenge.objection_answered",
            recipients=[objection.filed_by],
            key=f"{objection.pk}:{event.action}",
            values={
                "subject": objection.subject,
                "state": ObjectionState(objection.state).label,
                "reply": objection.reply,
            },
            url_arguments=[str(objection.public_id)],
        )


def _project_sides(project: Project) -> list[User]:
    people = {person.pk: person for person in supply_side_of(project.solver)}
    people |= {person.pk: person for person in demand_side_of(project.challenge.demander)}
    return list(people.values())


@subscribe(ProjectTransitioned, name="notifications.project_transitioned")
def project_transitioned(event: ProjectTransitioned) -> None:
    project = (
        Project.objects.select_related("challenge__demander", "challenge__programme__owner", "solver")
        .filter(pk=event.project_id)
        .first()
    )
    if project is None or event.action not in PROJECT_WORDS:
        return
    people = {person.pk: person for person in _project_sides(project)}
    if event.action in ("apply_acceptance", "flag_overdue"):
        people |= {person.pk: person for person in _handlers_of(project.challenge)}
    notify(
        "challenge.project",
        recipients=people.values(),
        key=f"{project.pk}:{event.action}:{event.source}:{project.rectification_count}",
        values={
            "title": str(project.challenge),
            "step": str(PROJECT_WORDS[event.action]),
            "state": project.get_state_display(),
        },
        url_arguments=[str(project.public_id)],
    )


@subscribe(MilestoneMoved, name="notifications.milestone_moved")
def milestone_moved(event: MilestoneMoved) -> None:
    """A report goes to the end user, a signed one to the handler, an assessed one to the solver."""
    milestone = (
        Milestone.objects.select_related("project__challenge__demander", "project__challenge__programme__owner")
        .select_related("project__solver")
        .filter(pk=event.milestone_id)
        .first()
    )
    if milestone is None or event.action not in MILESTONE_WORDS:
        return
    challenge = milestone.project.challenge
    recipients: Iterable[User] = {
        "reported": demand_side_of(challenge.demander),
        "confirmed": _handlers_of(challenge),
        "assessed": supply_side_of(milestone.project.solver),
    }[event.action]
    notify(
        "challenge.milestone",
        recipients=recipients,
        key=f"{milestone.pk}:{event.action}:{milestone.reported_at:%Y%m%d%H%M%S%f}",
        values={"title": str(challenge), "milestone": milestone.title, "step": str(MILESTONE_WORDS[event.action])},
        url_arguments=[str(milestone.project.public_id)],
    )


@subscribe(ChangeDecided, name="notifications.change_decided")
def change_decided(event: ChangeDecided) -> None:
    change = (
        ChangeRequest.objects.select_related("project__challenge", "project__solver").filter(pk=event.change_id).first()
    )
    if change is None:
        return
    notify(
        "challenge.change",
        recipients=supply_side_of(change.project.solver),
        key=f"{change.pk}:{event.state}",
        values={
            "title": str(change.project.challenge),
            "kind": change.get_kind_display(),
            "state": change.get_state_display(),
            "comment": comment_sentence(change.comment),
        },
        url_arguments=[str(change.project.public_id)],
    )


@subscribe(ContractLate, name="notifications.contract_late")
def contract_late(event: ContractLate) -> None:
    award = (
        Award.objects.select_related("bid__challenge__programme__owner", "bid__organisation")
        .filter(pk=event.award_id)
        .first()
    )
    if award is None:
        return
    owner = award.bid.challenge.programme.owner
    people = {person.pk: person for person in people_with_role(Role.SCIENCE_HANDLER, organisation=owner)}
    people |= {person.pk: person for person in people_with_role(Role.SCIENCE_APPROVER, organisation=owner)}
    notify(
        "challenge.contract_late",
        recipients=people.values(),
        key=str(award.pk),
        values={
            "title": award.bid.challenge.title,
            "solver": award.bid.organisation.name,
            "due": award.contract_due_on,
        },
        url_arguments=[_key(award.bid.challenge)],
    )
