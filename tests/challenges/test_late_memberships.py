"""A membership begun while a challenge runs counts only after a supervisor's second look (issue 11, C3)."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import invitations
from accounts.enums import Role
from accounts.models import Membership, RoleGrant, User
from challenges.conflicts import concerned_parties, conflict_reasons
from challenges.enums import PanelPurpose
from challenges.models import MembershipLook
from challenges.permissions import acts_as_demander, approves_challenge, handles_challenge, is_on_demander_side
from challenges.services.membership_looks import looks_waiting, membership_look
from core import relay
from core.clock import frozen, now
from core.errors import InvalidInput, NotPermitted, ObjectNotFound
from core.models import AuditEntry
from notifications.models import Notification
from tests.factories import make_person
from tests.factories.challenges import Stage, make_open_challenge, make_stage

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def join(person: User, manager: User) -> Membership:
    invitation = invitations.member_invite(
        organisation_id=manager.current_organisation_id, username_or_email=person.username, acting_user=manager
    )
    return invitations.invitation_accept(public_id=invitation.public_id, acting_user=person)


@pytest.fixture
def stage() -> Stage:
    return make_stage()


@pytest.fixture
def challenge(stage: Stage) -> Any:
    return make_open_challenge(stage)


@pytest.fixture
def manager(stage: Stage) -> User:
    return make_person(Role.ORGANISATION_MANAGER, organisation=stage.demander)


@pytest.fixture
def sign_in_desk() -> Any:
    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in


def fresh(person: User) -> User:
    """As the next request loads them."""
    return User.objects.get(pk=person.pk)


def reasons(stage: Stage, challenge: Any, number: int = 0) -> list[str]:
    expert = stage.experts[number]
    found = conflict_reasons(expert, challenge, PanelPurpose.REVIEW, concerned_parties(challenge))
    return [reason.code for reason in found if reason.code != "argued"]


def look(stage: Stage, challenge: Any, membership: Membership, *, counts: bool, by: User | None = None) -> Any:
    return membership_look(
        challenge_public_id=challenge.public_id,
        membership_id=membership.pk,
        acting_user=by or stage.supervisor,
        counts=counts,
        reason="核实了劳动合同。",
    )


def test_the_pool_of_experts_does_not_shrink_by_memberships_begun_after_the_publication(stage, challenge, manager):
    with frozen(now() + timedelta(minutes=1)):
        for expert in stage.experts:
            join(expert.user, manager)
    assert [reasons(stage, challenge, number) for number in range(len(stage.experts))] == [[]] * len(stage.experts)


def test_a_demander_does_not_lock_out_handler_and_approver(stage, challenge, manager):
    with frozen(now() + timedelta(minutes=1)):
        for person in (stage.handler, stage.approver):
            join(person, manager)
    assert handles_challenge(fresh(stage.handler), challenge)
    assert approves_challenge(fresh(stage.approver), challenge)


def test_what_the_supervisor_counts_keeps_the_person_out_and_what_not_does_not(stage, challenge, manager):
    with frozen(now() + timedelta(minutes=1)):
        of_expert, of_handler = join(stage.experts[0].user, manager), join(stage.handler, manager)
        of_other = join(stage.experts[1].user, manager)
        look(stage, challenge, of_expert, counts=True)
        look(stage, challenge, of_other, counts=False)
        look(stage, challenge, of_handler, counts=True)
    assert reasons(stage, challenge, 0) == ["member"]
    assert reasons(stage, challenge, 1) == []
    assert is_on_demander_side(fresh(stage.handler), challenge)
    assert not handles_challenge(fresh(stage.handler), challenge)
    assert AuditEntry.objects.filter(action="challenges.membership.look", actor=stage.supervisor).count() == 3


def test_a_membership_from_before_the_publication_counts_to_the_end_also_after_leaving(stage, manager):
    membership = join(stage.experts[0].user, manager)
    published = make_open_challenge(stage)
    assert reasons(stage, published) == ["member"]

    with frozen(now() + timedelta(minutes=1)):
        invitations.membership_leave(membership_id=membership.pk, acting_user=stage.experts[0].user)
    assert reasons(stage, published) == ["member"]


def test_who_decides_never_acts_for_the_demander_as_well(stage, challenge, manager):
    with frozen(now() + timedelta(minutes=1)):
        membership = join(stage.handler, manager)
        RoleGrant.objects.create(membership=membership, role=Role.DEMAND_SUBMITTER)
    handler = fresh(stage.handler)
    handler.current_organisation = stage.demander
    assert not acts_as_demander(handler, challenge)
    assert acts_as_demander(stage.clerk, challenge)


def test_the_queue_names_bidders_only_after_the_opening(stage, challenge, manager):
    bidder = make_person(Role.ORGANISATION_MANAGER, Role.VENDOR_STAFF)
    with frozen(now() + timedelta(minutes=1)):
        join(stage.experts[0].user, bidder)
        late = join(stage.experts[1].user, manager)
    assert [row.membership for row in looks_waiting()] == [late]


def test_the_supervisor_is_told_and_works_the_queue_off_on_its_page(stage, challenge, manager, sign_in_desk):
    with frozen(now() + timedelta(minutes=1)):
        membership = join(stage.experts[0].user, manager)
        relay.drain()
    told = Notification.objects.filter(topic="challenge.membership_waits")
    assert [notice.recipient for notice in told] == [stage.supervisor]

    desk = sign_in_desk(stage.supervisor)
    page = reverse("challenges:membership_look", args=[challenge.public_id, membership.pk])
    assert page in desk.get(reverse("challenges:board")).content.decode()
    assert page in desk.get(reverse("challenges:membership_looks")).content.decode()
    assert desk.post(page, {"counts": "yes", "reason": ""}).status_code == 400
    assert MembershipLook.objects.count() == 0
    assert desk.post(page, {"counts": "yes", "reason": "在该单位兼职。"}).status_code == 302
    assert MembershipLook.objects.get().counts
    assert looks_waiting() == []
    assert desk.get(page).status_code == 404


def test_only_a_supervisor_looks_once_with_a_reason(stage, challenge, manager, sign_in_desk):
    with frozen(now() + timedelta(minutes=1)):
        membership = join(stage.experts[0].user, manager)
        for person in (stage.handler, stage.approver, manager, stage.experts[0].user):
            with pytest.raises(NotPermitted):
                look(stage, challenge, membership, counts=True, by=person)
        assert sign_in_desk(stage.handler).get(reverse("challenges:membership_looks")).status_code == 404
        with pytest.raises(InvalidInput):
            membership_look(
                challenge_public_id=challenge.public_id,
                membership_id=membership.pk,
                acting_user=stage.supervisor,
                counts=True,
                reason=" ",
            )
        assert MembershipLook.objects.count() == 0
        look(stage, challenge, membership, counts=False)
        with pytest.raises(ObjectNotFound):
            look(stage, challenge, membership, counts=True)
    assert MembershipLook.objects.get().counts is False
