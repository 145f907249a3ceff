"""Accounts are disabled and enabled by the right administrator, at once, with a reason (issue 11; domain.md §5.7)."""

from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse

from accounts import account_keeping, second_factor, services
from accounts.enums import Role
from accounts.models import User
from core.errors import InvalidInput, NotPermitted, ObjectNotFound
from core.models import AuditEntry
from tests.factories import make_person
from tests.factories.accounts import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

SYSTEM, SECURITY, AUDIT = Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDIT_ADMINISTRATOR
#: Whose account → which administrator may keep it.
TABLE = dict.fromkeys(Role.values, SYSTEM) | {SYSTEM: SECURITY, AUDIT: SECURITY, SECURITY: SYSTEM}


@pytest.mark.parametrize("acting", Role.values)
@pytest.mark.parametrize("held", Role.values)
def test_who_may_keep_whose_account(held, acting):
    person, administrator = make_person(held), make_person(acting)
    may = acting == TABLE[held]
    assert account_keeping.may_keep_account(administrator, person) is may
    assert account_keeping.may_keep_account(administrator, administrator) is False
    if not may:
        with pytest.raises((NotPermitted, ObjectNotFound)):
            account_keeping.account_disable(user_id=person.pk, reason="离职", acting_user=administrator)
    person.refresh_from_db()
    assert person.is_active


def test_a_disabled_account_is_out_at_once_with_sessions_and_tokens_and_comes_back_without_them():
    person, administrator = make_person(Role.DEMAND_SUBMITTER), make_person(SYSTEM)
    client = Client()
    client.post(reverse("account_login"), {"login": person.username, "password": PASSWORD})
    assert client.get(reverse("desk")).status_code == 200
    _token, secret = services.token_create(name="接口", scope="read", days=30, acting_user=person)

    account_keeping.account_disable(user_id=person.pk, reason="离职", acting_user=administrator)
    assert client.get(reverse("desk")).status_code == 302
    assert services.token_of_secret(secret) is None
    assert UserSession.objects.filter(user=person).count() == 0
    again = Client()
    again.post(reverse("account_login"), {"login": person.username, "password": PASSWORD})
    assert again.get(reverse("desk")).status_code == 302
    entry = AuditEntry.objects.get(action="accounts.user.disable")
    assert (entry.actor, entry.subject_id, entry.detail) == (
        administrator,
        str(person.pk),
        {"reason": "离职", "sessions": 1},
    )

    account_keeping.account_enable(user_id=person.pk, reason="返聘", acting_user=administrator)
    assert services.token_of_secret(secret) is None
    assert client.get(reverse("desk")).status_code == 302
    again.post(reverse("account_login"), {"login": person.username, "password": PASSWORD})
    assert again.get(reverse("desk")).status_code == 200


def test_a_reason_is_needed_and_nothing_happens_without():
    person, administrator = make_person(), make_person(SYSTEM)
    for service in (account_keeping.account_disable, account_keeping.second_factor_reset):
        with pytest.raises(InvalidInput):
            service(user_id=person.pk, reason="  ", acting_user=administrator)
    person.refresh_from_db()
    assert person.is_active
    assert not AuditEntry.objects.filter(action__startswith="accounts.user").exists()


def test_a_lost_second_factor_is_taken_away_and_set_up_anew_at_the_next_sign_in():
    person, administrator = make_person(Role.EXPERT), make_person(SYSTEM)
    client = Client()
    client.force_login(person)
    assert client.get(reverse("desk")).status_code == 200
    account_keeping.second_factor_reset(user_id=person.pk, reason="当面核对身份证", acting_user=administrator)
    assert not second_factor.is_set_up(person)
    signed_in = Client()
    signed_in.post(reverse("account_login"), {"login": person.username, "password": PASSWORD})
    assert signed_in.get(reverse("desk"))["Location"] == reverse("accounts:second_factor")
    assert AuditEntry.objects.get(action="accounts.second_factor.reset").detail["reason"] == "当面核对身份证"


def desk_of(sign_in: Any, role: str) -> Client:
    return sign_in(make_person(role))


def test_the_page_lists_finds_disables_and_enables(sign_in):
    person = make_person(username="lichuanqi")
    other = make_person(username="wangxiaoming")
    desk = desk_of(sign_in, SYSTEM)
    assert reverse("accounts:accounts") in desk.get(reverse("desk")).content.decode()
    listed = desk.get(reverse("accounts:accounts"), {"q": "chuan"}).content.decode()
    assert person.username in listed
    assert other.username not in listed
    page = reverse("accounts:account", args=[person.pk])
    assert page in listed
    assert desk.post(page, {"step": "disable", "reason": ""}).status_code == 400
    assert User.objects.get(pk=person.pk).is_active
    assert desk.post(page, {"step": "disable", "reason": "离职"}).status_code == 302
    assert not User.objects.get(pk=person.pk).is_active
    only = desk.get(reverse("accounts:accounts"), {"state": "disabled"}).content.decode()
    assert person.username in only
    assert other.username not in only
    desk.post(page, {"step": "enable", "reason": "返聘"})
    assert User.objects.get(pk=person.pk).is_active
    assert desk.post(page, {"step": "delete", "reason": "x"}).status_code == 404


@pytest.mark.parametrize("role", sorted(set(Role.values) - {SYSTEM, SECURITY}))
def test_the_pages_are_closed_to_everybody_else(sign_in, role):
    desk = desk_of(sign_in, role)
    assert desk.get(reverse("accounts:accounts")).status_code == 404
    assert desk.get(reverse("accounts:account", args=[make_person().pk])).status_code == 404
