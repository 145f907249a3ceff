"""Vocabularies of the supply side."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class CapabilityState(models.TextChoices):
    DRAFT = "draft", _("草稿")
    SUBMITTED = "submitted", _("待核验")
    RETURNED = "returned", _("退回补充")
    VERIFIED = "verified", _("已核验")
    LISTED = "listed", _("已上架")
    EXPIRED = "expired", _("已到期")
    SUSPENDED = "suspended", _("已暂停")
    WITHDRAWN = "withdrawn", _("已下架")


class CredentialKind(models.TextChoices):
    QUALIFICATION = "qualification", _("资质")
    CERTIFICATION = "certification", _("认证")
    LICENCE = "licence", _("许可")
    AWARD = "award", _("荣誉")
    PATENT = "patent", _("知识产权")


class ConfirmationState(models.TextChoices):
    """What became of a question to a customer whether a case was delivered as told (machine of vendors.states)."""

    ASKED = "asked", _("待客户确认")
    CONFIRMED = "confirmed", _("客户已确认")
    REFUSED = "refused", _("客户未认可")
    LAPSED = "lapsed", _("逾期未确认")
    WITHDRAWN = "withdrawn", _("已撤销")


class CaseState(models.TextChoices):
    """How a delivered case stands. Only `confirmed` counts as a track record; the others weigh nothing."""

    UNCONFIRMED = "unconfirmed", _("未经客户确认")
    ASKED = "asked", _("待客户确认")
    CONFIRMED = "confirmed", _("客户已确认")
    REFUSED = "refused", _("客户未认可")
    LAPSED = "lapsed", _("逾期未确认")
