"""Writes about people and organisations."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.enums import (
    ADMINISTRATOR_ROLES,
    OrganisationKind,
    OrganisationLevel,
    OrganisationState,
    Role,
    TokenScope,
)
from accounts.events import OrganisationChanged, OrganisationTransitioned, RolesChanged
from accounts.models import AccessToken, Membership, Organisation, RoleGrant, User
from accounts.naming import authority_read_alike, hold_name
from accounts.permissions import (
    forget_roles,
    has_role,
    is_administrator,
    is_signed_in,
    may_create_account,
    may_grant_role,
    may_manage_organisation,
    refuse_suspended,
)
from accounts.states import ORGANISATION_MACHINE
from core import audit, outbox
from core.clock import now
from core.enums import RegionLevel
from core.errors import DomainError, InvalidInput, NotPermitted, ObjectNotFound
from core.models import Region
from core.transitions import transition
from core.unified_code import normalise, problem_with

TOKEN_PREFIX = "smt_"  # noqa: S105 - the marker of our tokens, not a secret
LONGEST_TOKEN_LIFE = timedelta(days=366)
EDITABLE_FIELDS = (
    "name",
    "short_name",
    "unified_code",
    "kind",
    "level",
    "region",
    "industry",
    "address",
    "office_phone",
    "representative_name",
)
#: What search documents of an organisation's demands and capabilities show.
SHOWN_FIELDS = frozenset({"name", "kind", "region"})


# --- current organisation ----------------------------------------------------------------------------------------


def settle_current_organisation(user: User) -> None:
    """Point the person at an organisation they still belong to, or at none; writes only when something changed."""
    ids = list(user.memberships.active().order_by("pk").values_list("organisation_id", flat=True))
    user.__dict__["_organisation_ids"] = frozenset(ids)
    user.__dict__.pop("_membership_spans", None)
    if user.current_organisation_id in ids or (user.current_organisation_id is None and not ids):
        return
    user.current_organisation_id = ids[0] if ids else None
    user.save(update_fields=["current_organisation"])
    user.__dict__.pop("_current_roles", None)


@transaction.atomic
def organisation_switch(*, organisation_id: int, acting_user: User) -> Organisation:
    """Act for another organisation one belongs to. Raises ObjectNotFound for any other."""
    membership = (
        acting_user.memberships.active().select_related("organisation").filter(organisation_id=organisation_id).first()
    )
    if membership is None:
        raise ObjectNotFound(_("您不是该机构的成员，不能切换。"))
    acting_user.current_organisation = membership.organisation
    acting_user.save(update_fields=["current_organisation"])
    forget_roles(acting_user)
    audit.record(acting_user, "accounts.organisation.switch", membership.organisation)
    return membership.organisation


# --- organisations -----------------------------------------------------------------------------------------------


def _cleaned_organisation(values: dict[str, Any], organisation: Organisation | None) -> dict[str, Any]:
    cleaned = {name: values[name] for name in EDITABLE_FIELDS if name in values}
    problems: dict[str, list[str]] = {}
    name = str(cleaned.get("name", organisation.name if organisation else "")).strip()
    if not name:
        problems["name"] = [_("请填写机构名称。")]
    cleaned["name"] = name
    if cleaned.get("kind") is not None and cleaned["kind"] not in OrganisationKind.values:
        problems["kind"] = [_("请选择机构类型。")]
    code = cleaned.get("unified_code")
    if "unified_code" in cleaned:
        cleaned["unified_code"] = normalise(code) if code else None
    if cleaned.get("unified_code"):
        problem = problem_with(cleaned["unified_code"])
        if problem:
            problems["unified_code"] = [problem]
        else:
            taken = Organisation.objects.filter(unified_code=cleaned["unified_code"])
            if organisation is not None:
                taken = taken.exclude(pk=organisation.pk)
            if taken.exists():
                problems["unified_code"] = [
                    _("该统一社会信用代码已被登记。如确属本单位，请联系本单位管理员邀请您加入，不要重复登记。")
                ]
    short = str(cleaned.get("short_name") or "").strip()
    changed = organisation is None or short != organisation.short_name
    if short and changed and authority_read_alike(short, but=organisation.pk if organisation else None):
        problems["short_name"] = [_("该简称与已登记的机关、单位相同或相近，请留空或换一个。")]
    if problems:
        raise InvalidInput(problems)
    return cleaned


@transaction.atomic
def organisation_register(*, values: dict[str, Any], acting_user: User) -> Organisation:
    """Register an organisation; its registrant becomes its manager. Raises InvalidInput with every fault.

    A name that reads like an authority's waits for a reviewer under a neutral one (accounts/naming.py).
    """
    if is_administrator(acting_user):
        raise NotPermitted(_("系统、安全、审计管理员账号不能登记或加入业务机构。"))
    refuse_suspended(acting_user)
    organisation = Organisation(created_by=acting_user, **_cleaned_organisation(values, None))
    held = hold_name(organisation)
    organisation.save()
    membership = Membership.objects.create(user=acting_user, organisation=organisation)
    own_roles = [Role.ORGANISATION_MANAGER, Role.DEMAND_SUBMITTER]
    if organisation.kind != OrganisationKind.AGENCY:
        own_roles.append(Role.VENDOR_STAFF)
    RoleGrant.objects.bulk_create(
        [RoleGrant(membership=membership, role=role, granted_by=acting_user) for role in own_roles]
    )
    acting_user.current_organisation = organisation
    acting_user.save(update_fields=["current_organisation"])
    forget_roles(acting_user)
    audit.record(
        acting_user,
        "accounts.organisation.register",
        organisation,
        {"claimed": organisation.claimed_name} if held else {},
    )
    return organisation


@transaction.atomic
def organisation_update(*, organisation_id: int, values: dict[str, Any], acting_user: User) -> Organisation:
    """Change an organisation's own data. Once verified it keeps its name and code, also while it is suspended:
    others would need a new verification, and being restored is none.
    """
    organisation = Organisation.objects.select_for_update().filter(pk=organisation_id).first()
    if organisation is None or not may_manage_organisation(acting_user, organisation):
        raise ObjectNotFound()
    cleaned = _cleaned_organisation(values, organisation)
    if organisation.state in (OrganisationState.VERIFIED, OrganisationState.SUSPENDED):
        fixed: dict[str, list[str]] = {
            name: [_("机构已通过核验，此项不能自行修改。如有变更，请联系核验单位。")]
            for name in ("name", "unified_code", "kind", "region")
            if name in cleaned and cleaned[name] != getattr(organisation, name)
        }
        if fixed:
            raise InvalidInput(fixed)
    before = {name: str(getattr(organisation, name)) for name in cleaned}
    renamed = cleaned["name"] != organisation.name
    for name, value in cleaned.items():
        setattr(organisation, name, value)
    if renamed:
        hold_name(organisation)
    organisation.save(update_fields=[*cleaned, "short_name", "claimed_name"])
    changed = {name: before[name] for name in cleaned if before[name] != str(getattr(organisation, name))}
    audit.record(acting_user, "accounts.organisation.update", organisation, {"before": changed})
    if SHOWN_FIELDS & changed.keys():
        outbox.publish(OrganisationChanged(organisation.pk))
    return organisation


@transaction.atomic
def organisation_transition(*, organisation_id: int, action: str, acting_user: User, comment: str = "") -> Organisation:
    """Take one step of the verification machine; who asked is told by the event."""
    organisation = (
        Organisation.objects.select_for_update(of=("self",)).select_related("region").filter(pk=organisation_id).first()
    )
    if organisation is None:
        raise ObjectNotFound()
    if action == "verify":
        organisation.verified_at = now()
    organisation.verification_comment = comment
    source = transition(
        organisation,
        action,
        ORGANISATION_MACHINE,
        by=acting_user,
        context={"comment": comment},
        update_fields=["verified_at", "verification_comment"],
    )
    audit.record(acting_user, f"accounts.organisation.{action}", organisation, {"comment": comment})
    outbox.publish_many(
        [
            OrganisationTransitioned(organisation.pk, action, source, organisation.state, comment),
            OrganisationChanged(organisation.pk),
        ]
    )
    return organisation


# --- accounts, members, roles ------------------------------------------------------------------------------------


@transaction.atomic
def account_create(*, username: str, email: str, display_name: str, password: str, acting_user: User) -> User:
    """Create an account without any role (system administrator only; domain.md §5.7)."""
    if not may_create_account(acting_user):
        raise NotPermitted(_("只有系统管理员可以建立账号。"))
    problems: dict[str, list[str]] = {}
    if User.objects.filter(username__iexact=username).exists():
        problems["username"] = [_("该用户名已被使用，请换一个。")]
    if User.objects.filter(email__iexact=email).exists():
        problems["email"] = [_("该邮箱已登记过账号。")]
    if problems:
        raise InvalidInput(problems)
    user = User.objects.create_user(username=username, email=email, password=password, display_name=display_name)
    audit.record(acting_user, "accounts.user.create", user)
    return user


@transaction.atomic
def roles_set(*, membership_id: int, roles: Sequence[str], acting_user: User) -> Membership:
    """Give a member exactly `roles`, as far as the acting person may give or take each.

    Raises InvalidInput when administrator roles would be combined with any other (三员分立, domain.md §5.7) and
    NotPermitted for a role the person may not give or take; nothing is changed then.
    """
    membership = (
        Membership.objects.select_for_update(of=("self",))
        .select_related("organisation", "user")
        .filter(pk=membership_id, ended_at__isnull=True)
        .first()
    )
    if membership is None:
        raise ObjectNotFound()
    wanted = {str(role) for role in roles}
    unknown = wanted - set(Role.values)
    if unknown:
        raise InvalidInput({"roles": [_("没有这样的角色：%s") % "、".join(sorted(unknown))]})
    held = set(membership.grants.values_list("role", flat=True))
    for role in wanted ^ held:
        if not may_grant_role(acting_user, membership.organisation, role):
            raise NotPermitted(_("您不能授予或收回“%s”这个角色。") % Role(role).label)
    if wanted != held and membership.user_id == acting_user.pk and has_role(acting_user, Role.SECURITY_ADMINISTRATOR):
        raise NotPermitted(_("安全管理员不能给自己授权。"))
    elsewhere = set(
        RoleGrant.objects.filter(membership__user=membership.user, membership__ended_at__isnull=True)
        .exclude(membership=membership)
        .values_list("role", flat=True)
    )
    together = wanted | elsewhere
    if together & ADMINISTRATOR_ROLES and len(together) > 1:
        raise InvalidInput(
            {"roles": [_("系统、安全、审计三类管理员必须分开，一个账号只能担任其中一种，且不能兼任业务角色。")]}
        )
    membership.grants.filter(role__in=held - wanted).delete()
    RoleGrant.objects.bulk_create(
        [RoleGrant(membership=membership, role=role, granted_by=acting_user) for role in sorted(wanted - held)]
    )
    if wanted != held:
        audit.record(
            acting_user,
            "accounts.membership.set_roles",
            membership,
            {"given": sorted(wanted - held), "taken": sorted(held - wanted)},
        )
        outbox.publish(RolesChanged(membership.pk))
    return membership


# --- access tokens -----------------------------------------------------------------------------------------------


def _digest(secret: str) -> str:
    # The secret has 256 random bits, so a plain hash is enough: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def token_create(*, name: str, scope: str, days: int, acting_user: User) -> tuple[AccessToken, str]:
    """Make a token for the current organisation; returns it with the secret, which is shown this once."""
    if not is_signed_in(acting_user):
        raise NotPermitted()
    refuse_suspended(acting_user)
    problems: dict[str, list[str]] = {}
    if not name.strip():
        problems["name"] = [_("请写明这个令牌用在哪里，便于日后辨认和撤销。")]
    if scope not in TokenScope.values:
        problems["scope"] = [_("请选择令牌的范围。")]
    if not 1 <= days <= LONGEST_TOKEN_LIFE.days:
        problems["days"] = [_("有效期为 1 至 366 天。")]
    if problems:
        raise InvalidInput(problems)
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = AccessToken.objects.create(
        user=acting_user,
        organisation=acting_user.current_organisation,
        name=name.strip(),
        prefix=secret[:10],
        digest=_digest(secret),
        scope=scope,
        expires_at=now() + timedelta(days=days),
    )
    audit.record(acting_user, "accounts.token.create", token, {"scope": scope, "days": days})
    return token, secret


@transaction.atomic
def token_revoke(*, token_id: int, acting_user: User) -> AccessToken:
    """End one of one's own tokens at once."""
    token = AccessToken.objects.select_for_update().filter(pk=token_id, user=acting_user).first()
    if token is None:
        raise ObjectNotFound()
    if token.revoked_at is None:
        token.revoked_at = now()
        token.save(update_fields=["revoked_at"])
        audit.record(acting_user, "accounts.token.revoke", token)
    return token


