"""Vendors, what they can do, and the evidence for it."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from core.clock import now
from core.deciding import DecidingModel, DecidingQuerySet
from core.enums import AmountUnit
from core.models import Attachment, Category, ImportBatch, Industry, Region, TechnologyTag
from core.transitions import state_check
from vendors.enums import CapabilityState, CaseState, ConfirmationState, CredentialKind

#: States in which a capability is open to everybody.
PUBLIC_STATES = (CapabilityState.LISTED,)


class VendorProfile(models.Model):
    """The supply-side face of an organisation."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    organisation = models.OneToOneField(Organisation, on_delete=models.CASCADE, related_name="vendor_profile")
    summary = models.TextField(_("简介"), blank=True)
    main_business = models.CharField(_("主营业务"), max_length=300, blank=True)
    website = models.URLField(_("网站"), blank=True)
    staff_count = models.PositiveIntegerField(_("员工人数"), null=True, blank=True)
    founded_on = models.DateField(_("成立日期"), null=True, blank=True)
    contact_office = models.CharField(_("业务联系部门"), max_length=100, blank=True)
    contact_phone = models.CharField(_("业务联系电话"), max_length=40, blank=True)
    contact_email = models.EmailField(_("业务联系邮箱"), blank=True)
    accepts_recommendations = models.BooleanField(_("接收需求推荐"), default=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = _("供给方")
        verbose_name_plural = _("供给方")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.organisation.name


class Capability(DecidingModel):
    """What a vendor can do (场景能力; domain.md §3.2)."""

    undecided_states = frozenset({"draft"})
    not_deciding = {"document_version": "counts changes for search", "updated_at": "when somebody last saved"}

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.CharField(_("编号"), max_length=20, null=True, blank=True, unique=True)
    vendor = models.ForeignKey(
        VendorProfile, on_delete=models.PROTECT, related_name="capabilities", verbose_name=_("供给方")
    )
    vendor_text = models.CharField(_("单位（原文）"), max_length=200, blank=True)
    state = models.CharField(_("状态"), max_length=12, choices=CapabilityState.choices, default=CapabilityState.DRAFT)
    title = models.CharField(_("能力名称"), max_length=200)
    summary = models.CharField(_("一句话说明"), max_length=300, blank=True)
    description = models.TextField(_("能力说明"), blank=True)
    scenarios_of_use = models.TextField(_("可应用的场景"), blank=True)
    technical_features = models.TextField(_("主要技术"), blank=True)
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("应用领域")
    )
    industry = models.ForeignKey(
        Industry, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("面向行业")
    )
    tags = models.ManyToManyField(TechnologyTag, blank=True, related_name="+", verbose_name=_("技术标签"))
    serves_whole_province = models.BooleanField(_("服务全省"), default=False)
    service_regions = models.ManyToManyField(Region, blank=True, related_name="+", verbose_name=_("服务地区"))
    price_min_fen = models.BigIntegerField(null=True, blank=True)
    price_max_fen = models.BigIntegerField(null=True, blank=True)
    price_unit = models.CharField(max_length=5, choices=AmountUnit.choices, default=AmountUnit.WAN)
    price_text = models.CharField(_("价格区间"), max_length=200, blank=True)
    source_url = models.CharField(_("原文地址"), max_length=500, blank=True)
    external_number = models.CharField(_("原编号"), max_length=60, blank=True)
    raw = models.JSONField(_("导入原文"), default=dict, blank=True)
    import_batch = models.ForeignKey(ImportBatch, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    content_version = models.PositiveIntegerField(default=1)
    document_version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    submitted_at = models.DateTimeField(null=True, blank=True)
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    verified_at = models.DateTimeField(null=True, blank=True)
    verification_comment = models.TextField(_("核验意见"), blank=True)
    defects = models.JSONField(_("需补充的内容"), default=list, blank=True)
    listed_at = models.DateTimeField(null=True, blank=True)
    expires_on = models.DateField(_("有效期至"), null=True, blank=True)

    class Meta:
        verbose_name = _("场景能力")
        verbose_name_plural = _("场景能力")
        ordering = ["-pk"]
        constraints = [
            state_check(CapabilityState, "capability_state"),
            models.CheckConstraint(
                condition=Q(price_min_fen__isnull=True)
                | Q(price_max_fen__isnull=True)
                | Q(price_min_fen__lte=models.F("price_max_fen")),
                name="capability_price_order",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-listed_at", "-id"], name="capability_by_state"),
            models.Index(fields=["vendor", "state", "-id"], name="capability_by_vendor"),
            models.Index(fields=["expires_on"], name="capability_by_expiry", condition=Q(state="listed")),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_public(self) -> bool:
        return self.state in PUBLIC_STATES

    @property
    def key(self) -> str:
        return self.code or str(self.public_id)


class CapabilityMember(DecidingModel):
    """A partner in a capability offered jointly (联合体)."""

    capability = models.ForeignKey(Capability, on_delete=models.CASCADE, related_name="members")
    organisation = models.ForeignKey(Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("成员单位"), max_length=120)
    contribution = models.CharField(_("承担内容"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("联合体成员")
        verbose_name_plural = _("联合体成员")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name


class CredentialQuerySet(DecidingQuerySet):
    def in_force(self, day) -> "CredentialQuerySet":
        """Credentials that have begun and not ended on `day`."""
        return self.filter(Q(valid_from__isnull=True) | Q(valid_from__lte=day)).filter(
            Q(valid_until__isnull=True) | Q(valid_until__gte=day)
        )


class Credential(DecidingModel):
    """A qualification, certificate or licence, with its validity."""

    vendor = models.ForeignKey(VendorProfile, on_delete=models.CASCADE, related_name="credentials")
    kind = models.CharField(
        _("种类"), max_length=15, choices=CredentialKind.choices, default=CredentialKind.QUALIFICATION
    )
    name = models.CharField(_("名称"), max_length=120)
    number = models.CharField(_("证书编号"), max_length=80, blank=True)
    issuer = models.CharField(_("发证单位"), max_length=120, blank=True)
    valid_from = models.DateField(_("有效期起"), null=True, blank=True)
    valid_until = models.DateField(_("有效期止"), null=True, blank=True)
    attachment = models.ForeignKey(Attachment, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    objects: ClassVar[Any] = CredentialQuerySet.as_manager()

    class Meta:
        verbose_name = _("资质证书")
        verbose_name_plural = _("资质证书")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name


class DeliveredCase(DecidingModel):
    """A delivered project a capability points to. It counts as a track record once its customer confirmed it."""

    capability = models.ForeignKey(Capability, on_delete=models.CASCADE, related_name="cases")
    title = models.CharField(_("案例名称"), max_length=200)
    customer = models.CharField(_("客户"), max_length=120)
    region = models.ForeignKey(Region, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    delivered_on = models.DateField(_("交付日期"), null=True, blank=True)
    amount_fen = models.BigIntegerField(_("金额（分）"), null=True, blank=True)
    description = models.TextField(_("说明"), blank=True)
    satisfaction = models.PositiveSmallIntegerField(_("客户评价"), null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = _("交付案例")
        verbose_name_plural = _("交付案例")
        ordering = ["-delivered_on", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(satisfaction__isnull=True) | Q(satisfaction__gte=1, satisfaction__lte=5),
                name="delivered_case_satisfaction",
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def last_confirmation(self) -> "CaseConfirmation | None":
        """The latest question to its customer, whatever became of it; read from `confirmations` where prefetched."""
        return next(iter(self.confirmations.all()), None)

    @property
    def confirmation(self) -> str:
        """How the case stands (`CaseState`): what its customer said of it as it is now."""
        if self.confirmed_at is not None:
            return CaseState.CONFIRMED
        last = self.last_confirmation
        return last.state if last is not None and last.state in UNANSWERED else CaseState.UNCONFIRMED

    @property
    def confirmation_label(self) -> str:
        return str(CaseState(self.confirmation).label)


#: What a case that is not confirmed shows of its latest question.
UNANSWERED = (ConfirmationState.ASKED, ConfirmationState.REFUSED, ConfirmationState.LAPSED)


class CaseConfirmation(DecidingModel):
    """One question to a customer whether a case was delivered as told, and the answer.

    It goes to the people of an organisation that is registered here, or by mail to an address: then whoever holds the
    signed link answers, once. Never to the vendor's own side.
    """

    not_deciding = {"mail_state": "what became of the mail", "mail_error": "what the mail server said"}

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    case = models.ForeignKey(DeliveredCase, on_delete=models.CASCADE, related_name="confirmations")
    state = models.CharField(
        _("状态"), max_length=12, choices=ConfirmationState.choices, default=ConfirmationState.ASKED
    )
    customer = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("客户单位")
    )
    address = models.EmailField(_("客户电子邮箱"), blank=True)
    #: Part of the signed link: another question about the same case makes another link.
    nonce = models.CharField(max_length=40, blank=True)
    #: Digest of the case as it was asked about (`vendors.confirmations.case_digest`).
    case_digest = models.CharField(max_length=64)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(default=now, editable=False)
    lapses_at = models.DateTimeField(_("答复期限"))
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    answered_name = models.CharField(_("答复人"), max_length=60, blank=True)
    satisfaction = models.PositiveSmallIntegerField(_("客户评价"), null=True, blank=True)
    reason = models.TextField(_("不认可的理由"), blank=True)
    mail_state = models.CharField(max_length=10, blank=True)
    mail_error = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = _("案例确认")
        verbose_name_plural = _("案例确认")
        ordering = ["-pk"]
        constraints = [
            state_check(ConfirmationState, "case_confirmation_state"),
            models.UniqueConstraint(fields=["case"], condition=Q(state="asked"), name="one_open_question_per_case"),
            models.CheckConstraint(
                condition=Q(customer__isnull=False, address="") | (Q(customer__isnull=True) & ~Q(address="")),
                name="case_confirmation_goes_somewhere",
            ),
            models.CheckConstraint(
                condition=Q(satisfaction__isnull=True) | Q(satisfaction__gte=1, satisfaction__lte=5),
                name="case_confirmation_satisfaction",
            ),
        ]
        indexes = [
            models.Index(fields=["lapses_at"], name="case_confirmation_due", condition=Q(state="asked")),
            models.Index(fields=["customer"], name="case_confirmation_waiting", condition=Q(state="asked")),
        ]

    def __str__(self) -> str:
        return f"{self.case}：{self.get_state_display()}"
