"""What the packages around signing in tell, kept in the audit trail, and what follows from it.

Successes, failures, locks, second factors used, failed, added and taken away; with the address, never with what was
typed. A changed password and a changed second factor end every other session; a changed password ends the tokens too.
"""

from typing import Any

from allauth.account import signals as account_signals
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa import signals as mfa_signals
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import second_factor, session_limits
from accounts.models import User
from accounts.services import tokens_end
from accounts.sign_in import account_named, name_for_counting
from core import audit


def _where(request: HttpRequest | None) -> dict[str, str]:
    return {"address": request.META.get("REMOTE_ADDR", "") if request is not None else ""}


# --- signing in and out ------------------------------------------------------------------------------------------


@receiver(user_logged_in, dispatch_uid="accounts.signed_in")
def signed_in(request: HttpRequest, user: User, **_named: Any) -> None:
    session_limits.begin(request)
    audit.record_alone(user, "accounts.sign_in", user, _where(request))


@receiver(user_logged_out, dispatch_uid="accounts.signed_out")
def signed_out(request: HttpRequest, user: User | None, **_named: Any) -> None:
    if user is not None:
        audit.record_alone(user, "accounts.sign_out", user, _where(request))


@receiver(user_login_failed, dispatch_uid="accounts.sign_in_failed")
def sign_in_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_named: Any) -> None:
    """What was typed is not kept: people type passwords into the wrong field. The account is, if there is one."""
    person = account_named(name_for_counting(request, credentials))
    audit.record_alone(None, "accounts.sign_in.failed", person, _where(request) | {"known": person is not None})


@receiver(user_locked_out, dispatch_uid="accounts.locked_out")
def locked_out(request: HttpRequest, username: str | None = None, **_named: Any) -> None:
    person = account_named(username) if username else None
    audit.record_alone(None, "accounts.sign_in.locked_out", person, _where(request))


# --- the second factor -------------------------------------------------------------------------------------------


def _kind(authenticator: Authenticator) -> dict[str, str]:
    return {"type": str(authenticator.type)}


@receiver(mfa_signals.authentication_failed, dispatch_uid="accounts.second_factor_failed")
def second_factor_failed(request: HttpRequest, user: User, authenticator: Authenticator, **_named: Any) -> None:
    audit.record_alone(user, "accounts.second_factor.failed", user, _where(request) | _kind(authenticator))


@receiver(mfa_signals.authenticator_used, dispatch_uid="accounts.second_factor_used")
def second_factor_used(request: HttpRequest, user: User, authenticator: Authenticator, **_named: Any) -> None:
    audit.record_alone(user, "accounts.second_factor.use", user, _where(request) | _kind(authenticator))


@receiver(mfa_signals.authenticator_added, dispatch_uid="accounts.second_factor_added")
def second_factor_added(request: HttpRequest, user: User, authenticator: Authenticator, **_named: Any) -> None:
    """Who sets one up has shown it; every other session was made without it and ends."""
    audit.record_alone(user, "accounts.second_factor.add", user, _where(request) | _kind(authenticator))
    if authenticator.type in second_factor.FACTORS and request.user == user:
        record_authentication(request, user, second_factor.METHOD, type=authenticator.type, id=authenticator.pk)
    sessions_end(user, but=request.session.session_key)


@receiver(mfa_signals.authenticator_removed, dispatch_uid="accounts.second_factor_removed")
@receiver(mfa_signals.authenticator_reset, dispatch_uid="accounts.second_factor_reset")
def second_factor_changed(request: HttpRequest, user: User, authenticator: Authenticator, **_named: Any) -> None:
    audit.record_alone(user, "accounts.second_factor.change", user, _where(request) | _kind(authenticator))
    if not second_factor.is_set_up(user):
        second_factor.forget_shown(request)
    sessions_end(user, but=request.session.session_key)


# --- the password ------------------------------------------------------------------------------------------------


@receiver(account_signals.password_changed, dispatch_uid="accounts.password_changed")
@receiver(account_signals.password_reset, dispatch_uid="accounts.password_reset")
@receiver(account_signals.password_set, dispatch_uid="accounts.password_set")
def password_changed(request: HttpRequest, user: User, **_named: Any) -> None:
    """Whoever knew the old one is out: sessions end with their hash, tokens here."""
    audit.record_alone(user, "accounts.password.change", user, _where(request))
    tokens_end(user=user, why="password", acting_user=user)
    sessions_end(user, but=request.session.session_key)


def sessions_end(user: User, *, but: str | None = None) -> int:
    """End the sessions of a person, save one; returns how many ended."""
    others = list(UserSession.objects.filter(user=user).exclude(session_key=but or ""))
    for session in others:
        session.end()
    return len(others)
