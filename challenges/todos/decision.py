"""From the decision to the contract: 公示, objections, award, signatures."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.enums import Role
from challenges.actions import signs
from challenges.enums import AwardState, ChallengeState, ObjectionState, ProjectState
from challenges.models import Award, Challenge, Objection, Project, Publicity
from challenges.permissions import approves_challenge, handles_challenge
from challenges.states import no_open_objection, publicity_has_elapsed
from challenges.todos.rows import (
    APPROVER,
    DEMANDER,
    HANDLER,
    SINCE,
    SOLVER,
    SUPERVISOR,
    act,
    challenges_in,
    holders,
    offered,
    only,
    permitted,
    supervisors,
    title_of,
    title_of_challenge,
)
from core import todos
from core.clock import BEIJING, today
from core.todos import Duty

S = ChallengeState
undecided = challenges_in(S.REVIEWED, S.AWARD_LAPSED)
negotiating = challenges_in(S.NEGOTIATING)
decided = challenges_in(S.DECIDED)
publicised = challenges_in(S.PUBLICITY)
suspended = challenges_in(S.PUBLICITY_SUSPENDED)


def may_be_awarded(challenge: Challenge) -> bool:
    return not publicity_has_elapsed(challenge, {}) and not no_open_objection(challenge, {})


def publicity_over(rows: Sequence[Challenge]) -> Mapping[Any, datetime | None]:
    """The end of the last publicity's last day."""
    ended: dict[Any, datetime | None] = {}
    for publicity in Publicity.objects.filter(challenge__in=rows).order_by("pk"):
        ended[publicity.challenge_id] = datetime.combine(publicity.last_day + timedelta(days=1), time(), BEIJING)
    return ended


def may_be_resumed(challenge: Challenge) -> bool:
    return not no_open_objection(challenge, {})


def objections_in(state: str) -> Any:
    related = ("publicity", "publicity__challenge", "publicity__decision", "publicity__annual_list")
    return lambda: Objection.objects.filter(state=state).select_related(*related).order_by("pk")


def objection_page(objection: Objection) -> str:
    return reverse("challenges:objection", args=[objection.public_id])


def undrawn_contracts() -> QuerySet[Award]:
    """Awards of which no contract has been drawn up."""
    return (
        Award.objects.filter(state=AwardState.AWARDED, project=None, bid__challenge__state=S.AWARDED)
        .select_related("bid", "bid__organisation", "bid__challenge", "bid__challenge__programme")
        .order_by("pk")
    )


def overdue_contracts() -> QuerySet[Award]:
    late = Award.objects.filter(
        state=AwardState.AWARDED, bid__challenge__state=S.AWARDED, contract_due_on__lt=today()
    ).exclude(project__signed_at__isnull=False)
    return late.select_related("bid", "bid__organisation", "bid__challenge", "bid__challenge__programme").order_by("pk")


def unsigned() -> QuerySet[Project]:
    related = ("challenge", "challenge__programme", "challenge__demander", "solver", "award")
    return Project.objects.filter(state=ProjectState.SIGNING).select_related(*related).order_by("pk")


def award_title(award: Award) -> str:
    return f"{award.bid.challenge} · {award.bid.organisation.name}"


def project_page(project: Project) -> str:
    return reverse("challenges:project", args=[project.public_id])


def to_sign(topic: str, label: Any, role: str, roles: frozenset[Any], side: str) -> Duty:
    """The same contract waits for each of three sides."""
    return Duty(
        topic,
        label,
        roles=roles,
        rows=only(role, permitted(unsigned, side, signs)),
        title=title_of_challenge,
        url=project_page,
        since=todos.by_field("created_at"),
        due=lambda project: project.award.contract_due_on,
        everything="challenges:projects",
        holders=holders(role, unsigned, side),
    )


