"""Organisations: registration, verification, members, separated administrators, tokens (domain.md §5.1, §5.7, §6)."""

import itertools
from datetime import timedelta

import pytest

from accounts import granting, invitations, services
from accounts.enums import OrganisationState, Role
from accounts.models import Membership, Organisation, RoleGrant
from accounts.permissions import acts_for, current_roles, has_role
from accounts.selectors import verification_queue
from accounts.states import ORGANISATION_MACHINE
from core.clock import frozen, now
from core.errors import DomainError, GuardFailed, IllegalTransition, InvalidInput, NotPermitted, ObjectNotFound
from core.models import AuditEntry, OutboxEvent
from tests.factories import make_organisation, make_person, region

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

VALUES = {"name": "示范科技有限公司", "kind": "enterprise", "unified_code": "91370199MA3TEXT0XB"}


def test_the_registrant_becomes_manager_and_acts_for_the_new_organisation():
    person = make_person()

    organisation = services.organisation_register(values={**VALUES, "region": region()}, acting_user=person)

    assert organisation.state == OrganisationState.UNVERIFIED
    assert acts_for(person, organisation)
    assert current_roles(person) == {Role.ORGANISATION_MANAGER, Role.DEMAND_SUBMITTER, Role.VENDOR_STAFF}


@pytest.mark.parametrize(
    "code", ["91370200165362681G", "91370199MA3TEXT00H", "9137020016356268lG", "91370200163562681O", "370200018012345"]
)
def test_a_wrong_unified_code_is_refused_and_nothing_is_registered(code):
    person = make_person()

    with pytest.raises(InvalidInput) as refusal:
        services.organisation_register(values={**VALUES, "unified_code": code}, acting_user=person)

    assert list(refusal.value.fields) == ["unified_code"]
    assert Organisation.objects.count() == 0
    assert Membership.objects.count() == 0


def test_a_code_is_kept_in_its_normal_form_and_taken_once():
    services.organisation_register(values={**VALUES, "unified_code": " 91370200163562681g "}, acting_user=make_person())
    assert Organisation.objects.get().unified_code == "91370200163562681G"

    with pytest.raises(InvalidInput) as refusal:
        services.organisation_register(
            values={**VALUES, "unified_code": "91370200163562681G"}, acting_user=make_person()
        )
    assert "已被登记" in refusal.value.fields["unified_code"][0]


MACHINE_ACTORS = {
    "request_verification": "manager",
    "verify": "reviewer",
    "return": "reviewer",
    "suspend": "province",
    "restore": "province",
}


@pytest.fixture
def people():
    return {"reviewer": make_person(Role.FIRST_REVIEWER), "province": make_person(Role.PROVINCIAL_REVIEWER)}


@pytest.mark.parametrize(("state", "action"), list(itertools.product(OrganisationState.values, ORGANISATION_MACHINE)))
def test_each_state_and_action_either_moves_or_changes_nothing(state, action, people):
    organisation = make_organisation(state=state, kind="enterprise")
    people["manager"] = make_person(Role.ORGANISATION_MANAGER, organisation=organisation)
    before = Organisation.objects.filter(pk=organisation.pk).values().get()
    audits, events = AuditEntry.objects.count(), OutboxEvent.objects.count()
    act = {
        "organisation_id": organisation.pk,
        "action": action,
        "acting_user": people[MACHINE_ACTORS[action]],
        "comment": "意见",
    }
    if state in ORGANISATION_MACHINE[action].sources:
        assert services.organisation_transition(**act).state == ORGANISATION_MACHINE[action].target
        assert AuditEntry.objects.count() == audits + 1
        told = OutboxEvent.objects.order_by("pk").values_list("topic", flat=True)[events:]
        assert list(told) == ["accounts.organisation.transitioned", "accounts.organisation.changed"]
    else:
        # In a suspended organisation its manager has no roles left; otherwise the state is what stands against it.
        refused = NotPermitted if (state, action) == ("suspended", "request_verification") else IllegalTransition
        with pytest.raises(refused):
            services.organisation_transition(**act)
        assert Organisation.objects.filter(pk=organisation.pk).values().get() == before
        assert (AuditEntry.objects.count(), OutboxEvent.objects.count()) == (audits, events)


def test_verification_needs_a_code():
    organisation = make_organisation(state=OrganisationState.UNVERIFIED)
    Organisation.objects.filter(pk=organisation.pk).update(unified_code=None)
    manager = make_person(Role.ORGANISATION_MANAGER, organisation=organisation)

    with pytest.raises(GuardFailed) as refusal:
        services.organisation_transition(
            organisation_id=organisation.pk, action="request_verification", acting_user=manager
        )

    assert [reason.code for reason in refusal.value.reasons] == ["unified_code_missing"]


def test_nobody_verifies_an_organisation_they_belong_to():
    organisation = make_organisation(state=OrganisationState.PENDING)
    reviewer = make_person(Role.FIRST_REVIEWER)
    Membership.objects.create(user=reviewer, organisation=organisation)

    with pytest.raises(NotPermitted):
        services.organisation_transition(organisation_id=organisation.pk, action="verify", acting_user=reviewer)

    assert list(verification_queue(reviewer)) == []
    assert Organisation.objects.get(pk=organisation.pk).state == OrganisationState.PENDING


def test_a_city_reviewer_sees_and_verifies_its_own_city_only():
    here = make_organisation(state=OrganisationState.PENDING, region_code="370102")
    there = make_organisation(state=OrganisationState.PENDING, region_code="370200")
    reviewer = make_person(Role.FIRST_REVIEWER)

    assert list(verification_queue(reviewer)) == [here]
    with pytest.raises(NotPermitted):
        services.organisation_transition(organisation_id=there.pk, action="verify", acting_user=reviewer)


