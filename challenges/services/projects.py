"""Contracts, milestones, changes, races, acceptance, results (domain.md §2.2 g–l, §2.7; V07, V16, V22–V23)."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from challenges.enums import (
    AwardState,
    ChallengeState,
    ChangeKind,
    ChangeState,
    Grade,
    MilestoneState,
    ProjectState,
    StageOutcome,
)
from challenges.events import ChangeDecided, MilestoneMoved, ProjectTransitioned
from challenges.models import (
    Acceptance,
    Award,
    Challenge,
    ChangeRequest,
    Milestone,
    Project,
    ProjectSignature,
    StageAssessment,
    StageResult,
    TransferReport,
)
from challenges.permissions import (
    acts_as_end_user,
    acts_as_solver,
    approves_project,
    handles_challenge,
    handles_project,
)
from challenges.project_states import CLOSED_STATES, PROJECT_MACHINE
from challenges.sealing.canonical import canonical
from challenges.services.movement import locked_challenge, move
from challenges.states import programme_parameters
from core import audit, outbox
from core.clock import now, today
from core.errors import DomainError, GuardFailed, InvalidInput, NotPermitted, ObjectNotFound, Reason
from core.money import format_fen
from core.transitions import transition

HUNDRED = 100
SETTLED = (MilestoneState.PASSED, MilestoneState.CONDITIONAL)


def add_months(day: date, months: int) -> date:
    """The corresponding day, or the month's last where there is none (民法典 202)."""
    years, month = divmod(day.month - 1 + months, 12)
    first_of_next = date(day.year + years + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return min(date(day.year + years, month + 1, 1) + timedelta(days=day.day - 1), first_of_next - timedelta(days=1))


def locked_project(public_id: UUID) -> Project:
    """The project with its challenge, both held."""
    found = Project.objects.filter(public_id=public_id).values_list("challenge_id", "pk").first()
    if found is None:
        raise ObjectNotFound()
    challenge = locked_challenge(found[0])
    project = (
        Project.objects.select_for_update(of=("self",)).select_related("solver", "award", "award__bid").get(pk=found[1])
    )
    project.challenge = challenge
    return project


def move_project(
    project: Project,
    action: str,
    *,
    acting_user: User | None,
    context: Mapping[str, Any] | None = None,
    update_fields: Sequence[str] = (),
    detail: Mapping[str, Any] | None = None,
) -> Project:
    """One step of machine C with its trail and event."""
    source = transition(project, action, PROJECT_MACHINE, by=acting_user, context=context, update_fields=update_fields)
    audit.record(acting_user, f"challenges.project.{action}", project, {"from": source, **(detail or {})})
    outbox.publish(
        ProjectTransitioned(project.pk, action, source, project.state, acting_user.pk if acting_user else None)
    )
    return project


# --- contract -----------------------------------------------------------------------------------------------------


def contract_problems(award: Award, values: Mapping[str, Any], milestones: Sequence[Mapping[str, Any]]) -> list[Reason]:
    """V07, V08, V22: sums, dates within the project, terms not beyond list and bid, equal race payments."""
    challenge = award.bid.challenge
    sheet = programme_parameters(challenge)
    reasons = []
    for name, label in (
        ("contract_number", _("合同编号")),
        ("leader", _("项目负责人")),
        ("task_book", _("任务书")),
        ("pledge", _("军令状")),
        ("intellectual_property", _("知识产权约定")),
    ):
        if not str(values.get(name, "")).strip():
            reasons.append(Reason("required", _("请填写“%s”。") % label, name))
    starts, ends = values["starts_on"], values["ends_on"]
    if ends <= starts:
        reasons.append(Reason("dates", _("结束日期应晚于开始日期。"), "ends_on"))
    elif challenge.duration_months and ends > add_months(starts, challenge.duration_months):
        reasons.append(
            Reason("duration", _("实施期不能超过榜单规定的 %d 个月。") % challenge.duration_months, "ends_on")
        )
    grant, own = values["grant_fen"], values.get("own_fen", 0)
    if grant > award.grant_fen:
        text = _("合同资助 %(grant)s，不能高于公示的 %(award)s。")
        amounts = {"grant": format_fen(grant), "award": format_fen(award.grant_fen)}
        reasons.append(Reason("grant_above_award", text % amounts, "grant_fen"))
    if not milestones:
        reasons.append(Reason("milestones_missing", _("请至少设置一个里程碑。"), "milestones"))
    total = sum(int(row["share_fen"]) for row in milestones)
    if total != grant + own:
        text = _("各里程碑经费之和是 %(sum)s，应等于合同总经费 %(total)s（财政资助加自筹）。")
        amounts = {"sum": format_fen(total), "total": format_fen(grant + own)}
        reasons.append(Reason("milestones_sum", text % amounts, "milestones"))
    if any(not starts <= row["due_on"] <= ends for row in milestones):
        reasons.append(Reason("milestone_dates", _("里程碑期限应在项目实施期内。"), "milestones"))
    first = values.get("first_payment_fen", 0)
    rivals = Award.objects.filter(decision=award.decision, state=AwardState.AWARDED).exclude(pk=award.pk)
    if rivals.exists():
        if first * HUNDRED > grant * sheet.race_first_payment_maximum_percent:
            reasons.append(
                Reason(
                    "race_first_payment",
                    _("赛马项目首付款不能超过财政资助的 %d%%。") % sheet.race_first_payment_maximum_percent,
                    "first_payment_fen",
                )
            )
        for rival in Project.objects.filter(award__in=rivals):
            if (rival.grant_fen, rival.first_payment_fen, rival.starts_on, rival.ends_on) != (
                grant,
                first,
                starts,
                ends,
            ):
                reasons.append(
                    Reason("race_unequal", _("赛马各方的资助、首付款和起止时间应当相同。"), "first_payment_fen")
                )
                break
    return reasons


@transaction.atomic
def contract_draw_up(
    *,
    award_public_id: UUID,
    acting_user: User,
    values: Mapping[str, Any],
    milestones: Sequence[Mapping[str, Any]],
) -> Project:
    """The handler draws up task book, 军令状 and milestones; three sides sign. Drawn up anew until signed."""
    award = (
        Award.objects.select_related("bid", "bid__challenge", "bid__organisation")
        .filter(public_id=award_public_id)
        .first()
    )
    if award is None:
        raise ObjectNotFound()
    challenge = locked_challenge(award.bid.challenge_id)
    award.bid.challenge = challenge
    if not handles_challenge(acting_user, challenge):
        raise ObjectNotFound()
    if award.state != AwardState.AWARDED or challenge.state != ChallengeState.AWARDED:
        raise DomainError(_("定榜之后才能签约。"), code="not_awarded")
    reasons = contract_problems(award, values, milestones)
    if reasons:
        raise GuardFailed(reasons)
    project = Project.objects.select_for_update().filter(award=award).first()
    if project is not None and project.state != ProjectState.SIGNING:
        raise DomainError(_("合同已经签署。"), code="contract_signed")
    if project is None:
        project = Project(award=award, challenge=challenge, solver=award.bid.organisation)
    for name, value in values.items():
        setattr(project, name, value)
    project.is_race = award.decision.awards.filter(state=AwardState.AWARDED).count() > 1
    project.save()
    ProjectSignature.objects.filter(project=project).delete()
    Milestone.objects.filter(project=project).delete()
    Milestone.objects.bulk_create(
        [
            Milestone(
                project=project,
                sequence=position,
                title=row["title"],
                target=row["target"],
                share_fen=row["share_fen"],
                due_on=row["due_on"],
            )
            for position, row in enumerate(milestones, 1)
        ]
    )
    audit.record(acting_user, "challenges.project.draw_up", project, {"contract_number": project.contract_number})
    return project


def contract_digest(project: Project) -> str:
    """What every side signs: all terms and milestones."""
    return hashlib.sha256(
        canonical(
            {
                "project": str(project.public_id),
                "contract_number": project.contract_number,
                "leader": project.leader,
                "task_book": project.task_book,
                "pledge": project.pledge,
                "intellectual_property": project.intellectual_property,
                "grant_fen": project.grant_fen,
                "own_fen": project.own_fen,
                "first_payment_fen": project.first_payment_fen,
                "starts_on": project.starts_on.isoformat(),
                "ends_on": project.ends_on.isoformat(),
                "milestones": [
                    [row.sequence, row.title, row.target, row.share_fen, row.due_on.isoformat()]
                    for row in project.milestones.all()
                ],
            }
        )
    ).hexdigest()


@transaction.atomic
def contract_sign(*, project_public_id: UUID, acting_user: User, digest: str) -> Project:
    """Sign for one's side exactly the text that was shown. With the third signature the project runs (§2.2 g)."""
    project = locked_project(project_public_id)
    side = signing_side(acting_user, project)
    if side is None:
        raise ObjectNotFound()
    if project.state != ProjectState.SIGNING:
        raise DomainError(_("合同已经签署完成。"), code="contract_signed")
    if digest != contract_digest(project):
        raise DomainError(_("合同文本在您打开页面后有改动，请重新阅读后签署。"), code="contract_changed")
    ProjectSignature.objects.update_or_create(
        project=project,
        side=side,
        defaults={"user": acting_user, "name": str(acting_user), "digest": digest, "signed_at": now()},
    )
    audit.record(acting_user, "challenges.project.sign", project, {"side": side, "digest": digest})
    if project.signatures.filter(digest=digest).count() == len(SIDES):
        project.signed_at = now()
        move_project(project, "begin", acting_user=None, update_fields=["signed_at"])
        _contract_challenge(project.challenge)
    return project


SIDES = ("demander", "solver", "programme")


def signing_side(user: User, project: Project) -> str | None:
    """For whom this person may sign; nobody signs for two sides."""
    if acts_as_end_user(user, project):
        return "demander"
    if acts_as_solver(user, project):
        return "solver"
    if approves_project(user, project):
        return "programme"
    return None


def _contract_challenge(challenge: Challenge) -> None:
    awards = Award.objects.filter(decision__challenge=challenge, state=AwardState.AWARDED)
    running = Project.objects.filter(award__in=awards).exclude(state=ProjectState.SIGNING).count()
    if running == awards.count() and challenge.state == ChallengeState.AWARDED:
        move(challenge, "contract", acting_user=None, context={"all_contracted": True})


# --- milestones ---------------------------------------------------------------------------------------------------


def _milestone(project: Project, sequence: int) -> Milestone:
    milestone = project.milestones.filter(sequence=sequence).first()
    if milestone is None:
        raise ObjectNotFound()
    return milestone


def _running(project: Project) -> None:
    if project.state not in (ProjectState.IN_PROGRESS, ProjectState.OVERDUE):
        raise DomainError(_("项目当前为“%s”，不能办理里程碑。") % project.get_state_display(), code="project_state")


def _milestone_step(milestone: Milestone, expected: Sequence[str], action: str) -> None:
    if milestone.state not in expected:
        raise DomainError(_("该里程碑当前为“%s”。") % milestone.get_state_display(), code="milestone_state")
    outbox.publish(MilestoneMoved(milestone.pk, action))


@transaction.atomic
def milestone_report(*, project_public_id: UUID, sequence: int, acting_user: User, report: str) -> Milestone:
    """The solver reports; a failed one may be reported again."""
    project = locked_project(project_public_id)
    if not acts_as_solver(acting_user, project):
        raise ObjectNotFound()
    _running(project)
    if not report.strip():
        raise InvalidInput({"report": [_("请填写完成情况。")]})
    milestone = _milestone(project, sequence)
    _milestone_step(milestone, (MilestoneState.PLANNED, MilestoneState.FAILED), "reported")
    milestone.state, milestone.report, milestone.reported_at = MilestoneState.REPORTED, report.strip(), now()
    milestone.confirmed_by = milestone.confirmed_at = None
    milestone.save()
    audit.record(acting_user, "challenges.milestone.report", project, {"sequence": sequence})
    return milestone


@transaction.atomic
def milestone_confirm(*, project_public_id: UUID, sequence: int, acting_user: User, opinion: str) -> Milestone:
    """The end user signs the report (SRC-17: 突出最终用户作用); nobody assesses an unsigned one."""
    project = locked_project(project_public_id)
    if not acts_as_end_user(acting_user, project):
        raise ObjectNotFound()
    _running(project)
    if not opinion.strip():
        raise InvalidInput({"opinion": [_("请填写最终用户意见。")]})
    milestone = _milestone(project, sequence)
    _milestone_step(milestone, (MilestoneState.REPORTED,), "confirmed")
    milestone.state, milestone.end_user_opinion = MilestoneState.CONFIRMED, opinion.strip()
    milestone.confirmed_by, milestone.confirmed_at = acting_user, now()
    milestone.save()
    audit.record(acting_user, "challenges.milestone.confirm", project, {"sequence": sequence})
    return milestone


@transaction.atomic
def milestone_assess(
    *, project_public_id: UUID, sequence: int, acting_user: User, conclusion: str, assessment: str
) -> Milestone:
    """The programme's assessment: passed, conditional, failed; never by the solver or the demander themselves."""
    project = locked_project(project_public_id)
    if not handles_project(acting_user, project):
        raise ObjectNotFound()
    _running(project)
    if conclusion not in (MilestoneState.PASSED, MilestoneState.CONDITIONAL, MilestoneState.FAILED):
        raise InvalidInput({"conclusion": [_("请选择考核结论。")]})
    if not assessment.strip():
        raise InvalidInput({"assessment": [_("请填写考核意见。")]})
    milestone = _milestone(project, sequence)
    _milestone_step(milestone, (MilestoneState.CONFIRMED,), "assessed")
    milestone.state, milestone.assessment = conclusion, assessment.strip()
    milestone.assessed_by, milestone.assessed_at = acting_user, now()
    milestone.save()
    audit.record(acting_user, "challenges.milestone.assess", project, {"sequence": sequence, "conclusion": conclusion})
    return milestone


# --- changes ------------------------------------------------------------------------------------------------------


@transaction.atomic
def change_ask(
    *, project_public_id: UUID, acting_user: User, kind: str, content: str, reason: str, months: int | None = None
) -> ChangeRequest:
    """The solver asks. An extension: in time before expiry, once, within the promised months (V23)."""
    project = locked_project(project_public_id)
    if not acts_as_solver(acting_user, project):
        raise ObjectNotFound()
    if project.state != ProjectState.IN_PROGRESS:
        raise DomainError(_("项目当前为“%s”，不能申请变更。") % project.get_state_display(), code="project_state")
    if kind not in ChangeKind.values:
        raise InvalidInput({"kind": [_("请选择变更类型。")]})
    problems = {
        name: [_("请填写。")] for name, value in (("content", content), ("reason", reason)) if not value.strip()
    }
    if problems:
        raise InvalidInput(problems)
    if kind == ChangeKind.EXTENSION:
        reasons = extension_reasons(project, months)
        if reasons:
            raise GuardFailed(reasons)
    request = ChangeRequest.objects.create(
        project=project,
        kind=kind,
        content=content.strip(),
        reason=reason.strip(),
        months=months if kind == ChangeKind.EXTENSION else None,
        asked_by=acting_user,
    )
    audit.record(acting_user, "challenges.change.ask", project, {"kind": kind})
    return request


def extension_reasons(project: Project, months: int | None) -> list[Reason]:
    sheet = programme_parameters(project.challenge)
    reasons = []
    if not months or not 1 <= months <= sheet.extension_months:
        reasons.append(Reason("extension_months", _("延期应在 1 到 %d 个月之间。") % sheet.extension_months, "months"))
    if project.extension_count >= sheet.extension_maximum:
        reasons.append(Reason("extension_used", _("延期最多 %d 次，已用完。") % sheet.extension_maximum, "kind"))
    if today() > add_months(project.ends_on, -sheet.extension_notice_months):
        reasons.append(
            Reason("extension_late", _("延期应在到期前至少 %d 个月申请。") % sheet.extension_notice_months, "kind")
        )
    return reasons


def _locked_change(public_id: UUID) -> tuple[ChangeRequest, Project]:
    change = ChangeRequest.objects.select_related("project").filter(public_id=public_id).first()
    if change is None:
        raise ObjectNotFound()
    project = locked_project(change.project.public_id)
    return ChangeRequest.objects.select_for_update().get(pk=change.pk), project


@transaction.atomic
def change_agree(*, change_public_id: UUID, acting_user: User) -> ChangeRequest:
    """The demander agrees first."""
    change, project = _locked_change(change_public_id)
    if not acts_as_end_user(acting_user, project):
        raise ObjectNotFound()
    if change.state != ChangeState.ASKED:
        raise DomainError(_("该申请当前为“%s”。") % change.get_state_display(), code="change_state")
    change.state = ChangeState.AGREED
    change.save(update_fields=["state"])
    audit.record(acting_user, "challenges.change.agree", project, {"change": str(change.public_id)})
    return change


@transaction.atomic
def change_decide(
    *,
    change_public_id: UUID,
    acting_user: User,
    approved: bool,
    comment: str,
    minutes_number: str = "",
) -> ChangeRequest:
    """The programme decides; indicators are lowered only by collective decision with minutes (domain.md §2.7)."""
    change, project = _locked_change(change_public_id)
    if not approves_project(acting_user, project):
        raise ObjectNotFound()
    wanted = (ChangeState.AGREED,) if approved else (ChangeState.ASKED, ChangeState.AGREED)
    if change.state not in wanted:
        raise DomainError(_("该申请当前为“%s”，需要发榜方先同意。") % change.get_state_display(), code="change_state")
    problems: dict[str, list[str]] = {}
    if not comment.strip():
        problems["comment"] = [_("请写明理由。")]
    if approved and change.kind == ChangeKind.INDICATOR and not minutes_number.strip():
        problems["minutes_number"] = [_("调整考核指标须集体决策，请填写会议纪要号。")]
    if problems:
        raise InvalidInput(problems)
    change.state = ChangeState.APPROVED if approved else ChangeState.REFUSED
    change.comment, change.minutes_number, change.decided_at = comment.strip(), minutes_number.strip(), now()
    change.save(update_fields=["state", "comment", "minutes_number", "decided_at"])
    if approved and change.kind == ChangeKind.EXTENSION and change.months:
        project.ends_on = add_months(project.ends_on, change.months)
        project.extension_count += 1
        project.save(update_fields=["ends_on", "extension_count"])
    audit.record(
        acting_user, "challenges.change.decide", project, {"change": str(change.public_id), "approved": approved}
    )
    outbox.publish(ChangeDecided(change.pk, change.state))
    return change


# --- races --------------------------------------------------------------------------------------------------------


@transaction.atomic
def stage_assess(
    *,
    challenge_id: int,
    acting_user: User,
    assessed_on: date,
    assessor: str,
    indicators: Sequence[str],
    results: Sequence[Mapping[str, Any]],
    minutes_number: str,
) -> StageAssessment:
    """A race's stage: every racer on the same day by the same indicators; who stops keeps their IP (V22).

    `results`: [{"project", "assessed_on", "values": {indicator: text}, "outcome", "comment"}].
    """
    challenge = locked_challenge(challenge_id)
    racers = list(
        challenge.projects.select_for_update(of=("self",))
        .filter(is_race=True, state=ProjectState.IN_PROGRESS)
        .select_related("solver", "award", "award__bid")
    )
    reasons = []
    if not racers:
        raise DomainError(_("没有正在进行的赛马项目。"), code="no_race")
    by_id = {str(project.public_id): project for project in racers}
    named = [str(row["project"]) for row in results]
    if sorted(named) != sorted(by_id):
        reasons.append(Reason("racers_incomplete", _("应对全部赛马项目同时评估，每个一次。"), "results"))
    if any(row.get("assessed_on", assessed_on) != assessed_on for row in results):
        reasons.append(Reason("race_date", _("赛马各方应在同一日期评估。"), "assessed_on"))
    if not indicators or any(set(row.get("values", {})) != set(indicators) for row in results):
        reasons.append(Reason("race_indicators", _("赛马各方应按相同的指标评估，逐项填写结果。"), "indicators"))
    if not minutes_number.strip():
        reasons.append(Reason("minutes_missing", _("请填写集体决策的会议纪要号。"), "minutes_number"))
    if not assessor.strip():
        reasons.append(Reason("assessor_missing", _("请填写第三方评估机构。"), "assessor"))
    if reasons:
        raise GuardFailed(reasons)
    if not all(approves_project(acting_user, project) for project in racers):
        raise NotPermitted()
    assessment = StageAssessment.objects.create(
        challenge=challenge,
        number=challenge.stage_assessments.count() + 1,
        assessed_on=assessed_on,
        assessor=assessor.strip(),
        indicators=list(indicators),
        minutes_number=minutes_number.strip(),
        decided_by=acting_user,
    )
    for row in results:
        project = by_id[str(row["project"])]
        project.challenge = challenge
        StageResult.objects.create(
            assessment=assessment,
            project=project,
            outcome=row["outcome"],
            values=row["values"],
            comment=str(row.get("comment", "")).strip(),
        )
        if row["outcome"] != StageOutcome.CONTINUE:
            project.closing_comment = str(row.get("comment", "")).strip()
            move_project(
                project,
                "eliminate",
                acting_user=acting_user,
                context={"comment": project.closing_comment},
                update_fields=["closing_comment"],
            )
    return assessment


# --- acceptance ---------------------------------------------------------------------------------------------------


@transaction.atomic
def acceptance_apply(
    *, project_public_id: UUID, acting_user: User, user_opinion: str, report_number: str
) -> Acceptance:
    """The solver applies once every milestone is settled; an overdue project's block lifts with the outcome (V16)."""
    project = locked_project(project_public_id)
    open_milestones = project.milestones.exclude(state__in=SETTLED).count()
    move_project(
        project,
        "apply_acceptance",
        acting_user=acting_user,
        context={"open_milestones": open_milestones, "user_opinion": user_opinion, "report_number": report_number},
    )
    sheet = programme_parameters(project.challenge)
    return Acceptance.objects.create(
        project=project,
        round=project.acceptances.count() + 1,
        user_opinion=user_opinion.strip(),
        report_number=report_number.strip(),
        applied_at=now(),
        decide_by=today() + timedelta(days=sheet.acceptance_decision_days),
    )


@transaction.atomic
def acceptance_call(*, project_public_id: UUID, acting_user: User, meeting_on: date) -> Acceptance:
    """Set the meeting, with notice in time (攀枝花: five days)."""
    project = locked_project(project_public_id)
    sheet = programme_parameters(project.challenge)
    acceptance = project.acceptances.order_by("-round").first()
    if acceptance is None:
        raise ObjectNotFound()
    early = meeting_on < today() + timedelta(days=sheet.acceptance_notice_days)
    move_project(
        project,
        "call_acceptance",
        acting_user=acting_user,
        context={"notice_short": early, "days": sheet.acceptance_notice_days},
    )
    acceptance.meeting_on, acceptance.notified_on = meeting_on, today()
    acceptance.save(update_fields=["meeting_on", "notified_on"])
    return acceptance


@transaction.atomic
def acceptance_conclude(
    *,
    project_public_id: UUID,
    acting_user: User,
    technical_passed: bool,
    technical_comment: str,
    financial_passed: bool,
    financial_comment: str,
    false_data: bool = False,
) -> Project:
    """Technical and financial both; one rectification; false data fails at once (domain.md §2.7)."""
    project = locked_project(project_public_id)
    acceptance = project.acceptances.order_by("-round").first()
    if acceptance is None:
        raise ObjectNotFound()
    problems = {
        name: [_("请填写验收意见。")]
        for name, value in (("technical_comment", technical_comment), ("financial_comment", financial_comment))
        if not value.strip()
    }
    if problems:
        raise InvalidInput(problems)
    sheet = programme_parameters(project.challenge)
    passed = technical_passed and financial_passed and not false_data
    if passed:
        action = "pass"
    elif not false_data and project.rectification_count < sheet.rectification_maximum:
        action = "rectify"
    else:
        action = "fail"
    fields: list[str] = []
    if action == "rectify":
        project.rectification_due_on = today() + timedelta(days=sheet.rectification_days)
        fields = ["rectification_due_on"]
    move_project(
        project,
        action,
        acting_user=acting_user,
        update_fields=fields,
        detail={"technical": technical_passed, "financial": financial_passed, "false_data": false_data},
    )
    if action == "rectify":
        project.rectification_count += 1
        project.save(update_fields=["rectification_count"])
    acceptance.technical_passed, acceptance.technical_comment = technical_passed, technical_comment.strip()
    acceptance.financial_passed, acceptance.financial_comment = financial_passed, financial_comment.strip()
    acceptance.false_data, acceptance.concluded_at, acceptance.concluded_by = false_data, now(), acting_user
    acceptance.save()
    return project


def projects_flag_overdue() -> int:
    """The clock's job: past expiry plus the days for applying, without application → OVERDUE (V16)."""
    count = 0
    for key in Project.objects.filter(state=ProjectState.IN_PROGRESS, ends_on__lt=today()).values_list(
        "public_id", flat=True
    ):
        with transaction.atomic():
            project = locked_project(key)
            limit = project.ends_on + timedelta(
                days=programme_parameters(project.challenge).acceptance_days_after_expiry
            )
            if project.state == ProjectState.IN_PROGRESS and today() > limit:
                move_project(project, "flag_overdue", acting_user=None)
                count += 1
    return count


# --- ends ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def project_end(
    *,
    project_public_id: UUID,
    acting_user: User,
    action: str,
    comment: str,
    statement_heard: str = "",
    minutes_number: str = "",
) -> Project:
    """Suspend, resume, terminate with or without fault, revoke. The last two only after the party was heard."""
    if action not in ("suspend", "resume", "terminate_diligent", "terminate_fault", "revoke"):
        raise InvalidInput({"action": [_("没有这种操作。")]})
    project = locked_project(project_public_id)
    if action == "suspend":
        project.suspended_from = project.state
    project.closing_comment, project.statement_heard = comment.strip(), statement_heard.strip()
    return move_project(
        project,
        action,
        acting_user=acting_user,
        context={"comment": comment, "statement_heard": statement_heard, "minutes_number": minutes_number},
        update_fields=["closing_comment", "statement_heard", "suspended_from"],
        detail={"comment": comment, "minutes_number": minutes_number},
    )


