"""Which role which organisation may hold, which exclude each other, and powers of the province by two persons.

The attack: one form made a vendor's salesperson reviewer, editor, approver and supervisor in one save, at once, alone.
"""

import itertools

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts import founding, granting, holding, services
from accounts.enums import ADMINISTRATOR_ROLES, ROLES_OF_TWO_PERSONS, OrganisationState, ProposalState, Role
from accounts.models import Membership, RoleGrant, RoleProposal, User
from core import relay
from core.errors import DomainError, GuardFailed, IllegalTransition, InvalidInput, NotPermitted, ObjectNotFound
from core.models import AuditEntry, OutboxEvent
from notifications.models import Notification
from tests.factories import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

POWERS = [Role.PROVINCIAL_REVIEWER, Role.LIST_EDITOR, Role.SUPERVISOR]


@pytest.fixture
def first():
    return make_person(Role.SECURITY_ADMINISTRATOR, username="anquan")


@pytest.fixture
def second():
    return make_person(Role.SECURITY_ADMINISTRATOR, username="fuhe")


@pytest.fixture
def bureau():
    return make_organisation("省示范局", region_code="370000", level="province")


@pytest.fixture
def member(bureau):
    return make_person(organisation=bureau)


def held(membership: Membership) -> set[str]:
    return set(membership.grants.values_list("role", flat=True))


def give(person, *roles, by, **more) -> Membership:
    return granting.roles_set(membership_id=person.memberships.get().pk, roles=roles, acting_user=by, **more)


def counted() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (RoleGrant, RoleProposal, AuditEntry, OutboxEvent))


# --- the table ---------------------------------------------------------------------------------------------------


def test_every_role_has_a_row_and_an_exclusion_names_roles_only():
    assert set(holding.MAY_HOLD) == set(Role)
    assert set(holding.EXCLUDES) | set(itertools.chain(*holding.EXCLUDES.values())) <= set(Role)
    assert not any(role in others for role, others in holding.EXCLUDES.items())


@pytest.mark.parametrize("role", sorted(ROLES_OF_TWO_PERSONS))
def test_a_vendor_holds_no_power_of_the_province(role, first):
    salesperson = make_person(Role.VENDOR_STAFF, organisation=make_organisation(kind="enterprise", level="province"))
    before = counted()

    with pytest.raises(InvalidInput) as refusal:
        give(salesperson, Role.VENDOR_STAFF, role, by=first)

    assert "roles" in refusal.value.fields
    assert counted() == before


def test_the_whole_attack_in_one_save_names_every_fault_and_changes_nothing(first):
    salesperson = make_person(Role.VENDOR_STAFF, organisation=make_organisation(kind="enterprise"))
    wanted = [Role.PROVINCIAL_REVIEWER, Role.LIST_EDITOR, Role.LIST_APPROVER, Role.SUPERVISOR]
    before = counted()

    with pytest.raises(InvalidInput) as refusal:
        give(salesperson, Role.VENDOR_STAFF, *wanted, by=first)

    told = refusal.value.fields["roles"]
    assert [text for text in told if "只能由" in text] == [
        f"“{role.label}”只能由{holding.holders_in_words(role)}的人员担任，"
        f"“{salesperson.current_organisation.name}”登记为市级企业。"
        for role in sorted(wanted)
    ]
    assert "“清单审批人”与“清单编制人”不能由同一人在同一机构兼任。" in told
    assert counted() == before


def test_a_city_holds_no_power_of_the_province_and_a_county_reviews_nothing(first):
    city, county = make_organisation(level="city"), make_organisation(level="county")
    give(make_person(organisation=city), Role.FIRST_REVIEWER, by=first)
    for organisation, role in ((city, Role.PROVINCIAL_REVIEWER), (county, Role.FIRST_REVIEWER)):
        with pytest.raises(InvalidInput):
            give(make_person(organisation=organisation), role, by=first)
    assert RoleProposal.objects.count() == 0


