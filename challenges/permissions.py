"""Who may do what in 揭榜挂帅 (domain.md §6). Predicates over a person and an object; conditions live in states."""

from typing import Any

from accounts.enums import ADMINISTRATOR_ROLES, OrganisationState, Role
from accounts.permissions import acts_for, has_role, is_signed_in, organisation_of
from challenges.enums import ChallengeState, ProgrammeModel
from challenges.memberships import counts_as_member, decides_for_owner
from challenges.models import AnnualList, Bid, Challenge, Objection, Opener, Panel, Programme, Project, Seat

#: Before the opening nobody but the bidder learns of bids, whatever their role (招标投标法 22; domain.md §6).
BEFORE_OPENING = frozenset(
    {
        ChallengeState.DRAFT,
        ChallengeState.SUBMITTED,
        ChallengeState.RETURNED,
        ChallengeState.FIRST_PASSED,
        ChallengeState.REJECTED,
        ChallengeState.ARGUING,
        ChallengeState.SELECTED,
        ChallengeState.NOT_SELECTED,
        ChallengeState.PUBLISHED,
        ChallengeState.CLOSED,
        ChallengeState.NO_BID,
        ChallengeState.REISSUED,
        ChallengeState.WITHDRAWN,
    }
)


def by_clock(user: Any, _obj: Any) -> bool:
    """Only the platform's own clockwork: nobody closes or reopens by hand (domain.md §2.4)."""
    return user is None


# --- programme side -----------------------------------------------------------------------------------------------


def may_run_programmes(user: Any) -> bool:
    return has_role(user, Role.SCIENCE_HANDLER) and organisation_of(user) is not None


def handles_programme(user: Any, programme: Programme) -> bool:
    """A handler of the department that owns the programme."""
    return has_role(user, Role.SCIENCE_HANDLER) and acts_for(user, programme.owner_id)


def approves_programme(user: Any, programme: Programme) -> bool:
    return has_role(user, Role.SCIENCE_APPROVER) and acts_for(user, programme.owner_id)


def is_on_demander_side(user: Any, challenge: Challenge) -> bool:
    """Belongs to the demander, or wrote or submitted the need: never on the deciding side of it.

    A membership begun after the publication counts once a supervisor has looked at it (challenges/memberships.py).
    """
    return counts_as_member(user, challenge, challenge.demander_id) or user.pk in (
        challenge.created_by_id,
        challenge.submitted_by_id,
    )


def handles_challenge(user: Any, challenge: Challenge) -> bool:
    return handles_programme(user, challenge.programme) and not is_on_demander_side(user, challenge)


def approves_challenge(user: Any, challenge: Challenge) -> bool:
    return approves_programme(user, challenge.programme) and not is_on_demander_side(user, challenge)


def handles_list(user: Any, annual_list: AnnualList) -> bool:
    return handles_programme(user, annual_list.programme)


def approves_list(user: Any, annual_list: AnnualList) -> bool:
    """An approver who had no hand in editing this list (maker ≠ checker)."""
    return approves_programme(user, annual_list.programme) and not annual_list.editors.filter(pk=user.pk).exists()


def supervises(user: Any, _obj: Any = None) -> bool:
    return has_role(user, Role.SUPERVISOR)


def keeps_integrity_records(user: Any) -> bool:
    """Who enters dishonesty records and ties between organisations, and takes them back."""
    return may_run_programmes(user) or supervises(user)


def may_be_opener(user: Any) -> bool:
    """A member of some organisation, and none of the three administrators in whichever they hold that role."""
    if not is_signed_in(user):
        return False
    memberships = user.memberships.active()
    return memberships.exists() and not memberships.filter(grants__role__in=ADMINISTRATOR_ROLES).exists()


def is_in_office(opener: Opener) -> bool:
    """Whether an officer may act at this moment: not replaced, fit, a member of the organisation they were named for.

    Asked of the database at every step of a ceremony, never of what a session remembers.
    """
    return (
        opener.replaced_at is None
        and opener.organisation.state != OrganisationState.SUSPENDED
        and may_be_opener(opener.user)
        and opener.user.memberships.active().filter(organisation_id=opener.organisation_id).exists()
    )


def office_of(user: Any, annual_list_id: int | None) -> Opener | None:
    """The office a person holds on a list now, with its key; None for anybody else."""
    if annual_list_id is None or not is_signed_in(user):
        return None
    opener = (
        Opener.objects.filter(annual_list_id=annual_list_id, user=user, replaced_at=None, key__isnull=False)
        .select_related("key", "organisation", "user")
        .first()
    )
    return opener if opener is not None and is_in_office(opener) else None


# --- demander -----------------------------------------------------------------------------------------------------


def may_state_need(user: Any) -> bool:
    return has_role(user, Role.DEMAND_SUBMITTER) and organisation_of(user) is not None


