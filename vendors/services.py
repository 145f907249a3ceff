"""Writes about vendors and capabilities."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from accounts.models import Organisation, User
from accounts.permissions import organisation_of
from core import audit, outbox
from core.clock import now, today
from core.errors import DomainError, EditConflict, InvalidInput, NotPermitted, ObjectNotFound
from core.money import UnreadableAmount, parse_amount
from core.texts import text_problems
from core.transitions import transition
from vendors.enums import CapabilityState, ConfirmationState, CredentialKind
from vendors.events import CapabilityChanged, CapabilityExpiring, CapabilityTransitioned
from vendors.models import Capability, CapabilityMember, Credential, DeliveredCase, VendorProfile
from vendors.permissions import acts_as_vendor, may_edit_capability, may_edit_profile, may_hold_profile
from vendors.states import CAPABILITY_MACHINE, CONFIRMATION_MACHINE

#: A listed capability is confirmed for twelve months (domain.md §3.2, our choice).
VALIDITY_DAYS = 365
#: Days before the end on which a vendor is reminded.
REMINDER_DAYS = (60, 30, 7)

PROFILE_FIELDS = frozenset(
    {
        "summary",
        "main_business",
        "website",
        "staff_count",
        "founded_on",
        "contact_office",
        "contact_phone",
        "contact_email",
        "accepts_recommendations",
    }
)
CAPABILITY_FIELDS = frozenset(
    {
        "title",
        "summary",
        "description",
        "scenarios_of_use",
        "technical_features",
        "category",
        "industry",
        "tags",
        "serves_whole_province",
        "service_regions",
        "price_text",
    }
)
_MANY = frozenset({"tags", "service_regions"})
_REFERENCES = frozenset({"category", "industry"})


def _apply(row: models.Model, values: Mapping[str, Any], allowed: frozenset[str]) -> None:
    """Set and check plain fields; InvalidInput with every fault, nothing set in the database."""
    unknown = set(values) - allowed
    if unknown:
        raise InvalidInput({name: [_("没有这个栏目，或者不能填写。")] for name in sorted(unknown)})
    plain = [name for name in values if name not in _MANY]
    problems = text_problems(row, {name: values[name] for name in plain})
    for name in plain:
        if name not in problems:
            setattr(row, name, values[name])
    if "title" in values and not str(values["title"]).strip():
        problems["title"] = [_("请填写名称。")]
    if problems:
        raise InvalidInput(problems)
    checked = [name for name in plain if name not in _REFERENCES]
    try:
        row.clean_fields(exclude=[field.name for field in row._meta.concrete_fields if field.name not in checked])
    except ValidationError as error:
        raise InvalidInput({name: list(texts) for name, texts in error.message_dict.items()}) from error


# --- profile -----------------------------------------------------------------------------------------------------


@transaction.atomic
def vendor_profile_open(*, acting_user: User) -> VendorProfile:
    """The profile of the organisation the person acts for; made on first use."""
    if not may_hold_profile(acting_user):
        raise NotPermitted(_("入驻需要“供给方经办人”角色，请联系本单位管理员授权。"))
    organisation = organisation_of(acting_user)
    profile, created = VendorProfile.objects.get_or_create(organisation=organisation)
    if created:
        audit.record(acting_user, "vendors.vendor_profile.open", profile)
    return profile


@transaction.atomic
def vendor_profile_save(*, profile_id: int, acting_user: User, values: Mapping[str, Any]) -> VendorProfile:
    profile = VendorProfile.objects.select_for_update().filter(pk=profile_id).first()
    if profile is None or not may_edit_profile(acting_user, profile):
        raise ObjectNotFound()
    _apply(profile, values, PROFILE_FIELDS)
    profile.updated_at = now()
    profile.save()
    audit.record(acting_user, "vendors.vendor_profile.save", profile, {"fields": sorted(values)})
    _touch_capabilities(profile)
    return profile


@transaction.atomic
def capabilities_refresh(*, organisation_id: int) -> None:
    """Tell search that an organisation has changed: capabilities show its name; a suspended one's are not matched."""
    profile = VendorProfile.objects.filter(organisation_id=organisation_id).first()
    if profile is not None:
        _touch_capabilities(profile)


def _touch_capabilities(profile: VendorProfile) -> None:
    """Documents of a vendor's capabilities show what changed on the vendor."""
    rows = profile.capabilities.exclude(state=CapabilityState.DRAFT)
    rows.update(document_version=models.F("document_version") + 1)
    outbox.publish_many(CapabilityChanged(key, version) for key, version in rows.values_list("pk", "document_version"))