def test_an_organisation_nobody_has_verified_holds_only_its_own_roles(first):
    claimed = make_organisation(region_code="370000", level="province", state=OrganisationState.PENDING)
    person = make_person(organisation=claimed)

    with pytest.raises(InvalidInput):
        give(person, Role.EXPERT, by=first)
    assert held(give(person, Role.DEMAND_SUBMITTER, by=first)) == {Role.DEMAND_SUBMITTER}


EXCLUDING = [
    pair
    for pair in itertools.combinations(sorted(set(Role) - ADMINISTRATOR_ROLES), 2)
    if holding.exclude_each_other(*pair)
]


@pytest.mark.parametrize(("one", "other"), EXCLUDING)
def test_roles_that_exclude_each_other_do_not_meet(one, other, first):
    both = [
        make_organisation(region_code="370000", level="province", kind=kind)
        for kind in ("agency", "institution", "enterprise")
    ]
    home = next((place for place in both if holding.fits(place, one) and holding.fits(place, other)), both[0])
    person = make_person(one, organisation=home)
    before = counted()

    with pytest.raises(InvalidInput):
        give(person, one, other, by=first)

    assert counted() == before


def test_what_waits_for_confirmation_excludes_as_if_it_were_held(first, member):
    give(member, Role.SCIENCE_HANDLER, by=first)
    with pytest.raises(InvalidInput):
        give(member, Role.EXPERT, by=first)
    assert [row.role for row in RoleProposal.objects.all()] == [Role.SCIENCE_HANDLER]


def test_what_was_combined_before_the_rule_can_be_taken_away_piece_by_piece(first, bureau):
    person = make_person(Role.SUPERVISOR, Role.SCIENCE_HANDLER, Role.SCIENCE_APPROVER, organisation=bureau)
    assert held(give(person, Role.SUPERVISOR, Role.SCIENCE_HANDLER, by=first)) == {
        Role.SUPERVISOR,
        Role.SCIENCE_HANDLER,
    }


@pytest.mark.parametrize("administrator", sorted(ADMINISTRATOR_ROLES))
@pytest.mark.parametrize("other", Role.values)
def test_an_administrator_role_is_never_combined_with_any_other(administrator, other, first, member):
    if other == administrator:
        give(member, administrator, by=first)
        assert RoleProposal.objects.get().role == administrator
        return
    with pytest.raises(InvalidInput):
        give(member, administrator, other, by=first)
    assert (RoleGrant.objects.filter(membership__user=member).count(), RoleProposal.objects.count()) == (0, 0)


# --- two persons -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", sorted(ROLES_OF_TWO_PERSONS))
def test_a_power_is_held_only_when_another_has_confirmed(role, first, second, member):
    membership = give(member, role, by=first, grounds="任命〔2026〕3号")
    proposal = RoleProposal.objects.get()
    assert (held(membership), proposal.state, proposal.grounds) == (set(), ProposalState.WAITING, "任命〔2026〕3号")

    granting.proposal_decide(public_id=proposal.public_id, action="confirm", acting_user=second)

    assert held(membership) == {role}
    proposal.refresh_from_db()
    assert (proposal.state, proposal.decided_by) == (ProposalState.CONFIRMED, second)
    trail = AuditEntry.objects.filter(action__startswith="accounts.role.").order_by("pk")
    assert list(trail.values_list("action", "actor_text")) == [
        ("accounts.role.propose", str(first)),
        ("accounts.role.confirm", str(second)),
    ]


