"""What allauth asks the project about accounts and second factors."""

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import second_factor, sign_in
from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    """Chinese user names are welcome; signing in is counted by us; links in mails begin with SITE_ADDRESS."""

    error_messages = DefaultAccountAdapter.error_messages | {
        # Of our own count (accounts.sign_in), and of allauth's for wrong second factors.
        "slowed_down": _("尝试次数过多，请一分钟后再试。"),
        "too_many_login_attempts": _("尝试次数过多，请五分钟后再试。"),
        "username_password_mismatch": _("用户名、邮箱或密码不正确。"),
        "email_password_mismatch": _("用户名、邮箱或密码不正确。"),
    }

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """As allauth does, but counted by account and address instead of by account alone.

        allauth's own count locks an account for everybody after five wrong passwords from anywhere.
        """
        name = sign_in.name_for_counting(request, credentials)
        if sign_in.must_wait(request, name):
            raise self.validation_error("slowed_down")
        person = authenticate(request, **credentials)
        if person is None:
            sign_in.count_failure(request, name)
            self.authentication_failed(request, **credentials)
        return person

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Links lead to where the site is, whatever host the request named."""
        asked = self.request.get_host() if self.request is not None else ""
        ours = settings.SITE_ADDRESS.rstrip("/")
        given = {name: _moved(value, asked, ours) for name, value in context.items()}
        super().send_mail(template_prefix, email, given | {"current_site": _site(ours), "contact": contact()})


def _moved(value: Any, asked: str, ours: str) -> Any:
    """The same address below `ours`, if it is an address on the host that was asked for."""
    if not isinstance(value, str) or "://" not in value:
        return value
    parts = urlsplit(value)
    return ours + value.split(parts.netloc, 1)[1] if parts.netloc == asked else value


def contact() -> str:
    """Whom people turn to (SITE_CONTACT), or nothing."""
    return str(settings.SITE_IDENTITY["contact"])


def _site(address: str) -> dict[str, str]:
    return {"name": settings.SITE_IDENTITY["name"], "domain": urlsplit(address).netloc}


class SecondFactorAdapter(DefaultMFAAdapter):
    """Who needs a second factor cannot take the last one away."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("口令不正确，或者刚刚用过。每个口令只能用一次，请等下一个口令出现后再输入。"),
    }

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        person = authenticator.user
        return (
            not second_factor.required(person)
            or second_factor.authenticators(person).exclude(pk=authenticator.pk).exists()
        )

    def get_totp_label(self, user: User) -> str:
        return user.get_username()
