"""Members come by invitation: accepted by themselves, alike for known and unknown names (issue 11, C3)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import invitations, services
from accounts.enums import OrganisationState, Role
from accounts.models import Membership, MembershipInvitation
from core import relay
from core.clock import frozen, now
from core.errors import DomainError, InvalidInput, NotPermitted, ObjectNotFound
from core.models import AuditEntry, OutboxEvent
from notifications.models import Notification
from tests.factories import make_organisation, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def manager() -> Any:
    return make_person(Role.ORGANISATION_MANAGER, organisation=make_organisation("邀请单位"))


def invite(manager: Any, words: str) -> MembershipInvitation:
    return invitations.member_invite(
        organisation_id=manager.current_organisation_id, username_or_email=words, acting_user=manager
    )


def test_an_invitation_makes_nobody_a_member_until_the_person_accepts(manager):
    person = make_person(username="somebody")

    invitation = invite(manager, "somebody")
    assert not person.memberships.exists()
    membership = invitations.invitation_accept(public_id=invitation.public_id, acting_user=person)

    assert (membership.user, membership.organisation) == (person, manager.current_organisation)
    assert membership.grants.count() == 0


def test_no_service_and_no_address_makes_somebody_else_a_member(manager):
    """The attack of C3: whoever manages an organisation names an account, and it belongs there at once."""
    make_person(username="somebody")
    assert not hasattr(services, "member_add")

    before = Membership.objects.count()
    invite(manager, "somebody")
    assert Membership.objects.count() == before


def post_invitation(sign_in: Any, manager: Any, words: str) -> tuple[int, str, str, int, list[str]]:
    """Status, page after it, what was queued, number of queries and their kinds, with the words themselves left out."""
    client = sign_in(manager)
    address = reverse("accounts:members", args=[manager.current_organisation.public_id])
    client.get(reverse("desk"))
    with CaptureQueriesContext(
        connection,
    ) as asked:
        response = client.post(address, {"username": words})
    page = client.get(response["Location"]).content.decode().replace(words, "…")
    events = list(OutboxEvent.objects.order_by("pk").values_list("topic", flat=True))
    kinds = [row["sql"].split(" ", 1)[0] for row in asked]
    return response.status_code, page, response["Location"], len(asked), [*events, *kinds]


def without_secrets(page: str) -> str:
    return "\n".join(
        line for line in page.splitlines() if "csrfmiddlewaretoken" not in line and "/invitations/" not in line
    )


@pytest.mark.parametrize("known", ["somebody", "known@example.org"])
def test_a_known_and_an_unknown_name_answer_alike_in_text_status_and_work(sign_in, known, clock):
    person = make_person(username="somebody")
    person.email = "known@example.org"
    person.save()
    answers = []
    for words in (known, "nobody-here" if "@" not in known else "nobody@example.org"):
        manager = make_person(Role.ORGANISATION_MANAGER, organisation=make_organisation("邀请单位"), username=None)
        OutboxEvent.objects.all().delete()
        answers.append((manager, post_invitation(sign_in, manager, words)))
    (first_manager, first), (second_manager, second) = answers

    assert (first[0], first[3], first[4]) == (second[0], second[3], second[4])
    hide = lambda page, who: (  # noqa: E731 - only what differs between any two managers
        without_secrets(page)
        .replace(str(who), "经办人")
        .replace(who.username, "manager")
        .replace(str(who.current_organisation.public_id), "key")
        .replace(who.current_organisation.unified_code, "code")
        .replace(f"/members/{who.memberships.get().pk}/", "/members/1/")
        .replace(f"/memberships/{who.memberships.get().pk}/", "/memberships/1/")
    )
    assert hide(first[1], first_manager) == hide(second[1], second_manager)
    assert person.display_name not in first[1]


def test_the_person_is_told_and_nobody_is_told_of_an_unknown_name(manager):
    person = make_person(username="somebody")
    invite(manager, "somebody")
    invite(manager, "nobody-here")
    relay.drain()

    told = Notification.objects.filter(topic="membership.invited")
    assert [notice.recipient for notice in told] == [person]
    assert "邀请单位" in told.get().title


def test_inviting_again_gives_the_open_invitation_and_tells_nobody_twice(manager):
    make_person(username="somebody")
    assert invite(manager, "somebody") == invite(manager, "SOMEBODY")
    assert MembershipInvitation.objects.count() == 1


def test_an_invitation_lapses(manager):
    person = make_person(username="somebody")
    invitation = invite(manager, "somebody")

    with frozen(now() + timedelta(days=15)):
        assert list(invitations.invitations_to(person)) == []
        with pytest.raises(DomainError) as refusal:
            invitations.invitation_accept(public_id=invitation.public_id, acting_user=person)

    assert refusal.value.code == "invitation_lapsed"
    assert not person.memberships.exists()


def test_declined_looks_to_the_organisation_as_open_and_cannot_be_accepted_any_more(manager):
    person = make_person(username="somebody")
    invitation = invite(manager, "somebody")
    before = list(invitations.invitations_of(manager, manager.current_organisation).values_list("pk", flat=True))
    invitations.invitation_decline(public_id=invitation.public_id, acting_user=person)

    shown = invitations.invitations_of(manager, manager.current_organisation)
    assert list(shown.values_list("pk", flat=True)) == before
    with pytest.raises(DomainError) as refusal:
        invitations.invitation_accept(public_id=invitation.public_id, acting_user=person)
    assert refusal.value.code == "invitation_answered"
    assert not person.memberships.exists()


def test_nobody_answers_anothers_invitation(manager):
    make_person(username="somebody")
    invitation = invite(manager, "somebody")
    for answer in (invitations.invitation_accept, invitations.invitation_decline):
        with pytest.raises(ObjectNotFound):
            answer(public_id=invitation.public_id, acting_user=make_person())
    invitation.refresh_from_db()
    assert invitation.state == "open"


def test_only_who_manages_the_organisation_or_gives_platform_roles_invites(manager):
    organisation = manager.current_organisation
    for person in (
        make_person(Role.ORGANISATION_MANAGER),
        make_person(Role.DEMAND_SUBMITTER, organisation=organisation),
    ):
        with pytest.raises(ObjectNotFound):
            invitations.member_invite(organisation_id=organisation.pk, username_or_email="x", acting_user=person)
    invitations.member_invite(
        organisation_id=organisation.pk, username_or_email="x", acting_user=make_person(Role.SECURITY_ADMINISTRATOR)
    )
    assert MembershipInvitation.objects.count() == 1


def test_an_administrator_is_invited_like_anybody_and_cannot_accept(manager):
    administrator = make_person(Role.AUDIT_ADMINISTRATOR, username="auditor")
    invitation = invite(manager, "auditor")
    with pytest.raises(NotPermitted):
        invitations.invitation_accept(public_id=invitation.public_id, acting_user=administrator)
    assert administrator.memberships.count() == 1
    invitation.refresh_from_db()
    assert invitation.state == "open"


def test_a_suspended_organisation_cannot_be_joined(manager):
    person = make_person(username="somebody")
    invitation = invite(manager, "somebody")
    organisation = manager.current_organisation
    organisation.state = OrganisationState.SUSPENDED
    organisation.save()
    with pytest.raises(DomainError) as refusal:
        invitations.invitation_accept(public_id=invitation.public_id, acting_user=person)
    assert refusal.value.code == "organisation_suspended"
    assert not person.memberships.exists()


def test_open_invitations_are_bounded(manager):
    for number in range(invitations.MOST_OPEN):
        invite(manager, f"name{number}")
    with pytest.raises(InvalidInput):
        invite(manager, "one-more")
    assert MembershipInvitation.objects.count() == invitations.MOST_OPEN


def test_a_withdrawn_invitation_cannot_be_accepted(manager, sign_in):
    person = make_person(username="somebody")
    invitation = invite(manager, "somebody")
    organisation = manager.current_organisation
    sign_in(manager).post(reverse("accounts:withdraw_invitation", args=[organisation.public_id, invitation.public_id]))
    with pytest.raises(DomainError):
        invitations.invitation_accept(public_id=invitation.public_id, acting_user=person)
    assert not person.memberships.exists()


def test_a_member_leaves_by_themselves_and_the_last_manager_does_not(manager, sign_in):
    member = make_person(Role.DEMAND_SUBMITTER, organisation=manager.current_organisation)
    sign_in(member).post(reverse("accounts:leave", args=[member.memberships.get().pk]))
    assert not member.memberships.active().exists()
    assert AuditEntry.objects.filter(action="accounts.membership.leave", actor=member).count() == 1

    with pytest.raises(DomainError) as refusal:
        invitations.membership_leave(membership_id=manager.memberships.get().pk, acting_user=manager)
    assert refusal.value.code == "last_manager"
    assert manager.memberships.active().count() == 1


def test_nobody_leaves_for_somebody_else(manager):
    member = make_person(Role.DEMAND_SUBMITTER, organisation=manager.current_organisation)
    with pytest.raises(ObjectNotFound):
        invitations.membership_leave(membership_id=member.memberships.get().pk, acting_user=manager)
    assert member.memberships.active().count() == 1
