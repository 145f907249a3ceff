"""Accounts are disabled and enabled by the right administrator, at once, with a reason (issue 11; domain.md §5.7)."""

import re
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.core import mail
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


# --- locked out, password forgotten -------------------------------------------------------------------------------


def wrong_passwords(person: User, times: int = 5) -> None:
    for _attempt in range(times):
        Client().post(reverse("account_login"), {"login": person.username, "password": "not-the-password"})


def can_sign_in(person: User) -> bool:
    client = Client()
    client.post(reverse("account_login"), {"login": person.username, "password": PASSWORD})
    return client.get(reverse("desk")).status_code == 200


def test_a_locked_account_is_unlocked_at_once_with_a_reason():
    person, administrator = make_person(Role.DEMAND_SUBMITTER), make_person(SYSTEM)
    wrong_passwords(person)
    assert account_keeping.is_locked(person)
    assert not can_sign_in(person)

    account_keeping.account_unlock(user_id=person.pk, reason="本人来电，已核实", acting_user=administrator)

    assert not account_keeping.is_locked(person)
    assert can_sign_in(person)
    entry = AuditEntry.objects.get(action="accounts.user.unlock")
    assert (entry.actor, entry.subject_id, entry.detail["reason"]) == (
        administrator,
        str(person.pk),
        "本人来电，已核实",
    )


def test_unlocking_one_account_leaves_others_locked():
    one, other, administrator = make_person(), make_person(), make_person(SYSTEM)
    wrong_passwords(one)
    wrong_passwords(other)
    account_keeping.account_unlock(user_id=one.pk, reason="核实", acting_user=administrator)
    assert [account_keeping.is_locked(person) for person in (one, other)] == [False, True]


def test_a_link_for_a_new_password_goes_to_the_person_alone_and_the_old_one_holds(sign_in):
    person, administrator = make_person(Role.DEMAND_SUBMITTER), make_person(SYSTEM)
    page = reverse("accounts:account", args=[person.pk])

    answer = sign_in(administrator).post(page, {"step": "password", "reason": "忘记密码"}, follow=True)

    assert "重设密码的链接已发到本人确认过的邮箱" in answer.content.decode()
    message = mail.outbox[0]
    assert (len(mail.outbox), message.to, message.subject) == (1, [person.email], "重设密码")
    key = re.search(r"/account/password/reset/key/(\S+)/", message.body)[0]
    assert key not in answer.content.decode()
    assert can_sign_in(person)
    assert AuditEntry.objects.filter(action="accounts.user.password_link", actor=administrator).count() == 1


@pytest.mark.parametrize("step", ["unlock", "password"])
def test_the_new_steps_are_closed_to_everybody_else_and_need_a_reason(sign_in, step):
    person, administrator = make_person(Role.DEMAND_SUBMITTER), make_person(SYSTEM)
    page = reverse("accounts:account", args=[person.pk])
    for role in (AUDIT, Role.OPERATOR, Role.ORGANISATION_MANAGER):
        assert sign_in(make_person(role)).post(page, {"step": step, "reason": "理由"}).status_code == 404
    security = sign_in(make_person(SECURITY)).post(page, {"step": step, "reason": "理由"})
    empty = sign_in(administrator).post(page, {"step": step, "reason": " "})
    assert (security.status_code, empty.status_code) == (400, 400)
    assert (mail.outbox, AuditEntry.objects.filter(action__startswith="accounts.user.").count()) == ([], 0)


def test_no_link_goes_to_an_address_that_nobody_confirmed():
    person, administrator = make_person(), make_person(SYSTEM)
    person.emailaddress_set.update(verified=False)
    with pytest.raises(InvalidInput):
        account_keeping.password_link_send(user_id=person.pk, reason="忘记密码", acting_user=administrator)
    assert mail.outbox == []


def test_the_page_shows_roles_and_whether_the_account_is_locked(sign_in):
    person = make_person(Role.DEMAND_SUBMITTER, Role.VENDOR_STAFF)
    wrong_passwords(person)
    html = sign_in(make_person(SYSTEM)).get(reverse("accounts:account", args=[person.pk])).content.decode()
    assert "需求填报人" in html
    assert "供给方经办人" in html
    assert "密码多次输错，暂时锁定" in html