@transaction.atomic
def tokens_end(*, user: User, why: str, acting_user: User) -> int:
    """End every token in force of a person at once; returns how many. `why`: password, disabled."""
    ended = AccessToken.objects.filter(user=user, revoked_at__isnull=True).update(revoked_at=now())
    if ended:
        audit.record(acting_user, "accounts.token.end_all", user, {"number": ended, "why": why})
    return ended


def token_of_secret(secret: str) -> AccessToken | None:
    """The token in force that belongs to `secret`, with its user set to act for its organisation; None otherwise.

    Tokens of a suspended organisation rest until it is restored.
    """
    token = (
        AccessToken.objects.select_related("user", "organisation__region")
        .filter(digest=_digest(secret), revoked_at__isnull=True, expires_at__gt=now(), user__is_active=True)
        .exclude(organisation__state=OrganisationState.SUSPENDED)
        .first()
    )
    if token is None:
        return None
    if token.organisation_id is not None:
        still_member = token.user.memberships.active().filter(organisation_id=token.organisation_id).exists()
        if not still_member:
            return None
    # For this request only; the person's own choice in the browser stays as it is.
    token.user.current_organisation = token.organisation
    moment = now()
    if token.last_used_at is None or moment - token.last_used_at > timedelta(minutes=1):
        AccessToken.objects.filter(pk=token.pk).update(last_used_at=moment)
    return token


