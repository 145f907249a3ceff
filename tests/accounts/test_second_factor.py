"""Roles that decide need a second factor: until it is set up and shown, nothing else opens (issue 11, H4)."""

import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts import second_factor, services
from accounts.enums import SECOND_FACTOR_ROLES, Role
from accounts.middleware import SecondFactorMiddleware
from core.models import AuditEntry
from tests.factories import make_organisation, make_person
from tests.factories.accounts import PASSWORD, TOTP_SECRET, give_second_factor, second_factor_code
from tests.test_addresses import addresses

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

SET_UP = "/desk/account/second-factor/"
#: Those of issue 11, and whoever supervises or makes lists beside them.
ROLES_OF_THE_ISSUE = {
    Role.LIST_APPROVER,
    Role.SCIENCE_APPROVER,
    Role.EXPERT,
    Role.SYSTEM_ADMINISTRATOR,
    Role.SECURITY_ADMINISTRATOR,
    Role.AUDIT_ADMINISTRATOR,
    Role.OPERATOR,
    Role.FIRST_REVIEWER,
    Role.PROVINCIAL_REVIEWER,
    Role.SCIENCE_HANDLER,
    Role.SUPERVISOR,
}


def code_now() -> str:
    return format_hotp_value(hotp_value(TOTP_SECRET, int(time.time()) // 30))


def without_second_factor(role: str) -> Any:
    person = make_person(role)
    Authenticator.objects.filter(user=person).delete()
    return person


def test_every_role_the_issue_names_needs_one_and_it_is_on():
    assert settings.SECOND_FACTOR_REQUIRED is True
    assert ROLES_OF_THE_ISSUE <= SECOND_FACTOR_ROLES
    assert not {Role.DEMAND_SUBMITTER, Role.VENDOR_STAFF, Role.ORGANISATION_MANAGER} & SECOND_FACTOR_ROLES


@pytest.mark.parametrize("role", Role.values)
def test_the_desk_opens_to_whoever_needs_no_second_factor_or_has_shown_it(sign_in, role):
    assert sign_in(make_person(role)).get(reverse("desk")).status_code == 200
    answer = sign_in(without_second_factor(role)).get(reverse("desk"))
    if role in SECOND_FACTOR_ROLES:
        assert (answer.status_code, answer["Location"]) == (302, SET_UP)
    else:
        assert answer.status_code == 200


def test_a_role_in_another_organisation_counts_too(sign_in):
    person = make_person(Role.DEMAND_SUBMITTER)
    other = make_person(Role.FIRST_REVIEWER).memberships.get()
    other.pk, other.user = None, person
    other.save()
    other.grants.create(role=Role.FIRST_REVIEWER)
    assert sign_in(person).get(reverse("desk"))["Location"] == SET_UP


def values_for(path: str) -> str:
    """The address with something in place of each parameter."""
    path = path.replace("^", "").replace("$", "").replace(r"\Z", "")
    path = re.sub(r"\(\?P<\w+>(\w+\|)[^)]*\)", lambda found: found[1].rstrip("|"), path)
    path = re.sub(r"\(\?P<\w+>[^)]*\)", "x", path)
    path = re.sub(r"<int:\w+>", "1", path)
    path = re.sub(r"<uuid:\w+>", "00000000-0000-0000-0000-000000000000", path)
    return "/" + re.sub(r"<(?:\w+:)?\w+>", "x", path)


EVERY_ADDRESS = sorted(
    {
        (values_for(path), pattern.name)
        for path, pattern in addresses()
        if not path.startswith(("api/", "static/")) and "(?:" not in path
    },
    key=str,
)


@pytest.mark.parametrize("method", ["get", "post"])
def test_no_other_address_opens_before_a_second_factor_is_set_up(sign_in, method):
    """Generated over all addresses: each is on the short list of what opens, or leads to the set-up page."""
    client = sign_in(without_second_factor(Role.SCIENCE_APPROVER))
    opened = set()
    for address, name in EVERY_ADDRESS:
        answer = getattr(client, method)(address)
        if not (answer.status_code == 302 and answer["Location"] == SET_UP):
            opened.add(name)
        if name == "account_logout" and method == "post":
            client.force_login(without_second_factor(Role.SCIENCE_APPROVER))
    assert len(EVERY_ADDRESS) > 150
    assert opened - SecondFactorMiddleware.OPEN == set()


def test_a_session_that_was_shown_no_second_factor_opens_nothing_even_if_there_is_one(sign_in):
    person = without_second_factor(Role.SUPERVISOR)
    client = sign_in(person)
    give_second_factor(person)
    answer = client.get(reverse("desk"))
    assert answer["Location"] == f"{reverse('mfa_reauthenticate')}?next=%2Fdesk%2F"
    # Nor is it taken away, looked at or changed from such a session.
    for name in ("mfa_index", "mfa_deactivate_totp", "mfa_view_recovery_codes", "account_change_password"):
        assert client.get(reverse(name))["Location"].startswith(reverse("mfa_reauthenticate")), name
    client.post(reverse("mfa_reauthenticate"), {"code": code_now(), "next": "/desk/"})
    assert client.get(reverse("desk")).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("reference_data")
def test_set_up_at_the_first_sign_in_with_recovery_codes_explained_and_then_everything_opens():
    person = without_second_factor(Role.SCIENCE_HANDLER)
    client = Client()
    client.post(reverse("account_login"), {"login": person.username, "password": PASSWORD})
    assert client.get(reverse("desk"))["Location"] == SET_UP
    page = client.get(SET_UP).content.decode()
    assert reverse("mfa_activate_totp") in page
    assert "恢复码" in page
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": reverse("mfa_activate_totp")})
    shown = client.get(reverse("mfa_activate_totp"))
    secret = shown.context["form"].secret
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    done = client.post(reverse("mfa_activate_totp"), {"code": code})
    assert done["Location"] == reverse("mfa_view_recovery_codes")
    explained = client.get(done["Location"]).content.decode()
    assert "每个恢复码可代替一次动态口令" in explained
    assert second_factor_code(person) in explained
    assert client.get(reverse("desk")).status_code == 200


def test_signing_in_asks_for_the_second_factor_and_a_recovery_code_holds_once():
    person = make_person(Role.PROVINCIAL_REVIEWER)
    code = second_factor_code(person)
    for attempt, opened in ((1, True), (2, False)):
        client = Client()
        answer = client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD})
        assert answer["Location"] == reverse("mfa_authenticate"), attempt
        assert client.get(reverse("desk")).status_code == 302
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert (client.get(reverse("desk")).status_code == 200) is opened