@transaction.atomic
def credential_save(
    *,
    profile_id: int,
    acting_user: User,
    name: str,
    kind: str = CredentialKind.QUALIFICATION,
    number: str = "",
    issuer: str = "",
    valid_from: date | None = None,
    valid_until: date | None = None,
    attachment: Any = None,
    credential_id: int | None = None,
) -> Credential:
    """Add or change a credential. An end before its beginning is refused."""
    profile = VendorProfile.objects.select_for_update().filter(pk=profile_id).first()
    if profile is None or not may_edit_profile(acting_user, profile):
        raise ObjectNotFound()
    problems: dict[str, list[str]] = {}
    if not name.strip():
        problems["name"] = [_("请填写证书名称。")]
    if kind not in CredentialKind.values:
        problems["kind"] = [_("请选择证书种类。")]
    if valid_from and valid_until and valid_until < valid_from:
        problems["valid_until"] = [_("有效期止早于有效期起，请核对。")]
    if problems:
        raise InvalidInput(problems)
    credential = profile.credentials.filter(pk=credential_id).first() if credential_id else Credential(vendor=profile)
    if credential is None:
        raise ObjectNotFound()
    credential.name, credential.kind, credential.number, credential.issuer = name.strip(), kind, number, issuer
    credential.valid_from, credential.valid_until = valid_from, valid_until
    if attachment is not None:
        credential.attachment = attachment
    credential.save()
    audit.record(acting_user, "vendors.credential.save", credential)
    _touch_capabilities(profile)
    return credential


@transaction.atomic
def credential_remove(*, credential_id: int, acting_user: User) -> None:
    credential = Credential.objects.select_related("vendor").filter(pk=credential_id).first()
    if credential is None or not may_edit_profile(acting_user, credential.vendor):
        raise ObjectNotFound()
    audit.record(acting_user, "vendors.credential.remove", credential, {"number": credential.number})
    credential.delete()
    _touch_capabilities(credential.vendor)


# --- capabilities ------------------------------------------------------------------------------------------------


def locked_capability(capability_id: int) -> Capability:
    capability = (
        Capability.objects.select_for_update(of=("self",))
        .select_related("vendor", "vendor__organisation", "vendor__organisation__region", "category")
        .filter(pk=capability_id)
        .first()
    )
    if capability is None:
        raise ObjectNotFound()
    return capability


def apply_price(capability: Capability) -> list[str]:
    """Read the amounts out of `price_text`; the text stays as typed. Returns what could not be understood."""
    if not capability.price_text.strip():
        capability.price_min_fen = capability.price_max_fen = None
        return []
    try:
        amount = parse_amount(capability.price_text, default_unit=capability.price_unit)
    except UnreadableAmount as error:
        capability.price_min_fen = capability.price_max_fen = None
        return [str(error)]
    capability.price_min_fen, capability.price_max_fen = amount.minimum_fen, amount.maximum_fen
    capability.price_unit = amount.unit
    return list(amount.warnings)


def touch_capability(capability: Capability) -> None:
    capability.document_version += 1
    capability.updated_at = now()
    if capability.state != CapabilityState.DRAFT:
        outbox.publish(CapabilityChanged(capability.pk, capability.document_version))


@transaction.atomic
def capability_create(*, acting_user: User, values: Mapping[str, Any]) -> Capability:
    """Begin a draft for the organisation the person acts for; its profile is opened on first use."""
    profile = vendor_profile_open(acting_user=acting_user)
    capability = Capability(vendor=profile, created_by=acting_user)
    _apply(capability, {"title": "", **values}, CAPABILITY_FIELDS)
    apply_price(capability)
    capability.save()
    for name in _MANY & set(values):
        getattr(capability, name).set(values[name])
    audit.record(acting_user, "vendors.capability.create", capability)
    return capability


@transaction.atomic
def capability_save(
    *, capability_id: int, acting_user: User, values: Mapping[str, Any], expected_version: int | None = None
) -> tuple[Capability, list[str]]:
    """Save a draft or a returned capability; EditConflict when somebody saved since it was opened."""
    capability = locked_capability(capability_id)
    if not may_edit_capability(acting_user, capability):
        if not acts_as_vendor(acting_user, capability):
            raise ObjectNotFound()
        raise DomainError(
            _("当前状态为“%s”，内容不能修改。需要修改时请先“撤下修改”。") % capability.get_state_display(),
            code="not_editable",
        )
    if expected_version is not None and expected_version != capability.document_version:
        raise EditConflict()
    _apply(capability, values, CAPABILITY_FIELDS)
    remarks = apply_price(capability)
    for name in _MANY & set(values):
        getattr(capability, name).set(values[name])
    touch_capability(capability)
    capability.save()
    audit.record(acting_user, "vendors.capability.save", capability, {"fields": sorted(values)})
    return capability, remarks


