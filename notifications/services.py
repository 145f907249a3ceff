"""Writes: tell people, mark as read, choose, send."""

import smtplib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from accounts.models import Organisation, User
from core import outbox
from core.clock import now
from core.errors import InvalidInput, ServiceUnavailable
from notifications.catalogue import ALWAYS_MAILED, MESSAGES, Message
from notifications.enums import Channel, Group, MailState
from notifications.events import MailRequested
from notifications.models import Delivery, Notification, Preference

UNSUBSCRIBE_SALT = "notifications.unsubscribe"
_TITLE_LENGTH = 200
_KEY_LENGTH = 120


# --- telling -----------------------------------------------------------------------------------------------------


@transaction.atomic
def notify(
    topic: str,
    *,
    recipients: Iterable[User],
    key: str,
    values: Mapping[str, Any],
    url_arguments: Sequence[Any] = (),
    organisation: Organisation | None = None,
) -> list[Notification]:
    """Tell each of `recipients` once: who was told under the same `key` before is left out.

    Mail is only promised here, in the same transaction; the outbox sends it. Returns the notices made.
    """
    message = MESSAGES[topic]
    people = {person.pk: person for person in recipients if person.is_active}
    key = f"{topic}:{key}"
    if len(key) > _KEY_LENGTH:
        raise ValueError(f"key too long: {key}")
    told = set(Notification.objects.filter(recipient_id__in=people, key=key).values_list("recipient_id", flat=True))
    title, body = str(message.title) % values, str(message.body) % values
    rows = Notification.objects.bulk_create(
        [
            Notification(
                recipient=person,
                organisation=organisation,
                topic=topic,
                group=message.group,
                title=title if len(title) <= _TITLE_LENGTH else f"{title[: _TITLE_LENGTH - 1]}…",
                body=body.strip(),
                url_name=message.url_name,
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


def _mail(delivery: Delivery) -> EmailMessage:
    notification = delivery.notification
    unsubscribe = _unsubscribe_address(notification)
    lines = [str(notification.recipient) + _("，您好："), "", notification.body]
    if notification.url:
        lines += ["", _("查看：%s") % _absolute(notification.url)]
    lines += ["", "—", str(settings.SITE_IDENTITY["name"]), _("本邮件由系统发出，请勿直接回复。")]
    headers = {
        # The same for every attempt, so that a mail server which got it twice can tell.
        "Message-ID": f"<notification-{delivery.pk}@{settings.DEFAULT_FROM_EMAIL.rpartition('@')[2]}>",
    }
    if unsubscribe:
        lines.append(_("不再接收这类邮件：%s") % unsubscribe)
        headers |= {
            "List-Unsubscribe": f"<{unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    subject = " ".join(notification.title.split())
    return EmailMessage(subject=subject, body="\n".join(lines), to=[delivery.address], headers=headers)


@transaction.atomic
def delivery_send(*, delivery_id: int) -> Delivery | None:
    """Send one promised mail. A server that is down raises ServiceUnavailable, so the outbox tries again.

    Sent or refused for good, it is not tried again; who unsubscribed meanwhile gets none.
    """
    delivery = (
        Delivery.objects.select_for_update(of=("self",))
        .select_related("notification__recipient")
        .filter(pk=delivery_id, channel=Channel.MAIL)
        .first()
    )
    if delivery is None or delivery.state != MailState.PENDING:
        return delivery
    notification = delivery.notification
    message = MESSAGES.get(notification.topic)
    delivery.attempts += 1
    if (
        message is None
        or not notification.recipient.is_active
        or not _wanting_mail(message, [notification.recipient_id])
    ):
        delivery.state = MailState.SKIPPED
    else:
        try:
            _mail(delivery).send()
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            delivery.state, delivery.error = MailState.FAILED, str(error)[:500]
        except (OSError, smtplib.SMTPException) as error:
            raise ServiceUnavailable(_("邮件服务器暂时不可用：%s") % error) from error
        else:
            delivery.state, delivery.sent_at = MailState.SENT, now()
    delivery.save(update_fields=["state", "attempts", "error", "sent_at"])
    return delivery


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
