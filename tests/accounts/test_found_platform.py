"""A new installation gets its first organisation and three separated administrators from the console, once."""

import io
import re

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from accounts.enums import Role
from accounts.models import Organisation, User
from accounts.permissions import current_roles

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

ARGUMENTS = {
    "organisation": "示范省大数据局",
    "code": "11370099MB2TEXT1XB",
    "system": "xitong=x@example.org",
    "security": "anquan=a@example.org",
    "second_security": "fuhe=f@example.org",
    "audit": "shenji=s@example.org",
}


def test_four_people_with_one_role_each_can_sign_in():
    output = io.StringIO()
    call_command("found_platform", **ARGUMENTS, stdout=output)

    passwords = dict(re.findall(r"\t(\w+)\t(\S+)", output.getvalue()))
    roles = {user.username: current_roles(user) for user in User.objects.all()}
    assert roles == {
        "xitong": {Role.SYSTEM_ADMINISTRATOR},
        "anquan": {Role.SECURITY_ADMINISTRATOR},
        "fuhe": {Role.SECURITY_ADMINISTRATOR},
        "shenji": {Role.AUDIT_ADMINISTRATOR},
    }
    request = RequestFactory().post("/account/login/")
    assert authenticate(request, username="anquan", password=passwords["anquan"]).username == "anquan"
    organisation = Organisation.objects.get()
    assert (organisation.is_verified, organisation.region.code) == (True, "370000")


def test_a_second_time_is_refused_and_changes_nothing():
    call_command("found_platform", **ARGUMENTS, stdout=io.StringIO())
    with pytest.raises(CommandError) as refusal:
        call_command("found_platform", **ARGUMENTS | {"system": "other=o@example.org"}, stdout=io.StringIO())
    assert refusal.value.returncode == 2
    assert (User.objects.count(), Organisation.objects.count()) == (4, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "11370099MB2TEXT1XC"},
        {"system": "xitong"},
        {"system": "anquan=x@example.org"},
        {"second_security": "anquan=x@example.org"},
        {"second_security": "fuhe"},
        {"organisation": " "},
    ],
)
def test_wrong_input_is_one_line_with_exit_code_2_and_founds_nothing(wrong):
    with pytest.raises(CommandError) as refusal:
        call_command("found_platform", **ARGUMENTS | wrong, stdout=io.StringIO())
    assert refusal.value.returncode == 2
    assert "\n" not in str(refusal.value)
    assert (User.objects.count(), Organisation.objects.count()) == (0, 0)
