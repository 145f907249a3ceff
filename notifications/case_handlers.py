"""Who is told what about customers' confirmations of delivered cases, and the mail to a customer without an account."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from core.clock import BEIJING, now
from core.outbox import TryLater, subscribe
from notifications.mailing import NotTaken, Refused, Uncertain, hand_over
from notifications.selectors import supply_side_of
from notifications.services import GIVE_UP_AFTER, notify
from notifications.wording import comment_sentence
from vendors.confirmations import link_token, people_who_answer
from vendors.enums import ConfirmationState
from vendors.events import CaseConfirmationMoved
from vendors.models import CaseConfirmation

#: A mail server that is away is tried again so often.
PAUSE_SECONDS = 300


def _confirmation(confirmation_id: int) -> CaseConfirmation | None:
    rows = CaseConfirmation.objects.select_related("case__capability__vendor__organisation", "customer")
    return rows.filter(pk=confirmation_id).first()


@subscribe(CaseConfirmationMoved, name="notifications.case_confirmation_moved")
def case_confirmation_moved(event: CaseConfirmationMoved) -> None:
    """The question to the customer's people, the answer to the vendor."""
    confirmation = _confirmation(event.confirmation_id)
    if confirmation is None:
        return
    case, vendor = confirmation.case, confirmation.case.capability.vendor
    values = {
        "title": case.title,
        "customer": case.customer,
        "vendor": vendor.organisation.name,
        "until": confirmation.lapses_at.astimezone(BEIJING).strftime("%Y-%m-%d"),
        "reason": comment_sentence(confirmation.reason),
    }
    if event.action == "ask":
        if confirmation.customer is not None and confirmation.state == ConfirmationState.ASKED:
            notify(
                "case.waits_for_customer",
                recipients=people_who_answer(confirmation.customer, vendor),
                key=str(confirmation.pk),
                values=values,
                url_arguments=[str(confirmation.public_id)],
                organisation=confirmation.customer,
            )
        return
    notify(
        f"case.{event.action}",
        recipients=supply_side_of(vendor.organisation),
        key=str(confirmation.pk),
        values=values,
        url_arguments=[case.capability.key],
        organisation=vendor.organisation,
    )


@subscribe(CaseConfirmationMoved, name="notifications.mail_case_confirmation", atomic=False)
def mail_case_confirmation(event: CaseConfirmationMoved) -> None:
    """The signed link to a customer without an account; handed to the mail server at most once.

    What became of it stands on the question, where the vendor reads it and may ask again. The link is made here and
    kept nowhere.
    """
    if event.action != "ask" or not _begin_sending(event.confirmation_id):
        return
    confirmation = _confirmation(event.confirmation_id)
    if confirmation is None:
        return
    try:
        hand_over(_mail(confirmation))
    except Refused as refusal:
        _finish_sending(confirmation, "failed", str(refusal))
    except Uncertain as doubt:
        _finish_sending(confirmation, "uncertain", str(doubt))
    except NotTaken as problem:
        if now() - confirmation.asked_at >= GIVE_UP_AFTER:
            _finish_sending(confirmation, "failed", str(problem))
            return
        _finish_sending(confirmation, "pending", str(problem))
        raise TryLater(_("邮件服务器暂时不可用：%s") % problem, seconds=PAUSE_SECONDS) from problem
    except Exception as error:
        # The mail could not even be written down; nothing was handed over.
        _finish_sending(confirmation, "pending", str(error))
        raise
    else:
        _finish_sending(confirmation, "sent", "")


@transaction.atomic(durable=True)
def _begin_sending(confirmation_id: int) -> bool:
    """Commit that the mail is being handed over; False where none is to be sent, or one may have been already."""
    row = CaseConfirmation.objects.select_for_update(of=("self",)).filter(pk=confirmation_id).first()
    if row is None or row.state != ConfirmationState.ASKED or row.mail_state not in ("pending", "sending"):
        return False
    # Found so, it was left by a process that died: the server may have taken it.
    goes_out = row.mail_state == "pending"
    row.mail_state = "sending" if goes_out else "uncertain"
    row.save(update_fields=["mail_state"])
    return goes_out


@transaction.atomic(durable=True)
def _finish_sending(confirmation: CaseConfirmation, state: str, error: str) -> None:
    row = CaseConfirmation.objects.select_for_update(of=("self",)).get(pk=confirmation.pk)
    row.mail_state, row.mail_error = state, error[:300]
    row.save(update_fields=["mail_state", "mail_error"])


def _mail(confirmation: CaseConfirmation) -> EmailMessage:
    case, site = confirmation.case, settings.SITE_ADDRESS.rstrip("/")
    vendor = case.capability.vendor.organisation.name
    lines = [
        _("您好："),
        "",
        _("%(vendor)s 在%(site)s上登记了一个交付案例，写明客户是“%(customer)s”：“%(case)s”。")
        % {
            "vendor": vendor,
            "site": settings.SITE_IDENTITY["name"],
            "customer": case.customer,
            "case": case.title,
        },
        _("请打开下面的链接，核对后确认属实，或者写明理由不予认可。不需要注册和登录；链接只能答复一次，%s前有效。")
        % confirmation.lapses_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M"),
        "",
        site + reverse("vendors:case_link", args=[link_token(confirmation)]),
        "",
        _("持有链接的人就能答复，请不要转发给供给方。与您无关的，不必理会，到期自动失效。"),
        "",
        "—",
        str(settings.SITE_IDENTITY["name"]),
        _("本邮件由系统发出，请勿直接回复。"),
    ]
    subject = _("请核对交付案例：%s") % " ".join(case.title.split())
    return EmailMessage(subject=subject[:200], body="\n".join(lines), to=[confirmation.address])
