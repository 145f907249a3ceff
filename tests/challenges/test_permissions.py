"""Role × place × action of machine A, from one table (domain.md §6). A new role or action without a row fails."""

import pytest

from accounts.enums import Role
from challenges import selectors
from challenges.enums import ChallengeState
from challenges.models import Challenge
from challenges.states import CHALLENGE_MACHINE, LIST_MACHINE, PROGRAMME_MACHINE
from core.errors import ObjectNotFound
from tests.factories import challenges as make
from tests.factories import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]

DEMANDER = {"submit", "withdraw"}
CHECKER = {"return", "pass_first", "reject"}
HANDLER = {"argue", "reissue", "formal_check", "review", "negotiate", "end_negotiation", "finish"}
APPROVER = {"select", "not_select", "publish", "decide", "publicise", "award", "lapse", "cancel"}
SUPERVISOR = {"suspend", "resume"}
CLOCK = {"close", "fail", "open", "complete_review", "contract"}

#: Place → role → actions allowed there. A place without a role's row allows it nothing.
TABLE: dict[str, dict[str, set[str]]] = {
    "department": {
        Role.SCIENCE_HANDLER: HANDLER,
        Role.SCIENCE_APPROVER: APPROVER,
        Role.FIRST_REVIEWER: CHECKER,
        Role.SUPERVISOR: SUPERVISOR,
    },
    "demander": {Role.DEMAND_SUBMITTER: DEMANDER, Role.SUPERVISOR: SUPERVISOR},
    "same_city": {Role.FIRST_REVIEWER: CHECKER, Role.SUPERVISOR: SUPERVISOR},
    "other_city": {Role.SUPERVISOR: SUPERVISOR},
    "other_department": {Role.FIRST_REVIEWER: CHECKER, Role.SUPERVISOR: SUPERVISOR},
}


@pytest.fixture
def scene():
    stage = make.make_stage(expert_count=0)
    programme = make.make_programme(stage)
    challenge = make.make_need(stage, programme)
    places = {
        "department": stage.department,
        "demander": stage.demander,
        "same_city": make_organisation(region_code="370200"),
        "other_city": make_organisation(region_code="370800"),
        "other_department": make_organisation(region_code="370000", level="province"),
    }
    return challenge, places


def test_every_action_stands_in_the_table_or_is_the_clocks():
    told = {action for rows in TABLE.values() for actions in rows.values() for action in actions}
    assert told | CLOCK == set(CHALLENGE_MACHINE)
    assert told & CLOCK == set()


@pytest.mark.parametrize("place", list(TABLE))
def test_each_role_in_each_place_may_do_what_the_table_says_and_nothing_else(place, scene):
    challenge, places = scene
    for role in Role.values:
        person = make_person(role, organisation=places[place])
        allowed = {name for name, step in CHALLENGE_MACHINE.items() if step.permitted(person, challenge)}
        assert allowed == TABLE[place].get(role, set()), role


def test_nobody_acts_on_both_sides_of_one_item(scene):
    """A handler or approver who belongs to the demander, too, decides nothing about its need."""
    challenge, places = scene
    for role in (Role.SCIENCE_HANDLER, Role.SCIENCE_APPROVER):
        person = make_person(role, organisation=places["department"])
        person.memberships.create(organisation=places["demander"])
        assert not any(step.permitted(person, challenge) for step in CHALLENGE_MACHINE.values())


def test_the_clocks_actions_are_nobody_elses(scene):
    challenge, _places = scene
    for action in CLOCK:
        assert CHALLENGE_MACHINE[action].permitted(None, challenge)


def test_an_approver_who_edited_a_list_does_not_publish_it(scene):
    challenge, places = scene
    annual_list = make.programmes.annual_list_create(
        programme_id=challenge.programme_id,
        acting_user=make_person(Role.SCIENCE_HANDLER, organisation=places["department"]),
    )
    approver = make_person(Role.SCIENCE_APPROVER, organisation=places["department"])
    assert LIST_MACHINE["publish"].permitted(approver, annual_list)
    annual_list.editors.add(approver)
    assert not LIST_MACHINE["publish"].permitted(approver, annual_list)
    assert not PROGRAMME_MACHINE["collect"].permitted(approver, challenge.programme)


#: State → who sees the challenge at all: by place and role.
VIEWERS = {
    "clerk of the demander": ("demander", Role.DEMAND_SUBMITTER),
    "handler": ("department", Role.SCIENCE_HANDLER),
    "approver": ("department", Role.SCIENCE_APPROVER),
    "city reviewer": ("same_city", Role.FIRST_REVIEWER),
    "reviewer of another city": ("other_city", Role.FIRST_REVIEWER),
    "supervisor": ("other_department", Role.SUPERVISOR),
    "vendor": ("other_city", Role.VENDOR_STAFF),
    "expert": ("other_city", Role.EXPERT),
    "system administrator": ("other_department", Role.SYSTEM_ADMINISTRATOR),
}
SEES = {
    ChallengeState.DRAFT: {"clerk of the demander"},
    ChallengeState.SUBMITTED: {"clerk of the demander", "handler", "approver", "city reviewer", "supervisor"},
    ChallengeState.SELECTED: {"clerk of the demander", "handler", "approver", "city reviewer", "supervisor"},
    ChallengeState.PUBLISHED: set(VIEWERS),
    ChallengeState.CANCELLED: set(VIEWERS),
}


@pytest.mark.parametrize("state", list(SEES))
def test_each_viewer_finds_a_challenge_only_in_the_states_meant_for_them(state, scene):
    challenge, places = scene
    Challenge.objects.filter(pk=challenge.pk).update(state=state)
    seen = set()
    for name, (place, role) in VIEWERS.items():
        person = make_person(role, organisation=places[place])
        try:
            selectors.challenge_for(person, str(challenge.public_id))
        except ObjectNotFound:
            continue
        seen.add(name)
    assert seen == SEES[state]


def test_weihai_does_not_see_the_needs_of_cities_whose_codes_begin_like_its_own():
    """371000 and 371100 share three digits: a city's codes nest by four (GB/T 2260)."""
    stage = make.make_stage(expert_count=0)
    stage.demander.region = make.make_organisation(region_code="371100").region
    stage.demander.save()
    challenge = make.make_need(stage, make.make_programme(stage))
    Challenge.objects.filter(pk=challenge.pk).update(state=ChallengeState.SUBMITTED, region=stage.demander.region)
    weihai = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="371000"))
    rizhao = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="371100"))
    assert list(selectors.check_queue(weihai)) == []
    assert list(selectors.check_queue(rizhao)) == [challenge]
    assert challenge not in selectors.visible_to(weihai)