@transaction.atomic
def project_evaluate(
    *, project_public_id: UUID, acting_user: User, grade: str, comment: str, result_title: str, result_text: str
) -> Project:
    """绩效评价 with its reasons, and the result as it will stand on the public list."""
    if grade not in Grade.values:
        raise InvalidInput({"grade": [_("请选择评价等级。")]})
    problems = {
        name: [_("请填写。")]
        for name, value in (("comment", comment), ("result_title", result_title), ("result_text", result_text))
        if not value.strip()
    }
    if problems:
        raise InvalidInput(problems)
    project = locked_project(project_public_id)
    project.grade, project.grade_comment = grade, comment.strip()
    project.result_title, project.result_text = result_title.strip(), result_text.strip()
    project.result_published_at = now()
    return move_project(
        project,
        "evaluate",
        acting_user=acting_user,
        update_fields=["grade", "grade_comment", "result_title", "result_text", "result_published_at"],
    )


@transaction.atomic
def transfer_report(
    *, project_public_id: UUID, acting_user: User, year: int, text: str, revenue_fen: int = 0
) -> TransferReport:
    """The yearly report of what became of the result; one a year, by solver or demander."""
    project = locked_project(project_public_id)
    if not (acts_as_solver(acting_user, project) or acts_as_end_user(acting_user, project)):
        raise ObjectNotFound()
    if project.state != ProjectState.EVALUATED:
        raise DomainError(_("绩效评价之后填报成果转化情况。"), code="project_state")
    if not text.strip():
        raise InvalidInput({"text": [_("请填写转化情况。")]})
    report, _created = TransferReport.objects.update_or_create(
        project=project,
        year=year,
        defaults={"text": text.strip(), "revenue_fen": revenue_fen, "reported_by": acting_user, "reported_at": now()},
    )
    audit.record(acting_user, "challenges.project.transfer_report", project, {"year": year})
    return report


@transaction.atomic
def project_archive(*, project_public_id: UUID, acting_user: User) -> Project:
    project = locked_project(project_public_id)
    move_project(project, "archive", acting_user=acting_user)
    return project


@transaction.atomic
def challenge_finish(*, challenge_id: int, acting_user: User) -> Challenge:
    """Every project of the challenge has come to an end."""
    challenge = locked_challenge(challenge_id)
    running = challenge.projects.exclude(state__in=CLOSED_STATES).exists()
    return move(challenge, "finish", acting_user=acting_user, context={"all_closed": not running})
