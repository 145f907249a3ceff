"""Vocabularies of search."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class BuildState(models.TextChoices):
    BUILDING = "building", _("建立中")
    LIVE = "live", _("使用中")
    RETIRED = "retired", _("已替换")
    FAILED = "failed", _("未完成")
    DROPPED = "dropped", _("已清除")


class SearchKind(models.TextChoices):
    SCENARIO = "scenario", _("需求")
    CAPABILITY = "capability", _("能力")
    CHALLENGE = "challenge", _("揭榜任务")
    QUARTERLY_LIST = "quarterly_list", _("清单")