# --- the first people --------------------------------------------------------------------------------------------


@transaction.atomic
def platform_found(
    *, name: str, unified_code: str, administrators: dict[str, tuple[str, str]]
) -> tuple[Organisation, dict[str, str]]:
    """Found the platform's own provincial organisation with its three separated administrators.

    For a new installation only, from its console: afterwards the system administrator makes accounts and the security
    administrator gives roles (domain.md §5.7). `administrators` maps each of the three roles to (user name, e-mail).
    Returns the organisation and a password per user name, to be handed over and changed at the first sign-in.
    Raises DomainError when the installation has administrators, InvalidInput for a wrong code or a taken name.
    """
    if RoleGrant.objects.filter(role__in=ADMINISTRATOR_ROLES, membership__ended_at__isnull=True).exists():
        raise DomainError(
            _("平台已经有管理员，不能重复设立。增减人员请由安全管理员在“成员与角色”中办理。"), code="already_founded"
        )
    if set(administrators) != set(ADMINISTRATOR_ROLES):
        raise InvalidInput({"administrators": [_("须分别指定系统、安全、审计三名管理员。")]})
    if len({username for username, _email in administrators.values()}) != len(administrators):
        raise InvalidInput({"administrators": [_("三名管理员必须是三个不同的账号。")]})
    values = {"name": name, "unified_code": unified_code, "kind": OrganisationKind.AGENCY}
    organisation = Organisation(
        **_cleaned_organisation(values, None),
        level=OrganisationLevel.PROVINCE,
        region=Region.objects.filter(level=RegionLevel.PROVINCE).first(),
        state=OrganisationState.VERIFIED,
        verified_at=now(),
    )
    organisation.save()
    passwords: dict[str, str] = {}
    for role, (username, email) in administrators.items():
        if User.objects.filter(username__iexact=username).exists():
            raise InvalidInput({"administrators": [_("用户名“%s”已被使用。") % username]})
        passwords[username] = secrets.token_urlsafe(15)
        user = User.objects.create_user(
            username=username, email=email, password=passwords[username], current_organisation=organisation
        )
        membership = Membership.objects.create(user=user, organisation=organisation)
        RoleGrant.objects.create(membership=membership, role=role)
        audit.record(None, "accounts.platform.appoint", membership, {"role": role})
    return organisation, passwords
