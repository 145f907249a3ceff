"""Vocabularies of matching."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Direction(models.TextChoices):
    """Who asks: a demand for capabilities, or a capability for demands (靶向推荐)."""

    FOR_SCENARIO = "for_scenario", _("为需求找能力")
    FOR_CAPABILITY = "for_capability", _("为能力找需求")


class Level(models.TextChoices):
    """Follows the candidate's own cosine, so it means the same in every list (matching.md §2)."""

    STRONG = "strong", _("强")
    MEDIUM = "medium", _("中")
    WEAK = "weak", _("弱")


class MatchingStage(models.TextChoices):
    DEMANDS = "demands", _("为需求匹配能力")
    VENDORS = "vendors", _("为能力匹配需求")
    DONE = "done", _("已完成")


class Trigger(models.TextChoices):
    LIST = "list", _("清单发布")
    CAPABILITY = "capability", _("能力上架")
    PERSON = "person", _("人工发起")


class EngagementState(models.TextChoices):
    """What follows between a listed demand and one vendor (domain.md §3.3, after LISTED)."""

    INTERESTED = "interested", _("已表达意向")
    MATCHING = "matching", _("对接中")
    TRIAL = "trial", _("试用验证中")
    INTENT = "intent", _("已达成意向")
    CONTRACTED = "contracted", _("已签约")
    DELIVERED = "delivered", _("已落地")
    CLOSED = "closed", _("未达成")


class ProcurementMethod(models.TextChoices):
    """Routes of 政府采购法 26; a fiscal contract names one and its notice or contract number (V19)."""

    OPEN_TENDER = "open_tender", _("公开招标")
    INVITED_TENDER = "invited_tender", _("邀请招标")
    NEGOTIATION = "negotiation", _("竞争性谈判")
    CONSULTATION = "consultation", _("竞争性磋商")
    INQUIRY = "inquiry", _("询价")
    SINGLE_SOURCE = "single_source", _("单一来源")
    INNOVATIVE = "innovative", _("创新采购（首购、订购）")
    FRAMEWORK = "framework", _("框架协议")
