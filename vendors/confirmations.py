"""Whether a case was delivered as told: its customer is asked, answers once, or the time passes.

A customer that is registered here answers by its own people. Any other gets a mail with a signed link to an address
that the vendor gives: opened without signing in, good for one answer and thirty days. The link is made when the mail
is sent and kept nowhere, so that the vendor cannot answer for its customer.
"""

import hashlib
import json
import secrets
from datetime import timedelta
from typing import Any

from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import Organisation, RoleGrant, User
from accounts.permissions import has_role, organisation_of
from accounts.selectors import verified_called
from core import audit, outbox
from core.clock import now
from core.errors import DomainError, InvalidInput, ObjectNotFound
from core.transitions import transition
from vendors.enums import ConfirmationState
from vendors.events import CaseConfirmationMoved
from vendors.models import CaseConfirmation, DeliveredCase, VendorProfile
from vendors.permissions import ANSWERING_ROLES, acts_as_vendor, may_answer_confirmation
from vendors.services import locked_capability, touch_capability, withdraw_open_question
from vendors.states import CONFIRMATION_MACHINE

LINK_SALT = "vendors.case_confirmation"
TIME_TO_ANSWER = timedelta(days=30)
#: Questions about one case within that time: a customer is asked, not pressed.
MOST_QUESTIONS = 3
#: Domains where anybody has an address: sharing one says nothing.
SHARED_MAIL_DOMAINS = frozenset(
    {
        "126.com",
        "139.com",
        "163.com",
        "189.cn",
        "aliyun.com",
        "foxmail.com",
        "gmail.com",
        "hotmail.com",
        "icloud.com",
        "outlook.com",
        "qq.com",
        "sina.cn",
        "sina.com",
        "sohu.com",
        "vip.163.com",
        "vip.qq.com",
        "yeah.net",
    }
)


