"""Writes: tell people, mark as read, choose, send."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from accounts.models import Organisation, User
from accounts.permissions import may_operate
from core import audit, outbox
from core.clock import now
from core.errors import IllegalTransition, InvalidInput, NotPermitted, ObjectNotFound
from core.opaque import opaque
from core.texts import longest
from notifications.catalogue import ALWAYS_MAILED, MESSAGES, Message
from notifications.enums import Channel, Group, MailState
from notifications.events import MailRequested
from notifications.mailing import NotTaken, Refused, Uncertain, hand_over
from notifications.models import Delivery, Notification, Preference
from notifications.selectors import TROUBLED

UNSUBSCRIBE_SALT = "notifications.unsubscribe"
_TITLE_LENGTH = 200
_NAMED = re.compile(r"%\((\w+)\)")
_KEY_LENGTH = 120
#: What the mail server would not take for so long is given up and shown to the operator.
GIVE_UP_AFTER = timedelta(days=3)
#: The column's size; a mail that waits out a long outage is not counted further.
_COUNTED_ATTEMPTS = 30000


# --- telling -----------------------------------------------------------------------------------------------------


@transaction.atomic
def notify(
    topic: str,
    *,
    recipients: Iterable[User],
    key: str,
    values: Mapping[str, Any],
    url_arguments: Sequence[Any] = (),
    url_name: str = "",
    organisation: Organisation | None = None,
) -> list[Notification]:
    """Tell each of `recipients` once: who was told under the same `key` before is left out.

    A notice leads to the page its message names, or to `url_name` where that depends on what it is about.

    Mail is only promised here, in the same transaction; the outbox sends it. Returns the notices made.
    """
    message = MESSAGES[topic]
    people = {person.pk: person for person in recipients if person.is_active}
    key = f"{topic}:{key}"
    if len(key) > _KEY_LENGTH:
        raise ValueError(f"key too long: {key}")
    _refuse_missing(message, values)
    told = set(Notification.objects.filter(recipient_id__in=people, key=key).values_list("recipient_id", flat=True))
    title, body = str(message.title) % values, str(message.body) % values
    rows = Notification.objects.bulk_create(
        [
            Notification(
                recipient=person,
                organisation=organisation,
                topic=topic,
                group=message.group,
                title=_shortened(title, _TITLE_LENGTH),
                body=_shortened(body.strip(), longest("body")),
                url_name=url_name or message.url_name,
                url_arguments=list(url_arguments),
                key=key,
                created_at=now(),
            )
            for person in people.values()
            if person.pk not in told
        ],
        batch_size=200,
    )
    _promise_deliveries(message, rows)
    return rows


def _refuse_missing(message: Message, values: Mapping[str, Any]) -> None:
    """A value that a text needs and does not get is an error, not a blank or a "None" that somebody reads."""
    named = set(_NAMED.findall(f"{message.title}{message.body}"))
    missing = sorted(name for name in named if values.get(name) is None)
    if missing:
        raise ValueError(f"{message.topic}: no {', '.join(missing)}")


def _shortened(text: str, most: int) -> str:
    """A notice quotes texts that are long by themselves; the whole of them stands on the page it leads to."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _promise_deliveries(message: Message, rows: Sequence[Notification]) -> None:
    moment = now()
    deliveries = [
        Delivery(notification=row, channel=Channel.SITE, state=MailState.SENT, attempts=1, sent_at=moment)
        for row in rows
    ]
    wanting = _wanting_mail(message, [row.recipient_id for row in rows])
    deliveries += [
        Delivery(notification=row, channel=Channel.MAIL, address=row.recipient.email)
        for row in rows
        if row.recipient_id in wanting and row.recipient.email
    ]
    stored = Delivery.objects.bulk_create(deliveries, batch_size=200)
    outbox.publish_many(MailRequested(row.pk) for row in stored if row.channel == Channel.MAIL)


def _wanting_mail(message: Message, user_ids: Sequence[int]) -> set[int]:
    """Whom of `user_ids` this message reaches by mail: their choice, else the message's default."""
    if message.group in ALWAYS_MAILED:
        return set(user_ids) if message.mail else set()
    chosen = dict(Preference.objects.filter(user_id__in=user_ids, group=message.group).values_list("user_id", "mail"))
    return {user_id for user_id in user_ids if chosen.get(user_id, True) and message.mail}


# --- mail --------------------------------------------------------------------------------------------------------


def _site_address() -> str:
    """Where people reach the site (setting SITE_ADDRESS), for links in mails."""
    return settings.SITE_ADDRESS.rstrip("/")


