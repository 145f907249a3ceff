"""Milestones, changes, acceptance, evaluation, and the end of a challenge."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Max, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.enums import Role
from challenges.enums import ChallengeState, ChangeState, MilestoneState, ProjectState
from challenges.models import Challenge, ChangeRequest, Milestone, Project
from challenges.project_states import CLOSED_STATES, PROJECT_MACHINE
from challenges.todos.rows import (
    APPROVER,
    DEMANDER,
    HANDLER,
    SOLVER,
    act,
    challenges_in,
    holders,
    offered,
    title_of,
    title_of_challenge,
)
from core import todos
from core.clock import today
from core.todos import Duty

P = ProjectState
#: A milestone, or the end of a project, is brought up so many days before its day.
AHEAD = timedelta(days=30)
PROJECT_SINCE = todos.by_trail(PROJECT_MACHINE, "challenges.project")
DUE_MILESTONES = (MilestoneState.PLANNED, MilestoneState.FAILED)
contracted = challenges_in(ChallengeState.CONTRACTED)


def projects_in(*states: str) -> Any:
    related = ("challenge", "challenge__programme", "challenge__demander", "solver")
    return lambda: Project.objects.filter(state__in=states).select_related(*related).order_by("pk")


in_progress = projects_in(P.IN_PROGRESS, P.OVERDUE)
to_apply = projects_in(P.IN_PROGRESS, P.OVERDUE, P.RECTIFYING)
applied = projects_in(P.ACCEPTANCE_APPLIED)
accepting = projects_in(P.ACCEPTING)
closed = projects_in(*PROJECT_MACHINE["evaluate"].sources)


def next_due(project: Project) -> date | None:
    """The day of the first milestone that is still to be reported."""
    return (
        project.milestones.filter(state__in=DUE_MILESTONES).order_by("due_on").values_list("due_on", flat=True).first()
    )


def milestone_nears(project: Project) -> bool:
    day = next_due(project)
    return day is not None and day <= today() + AHEAD


def all_passed(project: Project) -> bool:
    """Nothing but the acceptance is left, or a rectification is."""
    settled = (MilestoneState.PASSED, MilestoneState.CONDITIONAL)
    return project.state == P.RECTIFYING or not project.milestones.exclude(state__in=settled).exists()


def acceptance_due(project: Project) -> date:
    return (project.state == P.RECTIFYING and project.rectification_due_on) or project.ends_on


def decision_due(project: Project) -> date | None:
    return project.acceptances.order_by("-round").values_list("decide_by", flat=True).first()


def confirmed_since(rows: Sequence[Project]) -> Mapping[Any, datetime | None]:
    """When the end user confirmed the milestone that waits for its assessment."""
    confirmed = Milestone.objects.filter(project__in=rows, state=MilestoneState.CONFIRMED)
    return dict(confirmed.order_by().values_list("project_id").annotate(last=Max("confirmed_at")))


def changes_in(*states: str) -> Any:
    related = ("project", "project__challenge", "project__challenge__programme", "project__solver")
    return lambda: ChangeRequest.objects.filter(state__in=states).select_related(*related).order_by("pk")


asked = changes_in(ChangeState.ASKED)
agreed = changes_in(ChangeState.AGREED)


def all_projects_closed(challenge: Challenge) -> bool:
    projects: QuerySet[Project] = challenge.projects.all()
    return projects.exists() and not projects.exclude(state__in=CLOSED_STATES).exists()


def change_title(change: ChangeRequest) -> str:
    return f"{change.get_kind_display()} · {change.project.challenge}"


todos.register(
    Duty(
        "milestone.report",
        _("报告里程碑"),
        roles=SOLVER,
        rows=offered("project", "report", in_progress, "solver", milestone_nears),
        title=title_of_challenge,
        url=act("project", "report"),
        due=next_due,
        everything="challenges:projects",
        holders=holders(Role.VENDOR_STAFF, in_progress, "solver"),
    ),
    Duty(
        "milestone.confirm",
        _("签认里程碑"),
        roles=DEMANDER,
        rows=offered("project", "confirm", in_progress, "challenge__demander"),
        title=title_of_challenge,
        url=act("project", "confirm"),
        everything="challenges:projects",
        told_by="challenge.milestone",
    ),
    Duty(
        "milestone.assess",
        _("考核里程碑"),
        roles=HANDLER,
        rows=offered("project", "assess", in_progress, "challenge__programme__owner"),
        title=title_of_challenge,
        url=act("project", "assess"),
        since=confirmed_since,
        everything="challenges:projects",
        holders=holders(Role.SCIENCE_HANDLER, in_progress, "challenge__programme__owner"),
    ),
    Duty(
        "change.agree",
        _("答复变更申请"),
        roles=DEMANDER,
        rows=offered("change", "agree", asked, "project__challenge__demander"),
        title=change_title,
        url=act("change", "agree"),
        since=todos.by_field("asked_at"),
        everything="challenges:projects",
        holders=holders(Role.DEMAND_SUBMITTER, asked, "project__challenge__demander"),
    ),
    Duty(
        "change.decide",
        _("审批变更申请"),
        roles=APPROVER,
        rows=offered("change", "decide", agreed, "project__challenge__programme__owner"),
        title=change_title,
        url=act("change", "decide"),
        since=todos.by_field("asked_at"),
        everything="challenges:projects",
        holders=holders(Role.SCIENCE_APPROVER, agreed, "project__challenge__programme__owner"),
    ),
    Duty(
        "acceptance.apply",
        _("申请验收"),
        roles=SOLVER,
        rows=offered("project", "apply_acceptance", to_apply, "solver", all_passed),
        title=title_of_challenge,
        url=act("project", "apply_acceptance"),
        due=acceptance_due,
        everything="challenges:projects",
        holders=holders(Role.VENDOR_STAFF, to_apply, "solver"),
    ),
    Duty(
        "acceptance.call",
        _("组织验收"),
        roles=HANDLER,
        rows=offered("project", "call_acceptance", applied, "challenge__programme__owner"),
        title=title_of_challenge,
        url=act("project", "call_acceptance"),
        since=PROJECT_SINCE,
        due=decision_due,
        everything="challenges:projects",
        holders=holders(Role.SCIENCE_HANDLER, applied, "challenge__programme__owner"),
    ),
    Duty(
        "acceptance.conclude",
        _("作出验收结论"),
        roles=APPROVER,
        rows=offered("project", "conclude_acceptance", accepting, "challenge__programme__owner"),
        title=title_of_challenge,
        url=act("project", "conclude_acceptance"),
        since=PROJECT_SINCE,
        due=decision_due,
        everything="challenges:projects",
        holders=holders(Role.SCIENCE_APPROVER, accepting, "challenge__programme__owner"),
    ),
    Duty(
        "project.evaluate",
        _("绩效评价并公布成果"),
        roles=HANDLER,
        rows=offered("project", "evaluate", closed, "challenge__programme__owner"),
        title=title_of_challenge,
        url=act("project", "evaluate"),
        since=PROJECT_SINCE,
        everything="challenges:projects",
        holders=holders(Role.SCIENCE_HANDLER, closed, "challenge__programme__owner"),
    ),
    Duty(
        "challenge.finish",
        _("全部项目已结束，办理结题"),
        roles=HANDLER,
        rows=offered("challenge", "finish", contracted, "programme__owner", all_projects_closed),
        title=title_of,
        url=act("challenge", "finish"),
        everything="challenges:board",
        holders=holders(Role.SCIENCE_HANDLER, contracted, "programme__owner"),
    ),
)
