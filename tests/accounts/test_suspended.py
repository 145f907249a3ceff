"""A suspended organisation stops everywhere: whoever acts for it reads, and does nothing (issue 11)."""

import io
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.test import Client
from django.urls import Resolver404, resolve, reverse

from accounts import services
from accounts.enums import OrganisationState, Role
from accounts.middleware import SuspendedOrganisationMiddleware
from accounts.models import AccessToken, Membership, MembershipInvitation, Organisation
from accounts.permissions import current_roles
from challenges.models import ChallengeFollower, Question
from challenges.services import clarification, decision
from core.errors import NotPermitted
from matching.models import Engagement
from search.services import search
from tests.accounts.test_second_factor import EVERY_ADDRESS, values_for
from tests.factories import make_capability, make_listed_capability, make_organisation, make_person, make_vendor
from tests.factories.challenges import make_open_challenge, make_stage
from tests.test_addresses import addresses
from vendors import selectors as vendor_selectors
from vendors.models import Capability

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

BUSINESS = (Role.ORGANISATION_MANAGER, Role.DEMAND_SUBMITTER, Role.VENDOR_STAFF)


@pytest.fixture
def stopped() -> Organisation:
    return make_organisation("停用单位", kind="enterprise", state=OrganisationState.SUSPENDED)


@pytest.fixture
def person(stopped: Organisation) -> Any:
    return make_person(*BUSINESS, organisation=stopped)


@pytest.mark.parametrize("role", Role.values)
def test_no_role_holds_there(role, stopped):
    assert current_roles(make_person(role, organisation=stopped)) == frozenset()
    assert current_roles(make_person(role, organisation=make_organisation())) == {role}


def own_affair(name: str) -> bool:
    wall = SuspendedOrganisationMiddleware
    return name in wall.OWN_AFFAIRS or name.startswith(wall.OF_PACKAGES)


def names_by_address() -> dict[str, str]:
    """Address → its full name with the app's, as the middleware sees it."""
    found = {}
    for address, _name in EVERY_ADDRESS:
        try:
            found[address] = resolve(address).view_name
        except Resolver404:
            continue
    return found


def test_every_address_refuses_a_post_but_a_persons_own_affairs(sign_in, person):
    """Generated over all addresses of the pages."""
    client = sign_in(person)
    let_through = set()
    for address, name in names_by_address().items():
        answer = client.post(address)
        if not (answer.status_code == 403 and "停用" in answer.content.decode()) and not own_affair(name):
            let_through.add(name)
        if name == "account_logout":
            client = sign_in(person)
    assert let_through == set()
    assert Membership.objects.filter(user=person, ended_at=None).count() == 1


def api_addresses() -> list[str]:
    """All but the page that describes them, which is read by people."""
    found = {
        values_for(path)
        for path, _pattern in addresses()
        if path.startswith("api/") and "format" not in path and not path.startswith("api/v1/docs/")
    }
    return sorted(found)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_every_address_of_the_api_refuses_to_write(sign_in, person, method):
    client = sign_in(person)
    answers = {}
    for address in api_addresses():
        answer = getattr(client, method)(address, data="{}", content_type="application/json")
        codes = [error["code"] for error in answer.json()["errors"]] if answer.status_code == 403 else []
        answers[address] = (answer.status_code, codes)
    assert len(answers) > 20
    assert set(map(str, answers.values())) == {str((403, ["organisation_suspended"]))}


def test_its_tokens_rest_until_it_is_restored(stopped):
    organisation = make_organisation()
    person = make_person(*BUSINESS, organisation=organisation)
    _token, secret = services.token_create(name="接口", scope="write", days=30, acting_user=person)
    headers = {"Authorization": f"Bearer {secret}"}
    assert Client().get("/api/v1/scenarios/", headers=headers).status_code == 200
    Organisation.objects.filter(pk=organisation.pk).update(state=OrganisationState.SUSPENDED)
    assert Client().get("/api/v1/scenarios/", headers=headers).status_code == 401
    Organisation.objects.filter(pk=organisation.pk).update(state=OrganisationState.VERIFIED)
    assert Client().get("/api/v1/scenarios/", headers=headers).status_code == 200