def test_the_session_of_the_api_and_tokens_need_it_too(sign_in):
    person = make_person(Role.PROVINCIAL_REVIEWER)
    _token, secret = services.token_create(name="接口", scope="read", days=1, acting_user=person)
    headers = {"Authorization": f"Bearer {secret}"}
    address = "/api/v1/scenarios/"
    assert Client().get(address, headers=headers).status_code == 200

    Authenticator.objects.filter(user=person).delete()
    for answer in (Client().get(address, headers=headers), sign_in(person).get(address)):
        assert answer.status_code == 403
        assert [error["code"] for error in answer.json()["errors"]] == ["second_factor_required"]


def test_the_last_second_factor_of_somebody_who_needs_it_is_not_taken_away(sign_in):
    person = make_person(Role.EXPERT)
    client = sign_in(person)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    client.post(reverse("mfa_deactivate_totp"))
    assert second_factor.is_set_up(person)

    clerk = make_person(Role.DEMAND_SUBMITTER)
    give_second_factor(clerk)
    client = sign_in(clerk)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    client.post(reverse("mfa_deactivate_totp"))
    assert not second_factor.is_set_up(clerk)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("reference_data")
def test_setting_one_up_ends_the_sessions_that_were_made_without():
    person = make_person(Role.DEMAND_SUBMITTER)
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        client.post(reverse("account_login"), {"login": person.username, "password": PASSWORD})
        assert client.get(reverse("desk")).status_code == 200
    here.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    secret = here.get(reverse("mfa_activate_totp")).context["form"].secret
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    here.post(reverse("mfa_activate_totp"), {"code": code})
    assert here.get(reverse("desk")).status_code == 200
    assert elsewhere.get(reverse("desk")).status_code == 302


def test_a_wrong_second_factor_is_in_the_trail_and_so_is_a_right_one():
    person = make_person(Role.OPERATOR)
    client = Client()
    client.post(reverse("account_login"), {"login": person.username, "password": PASSWORD})
    client.post(reverse("mfa_authenticate"), {"code": "000000"})
    failed = AuditEntry.objects.get(action="accounts.second_factor.failed")
    assert (failed.subject_id, failed.detail) == (str(person.pk), {"address": "127.0.0.1", "type": "totp"})
    assert not AuditEntry.objects.filter(action="accounts.sign_in").exists()
    client.post(reverse("mfa_authenticate"), {"code": second_factor_code(person)})
    assert AuditEntry.objects.filter(action="accounts.second_factor.use", subject_id=str(person.pk)).count() == 1
    assert AuditEntry.objects.filter(action="accounts.sign_in", subject_id=str(person.pk)).count() == 1


def test_wrong_codes_are_bounded():
    person = make_person(Role.OPERATOR)
    client = Client()
    client.post(reverse("account_login"), {"login": person.username, "password": PASSWORD})
    for _attempt in range(6):
        client.post(reverse("mfa_authenticate"), {"code": "000000"})
    client.post(reverse("mfa_authenticate"), {"code": code_now()})
    assert client.get(reverse("desk")).status_code == 302


def test_switched_off_by_its_setting_every_page_says_so(sign_in, settings):
    settings.SECOND_FACTOR_REQUIRED = False
    client = sign_in(without_second_factor(Role.SCIENCE_APPROVER))
    for page in (client.get(reverse("desk")), Client().get(reverse("home")), Client().get(reverse("account_login"))):
        assert page.status_code == 200
        assert "DEMO_WITHOUT_SECOND_FACTOR" in page.content.decode()
    settings.SECOND_FACTOR_REQUIRED = True
    assert "DEMO_WITHOUT_SECOND_FACTOR" not in Client().get(reverse("home")).content.decode()


def test_another_app_adds_its_own_reason():
    person = make_person(Role.DEMAND_SUBMITTER, organisation=make_organisation())
    assert not second_factor.required(person)
    reason = second_factor.also_required_by(lambda user: user.pk == person.pk)
    try:
        assert second_factor.required(person)
    finally:
        second_factor._reasons.remove(reason)
