"""Accounts that are switched off and on again, and second factors that were lost (domain.md §5.7).

The system administrator keeps accounts. The three administrators watch one another: an administrator's account is kept
by the security administrator, and the security administrator's by the system administrator. Nobody keeps their own.
"""

from datetime import timedelta
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.internal.flows.password_reset import request_password_reset
from allauth.core import context as allauth_context
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from axes.utils import reset as locks_reset
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.enums import ADMINISTRATOR_ROLES, Role
from accounts.models import RoleGrant, User
from accounts.permissions import has_role
from accounts.receivers import sessions_end
from accounts.services import tokens_end
from accounts.sign_in import forget_failures
from core import audit
from core.clock import now
from core.errors import InvalidInput, NotPermitted, ObjectNotFound

KEEPERS = (Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)


def _administrator_roles(person: User) -> set[str]:
    return set(
        RoleGrant.objects.filter(
            membership__user=person, membership__ended_at__isnull=True, role__in=ADMINISTRATOR_ROLES
        ).values_list("role", flat=True)
    )


def may_list_accounts(user: Any) -> bool:
    return has_role(user, *KEEPERS)


def may_keep_account(user: Any, person: User) -> bool:
    """Whether this administrator may disable, enable or free that account."""
    if user.pk == person.pk:
        return False
    held = _administrator_roles(person)
    if not held or held == {Role.SECURITY_ADMINISTRATOR}:
        return has_role(user, Role.SYSTEM_ADMINISTRATOR)
    return has_role(user, Role.SECURITY_ADMINISTRATOR)


def accounts_for(user: Any, *, words: str = "", disabled: bool = False) -> QuerySet[User]:
    """Accounts for the two administrators who keep them: by name, user name or address; ObjectNotFound for others."""
    if not may_list_accounts(user):
        raise ObjectNotFound()
    found = User.objects.order_by("username")
    if words:
        found = found.filter(
            Q(username__icontains=words) | Q(display_name__icontains=words) | Q(email__icontains=words)
        )
    return found.filter(is_active=False) if disabled else found


def _kept(user_id: int, acting_user: User, reason: str) -> User:
    if not may_list_accounts(acting_user):
        raise ObjectNotFound()
    person = User.objects.select_for_update().filter(pk=user_id).first()
    if person is None:
        raise ObjectNotFound()
    if not may_keep_account(acting_user, person):
        raise NotPermitted(_("您不能办理这个账号：不能办理本人的账号；管理员的账号由另一类管理员办理。"))
    if not reason.strip():
        raise InvalidInput({"reason": [_("请填写理由。")]})
    return person


@transaction.atomic
def account_disable(*, user_id: int, reason: str, acting_user: User) -> User:
    """Switch an account off: its sessions and tokens end at once, its records stay. Doing it twice changes nothing."""
    person = _kept(user_id, acting_user, reason)
    if person.is_active:
        person.is_active = False
        person.save(update_fields=["is_active"])
        tokens_end(user=person, why="disabled", acting_user=acting_user)
        ended = sessions_end(person)
        audit.record(acting_user, "accounts.user.disable", person, {"reason": reason.strip(), "sessions": ended})
    return person


@transaction.atomic
def account_enable(*, user_id: int, reason: str, acting_user: User) -> User:
    """Switch it on again. Its former tokens and sessions stay ended."""
    person = _kept(user_id, acting_user, reason)
    if not person.is_active:
        person.is_active = True
        person.save(update_fields=["is_active"])
        audit.record(acting_user, "accounts.user.enable", person, {"reason": reason.strip()})
    return person


@transaction.atomic
def second_factor_reset(*, user_id: int, reason: str, acting_user: User) -> User:
    """Take away a second factor that was lost with its recovery codes; the next sign-in sets up a new one.

    The reason says how the person was recognised. Sessions end, so that nobody goes on without it.
    """
    person = _kept(user_id, acting_user, reason)
    number, _rows = Authenticator.objects.filter(user=person).delete()
    ended = sessions_end(person)
    audit.record(
        acting_user,
        "accounts.second_factor.reset",
        person,
        {"reason": reason.strip(), "authenticators": number, "sessions": ended},
    )
    return person


def is_locked(person: User) -> bool:
    """Whether wrong passwords from some address keep it out from there (accounts.sign_in; axes)."""
    since = now() - timedelta(hours=settings.AXES_COOLOFF_TIME)
    return AccessAttempt.objects.filter(
        username=person.username, failures_since_start__gte=settings.AXES_FAILURE_LIMIT, attempt_time__gte=since
    ).exists()


@transaction.atomic
def account_unlock(*, user_id: int, reason: str, acting_user: User) -> User:
    """Forget the wrong passwords of an account, from wherever they came: its owner may try again at once."""
    person = _kept(user_id, acting_user, reason)
    forgotten = locks_reset(username=person.username)
    forget_failures(person.username)
    audit.record(acting_user, "accounts.user.unlock", person, {"reason": reason.strip(), "attempts": forgotten})
    return person


@transaction.atomic
def password_link_send(*, user_id: int, reason: str, acting_user: User) -> User:
    """Mail the person a link to choose a new password; nobody else learns or sets it. The old one holds until then.

    Raises InvalidInput for an account that is disabled or has no confirmed address.
    """
    person = _kept(user_id, acting_user, reason)
    address = person.emailaddress_set.filter(verified=True).order_by("-primary", "pk").first()
    if address is None or not person.is_active:
        raise InvalidInput({"reason": [_("账号已停用或没有确认过的邮箱，不能发送重设密码的链接。")]})
    audit.record(acting_user, "accounts.user.password_link", person, {"reason": reason.strip()})
    request_password_reset(allauth_context.request, address.email, [person], default_token_generator)
    return person