def _absolute(path: str) -> str:
    return f"{_site_address()}{path}" if path else ""


def unsubscribe_token(user_id: int, group: str) -> str:
    """Lets the holder of a mail switch off that group's mail with one click, without signing in (RFC 8058)."""
    return signing.dumps({"user": user_id, "group": str(group)}, salt=UNSUBSCRIBE_SALT)


def _unsubscribe_address(notification: Notification) -> str:
    if notification.group in ALWAYS_MAILED:
        return ""
    try:
        path = reverse(
            "notifications:unsubscribe", args=[unsubscribe_token(notification.recipient_id, notification.group)]
        )
    except NoReverseMatch:
        return ""
    return _absolute(path)


def _message_id(delivery: Delivery) -> str:
    """The same for every attempt, so that a mail server which got it twice can tell; no number to count by."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    # Short enough that the header stays on one line: a folded one is not found again in every server's log.
    name = base64.b32encode(opaque(delivery).bytes).decode().rstrip("=").lower()
    return delivery.message_id or f"<{name}@{domain}>"


def _mail(delivery: Delivery) -> EmailMessage:
    notification = delivery.notification
    unsubscribe = _unsubscribe_address(notification)
    lines = [str(notification.recipient) + _("，您好："), "", notification.body]
    if notification.url:
        lines += ["", _("查看：%s") % _absolute(notification.url)]
    lines += ["", "—", str(settings.SITE_IDENTITY["name"]), _("本邮件由系统发出，请勿直接回复。")]
    if settings.SITE_IDENTITY["contact"]:
        lines.append(_("联系方式：%s") % settings.SITE_IDENTITY["contact"])
    headers = {"Message-ID": delivery.message_id}
    if unsubscribe:
        lines.append(_("不再接收这类邮件：%s") % unsubscribe)
        headers |= {
            "List-Unsubscribe": f"<{unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    subject = " ".join(notification.title.split())
    return EmailMessage(subject=subject, body="\n".join(lines), to=[delivery.address], headers=headers)


def delivery_send(*, delivery_id: int) -> Delivery | None:
    """Send one promised mail: at most once after it was handed to the mail server (reliability.md D.2.3).

    SENDING is committed before the server is spoken to, the result after it; so this must not run in a transaction
    (RuntimeError). What failed before the text began raises TryLater and is tried again by the outbox. A mail found in
    SENDING was left there by a process that died or lost its lease: it becomes UNCERTAIN for the operator, and is not
    sent again. Sent, or refused for good, it is left alone; who unsubscribed meanwhile gets none.
    """
    delivery = _begin_sending(delivery_id)
    if delivery is None or delivery.state != MailState.SENDING:
        return delivery
    try:
        hand_over(_mail(delivery))
    except Refused as refusal:
        return _finish_sending(delivery, MailState.FAILED, str(refusal))
    except Uncertain as doubt:
        return _finish_sending(delivery, MailState.UNCERTAIN, str(doubt))
    except NotTaken as problem:
        if now() - delivery.created_at >= GIVE_UP_AFTER:
            return _finish_sending(delivery, MailState.FAILED, str(problem))
        _finish_sending(delivery, MailState.PENDING, str(problem))
        raise outbox.TryLater(
            _("邮件服务器暂时不可用：%s") % problem, seconds=_pause_seconds(delivery.attempts)
        ) from problem
    except Exception as error:
        # The mail could not even be written down; nothing was handed over.
        _finish_sending(delivery, MailState.PENDING, str(error))
        raise
    return _finish_sending(delivery, MailState.SENT, "")


def _pause_seconds(attempts: int) -> float:
    """15 s, doubled with each attempt, to 15 minutes at most."""
    return min(900.0, 15.0 * 2 ** min(attempts - 1, 10))


@transaction.atomic(durable=True)
def _begin_sending(delivery_id: int) -> Delivery | None:
    """Commit that this mail is being handed over from now on; returns it in the state it is left in."""
    delivery = (
        Delivery.objects.select_for_update(of=("self",))
        .select_related("notification__recipient")
        .filter(pk=delivery_id, channel=Channel.MAIL)
        .first()
    )
    if delivery is None or delivery.state not in (MailState.PENDING, MailState.SENDING):
        return delivery
    notification = delivery.notification
    message = MESSAGES.get(notification.topic)
    if delivery.state == MailState.SENDING:
        delivery.state = MailState.UNCERTAIN
        delivery.error = _("发送进程在交付邮件服务器期间中断，无法确定邮件是否已被接收。")
    elif (
        message is None
        or not notification.recipient.is_active
        or not _wanting_mail(message, [notification.recipient_id])
    ):
        delivery.state = MailState.SKIPPED
    else:
        delivery.state, delivery.sending_since = MailState.SENDING, now()
        delivery.attempts = min(delivery.attempts + 1, _COUNTED_ATTEMPTS)
        delivery.message_id = _message_id(delivery)
    delivery.save(update_fields=["state", "attempts", "error", "sending_since", "message_id"])
    return delivery


@transaction.atomic(durable=True)
def _finish_sending(delivery: Delivery, state: MailState, error: str) -> Delivery:
    """Record what became of the attempt begun at `sending_since`; a later attempt's row is left alone."""
    row = Delivery.objects.select_for_update().get(pk=delivery.pk)
    mine = row.sending_since == delivery.sending_since
    # UNCERTAIN: somebody took us for dead meanwhile, and we know better.
    if mine and row.state in (MailState.SENDING, MailState.UNCERTAIN):
        row.state, row.error = state, error[:500]
        row.sent_at = now() if state == MailState.SENT else None
        row.save(update_fields=["state", "error", "sent_at"])
    return row


