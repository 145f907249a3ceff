"""Vocabularies of notices."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.TextChoices):
    SITE = "site", _("站内信")
    MAIL = "mail", _("邮件")


class MailState(models.TextChoices):
    PENDING = "pending", _("待发送")
    SENDING = "sending", _("正在交给邮件服务器")
    UNCERTAIN = "uncertain", _("不确定是否送出")
    SENT = "sent", _("已发送")
    SKIPPED = "skipped", _("未发送（已退订或无邮箱）")
    FAILED = "failed", _("发送失败")


class Group(models.TextChoices):
    """What a person switches mail on and off by."""

    TODO = "todo", _("待办提醒")
    RESULT = "result", _("审核与核验结果")
    LIST = "list", _("清单发布与勘误")
    RECOMMENDATION = "recommendation", _("需求推荐")
    ACCOUNT = "account", _("账号与机构")
    OPERATION = "operation", _("运行告警")
