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