# --- mails an operator decides about -----------------------------------------------------------------------------


def _troubled(delivery_id: int) -> Delivery:
    """The mail under lock if it is uncertain or failed; ObjectNotFound or IllegalTransition otherwise."""
    row = Delivery.objects.select_for_update().filter(pk=delivery_id, channel=Channel.MAIL).first()
    if row is None:
        raise ObjectNotFound()
    if row.state not in TROUBLED:
        raise IllegalTransition(_("这封邮件已不是“不确定”或“发送失败”状态，无需处理。"))
    return row


@transaction.atomic
def mail_resend(*, acting_user: User, delivery_id: int) -> Delivery:
    """Send an uncertain or failed mail once more, by a person's decision, under the same Message-ID.

    NotPermitted for everybody but the operator; IllegalTransition for a mail in another state.
    """
    if not may_operate(acting_user):
        raise NotPermitted()
    row = _troubled(delivery_id)
    audit.record(acting_user, "notifications.mail.resend", row, detail={"message_id": row.message_id, "was": row.state})
    row.state, row.error = MailState.PENDING, ""
    row.save(update_fields=["state", "error"])
    outbox.publish(MailRequested(row.pk))
    return row


@transaction.atomic
def mail_settle(*, acting_user: User, delivery_id: int) -> Delivery:
    """Record that an uncertain mail was found at the mail server: it is sent. Refusals as `mail_resend`."""
    if not may_operate(acting_user):
        raise NotPermitted()
    row = _troubled(delivery_id)
    if row.state != MailState.UNCERTAIN:
        raise IllegalTransition(_("只有“不确定”的邮件可以确认为已送出。"))
    audit.record(acting_user, "notifications.mail.settle", row, detail={"message_id": row.message_id})
    row.state, row.sent_at, row.error = MailState.SENT, row.sending_since or now(), ""
    row.save(update_fields=["state", "sent_at", "error"])
    return row


# --- reading and choosing ----------------------------------------------------------------------------------------


@transaction.atomic
def mark_read(*, acting_user: User, notification_ids: Sequence[int] | None = None) -> int:
    """Mark one's own notices as read (all of them without ids); returns how many changed."""
    rows = Notification.objects.filter(recipient=acting_user, read_at__isnull=True)
    if notification_ids is not None:
        rows = rows.filter(pk__in=notification_ids)
    return rows.update(read_at=now())


@transaction.atomic
def preference_set(*, acting_user: User, group: str, mail: bool) -> Preference:
    """Switch mail for a group of notices on or off. Notices on the site always come."""
    if group not in Group.values:
        raise InvalidInput({"group": [_("没有这类通知。")]})
    if group in ALWAYS_MAILED and not mail:
        raise InvalidInput({"group": [_("涉及账号和机构的通知不能关闭邮件。")]})
    preference, _created = Preference.objects.update_or_create(
        user=acting_user, group=group, defaults={"mail": mail, "changed_at": now()}
    )
    return preference


def unsubscribe(*, token: str) -> Preference:
    """Switch off the mail of the group a token names; doing it twice is harmless. InvalidInput for a forged token."""
    try:
        content = signing.loads(token, salt=UNSUBSCRIBE_SALT)
        user = User.objects.get(pk=content["user"])
    except (signing.BadSignature, User.DoesNotExist, KeyError, TypeError) as error:
        raise InvalidInput(
            {"token": [_("退订链接无效或不完整，请从邮件中重新打开，或登录后在通知设置中关闭。")]}
        ) from error
    return preference_set(acting_user=user, group=content["group"], mail=False)
