"""Writes about people and organisations."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.enums import (
    OrganisationKind,
    OrganisationState,
    Role,
    TokenScope,
)
from accounts.events import OrganisationChanged, OrganisationTransitioned
from accounts.models import AccessToken, Membership, Organisation, RoleGrant, User
from accounts.naming import authority_read_alike, hold_name
from accounts.permissions import (
    forget_roles,
    is_administrator,
    is_signed_in,
    may_create_account,
    may_manage_organisation,
    refuse_suspended,
)
from accounts.states import ORGANISATION_MACHINE
from core import audit, outbox
from core.clock import now
from core.errors import DomainError, InvalidInput, NotPermitted, ObjectNotFound
from core.models import IdempotencyRecord
from core.transitions import transition
from core.unified_code import normalise, problem_with

TOKEN_PREFIX = "smt_"  # noqa: S105 - the marker of our tokens, not a secret
#: The refusal of a form that has made its token.
FORM_ANSWERED = "token_made"
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


def organisation_values(values: dict[str, Any], organisation: Organisation | None) -> dict[str, Any]:
    """What an organisation may be given, in its normal form. Raises InvalidInput with every fault."""
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
    organisation = Organisation(created_by=acting_user, **organisation_values(values, None))
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
    cleaned = organisation_values(values, organisation)
    if organisation.state in (OrganisationState.VERIFIED, OrganisationState.SUSPENDED):
        fixed: dict[str, list[str]] = {
            name: [_("机构已通过核验，此项不能自行修改。如有变更，请联系核验单位。")]
            for name in ("name", "unified_code", "kind", "level", "region")
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


# --- accounts ----------------------------------------------------------------------------------------------------


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


# --- access tokens -----------------------------------------------------------------------------------------------


def _digest(secret: str) -> str:
    # The secret has 256 random bits, so a plain hash is enough: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


def _take_form(user: User, once: str) -> None:
    _record, new = IdempotencyRecord.objects.get_or_create(
        user=user, key=f"token:{once}", defaults={"fingerprint": "", "status": 0, "body": {}}
    )
    if not new:
        raise DomainError(
            _("这张表已经生成过令牌，没有再生成。令牌只显示一次；如果没有记下，请在下面撤销后重新生成。"),
            code=FORM_ANSWERED,
        )


@transaction.atomic
def token_create(*, name: str, scope: str, days: int, acting_user: User, once: str = "") -> tuple[AccessToken, str]:
    """Make a token for the current organisation; returns it with the secret, which is shown this once.

    `once` names the opened form: sent again (a reload, a second click), it makes no second token (DomainError).
    """
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
    if once:
        _take_form(acting_user, once)
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