def acts_as_demander(user: Any, challenge: Challenge) -> bool:
    return (
        acts_for(user, challenge.demander_id)
        and has_role(user, Role.DEMAND_SUBMITTER)
        and not decides_for_owner(user, challenge)
    )


def may_check_first(user: Any, challenge: Challenge) -> bool:
    """County or city authority of the need's region, never of the demander's own organisation."""
    own = organisation_of(user)
    region = challenge.region or challenge.demander.region
    return (
        has_role(user, Role.FIRST_REVIEWER)
        and not is_on_demander_side(user, challenge)
        and own is not None
        and own.region is not None
        and own.region.covers(region)
    )


def sees_working_file(user: Any, challenge: Challenge) -> bool:
    """Who reads a need before publication, and its checks and reasons after."""
    return (
        acts_for(user, challenge.demander_id)
        or handles_programme(user, challenge.programme)
        or approves_programme(user, challenge.programme)
        or supervises(user)
        or may_check_first(user, challenge)
    )


# --- bids ---------------------------------------------------------------------------------------------------------


def may_bid(user: Any) -> bool:
    return has_role(user, Role.VENDOR_STAFF) and organisation_of(user) is not None


def acts_as_bidder(user: Any, bid: Bid) -> bool:
    return acts_for(user, bid.organisation_id) and has_role(user, Role.VENDOR_STAFF)


def bids_are_disclosed(challenge: Challenge) -> bool:
    """Names, counts and content exist for others only after the opening."""
    return challenge.opened_at is not None and challenge.state not in BEFORE_OPENING


def may_see_bids(user: Any, challenge: Challenge) -> bool:
    """Names and number of bids, after opening: programme side, supervisor; the demander only in M2 (domain.md §6)."""
    if not bids_are_disclosed(challenge):
        return False
    if handles_challenge(user, challenge) or approves_challenge(user, challenge) or supervises(user):
        return True
    return challenge.programme.model == ProgrammeModel.ENTERPRISE and acts_for(user, challenge.demander_id)


def may_read_bid(user: Any, bid: Bid) -> bool:
    """The opened content; the bidder reads back their own after the opening, as everybody entitled does."""
    if bid.technical_content is None:
        return False
    return acts_for(user, bid.organisation_id) or may_see_bids(user, bid.challenge)


def may_read_price(user: Any, bid: Bid) -> bool:
    """Prices only after the price ceremony, which follows the locking of scores."""
    return bid.challenge.price_opened_at is not None and may_read_bid(user, bid)


# --- review -------------------------------------------------------------------------------------------------------


def holds_seat(user: Any, seat: Seat) -> bool:
    return has_role(user, Role.EXPERT) and seat.expert.user_id is not None and seat.expert.user_id == user.pk


def runs_panel(user: Any, panel: Panel) -> bool:
    return handles_challenge(user, panel.challenge)


def sees_panel(user: Any, panel: Panel) -> bool:
    """Who sits on it and how far they are: who runs it and who watches; who decides, once the scores are locked."""
    return (
        runs_panel(user, panel)
        or supervises(user)
        or (panel.locked_at is not None and approves_challenge(user, panel.challenge))
    )


def witnesses_panel(user: Any, panel: Panel) -> bool:
    """A draw is witnessed by a supervisor who does not run it (domain.md §6)."""
    return supervises(user, panel) and user.pk != panel.committed_by_id


# --- decision and after -------------------------------------------------------------------------------------------


def may_see_objector(user: Any, objection: Objection) -> bool:
    """Identity is for the objection's handler and the supervisor, and of course the filer (domain.md §2.8)."""
    return supervises(user) or user.pk in (objection.handler_id, objection.filed_by_id)


def may_handle_objection(user: Any, objection: Objection) -> bool:
    """The supervisor's side; never who ran the review or took the decision."""
    publicity = objection.publicity
    ran_it = {publicity.started_by_id, publicity.approved_by_id}
    if publicity.decision is not None:
        ran_it.add(publicity.decision.decided_by_id)
    if publicity.challenge is not None:
        ran_it |= set(publicity.challenge.panels.values_list("committed_by_id", flat=True))
    return supervises(user) and user.pk not in ran_it


def acts_as_solver(user: Any, project: Project) -> bool:
    return acts_for(user, project.solver_id) and has_role(user, Role.VENDOR_STAFF)


def acts_as_end_user(user: Any, project: Project) -> bool:
    return acts_as_demander(user, project.challenge)


def handles_project(user: Any, project: Project) -> bool:
    return handles_challenge(user, project.challenge)


def approves_project(user: Any, project: Project) -> bool:
    return approves_challenge(user, project.challenge)


def sees_project(user: Any, project: Project) -> bool:
    return (
        acts_for(user, project.solver_id)
        or acts_for(user, project.challenge.demander_id)
        or handles_project(user, project)
        or approves_project(user, project)
        or supervises(user)
    )