def case_digest(case: DeliveredCase) -> str:
    """SHA-256 in hex over what the customer is asked about: the answer holds for this text."""
    text = {
        name: str(getattr(case, name))
        for name in ("title", "customer", "region_id", "delivered_on", "amount_fen", "description")
    }
    return hashlib.sha256(json.dumps(text, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def people_who_answer(organisation: Organisation, vendor: VendorProfile) -> QuerySet[User]:
    """Who may answer for a customer; nobody of the vendor's own, whoever else they work for."""
    grants = RoleGrant.objects.filter(
        role__in=ANSWERING_ROLES, membership__organisation=organisation, membership__ended_at__isnull=True
    )
    of_vendor = vendor.organisation.memberships.active().values("user_id")
    people = User.objects.filter(is_active=True, pk__in=grants.values("membership__user_id"))
    return people.exclude(pk__in=of_vendor).order_by("pk")


# --- asking ------------------------------------------------------------------------------------------------------


@transaction.atomic
def confirmation_ask(*, case_id: int, acting_user: User, customer: str = "", address: str = "") -> CaseConfirmation:
    """Ask the customer: the organisation of that unified code or full name if it can answer here, else `address`.

    A question that is still open is taken back, its link with it. InvalidInput where nobody can be asked, for the
    vendor's own side and its own addresses; DomainError for a confirmed case and after three questions in thirty days.
    """
    found = DeliveredCase.objects.filter(pk=case_id).first()
    if found is None:
        raise ObjectNotFound()
    capability = locked_capability(found.capability_id)
    if not acts_as_vendor(acting_user, capability):
        raise ObjectNotFound()
    case = DeliveredCase.objects.select_for_update(of=("self",)).get(pk=case_id)
    if case.confirmed_at is not None:
        raise DomainError(_("这个案例已经客户确认，不需要再次确认。"), code="case_confirmed")
    if case.confirmations.filter(asked_at__gt=now() - TIME_TO_ANSWER).count() >= MOST_QUESTIONS:
        raise DomainError(_("30 天内已经请客户确认过三次，请先与客户联系，过些时候再发起。"), code="asked_too_often")
    case.capability = capability
    organisation = _registered_customer(case, customer)
    address = "" if organisation is not None else _customer_address(capability.vendor, address)
    withdraw_open_question(case, acting_user)
    confirmation = CaseConfirmation.objects.create(
        case=case,
        customer=organisation,
        address=address,
        nonce=secrets.token_urlsafe(16) if address else "",
        case_digest=case_digest(case),
        asked_by=acting_user,
        asked_at=now(),
        lapses_at=now() + TIME_TO_ANSWER,
        mail_state="pending" if address else "",
    )
    audit.record(acting_user, "vendors.case_confirmation.ask", confirmation)
    outbox.publish(CaseConfirmationMoved(confirmation.pk, "ask"))
    touch_capability(capability)
    capability.save(update_fields=["document_version", "updated_at"])
    return confirmation


def _registered_customer(case: DeliveredCase, typed: str) -> Organisation | None:
    """The customer here, by what was typed or else by the case's own words; None where nobody could answer."""
    found = verified_called(typed.strip() or case.customer)
    if len(found) > 1:
        raise InvalidInput({"customer": [_("有多个单位叫这个名称，请填写统一社会信用代码。")]})
    if not found:
        return None
    organisation = found[0]
    if organisation.pk == case.capability.vendor.organisation_id:
        raise InvalidInput({"customer": [_("客户不能是本单位。")]})
    if case.capability.members.filter(organisation=organisation).exists():
        raise InvalidInput({"customer": [_("客户不能是联合体成员单位。")]})
    return organisation if people_who_answer(organisation, case.capability.vendor).exists() else None


def _customer_address(vendor: VendorProfile, typed: str) -> str:
    address = typed.strip().lower()
    if not address:
        raise InvalidInput(
            {"address": [_("平台上没有可以确认的客户单位，请填写客户的电子邮箱，平台会向它发送确认链接。")]}
        )
    domain = address.rpartition("@")[2]
    own = {mail.lower() for mail in _addresses_of(vendor) if mail}
    own_domains = {mail.rpartition("@")[2] for mail in own} - SHARED_MAIL_DOMAINS
    if address in own or domain in own_domains:
        raise InvalidInput({"address": [_("这是本单位的邮箱，请填写客户的邮箱。客户确认不能由本单位代办。")]})
    return address


def _addresses_of(vendor: VendorProfile) -> list[str]:
    people = vendor.organisation.memberships.active().values_list("user__email", flat=True)
    return [vendor.contact_email, *people]


# --- the link ----------------------------------------------------------------------------------------------------


def link_token(confirmation: CaseConfirmation) -> str:
    """What the mailed link carries. Made for the mail alone; whoever holds it may answer."""
    return signing.dumps({"c": str(confirmation.public_id), "n": confirmation.nonce}, salt=LINK_SALT)


def confirmation_behind(token: str) -> CaseConfirmation:
    """The question a link is about, in whatever state; ObjectNotFound for a link that is forged or taken back.

    A link past its thirty days still finds its question, so that the page can say what became of it.
    """
    try:
        content = signing.loads(token, salt=LINK_SALT)
        public_id, nonce = content["c"], content["n"]
    except (signing.BadSignature, KeyError, TypeError):
        raise ObjectNotFound() from None
    found = _with_case().filter(public_id=public_id).exclude(state=ConfirmationState.WITHDRAWN).first()
    if found is None or not found.nonce or not secrets.compare_digest(found.nonce, str(nonce)):
        raise ObjectNotFound()
    return found


def _with_case() -> QuerySet[CaseConfirmation]:
    return CaseConfirmation.objects.select_related("case__capability__vendor__organisation", "case__region", "customer")


# --- answering ---------------------------------------------------------------------------------------------------


def confirmations_waiting_for(user: Any) -> QuerySet[CaseConfirmation]:
    """Questions that wait for the organisation the person acts for, the nearest end first."""
    if organisation_of(user) is None or not has_role(user, *ANSWERING_ROLES):
        return CaseConfirmation.objects.none()
    waiting = _with_case().filter(customer_id=user.current_organisation_id, state=ConfirmationState.ASKED)
    return waiting.order_by("lapses_at", "pk")


def confirmation_for(user: Any, public_id: Any) -> CaseConfirmation:
    """The customer's door to a question; ObjectNotFound for everybody else."""
    found = _with_case().filter(public_id=public_id).exclude(state=ConfirmationState.WITHDRAWN).first()
    if found is None or user is None or not may_answer_confirmation(user, found):
        raise ObjectNotFound()
    return found


@transaction.atomic
def confirmation_answer(
    *,
    public_id: Any,
    acting_user: User | None,
    confirmed: bool,
    name: str = "",
    satisfaction: int | None = None,
    reason: str = "",
) -> CaseConfirmation:
    """The customer's answer, once. `acting_user` is None for the holder of a link (`confirmation_behind`), who says
    who is answering; a refusal says why. DomainError (`confirmation_lapsed`) after the time."""
    row = CaseConfirmation.objects.filter(public_id=public_id).select_related("case").first()
    if row is None:
        raise ObjectNotFound()
    capability = locked_capability(row.case.capability_id)
    confirmation = CaseConfirmation.objects.select_for_update(of=("self",)).get(pk=row.pk)
    case = DeliveredCase.objects.select_for_update(of=("self",)).get(pk=row.case_id)
    case.capability, confirmation.case = capability, case
    is_open = confirmation.state == ConfirmationState.ASKED
    if is_open and confirmation.lapses_at <= now():
        raise DomainError(_("答复期限已过，请供给方重新发起确认。"), code="confirmation_lapsed")
    if is_open and confirmation.case_digest != case_digest(case):
        raise DomainError(_("供给方已修改案例内容，请以新的确认通知为准。"), code="case_changed")
    problems = _answer_problems(acting_user, confirmed, name, satisfaction)
    if problems:
        raise InvalidInput(problems)
    confirmation.answered_at, confirmation.answered_by = now(), acting_user
    confirmation.answered_name = name.strip() or str(acting_user or "")[:60]
    confirmation.satisfaction = satisfaction if confirmed else None
    confirmation.reason = "" if confirmed else reason.strip()
    action = "confirm" if confirmed else "refuse"
    transition(
        confirmation,
        action,
        CONFIRMATION_MACHINE,
        by=acting_user,
        context={"comment": reason},
        update_fields=["answered_at", "answered_by", "answered_name", "satisfaction", "reason"],
    )
    if confirmed:
        case.confirmed_at, case.confirmed_by, case.satisfaction = confirmation.answered_at, acting_user, satisfaction
        case.save(update_fields=["confirmed_at", "confirmed_by", "satisfaction"])
    touch_capability(capability)
    capability.save(update_fields=["document_version", "updated_at"])
    audit.record(acting_user, f"vendors.case_confirmation.{action}", confirmation)
    outbox.publish(CaseConfirmationMoved(confirmation.pk, action))
    return confirmation


def _answer_problems(
    acting_user: User | None, confirmed: bool, name: str, satisfaction: int | None
) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    if acting_user is None and not name.strip():
        problems["name"] = [_("请填写您的姓名和部门，供给方和监督人员可见，不公开。")]
    elif len(name.strip()) > 60:
        problems["name"] = [_("最多 60 个字。")]
    if confirmed and satisfaction is not None and not 1 <= satisfaction <= 5:
        problems["satisfaction"] = [_("评价为 1 至 5 分。")]
    return problems


# --- the clock ---------------------------------------------------------------------------------------------------


def confirmations_lapse() -> int:
    """End questions nobody answered in thirty days; called by the clock. Returns how many."""
    due = CaseConfirmation.objects.filter(state=ConfirmationState.ASKED, lapses_at__lte=now()).values_list(
        "pk", flat=True
    )
    count = 0
    for key in list(due):
        with transaction.atomic():
            confirmation = CaseConfirmation.objects.select_for_update(of=("self",)).get(pk=key)
            if confirmation.state == ConfirmationState.ASKED and confirmation.lapses_at <= now():
                transition(confirmation, "lapse", CONFIRMATION_MACHINE, by=None)
                audit.record(None, "vendors.case_confirmation.lapse", confirmation)
                outbox.publish(CaseConfirmationMoved(confirmation.pk, "lapse"))
                count += 1
    return count
