"""What waits for people in matters of accounts and organisations."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.enums import OrganisationState, Role
from accounts.granting import proposals_waiting
from accounts.invitations import invitations_to
from accounts.models import Organisation, RoleProposal
from accounts.permissions import may_decide_proposal, may_load_workdays, organisation_of
from accounts.selectors import acting_people, verification_queue
from accounts.states import ORGANISATION_MACHINE
from core import todos
from core.models import WorkdayCalendar
from core.todos import Duty, Expectation
from core.workday_calendars import years_missing

UNFINISHED = (OrganisationState.UNVERIFIED, OrganisationState.RETURNED)


def page_of_organisation(organisation: Organisation) -> str:
    return reverse("accounts:organisation", args=[organisation.public_id])


def own_unverified(user: Any) -> list[Organisation]:
    own = organisation_of(user)
    return [own] if own is not None and own.state in UNFINISHED else []


def proposals_to_decide(user: Any) -> list[RoleProposal]:
    """Another's proposals, and none about oneself."""
    return [one for one in proposals_waiting(user) if may_decide_proposal(user, one)]


def own_proposals(user: Any) -> QuerySet[RoleProposal]:
    """What this security administrator proposed and another has not decided."""
    return proposals_waiting(user).filter(proposed_by=user)


def missing_years(user: Any) -> list[WorkdayCalendar]:
    """Years without working days, for who loads them: without, every term that reaches there stops."""
    return [WorkdayCalendar(pk=year, year=year) for year in years_missing()] if may_load_workdays(user) else []


def own_pending(user: Any) -> list[Organisation]:
    own = organisation_of(user)
    return [own] if own is not None and own.state == OrganisationState.PENDING else []


def managers_of_unverified() -> list[Any]:
    waiting = Organisation.objects.filter(state__in=UNFINISHED).values("pk")
    return acting_people(Role.ORGANISATION_MANAGER, organisations=waiting)


todos.register(
    Duty(
        "membership.invitation",
        _("答复加入机构的邀请"),
        roles=frozenset(),
        rows=invitations_to,
        title=lambda invitation: invitation.organisation.name,
        url=lambda _invitation: reverse("accounts:invitations"),
        since=todos.by_field("created_at"),
        due=lambda invitation: invitation.lapses_at,
        everything="accounts:invitations",
        told_by="membership.invited",
    ),
    Duty(
        "workdays.load",
        _("载入年度节假日安排"),
        roles=frozenset({Role.SYSTEM_ADMINISTRATOR}),
        rows=missing_years,
        title=lambda calendar: _("%(year)d 年节假日安排") % {"year": calendar.year},
        url=lambda _calendar: reverse("workdays"),
        told_by="workdays.missing",
    ),
    Duty(
        "organisation.request_verification",
        _("申请核验本单位"),
        roles=frozenset({Role.ORGANISATION_MANAGER}),
        rows=own_unverified,
        url=page_of_organisation,
        holders=managers_of_unverified,
    ),
    Duty(
        "role.confirm",
        _("确认另一名安全管理员提议的角色"),
        roles=frozenset({Role.SECURITY_ADMINISTRATOR}),
        rows=proposals_to_decide,
        title=lambda proposal: f"{proposal.membership.user} · {proposal.get_role_display()}",
        url=lambda proposal: reverse("accounts:proposal", args=[proposal.public_id]),
        since=todos.by_field("proposed_at"),
        everything="accounts:proposals",
        told_by="role.waits_for_confirmation",
    ),
    Duty(
        "organisation.verify",
        _("核验机构"),
        roles=frozenset({Role.FIRST_REVIEWER, Role.PROVINCIAL_REVIEWER}),
        rows=verification_queue,
        url=page_of_organisation,
        since=todos.by_trail(ORGANISATION_MACHINE, "accounts.organisation"),
        everything="accounts:verification_queue",
        told_by="organisation.waits_for_verification",
    ),
)

todos.expect(
    Expectation(
        "role.confirmation",
        _("提议的角色"),
        _("另一名安全管理员"),
        roles=frozenset({Role.SECURITY_ADMINISTRATOR}),
        rows=own_proposals,
        title=lambda proposal: f"{proposal.membership.user} · {proposal.get_role_display()}",
        url=lambda proposal: reverse("accounts:proposal", args=[proposal.public_id]),
        since=todos.by_field("proposed_at"),
    ),
    Expectation(
        "organisation.verification",
        _("本单位核验"),
        _("核验单位"),
        roles=frozenset({Role.ORGANISATION_MANAGER}),
        rows=own_pending,
        url=page_of_organisation,
        since=todos.by_trail(ORGANISATION_MACHINE, "accounts.organisation"),
    ),
)
