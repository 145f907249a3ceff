"""The first people of an installation, appointed from its console: there is nobody on the site yet who could.

Three separated administrators (domain.md §5.7) and a second security administrator, because the powers of the province
are given by two (accounts/granting.py). Afterwards everything goes through the site.
"""

import secrets

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.enums import ADMINISTRATOR_ROLES, OrganisationKind, OrganisationLevel, OrganisationState, Role
from accounts.models import Membership, Organisation, RoleGrant, User
from accounts.services import organisation_values
from core import audit
from core.clock import now
from core.enums import RegionLevel
from core.errors import DomainError, InvalidInput
from core.models import Region

#: How many security administrators give a power of the province.
TWO = 2


@transaction.atomic
def platform_found(
    *, name: str, unified_code: str, administrators: dict[str, tuple[str, str]], second_security: tuple[str, str]
) -> tuple[Organisation, dict[str, str]]:
    """Found the platform's own provincial organisation with its administrators.

    For a new installation only, from its console. `administrators` maps each of the three roles to (user name, e-mail);
    `second_security` is the person who confirms what the security administrator proposes. Returns the organisation and
    a password per user name, to be handed over and changed at the first sign-in. Raises DomainError when the
    installation has administrators, InvalidInput for a wrong code, a taken name or one person named twice.
    """
    if RoleGrant.objects.filter(role__in=ADMINISTRATOR_ROLES, membership__ended_at__isnull=True).exists():
        raise DomainError(
            _("平台已经有管理员，不能重复设立。增减人员请由安全管理员在“成员与角色”中办理。"), code="already_founded"
        )
    if set(administrators) != set(ADMINISTRATOR_ROLES):
        raise InvalidInput({"administrators": [_("须分别指定系统、安全、审计三名管理员。")]})
    people = [*administrators.items(), (str(Role.SECURITY_ADMINISTRATOR), second_security)]
    if len({username.lower() for _role, (username, _email) in people}) != len(people):
        raise InvalidInput({"administrators": [_("三名管理员和第二名安全管理员必须是四个不同的账号。")]})
    values = {"name": name, "unified_code": unified_code, "kind": OrganisationKind.AGENCY}
    organisation = Organisation(
        **organisation_values(values, None),
        level=OrganisationLevel.PROVINCE,
        region=Region.objects.filter(level=RegionLevel.PROVINCE).first(),
        state=OrganisationState.VERIFIED,
        verified_at=now(),
    )
    organisation.save()
    passwords = {
        username: _appoint(organisation, role, username=username, email=email) for role, (username, email) in people
    }
    return organisation, passwords


@transaction.atomic
def security_administrator_appoint(*, username: str, email: str) -> tuple[Organisation, str]:
    """Make the security administrator who is missing, from the console, in the organisation of the others.

    For an installation from before two persons were needed, and for one that has lost one of its two: as long as there
    are two, this is refused (DomainError) and the site is the only way. Returns the organisation and the new password.
    """
    in_office = RoleGrant.objects.filter(
        role=Role.SECURITY_ADMINISTRATOR, membership__ended_at__isnull=True, membership__user__is_active=True
    )
    if in_office.values("membership__user").distinct().count() >= TWO:
        raise DomainError(
            _("已有两名安全管理员在任，请由他们在“角色授权”中提议和确认，不能从控制台指定。"), code="two_in_office"
        )
    grant = (
        RoleGrant.objects.filter(role__in=ADMINISTRATOR_ROLES, membership__ended_at__isnull=True)
        .select_related("membership__organisation")
        .order_by("pk")
        .first()
    )
    if grant is None:
        raise DomainError(_("平台还没有设立，请先运行 found_platform。"), code="not_founded")
    organisation = grant.membership.organisation
    return organisation, _appoint(organisation, Role.SECURITY_ADMINISTRATOR, username=username, email=email)


def _appoint(organisation: Organisation, role: str, *, username: str, email: str) -> str:
    if User.objects.filter(username__iexact=username).exists():
        raise InvalidInput({"administrators": [_("用户名“%s”已被使用。") % username]})
    password = secrets.token_urlsafe(15)
    user = User.objects.create_user(
        username=username, email=email, password=password, current_organisation=organisation
    )
    membership = Membership.objects.create(user=user, organisation=organisation)
    RoleGrant.objects.create(membership=membership, role=role)
    audit.record(None, "accounts.platform.appoint", membership, {"role": role})
    return password