def test_services_that_ask_for_no_role_refuse_by_themselves(person):
    challenge = make_open_challenge(make_stage(expert_count=0))
    values = {"name": "新公司", "kind": "enterprise"}
    attempts = [
        lambda: services.token_create(name="接口", scope="read", days=1, acting_user=person),
        lambda: services.organisation_register(values=values, acting_user=person),
        lambda: clarification.challenge_follow(challenge_id=challenge.pk, acting_user=person),
        lambda: clarification.question_ask(challenge_id=challenge.pk, acting_user=person, text="能否延期？"),
    ]
    for attempt in attempts:
        with pytest.raises(NotPermitted):
            attempt()
    assert (AccessToken.objects.count(), Question.objects.count(), ChallengeFollower.objects.count()) == (0, 0, 0)
    assert not Organisation.objects.filter(name="新公司").exists()
    assert (MembershipInvitation.objects.count(), Engagement.objects.count()) == (0, 0)
    assert callable(decision.objection_file)


def listed_by(organisation: Organisation) -> Capability:
    """On the shelf while the organisation was verified; stopped since."""
    Organisation.objects.filter(pk=organisation.pk).update(state=OrganisationState.VERIFIED)
    organisation.refresh_from_db()
    capability = make_listed_capability(make_vendor(organisation))
    Organisation.objects.filter(pk=organisation.pk).update(state=OrganisationState.SUSPENDED)
    organisation.refresh_from_db()
    return capability


def test_its_own_pages_still_open_for_reading(sign_in, person, stopped):
    capability = listed_by(stopped)
    client = sign_in(person)
    for address in (
        reverse("desk"),
        reverse("accounts:organisations"),
        reverse("accounts:organisation", args=[stopped.public_id]),
        reverse("accounts:tokens"),
        reverse("accounts:profile"),
        reverse("vendors:own"),
        reverse("scenarios:own"),
        reverse("vendors:capability", args=[capability.key]),
        reverse("notifications:inbox"),
    ):
        assert client.get(address).status_code == 200, address
    assert "已停用" in client.get(reverse("desk")).content.decode()


def test_its_capabilities_leave_the_public_pages_the_search_and_the_api(visitor, stopped):
    hidden = listed_by(stopped)
    shown = make_listed_capability(make_vendor(make_organisation(kind="enterprise")))
    make_capability(hidden.vendor)

    assert list(vendor_selectors.visible_to(None)) == [shown]
    assert vendor_selectors.vendor_figures() == {"capabilities": 1, "vendors": 1}
    assert list(vendor_selectors.public_vendors()) == [shown.vendor]
    assert visitor.get(reverse("vendors:capability", args=[hidden.key])).status_code == 404
    assert visitor.get(reverse("vendors:vendor", args=[hidden.vendor.public_id])).status_code == 404
    assert visitor.get(f"/api/v1/capabilities/{hidden.key}/").status_code == 404
    pages = (reverse("vendors:catalogue"), reverse("vendors:vendors"))
    for address in (*pages, "/api/v1/capabilities/", "/api/v1/vendors/"):
        assert "停用单位" not in visitor.get(address).content.decode(), address
    call_command("reindex", stdout=io.StringIO())
    assert [item.obj for item in search(kind="capability", viewer=AnonymousUser()).items] == [shown]
    assert search(kind="capability", viewer=AnonymousUser()).total == 1
    assert Capability.objects.get(pk=hidden.pk).state == "listed"


def test_acting_for_another_organisation_everything_goes_on(sign_in, person, stopped):
    other = make_organisation()
    membership = Membership.objects.create(user=person, organisation=other)
    membership.grants.create(role=Role.DEMAND_SUBMITTER)
    client = sign_in(person)
    assert client.post(reverse("accounts:switch"), {"organisation": str(other.public_id)}).status_code == 302
    made = client.post(reverse("accounts:tokens"), {"name": "接口", "scope": "read", "days": "30"})
    assert made.status_code == 200
    assert AccessToken.objects.get().organisation == other