def test_whoever_proposed_and_whoever_gains_confirm_nothing(first, bureau):
    colleague = make_person(Role.SECURITY_ADMINISTRATOR, organisation=bureau)
    give(make_person(organisation=bureau), Role.SUPERVISOR, by=first)
    own = RoleProposal.objects.get()
    gained = RoleProposal.objects.create(
        membership=colleague.memberships.get(), role=Role.LIST_EDITOR, proposed_by=first
    )
    before = counted()

    for proposal, person in ((own, first), (gained, colleague)):
        with pytest.raises(NotPermitted):
            granting.proposal_decide(public_id=proposal.public_id, action="confirm", acting_user=person)
    for stranger in (make_person(Role.SYSTEM_ADMINISTRATOR), make_person(Role.ORGANISATION_MANAGER)):
        before = counted()
        with pytest.raises(ObjectNotFound):
            granting.proposal_decide(public_id=own.public_id, action="confirm", acting_user=stranger)
        assert counted() == before
    assert set(RoleProposal.objects.values_list("state", flat=True)) == {ProposalState.WAITING}


def test_a_refusal_needs_a_reason_and_gives_nothing(first, second, member):
    membership = give(member, Role.SUPERVISOR, by=first)
    proposal = RoleProposal.objects.get()
    with pytest.raises(GuardFailed):
        granting.proposal_decide(public_id=proposal.public_id, action="refuse", acting_user=second)

    granting.proposal_decide(public_id=proposal.public_id, action="refuse", acting_user=second, comment="没有任命文件")

    proposal.refresh_from_db()
    assert (held(membership), proposal.state, proposal.comment) == (set(), ProposalState.REFUSED, "没有任命文件")
    with pytest.raises(IllegalTransition):
        granting.proposal_decide(public_id=proposal.public_id, action="confirm", acting_user=second)


def test_its_author_withdraws_a_proposal_and_may_make_it_again(first, second, member):
    give(member, Role.SUPERVISOR, by=first)
    proposal = RoleProposal.objects.get()
    with pytest.raises(NotPermitted):
        granting.proposal_decide(public_id=proposal.public_id, action="withdraw", acting_user=second)
    granting.proposal_decide(public_id=proposal.public_id, action="withdraw", acting_user=first)
    give(member, Role.SUPERVISOR, by=first)
    give(member, Role.SUPERVISOR, by=first)
    assert list(RoleProposal.objects.order_by("pk").values_list("state", flat=True)) == ["withdrawn", "waiting"]


@pytest.mark.parametrize("change", ["left", "suspended", "excluded"])
def test_what_no_longer_fits_is_not_confirmed(change, first, second, member, bureau):
    membership = give(member, Role.SUPERVISOR, by=first)
    proposal = RoleProposal.objects.get()
    if change == "left":
        membership.ended_at = membership.started_at
        membership.save()
    elif change == "suspended":
        bureau.state = OrganisationState.SUSPENDED
        bureau.save()
    else:
        RoleGrant.objects.create(membership=membership, role=Role.EXPERT)
    before = counted()

    with pytest.raises(GuardFailed):
        granting.proposal_decide(public_id=proposal.public_id, action="confirm", acting_user=second)

    proposal.refresh_from_db()
    assert (counted(), proposal.state) == (before, ProposalState.WAITING)


def test_taking_a_power_away_is_done_by_one_at_once(first, bureau):
    person = make_person(Role.LIST_APPROVER, Role.ORGANISATION_MANAGER, organisation=bureau)
    assert held(give(person, Role.ORGANISATION_MANAGER, by=first)) == {Role.ORGANISATION_MANAGER}
    assert RoleProposal.objects.count() == 0


def test_both_and_the_person_are_told_of_the_proposal_and_of_what_became_of_it(first, second, member):
    give(member, Role.SUPERVISOR, by=first)
    relay.drain()
    topics = {
        person.username: set(Notification.objects.filter(recipient=person).values_list("topic", flat=True))
        for person in (first, second, member)
    }
    assert topics == {
        "anquan": {"role.proposed"},
        "fuhe": {"role.waits_for_confirmation"},
        member.username: {"role.proposed_for_you"},
    }

    proposal = RoleProposal.objects.get()
    granting.proposal_decide(public_id=proposal.public_id, action="refuse", acting_user=second, comment="没有任命文件")
    relay.drain()

    decided = Notification.objects.filter(topic="role.decided").values_list("recipient__username", flat=True)
    assert set(decided) == {"anquan", "fuhe"}
    notice = Notification.objects.get(topic="role.decided_for_you")
    assert notice.recipient == member
    assert notice.body == "您在“省示范局”的“监督人员”授权：未予确认。意见：没有任命文件。"


