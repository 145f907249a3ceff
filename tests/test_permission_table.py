"""The permission table: every role × every action of every machine, in every place a role can be held (domain.md §6).

A role that is missing from a table, or an action that is missing from a machine's union, fails: a new one needs a row.
"""

import pytest

from accounts.enums import OrganisationState, Role
from accounts.states import ORGANISATION_MACHINE
from scenarios.enums import QuarterlyListState, ScenarioState
from scenarios.models import QuarterlyList
from scenarios.states import LIST_MACHINE, SCENARIO_MACHINE
from tests.factories import make_capability, make_organisation, make_person, make_scenario, make_vendor
from vendors.enums import CapabilityState
from vendors.states import CAPABILITY_MACHINE

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]

OWNER_STEPS = {"submit", "withdraw", "reopen", "close"}
FIRST_STEPS = {"pass_first", "return_first", "reject_first"}
PROVINCIAL_STEPS = {"pool", "return_provincial", "reject_provincial", "suspend", "resume"}
NOTHING: set[str] = set()

#: Place → role → actions of machine E allowed there (by the clock alone: expire, land). Places: the owner itself,
#: another organisation of the same city, of another city, of the province.
SCENARIO_TABLE: dict[str, dict[str, set[str]]] = {
    "owner": {Role.DEMAND_SUBMITTER: OWNER_STEPS},
    "same_city": {
        Role.FIRST_REVIEWER: FIRST_STEPS,
        Role.PROVINCIAL_REVIEWER: PROVINCIAL_STEPS,
        Role.SCIENCE_HANDLER: {"convert"},
    },
    "other_city": {Role.PROVINCIAL_REVIEWER: PROVINCIAL_STEPS, Role.SCIENCE_HANDLER: {"convert"}},
    "province": {
        Role.FIRST_REVIEWER: FIRST_STEPS,
        Role.PROVINCIAL_REVIEWER: PROVINCIAL_STEPS,
        Role.LIST_EDITOR: {"freeze", "unfreeze"},
        Role.LIST_APPROVER: {"publish", "unfreeze"},
        Role.SCIENCE_HANDLER: {"convert"},
    },
}
LIST_TABLE: dict[str, dict[str, set[str]]] = {
    "same_city": {},
    "province": {
        Role.LIST_EDITOR: {"freeze", "unfreeze", "send_to_approval", "archive"},
        Role.LIST_APPROVER: {"return", "approve", "publish"},
    },
}
VENDOR_STEPS = {"submit", "list", "renew", "extend", "edit", "withdraw"}
VERIFIER_STEPS = {"verify", "verify_and_list", "return"}
CAPABILITY_TABLE: dict[str, dict[str, set[str]]] = {
    "owner": {Role.VENDOR_STAFF: VENDOR_STEPS},
    "same_city": {
        Role.FIRST_REVIEWER: VERIFIER_STEPS,
        Role.PROVINCIAL_REVIEWER: VERIFIER_STEPS | {"suspend", "resume"},
    },
    "other_city": {Role.PROVINCIAL_REVIEWER: VERIFIER_STEPS | {"suspend", "resume"}},
    "province": {
        Role.FIRST_REVIEWER: VERIFIER_STEPS,
        Role.PROVINCIAL_REVIEWER: VERIFIER_STEPS | {"suspend", "resume"},
    },
}
ORGANISATION_TABLE: dict[str, dict[str, set[str]]] = {
    "owner": {Role.ORGANISATION_MANAGER: {"request_verification"}},
    "same_city": {
        Role.FIRST_REVIEWER: {"verify", "return"},
        Role.PROVINCIAL_REVIEWER: {"verify", "return", "suspend", "restore"},
    },
    "other_city": {Role.PROVINCIAL_REVIEWER: {"verify", "return", "suspend", "restore"}},
    "province": {
        Role.FIRST_REVIEWER: {"verify", "return"},
        Role.PROVINCIAL_REVIEWER: {"verify", "return", "suspend", "restore"},
    },
}
REGION_OF = {"same_city": "370100", "other_city": "370200", "province": "370000"}


def person_at(place: str, role: str, owner):
    organisation = owner if place == "owner" else make_organisation(region_code=REGION_OF[place])
    return make_person(role, organisation=organisation)


def allowed(machine, obj, person) -> set[str]:
    return {action for action, step in machine.items() if step.permitted(person, obj)}


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("place", list(SCENARIO_TABLE))
def test_what_a_role_may_do_with_a_demand(place, role):
    scenario = make_scenario(state=ScenarioState.SUBMITTED)
    person = person_at(place, role, scenario.owner)
    assert allowed(SCENARIO_MACHINE, scenario, person) == SCENARIO_TABLE[place].get(role, NOTHING)


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("place", list(LIST_TABLE))
def test_what_a_role_may_do_with_a_list(place, role):
    quarterly_list = QuarterlyList.objects.create(
        year=2026, quarter_number=4, title="清单", state=QuarterlyListState.FROZEN
    )
    person = person_at(place, role, None)
    assert allowed(LIST_MACHINE, quarterly_list, person) == LIST_TABLE[place].get(role, NOTHING)


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("place", list(CAPABILITY_TABLE))
def test_what_a_role_may_do_with_a_capability(place, role):
    vendor = make_vendor(make_organisation(kind="enterprise"))
    capability = make_capability(vendor, state=CapabilityState.SUBMITTED)
    person = person_at(place, role, vendor.organisation)
    assert allowed(CAPABILITY_MACHINE, capability, person) == CAPABILITY_TABLE[place].get(role, NOTHING)


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("place", list(ORGANISATION_TABLE))
def test_what_a_role_may_do_with_an_organisation(place, role):
    organisation = make_organisation(state=OrganisationState.PENDING)
    person = person_at(place, role, organisation)
    assert allowed(ORGANISATION_MACHINE, organisation, person) == ORGANISATION_TABLE[place].get(role, NOTHING)


@pytest.mark.parametrize(
    ("machine", "table", "by_clock_alone"),
    [
        (SCENARIO_MACHINE, SCENARIO_TABLE, {"expire", "land"}),
        (LIST_MACHINE, LIST_TABLE, NOTHING),
        (CAPABILITY_MACHINE, CAPABILITY_TABLE, {"expire"}),
        (ORGANISATION_MACHINE, ORGANISATION_TABLE, NOTHING),
    ],
    ids=["scenario", "list", "capability", "organisation"],
)
def test_every_action_is_somebodys_and_the_clocks_are_nobodys(machine, table, by_clock_alone):
    somebodys = {action for roles in table.values() for actions in roles.values() for action in actions}
    assert somebodys | by_clock_alone == set(machine)
    assert not somebodys & by_clock_alone


@pytest.mark.parametrize("role", [Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDIT_ADMINISTRATOR])
def test_the_three_administrators_may_do_nothing_with_business_records(role):
    for table in (SCENARIO_TABLE, LIST_TABLE, CAPABILITY_TABLE, ORGANISATION_TABLE):
        assert all(role not in roles for roles in table.values())