@transaction.atomic
def capability_members_set(
    *, capability_id: int, acting_user: User, members: Sequence[Mapping[str, Any]]
) -> list[CapabilityMember]:
    """Name the partners of a joint capability: {"name", "contribution", "organisation"?}; replaces the former list."""
    capability = locked_capability(capability_id)
    if not may_edit_capability(acting_user, capability):
        raise ObjectNotFound()
    names = [str(member.get("name", "")).strip() for member in members]
    if not all(names):
        raise InvalidInput({"members": [_("请填写每个成员单位的名称。")]})
    if len(set(names)) != len(names) or capability.vendor.organisation.name in names:
        raise InvalidInput({"members": [_("成员单位不能重复，也不必填写本单位。")]})
    capability.members.all().delete()
    rows = CapabilityMember.objects.bulk_create(
        [
            CapabilityMember(
                capability=capability,
                name=name,
                organisation=member.get("organisation") or Organisation.objects.filter(name=name).first(),
                contribution=str(member.get("contribution", ""))[:200],
            )
            for name, member in zip(names, members, strict=True)
        ]
    )
    touch_capability(capability)
    capability.save(update_fields=["document_version", "updated_at"])
    audit.record(acting_user, "vendors.capability.set_members", capability, {"members": names})
    return rows


@transaction.atomic
def case_save(
    *,
    capability_id: int,
    acting_user: User,
    title: str,
    customer: str,
    delivered_on: date | None = None,
    amount_fen: int | None = None,
    description: str = "",
    region: Any = None,
    case_id: int | None = None,
) -> DeliveredCase:
    """Add or change a delivered case. A changed case is unconfirmed again."""
    capability = locked_capability(capability_id)
    if not acts_as_vendor(acting_user, capability):
        raise ObjectNotFound()
    problems: dict[str, list[str]] = {}
    if not title.strip():
        problems["title"] = [_("请填写案例名称。")]
    if not customer.strip():
        problems["customer"] = [_("请填写客户名称。")]
    if delivered_on is not None and delivered_on > today():
        problems["delivered_on"] = [_("交付日期在将来，请填写已经交付的案例。")]
    if amount_fen is not None and amount_fen < 0:
        problems["amount"] = [_("金额不能为负数。")]
    if problems:
        raise InvalidInput(problems)
    case = capability.cases.filter(pk=case_id).first() if case_id else DeliveredCase(capability=capability)
    if case is None:
        raise ObjectNotFound()
    case.title, case.customer, case.delivered_on = title.strip(), customer.strip(), delivered_on
    case.amount_fen, case.description, case.region = amount_fen, description, region
    case.confirmed_at = case.confirmed_by = case.satisfaction = None
    if case.pk:
        withdraw_open_question(case, acting_user)
    case.save()
    touch_capability(capability)
    capability.save(update_fields=["document_version", "updated_at"])
    audit.record(acting_user, "vendors.case.save", case)
    return case


def withdraw_open_question(case: DeliveredCase, acting_user: User) -> None:
    """What the customer was asked about is no longer what is told: the question and its link end."""
    open_question = case.confirmations.select_for_update().filter(state=ConfirmationState.ASKED).first()
    if open_question is not None:
        transition(open_question, "withdraw", CONFIRMATION_MACHINE, by=acting_user)
        audit.record(acting_user, "vendors.case_confirmation.withdraw", open_question)


@transaction.atomic
def case_remove(*, case_id: int, acting_user: User) -> None:
    case = DeliveredCase.objects.select_related("capability").filter(pk=case_id).first()
    if case is None:
        raise ObjectNotFound()
    capability = locked_capability(case.capability_id)
    if not acts_as_vendor(acting_user, capability):
        raise ObjectNotFound()
    audit.record(acting_user, "vendors.case.remove", case)
    case.delete()
    touch_capability(capability)
    capability.save(update_fields=["document_version", "updated_at"])


# --- the machine -------------------------------------------------------------------------------------------------