def test_a_verified_organisation_does_not_raise_itself_to_the_province():
    city = make_organisation(level="city")
    manager = make_person(Role.ORGANISATION_MANAGER, organisation=city)
    from_form = {"name": city.name, "level": "province"}
    with pytest.raises(InvalidInput) as refusal:
        services.organisation_update(organisation_id=city.pk, values=from_form, acting_user=manager)
    city.refresh_from_db()
    assert (list(refusal.value.fields), city.level) == (["level"], "city")


# --- pages -------------------------------------------------------------------------------------------------------


def test_the_pages_lead_from_the_form_to_the_confirmation(sign_in, first, second, member, bureau):
    membership = member.memberships.get()
    roles_page = reverse("accounts:roles", args=[bureau.public_id, membership.pk])
    one, other = sign_in(first), sign_in(second)

    answer = one.post(roles_page, {"roles": [Role.EXPERT, Role.LIST_EDITOR], "grounds": "任命文件"}, follow=True)
    assert "由另一名安全管理员确认后生效" in answer.content.decode()
    assert held(membership) == {Role.EXPERT}
    assert "等待另一名安全管理员确认：清单编制人" in one.get(roles_page).content.decode()

    proposal = RoleProposal.objects.get()
    page = reverse("accounts:proposal", args=[proposal.public_id])
    assert page in other.get(reverse("accounts:proposals")).content.decode()
    assert "任命文件" in other.get(page).content.decode()
    assert one.post(page, {"step": "confirm"}).status_code == 400
    assert other.post(page, {"step": "refuse"}).status_code == 400
    other.post(page, {"step": "confirm"})
    assert held(membership) == {Role.EXPERT, Role.LIST_EDITOR}


def test_the_form_offers_only_what_the_organisation_may_hold(sign_in, first):
    vendor = make_organisation(kind="enterprise")
    membership = make_person(organisation=vendor).memberships.get()
    html = sign_in(first).get(reverse("accounts:roles", args=[vendor.public_id, membership.pk])).content.decode()
    offered = {role for role in Role if f'value="{role}"' in html}
    assert offered == {Role.ORGANISATION_MANAGER, Role.DEMAND_SUBMITTER, Role.VENDOR_STAFF, Role.EXPERT}


@pytest.mark.parametrize("role", [Role.SYSTEM_ADMINISTRATOR, Role.AUDIT_ADMINISTRATOR, Role.PROVINCIAL_REVIEWER])
def test_only_security_administrators_see_proposals(sign_in, role, first, member):
    give(member, Role.SUPERVISOR, by=first)
    client = sign_in(make_person(role))
    page = reverse("accounts:proposal", args=[RoleProposal.objects.get().public_id])
    assert [client.get(reverse("accounts:proposals")).status_code, client.get(page).status_code] == [403, 403]


# --- the second one, from the console ----------------------------------------------------------------------------


def test_the_console_makes_the_second_security_administrator_and_no_third(capsys):
    with pytest.raises(CommandError) as refusal:
        call_command("appoint_security_administrator", "fuhe=f@example.org")
    assert (refusal.value.returncode, User.objects.count()) == (2, 0)

    make_person(Role.SECURITY_ADMINISTRATOR, username="anquan")
    call_command("appoint_security_administrator", "fuhe=f@example.org")

    password = capsys.readouterr().out.split()[-1]
    made = User.objects.get(username="fuhe")
    assert made.check_password(password)
    assert held(made.memberships.get()) == {Role.SECURITY_ADMINISTRATOR}
    with pytest.raises(DomainError) as third:
        founding.security_administrator_appoint(username="third", email="t@example.org")
    assert (third.value.code, User.objects.filter(username="third").count()) == ("two_in_office", 0)
