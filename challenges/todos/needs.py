"""From a need to the published list: states DRAFT to SELECTED, and the list itself."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.enums import Role
from accounts.permissions import has_role
from challenges.enums import AnnualListState, ChallengeState, PanelPurpose, PanelState, ProgrammeState
from challenges.models import AnnualList, Challenge
from challenges.permissions import handles_programme
from challenges.selectors import check_queue, own_needs
from challenges.services.needs import TERM_STATES
from challenges.states import LIST_MACHINE
from challenges.todos.rows import (
    APPROVER,
    DEMANDER,
    HANDLER,
    SINCE,
    act,
    challenges_in,
    holders,
    offered,
    page_of,
    permitted,
    title_of,
)
from core import todos
from core.clock import today
from core.todos import Duty, Expectation

S = ChallengeState
LIST_SINCE = todos.by_trail(LIST_MACHINE, "challenges.annual_list")
first_passed = challenges_in(S.FIRST_PASSED)
arguing = challenges_in(S.ARGUING)


def own_drafts(user: Any) -> QuerySet[Challenge]:
    """Drafts that can still be handed in: the call is running."""
    return own_in(S.DRAFT)(user).filter(programme__state=ProgrammeState.CALLING)


def own_in(*states: str) -> Any:
    """Own needs in these states, for those who may state needs."""

    def rows(user: Any) -> QuerySet[Challenge]:
        own = own_needs(user).filter(state__in=states)
        return own if has_role(user, Role.DEMAND_SUBMITTER) else own.none()

    return rows


def need_page(challenge: Challenge) -> str:
    return reverse("challenges:need", args=[challenge.public_id])


def unagreed() -> QuerySet[Challenge]:
    return challenges_in(*TERM_STATES)().filter(demander_agreed_at=None)


def terms_are_written(challenge: Challenge) -> bool:
    """There is something to agree to only once the handler has settled the criteria with the text."""
    return bool(challenge.criteria)


def argumentation_is_drawn(challenge: Challenge) -> bool:
    drawn = (PanelState.DRAWN, PanelState.WORKING)
    return challenge.panels.filter(purpose=PanelPurpose.ARGUMENTATION, state__in=drawn).exists()


def argumentation_is_signed(challenge: Challenge) -> bool:
    signed = challenge.panels.filter(purpose=PanelPurpose.ARGUMENTATION, state=PanelState.SIGNED).exists()
    return signed and challenge.demander_agreed_at is not None


def unlisted() -> QuerySet[Challenge]:
    return challenges_in(S.SELECTED)().filter(annual_list=None)


def lists_in(*states: str) -> Any:
    return lambda: AnnualList.objects.filter(state__in=states).select_related("programme", "programme__owner")


lists_in_hand = lists_in(AnnualListState.PREPARING, AnnualListState.LIST_PUBLICITY)
lists_in_review = lists_in(AnnualListState.IN_REVIEW)


def list_may_go_on(annual_list: AnnualList) -> bool:
    """Being compiled, or its 拟发榜公示 is over; while it runs nobody has anything to do."""
    if annual_list.state == AnnualListState.PREPARING:
        return annual_list.challenges.exists()
    return annual_list.publicity_last_day is not None and annual_list.publicity_last_day < today()


def list_page(annual_list: AnnualList) -> str:
    return reverse("challenges:working_list", args=[annual_list.code])


todos.register(
    Duty(
        "need.supplement",
        _("补正技术需求后重新提交"),
        roles=DEMANDER,
        rows=own_in(S.RETURNED),
        title=title_of,
        url=need_page,
        since=SINCE,
        due=lambda challenge: challenge.supplement_due_on,
        everything="challenges:board",
        told_by="challenge.checked",
    ),
    Duty(
        "need.draft",
        _("继续填报技术需求"),
        roles=DEMANDER,
        rows=own_drafts,
        title=title_of,
        url=need_page,
        since=todos.by_field("created_at"),
        due=lambda challenge: challenge.programme.needs_close_at,
        everything="challenges:board",
        own_work=True,
    ),
    Duty(
        "need.check",
        _("初审技术需求"),
        roles=frozenset({Role.FIRST_REVIEWER}),
        rows=check_queue,
        title=title_of,
        url=lambda challenge: reverse("challenges:need_check", args=[challenge.public_id]),
        since=todos.by_field("submitted_at"),
        due=lambda challenge: challenge.programme.check_due_at,
        everything="challenges:board",
        told_by="challenge.waits_for_check",
    ),
    Duty(
        "need.agree",
        _("确认榜单最终文本"),
        roles=DEMANDER,
        rows=offered("challenge", "agree", unagreed, "demander", terms_are_written),
        title=title_of,
        url=page_of,
        since=todos.by_action("challenges.challenge.terms_save"),
        everything="challenges:board",
        holders=holders(Role.DEMAND_SUBMITTER, unagreed, "demander"),
    ),
    Duty(
        "need.argumentation_panel",
        _("组建论证专家组"),
        roles=HANDLER,
        rows=offered("challenge", "commit_argumentation", first_passed, "programme__owner"),
        title=title_of,
        url=act("challenge", "commit_argumentation"),
        since=SINCE,
        everything="challenges:board",
        holders=holders(Role.SCIENCE_HANDLER, first_passed, "programme__owner"),
    ),
    Duty(
        "need.argue",
        _("送专家论证"),
        roles=HANDLER,
        rows=offered("challenge", "argue", first_passed, "programme__owner", argumentation_is_drawn),
        title=title_of,
        url=act("challenge", "argue"),
        everything="challenges:board",
        holders=holders(Role.SCIENCE_HANDLER, first_passed, "programme__owner"),
    ),
    Duty(
        "need.select",
        _("决定是否入榜"),
        roles=APPROVER,
        rows=offered("challenge", "select", arguing, "programme__owner", argumentation_is_signed),
        title=title_of,
        url=page_of,
        everything="challenges:board",
        holders=holders(Role.SCIENCE_APPROVER, arguing, "programme__owner"),
    ),
    Duty(
        "need.list",
        _("将入榜需求列入榜单"),
        roles=HANDLER,
        rows=permitted(unlisted, "programme__owner", lambda user, need: handles_programme(user, need.programme)),
        title=title_of,
        url=lambda challenge: reverse("challenges:programme", args=[challenge.programme.public_id]),
        since=SINCE,
        everything="challenges:board",
        holders=holders(Role.SCIENCE_HANDLER, unlisted, "programme__owner"),
    ),
    Duty(
        "annual_list.send",
        _("编制榜单并送审"),
        roles=HANDLER,
        rows=offered("list", "send", lists_in_hand, "programme__owner", list_may_go_on),
        title=lambda annual_list: annual_list.title,
        url=list_page,
        since=LIST_SINCE,
        everything="challenges:board",
        holders=holders(Role.SCIENCE_HANDLER, lists_in_hand, "programme__owner"),
    ),
    Duty(
        "annual_list.publish",
        _("审批并发榜"),
        roles=APPROVER,
        rows=offered("list", "publish", lists_in_review, "programme__owner"),
        title=lambda annual_list: annual_list.title,
        url=list_page,
        since=LIST_SINCE,
        everything="challenges:board",
        holders=holders(Role.SCIENCE_APPROVER, lists_in_review, "programme__owner"),
    ),
)

todos.expect(
    Expectation(
        "need.check",
        _("技术需求初审"),
        _("市县初审单位"),
        roles=DEMANDER,
        rows=own_in(S.SUBMITTED),
        title=title_of,
        url=page_of,
        since=todos.by_field("submitted_at"),
        due=lambda challenge: challenge.programme.check_due_at,
    ),
    Expectation(
        "need.selection",
        _("技术需求论证和遴选"),
        _("科技部门"),
        roles=DEMANDER,
        rows=own_in(S.FIRST_PASSED, S.ARGUING),
        title=title_of,
        url=page_of,
        since=SINCE,
    ),
)
