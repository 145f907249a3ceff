"""Vocabularies shared by all apps."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class RegionLevel(models.TextChoices):
    PROVINCE = "province", _("省")
    CITY = "city", _("市")
    DISTRICT = "district", _("县（市、区）")


class DeliveryState(models.TextChoices):
    PENDING = "pending", _("待处理")
    DONE = "done", _("已完成")
    PARKED = "parked", _("已搁置")


class AmountUnit(models.TextChoices):
    """How an amount was written by its source; it is shown the same way (architecture.md §10.3)."""

    YUAN = "yuan", _("元")
    WAN = "wan", _("万元")


class ImportState(models.TextChoices):
    CHECKED = "checked", _("已试运行")
    DONE = "done", _("已导入")
    REJECTED = "rejected", _("未导入")


class PublicityClass(models.TextChoices):
    """政府信息公开条例 arts. 14–15, 37: what of a record may be shown to whom (domain.md §5.5)."""

    PUBLIC = "public", _("公开")
    PRIVATE = "private", _("不公开")


class ScanState(models.TextChoices):
    PENDING = "pending", _("待检查")
    CLEAN = "clean", _("检查通过")
    REFUSED = "refused", _("已隔离")