def _move(
    capability: Capability,
    action: str,
    acting_user: User | None,
    *,
    context: Mapping[str, Any] | None = None,
    update_fields: Sequence[str] = (),
) -> Capability:
    comment = str((context or {}).get("comment", ""))
    source = transition(
        capability,
        action,
        CAPABILITY_MACHINE,
        by=acting_user,
        context=context,
        update_fields=update_fields,
    )
    capability.document_version += 1
    capability.updated_at = now()
    capability.save(update_fields=["document_version", "updated_at"])
    audit.record(acting_user, f"vendors.capability.{action}", capability, {"from": source, **(context or {})})
    outbox.publish_many(
        [
            CapabilityTransitioned(
                capability.pk, action, source, capability.state, acting_user.pk if acting_user else None, comment
            ),
            CapabilityChanged(capability.pk, capability.document_version),
        ]
    )
    return capability


def capability_code(capability_id: int) -> str:
    """The public number of a capability, from its key: C000123."""
    return f"C{capability_id:06d}"


@transaction.atomic
def capability_submit(*, capability_id: int, acting_user: User) -> Capability:
    capability = locked_capability(capability_id)
    if not acts_as_vendor(acting_user, capability):
        raise ObjectNotFound()
    action = "renew" if capability.state == CapabilityState.EXPIRED else "submit"
    capability.submitted_by, capability.submitted_at, capability.defects = acting_user, now(), []
    return _move(capability, action, acting_user, update_fields=["submitted_by", "submitted_at", "defects"])


@transaction.atomic
def capability_verify(*, capability_id: int, acting_user: User, comment: str = "", publish: bool = True) -> Capability:
    """Verify; with `publish` (the rule: what is verified is shown) it goes on the shelf in the same transaction.

    The twelve months run from the verification.
    """
    capability = locked_capability(capability_id)
    capability.verified_by, capability.verified_at, capability.verification_comment = acting_user, now(), comment
    capability.expires_on = today() + timedelta(days=VALIDITY_DAYS)
    capability.code = capability.code or capability_code(capability.pk)
    update_fields = ["verified_by", "verified_at", "verification_comment", "expires_on", "code"]
    if publish:
        capability.listed_at = now()
        update_fields.append("listed_at")
    return _move(
        capability,
        "verify_and_list" if publish else "verify",
        acting_user,
        context={"comment": comment},
        update_fields=update_fields,
    )


@transaction.atomic
def capability_return(
    *, capability_id: int, acting_user: User, defects: Sequence[Mapping[str, str]], comment: str = ""
) -> Capability:
    """Send back with all defects at once."""
    capability = locked_capability(capability_id)
    told = [defect for defect in defects if str(defect.get("reason", "")).strip()]
    capability.defects, capability.verification_comment = told, comment
    return _move(
        capability,
        "return",
        acting_user,
        context={"defects": told, "comment": comment},
        update_fields=["defects", "verification_comment"],
    )


#: Steps that take a comment and nothing else.
PLAIN_ACTIONS = frozenset({"list", "edit", "withdraw", "suspend", "resume", "extend"})


@transaction.atomic
def capability_act(*, capability_id: int, action: str, acting_user: User, comment: str = "") -> Capability:
    """List, take down to edit, withdraw, suspend, resume or extend."""
    if action not in PLAIN_ACTIONS:
        raise InvalidInput({"action": [_("没有这种操作。")]})
    capability = locked_capability(capability_id)
    update_fields: list[str] = []
    context = {"comment": comment}
    if action == "list":
        capability.listed_at = now()
        update_fields = ["listed_at"]
    if action == "extend":
        context["expires_on_before"] = str(capability.expires_on)
    _move(capability, action, acting_user, context=context, update_fields=update_fields)
    if action == "extend" and capability.expires_on is not None:
        capability.expires_on = capability.expires_on + timedelta(days=VALIDITY_DAYS)
        capability.save(update_fields=["expires_on"])
    return capability


def capabilities_expire() -> int:
    """Take down what is past its twelve months; called by the clock. Returns how many."""
    due = Capability.objects.filter(state=CapabilityState.LISTED, expires_on__lt=today()).values_list("pk", flat=True)
    count = 0
    for capability_id in list(due):
        with transaction.atomic():
            capability = locked_capability(capability_id)
            ended = capability.expires_on is not None and capability.expires_on < today()
            if capability.state == CapabilityState.LISTED and ended:
                _move(capability, "expire", None)
                count += 1
    return count


@transaction.atomic
def expiry_reminders_announce() -> int:
    """Announce capabilities that end in 60, 30 or 7 days; who was told once is not told again (deduplicated there)."""
    events = [
        CapabilityExpiring(key, days)
        for days in REMINDER_DAYS
        for key in Capability.objects.filter(
            state=CapabilityState.LISTED, expires_on=today() + timedelta(days=days)
        ).values_list("pk", flat=True)
    ]
    outbox.publish_many(events)
    return len(events)
