"""The second factor: who needs one, who has one, and whether this session was shown it (ADR 0012).

Roles that decide, open, score, review or keep the platform need one, whichever organisation they act for now. Other
apps add their own reasons with `also_required_by`.
"""

from collections.abc import Callable
from typing import Any

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY, get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.enums import SECOND_FACTOR_ROLES
from accounts.models import RoleGrant, User

#: What counts; recovery codes are a way back, not a factor by themselves.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
METHOD = "mfa"

_reasons: list[Callable[[User], bool]] = []


def also_required_by(reason: Callable[[User], bool]) -> Callable[[User], bool]:
    """Register another reason for which a person needs a second factor."""
    if reason not in _reasons:
        _reasons.append(reason)
    return reason


def required(user: Any) -> bool:
    """Whether this person may do nothing before a second factor is set up."""
    if not settings.SECOND_FACTOR_REQUIRED:
        return False
    held = RoleGrant.objects.filter(
        membership__user=user, membership__ended_at__isnull=True, role__in=SECOND_FACTOR_ROLES
    )
    return held.exists() or any(reason(user) for reason in _reasons)


def authenticators(user: Any) -> QuerySet[Authenticator]:
    return Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS)


def is_set_up(user: Any) -> bool:
    return authenticators(user).exists()


def was_shown(request: HttpRequest) -> bool:
    """Whether this session has the record of a second factor: at sign-in, or by setting it up."""
    return any(record.get("method") == METHOD for record in get_authentication_records(request, request.user))


def forget_shown(request: HttpRequest) -> None:
    """Take the record back: the last second factor is gone."""
    kept = [row for row in get_authentication_records(request, request.user) if row.get("method") != METHOD]
    request.session[AUTHENTICATION_METHODS_SESSION_KEY] = kept


def missing(user: Any) -> bool:
    """For calls without a session (access tokens): needed and not set up."""
    return required(user) and not is_set_up(user)
