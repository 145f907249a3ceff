"""Accounts that are switched off and on again, and second factors that were lost (domain.md §5.7).

The system administrator keeps accounts. The three administrators watch one another: an administrator's account is kept
by the security administrator, and the security administrator's by the system administrator. Nobody keeps their own.
"""

from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.enums import ADMINISTRATOR_ROLES, Role
from accounts.models import RoleGrant, User
from accounts.permissions import has_role
from accounts.receivers import sessions_end
from accounts.services import tokens_end
from core import audit
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