def test_an_organisation_once_verified_cannot_change_its_name_by_itself():
    organisation = make_organisation("原名")
    manager = make_person(Role.ORGANISATION_MANAGER, organisation=organisation)

    with pytest.raises(InvalidInput):
        services.organisation_update(organisation_id=organisation.pk, values={"name": "新名"}, acting_user=manager)
    services.organisation_update(organisation_id=organisation.pk, values={"address": "新址"}, acting_user=manager)

    organisation.refresh_from_db()
    assert (organisation.name, organisation.address) == ("原名", "新址")


def test_a_suspended_organisation_changes_nothing_about_itself():
    organisation = make_organisation("原名", state=OrganisationState.SUSPENDED)
    manager = make_person(Role.ORGANISATION_MANAGER, organisation=organisation)

    with pytest.raises(ObjectNotFound):
        services.organisation_update(organisation_id=organisation.pk, values={"address": "新址"}, acting_user=manager)

    organisation.refresh_from_db()
    assert organisation.address == ""


# --- members and roles -------------------------------------------------------------------------------------------


def test_switching_changes_the_roles_and_a_foreign_organisation_cannot_be_chosen():
    person = make_person(Role.DEMAND_SUBMITTER)
    other = make_organisation()
    RoleGrant.objects.create(membership=Membership.objects.create(user=person, organisation=other), role=Role.EXPERT)
    assert has_role(person, Role.DEMAND_SUBMITTER)

    services.organisation_switch(organisation_id=other.pk, acting_user=person)
    assert current_roles(person) == {Role.EXPERT}

    with pytest.raises(ObjectNotFound):
        services.organisation_switch(organisation_id=make_organisation().pk, acting_user=person)
    assert current_roles(person) == {Role.EXPERT}


def test_who_leaves_loses_access_at_once():
    organisation = make_organisation()
    manager = make_person(Role.ORGANISATION_MANAGER, organisation=organisation)
    leaver = make_person(Role.DEMAND_SUBMITTER, organisation=organisation)

    invitations.member_end(membership_id=leaver.memberships.get().pk, acting_user=manager)
    leaver = type(leaver).objects.get(pk=leaver.pk)
    services.settle_current_organisation(leaver)

    assert leaver.current_organisation is None
    assert not has_role(leaver, Role.DEMAND_SUBMITTER)


def test_the_last_manager_cannot_be_removed():
    manager = make_person(Role.ORGANISATION_MANAGER)
    with pytest.raises(DomainError) as refusal:
        invitations.member_end(membership_id=manager.memberships.get().pk, acting_user=manager)
    assert refusal.value.code == "last_manager"
    assert manager.memberships.active().count() == 1


def test_a_manager_gives_its_own_roles_and_no_platform_role():
    organisation = make_organisation()
    manager = make_person(Role.ORGANISATION_MANAGER, organisation=organisation)
    member = make_person(organisation=organisation)
    membership = member.memberships.get()

    granting.roles_set(membership_id=membership.pk, roles=[Role.DEMAND_SUBMITTER], acting_user=manager)
    with pytest.raises(NotPermitted):
        granting.roles_set(
            membership_id=membership.pk, roles=[Role.DEMAND_SUBMITTER, Role.LIST_APPROVER], acting_user=manager
        )

    assert list(membership.grants.values_list("role", flat=True)) == [Role.DEMAND_SUBMITTER]


def test_the_system_administrator_creates_accounts_but_grants_no_role_and_the_security_administrator_the_reverse():
    system, security = make_person(Role.SYSTEM_ADMINISTRATOR), make_person(Role.SECURITY_ADMINISTRATOR)
    values = {
        "username": "newcomer",
        "email": "n@example.org",
        "display_name": "新人",
        "password": "a-long-passphrase-1",
    }

    with pytest.raises(NotPermitted):
        services.account_create(**values, acting_user=security)
    created = services.account_create(**values, acting_user=system)
    membership = Membership.objects.create(user=created, organisation=make_organisation())
    with pytest.raises(NotPermitted):
        granting.roles_set(membership_id=membership.pk, roles=[Role.EXPERT], acting_user=system)

    granting.roles_set(membership_id=membership.pk, roles=[Role.EXPERT], acting_user=security)
    assert list(membership.grants.values_list("role", flat=True)) == [Role.EXPERT]


# --- tokens ------------------------------------------------------------------------------------------------------


def test_a_token_is_kept_as_a_hash_acts_for_its_organisation_and_ends():
    person = make_person(Role.DEMAND_SUBMITTER)
    token, secret = services.token_create(name="接口", scope="read", days=30, acting_user=person)

    assert secret not in (token.digest, token.prefix)
    assert services.token_of_secret(secret).user == person
    assert services.token_of_secret(secret + "x") is None
    with frozen(now() + timedelta(days=31)):
        assert services.token_of_secret(secret) is None
    services.token_revoke(token_id=token.pk, acting_user=person)
    assert services.token_of_secret(secret) is None


def test_a_token_ends_with_the_membership_it_was_made_for():
    person = make_person(Role.DEMAND_SUBMITTER)
    _token, secret = services.token_create(name="接口", scope="write", days=30, acting_user=person)
    person.memberships.update(ended_at=now())

    assert services.token_of_secret(secret) is None


def test_nobody_revokes_anothers_token():
    token, secret = services.token_create(
        name="接口", scope="read", days=1, acting_user=make_person(Role.DEMAND_SUBMITTER)
    )
    with pytest.raises(ObjectNotFound):
        services.token_revoke(token_id=token.pk, acting_user=make_person(Role.DEMAND_SUBMITTER))
    assert services.token_of_secret(secret) is not None
