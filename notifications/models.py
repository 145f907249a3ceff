"""Notices to people, how they were delivered, and who wants which by mail."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from core.clock import now
from core.transitions import state_check
from notifications.enums import Channel, Group, MailState


class Notification(models.Model):
    """One notice to one person. The key makes it exactly once: what is told again with the same key is not stored."""

    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    organisation = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("涉及机构")
    )
    topic = models.CharField(max_length=60)
    group = models.CharField(_("类别"), max_length=20, choices=Group.choices)
    title = models.CharField(_("标题"), max_length=200)
    body = models.TextField(_("内容"), blank=True)
    url_name = models.CharField(max_length=60, blank=True)
    url_arguments = models.JSONField(default=list, blank=True)
    key = models.CharField(max_length=120)
    created_at = models.DateTimeField(_("时间"), default=now, editable=False)
    read_at = models.DateTimeField(_("阅读时间"), null=True, blank=True)

    class Meta:
        verbose_name = _("站内信")
        verbose_name_plural = _("站内信")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["recipient", "key"], name="one_notification_per_key"),
            models.CheckConstraint(condition=Q(group__in=Group.values), name="notification_group"),
        ]
        indexes = [
            models.Index(fields=["recipient", "-id"], name="notification_by_recipient"),
            models.Index(fields=["recipient"], name="notification_unread", condition=Q(read_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def url(self) -> str:
        """Where the notice leads, or "" when this release has no such page."""
        if not self.url_name:
            return ""
        try:
            return reverse(self.url_name, args=self.url_arguments)
        except NoReverseMatch:
            return ""


class Delivery(models.Model):
    """One notice on one channel. The site's delivery is the notice itself; mail is sent through the outbox.

    A mail is SENDING, committed, while the mail server is spoken to. Who finds it so later cannot know whether the
    server took it: it becomes UNCERTAIN and only a person sends it again (reliability.md D.2.3).
    """

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(_("渠道"), max_length=10, choices=Channel.choices)
    state = models.CharField(_("状态"), max_length=10, choices=MailState.choices, default=MailState.PENDING)
    address = models.EmailField(_("地址"), blank=True)
    attempts = models.PositiveSmallIntegerField(_("尝试次数"), default=0)
    error = models.CharField(_("错误"), max_length=500, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    sent_at = models.DateTimeField(_("送达时间"), null=True, blank=True)
    sending_since = models.DateTimeField(_("开始发送时间"), null=True, blank=True)
    message_id = models.CharField("Message-ID", max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("送达记录")
        verbose_name_plural = _("送达记录")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["notification", "channel"], name="one_delivery_per_channel"),
            state_check(MailState, "delivery_known_state"),
        ]
        indexes = [
            # What an operator looks at: few among many.
            models.Index(
                fields=["-id"],
                name="delivery_troubled",
                condition=Q(state__in=(MailState.UNCERTAIN, MailState.FAILED)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notification_id} {self.get_channel_display()} {self.get_state_display()}"


class Preference(models.Model):
    """A person's choice against the default: mail for one group of notices, on or off."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notification_preferences"
    )
    group = models.CharField(_("类别"), max_length=20, choices=Group.choices)
    mail = models.BooleanField(_("邮件提醒"))
    changed_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = _("通知设置")
        verbose_name_plural = _("通知设置")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["user", "group"], name="one_preference_per_group")]

    def __str__(self) -> str:
        return f"{self.user} {self.get_group_display()}"