todos.register(
    Duty(
        "decision.take",
        _("作出揭榜决策"),
        roles=APPROVER,
        rows=permitted(undecided, "programme__owner", approves_challenge),
        title=title_of,
        url=lambda challenge: reverse("challenges:decide", args=[challenge.code]),
        since=SINCE,
        everything="challenges:board",
        holders=holders(Role.SCIENCE_APPROVER, undecided, "programme__owner"),
    ),
    Duty(
        "negotiation.end",
        _("登记洽谈结果"),
        roles=HANDLER,
        rows=offered("challenge", "end_negotiation", negotiating, "programme__owner"),
        title=title_of,
        url=act("challenge", "end_negotiation"),
        since=SINCE,
        everything="challenges:board",
        holders=holders(Role.SCIENCE_HANDLER, negotiating, "programme__owner"),
    ),
    Duty(
        "publicity.start",
        _("开始公示"),
        roles=APPROVER,
        rows=offered("challenge", "publicise", decided, "programme__owner"),
        title=title_of,
        url=act("challenge", "publicise"),
        since=SINCE,
        everything="challenges:board",
        holders=holders(Role.SCIENCE_APPROVER, decided, "programme__owner"),
    ),
    Duty(
        "objection.admit",
        _("决定是否受理异议"),
        roles=SUPERVISOR,
        rows=offered("objection", "admit", objections_in(ObjectionState.FILED)),
        title=lambda objection: objection.subject,
        url=objection_page,
        since=todos.by_field("filed_at"),
        everything="challenges:board",
        told_by="challenge.objection_filed",
    ),
    Duty(
        "objection.conclude",
        _("办结异议并答复"),
        roles=SUPERVISOR,
        rows=offered("objection", "conclude", objections_in(ObjectionState.INVESTIGATING)),
        title=lambda objection: objection.subject,
        url=objection_page,
        since=todos.by_field("admitted_at"),
        due=lambda objection: objection.reply_due_on,
        everything="challenges:board",
        told_by="challenge.objection_filed",
    ),
    Duty(
        "publicity.resume",
        _("异议已办结，恢复公示"),
        roles=SUPERVISOR,
        rows=offered("challenge", "resume", suspended, ripe=may_be_resumed),
        title=title_of,
        url=act("challenge", "resume"),
        since=SINCE,
        everything="challenges:board",
        holders=supervisors,
    ),
    Duty(
        "decision.award",
        _("公示期满，定榜"),
        roles=APPROVER,
        rows=offered("challenge", "award", publicised, "programme__owner", may_be_awarded),
        title=title_of,
        url=act("challenge", "award"),
        since=publicity_over,
        everything="challenges:board",
        holders=holders(Role.SCIENCE_APPROVER, publicised, "programme__owner"),
    ),
    Duty(
        "contract.draw_up",
        _("拟定任务书"),
        roles=HANDLER,
        rows=permitted(
            undrawn_contracts,
            "bid__challenge__programme__owner",
            lambda user, award: handles_challenge(user, award.bid.challenge),
        ),
        title=award_title,
        url=lambda award: reverse("challenges:contract", args=[award.public_id]),
        since=todos.by_field("awarded_at"),
        due=lambda award: award.contract_due_on,
        everything="challenges:board",
        holders=holders(Role.SCIENCE_HANDLER, undrawn_contracts, "bid__challenge__programme__owner"),
    ),
    to_sign("contract.sign_solver", _("签署任务书（揭榜方）"), Role.VENDOR_STAFF, SOLVER, "solver"),
    to_sign(
        "contract.sign_demander", _("签署任务书（需求方）"), Role.DEMAND_SUBMITTER, DEMANDER, "challenge__demander"
    ),
    to_sign(
        "contract.sign_programme",
        _("签署任务书（组织方）"),
        Role.SCIENCE_APPROVER,
        APPROVER,
        "challenge__programme__owner",
    ),
    Duty(
        "contract.late",
        _("逾期未签约，请决定是否失效"),
        roles=APPROVER,
        rows=offered("award", "lapse", overdue_contracts, "bid__challenge__programme__owner"),
        title=award_title,
        url=act("award", "lapse"),
        since=todos.by_field("awarded_at"),
        due=lambda award: award.contract_due_on,
        everything="challenges:board",
        told_by="challenge.contract_late",
    ),
)
