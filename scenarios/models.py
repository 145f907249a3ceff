"""Scenario demands, their versions and reviews, and the quarterly lists that publish them."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from core.clock import now
from core.deciding import DecidingModel
from core.enums import AmountUnit
from core.models import Attachment, Category, ImportBatch, Industry, Region, TechnologyTag
from core.quarters import Quarter
from core.transitions import state_check
from scenarios.enums import (
    DataClass,
    ErratumDraftState,
    FundingNature,
    QuarterlyListState,
    ReviewConclusion,
    ReviewStage,
    ScenarioLevel,
    ScenarioSource,
    ScenarioState,
    ScenarioType,
)

#: States in which a demand is on a published list and everybody may read it.
PUBLIC_STATES = (
    ScenarioState.LISTED,
    ScenarioState.SUSPENDED,
    ScenarioState.EXPIRED,
    ScenarioState.CLOSED_UNMATCHED,
    ScenarioState.LANDED,
    ScenarioState.CONVERTED,
)


class Scenario(DecidingModel):
    """A digital-scenario demand (数字化应用场景需求; domain.md §3.2)."""

    undecided_states = frozenset({"draft"})
    not_deciding = {
        "document_version": "counts changes for search",
        "updated_at": "when somebody last saved",
        "saved_sections": "what the owner's task list shows",
    }

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.CharField(_("编号"), max_length=20, null=True, blank=True, unique=True)
    state = models.CharField(_("状态"), max_length=20, choices=ScenarioState.choices, default=ScenarioState.DRAFT)

    title = models.CharField(_("需求名称"), max_length=200)
    pain_point = models.TextField(_("要解决的问题"), blank=True)
    description = models.TextField(_("需求内容"), blank=True)
    target_indicators = models.TextField(_("预期目标与指标"), blank=True)
    available_resources = models.TextField(_("可提供的条件"), blank=True)
    data_needs = models.TextField(_("数据需求"), blank=True)
    data_class = models.CharField(_("数据类别"), max_length=12, choices=DataClass.choices, default=DataClass.NONE)
    acceptance_method = models.TextField(_("验收方式"), blank=True)
    intellectual_property = models.TextField(_("知识产权归属"), blank=True)
    eligibility_conditions = models.TextField(_("对供给方的条件"), blank=True)
    restricts_by = models.JSONField(_("限制性条件"), default=list, blank=True)
    required_credentials = models.JSONField(_("要求的资质"), default=list, blank=True)

    owner = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="scenarios", verbose_name=_("需求单位")
    )
    owner_text = models.CharField(_("单位（原文）"), max_length=200, blank=True)
    lead_department = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("牵头部门")
    )
    co_owners = models.ManyToManyField(Organisation, blank=True, related_name="joint_scenarios")
    is_cross_region = models.BooleanField(_("跨区域"), default=False)
    level = models.CharField(_("层级"), max_length=10, choices=ScenarioLevel.choices, default=ScenarioLevel.CITY)
    region = models.ForeignKey(
        Region, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("落地地区")
    )
    region_text = models.CharField(_("地区（原文）"), max_length=200, blank=True)
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("应用领域")
    )
    industry = models.ForeignKey(
        Industry, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("所属行业")
    )
    tags = models.ManyToManyField(TechnologyTag, blank=True, related_name="+", verbose_name=_("技术标签"))
    scenario_type = models.CharField(
        _("场景类型"), max_length=12, choices=ScenarioType.choices, default=ScenarioType.VALIDATION
    )
    funding_nature = models.CharField(
        _("资金性质"), max_length=10, choices=FundingNature.choices, default=FundingNature.OPEN
    )
    budget_min_fen = models.BigIntegerField(_("预算下限（分）"), null=True, blank=True)
    budget_max_fen = models.BigIntegerField(_("预算上限（分）"), null=True, blank=True)
    budget_unit = models.CharField(max_length=5, choices=AmountUnit.choices, default=AmountUnit.WAN)
    budget_text = models.CharField(_("预算"), max_length=200, blank=True)
    needed_by = models.DateField(_("期望完成日期"), null=True, blank=True)
    timeframe_text = models.CharField(_("时间要求"), max_length=200, blank=True)
    deadline_at = models.DateTimeField(_("响应截止时间"), null=True, blank=True)

    public_contact_office = models.CharField(_("公开联系处室"), max_length=100, blank=True)
    public_contact_phone = models.CharField(_("公开办公电话"), max_length=40, blank=True)
    public_contact_email = models.EmailField(_("公开电子邮箱"), blank=True)
    private_contact_name = models.CharField(_("联系人（不公开）"), max_length=40, blank=True)
    private_contact_phone = models.CharField(_("联系电话（不公开）"), max_length=40, blank=True)

    no_state_secret = models.BooleanField(_("不涉及国家秘密"), default=False)
    no_state_secret_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    secrecy_reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    secrecy_reviewed_at = models.DateTimeField(null=True, blank=True)

    source = models.CharField(_("来源"), max_length=10, choices=ScenarioSource.choices, default=ScenarioSource.FORM)
    external_number = models.CharField(_("原编号"), max_length=60, blank=True)
    source_url = models.CharField(_("原文地址"), max_length=500, blank=True)
    published_on = models.DateField(_("原发布日期"), null=True, blank=True)
    previous = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="repeats", verbose_name=_("前次发布")
    )
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="lots", verbose_name=_("所属项目")
    )
    lot_number = models.CharField(_("标段"), max_length=40, blank=True)
    raw = models.JSONField(_("导入原文"), default=dict, blank=True)
    import_batch = models.ForeignKey(ImportBatch, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    #: Sections of the task list that a person saved with the button: done even where everything may stay empty.
    saved_sections = models.JSONField(null=True, blank=True, editable=False)
    content_version = models.PositiveIntegerField(default=1)
    document_version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    submitted_at = models.DateTimeField(null=True, blank=True)
    review_due_on = models.DateField(_("办理期限"), null=True, blank=True)
    listed_at = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateField(_("有效期至"), null=True, blank=True)
    closing_reason = models.CharField(_("结束原因"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("场景需求")
        verbose_name_plural = _("场景需求")
        ordering = ["-pk"]
        constraints = [
            state_check(ScenarioState, "scenario_known_state"),
            models.CheckConstraint(
                condition=Q(budget_min_fen__isnull=True)
                | Q(budget_max_fen__isnull=True)
                | Q(budget_min_fen__lte=models.F("budget_max_fen")),
                name="scenario_budget_order",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-listed_at", "-id"], name="scenario_by_state"),
            models.Index(fields=["owner", "state", "-id"], name="scenario_by_owner"),
            models.Index(fields=["region", "state"], name="scenario_by_region"),
            models.Index(fields=["title"], name="scenario_by_title"),
            # The public catalogue in its two orders, whatever the states of its rows.
            models.Index(
                fields=["-listed_at", "-id"], name="scenario_newest_public", condition=Q(state__in=PUBLIC_STATES)
            ),
            models.Index(
                fields=["deadline_at", "-listed_at", "-id"],
                name="scenario_closing_public",
                condition=Q(state__in=PUBLIC_STATES, deadline_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.title}" if self.code else self.title

    @property
    def is_public(self) -> bool:
        return self.state in PUBLIC_STATES

    @property
    def key(self) -> str:
        """What URLs and the API call it: its code once it has one, else the UUID (architecture.md §10.4)."""
        return self.code or str(self.public_id)


class ScenarioVersion(DecidingModel):
    """The content of a demand as it stood: what was reviewed, frozen into a list, matched."""

    scenario = models.ForeignKey(Scenario, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    content = models.JSONField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("需求版本")
        verbose_name_plural = _("需求版本")
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["scenario", "version"], name="one_row_per_scenario_version")]

    def __str__(self) -> str:
        return f"{self.scenario} v{self.version}"


class ScenarioReview(DecidingModel):
    """One review and all its defects, returned at once (analogy to 政府信息公开条例 30; domain.md §3.3)."""

    scenario = models.ForeignKey(Scenario, on_delete=models.CASCADE, related_name="reviews")
    version = models.PositiveIntegerField()
    stage = models.CharField(_("环节"), max_length=12, choices=ReviewStage.choices)
    conclusion = models.CharField(_("结论"), max_length=12, choices=ReviewConclusion.choices)
    comment = models.TextField(_("意见"), blank=True)
    defects = models.JSONField(_("需补充的内容"), default=list)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    reviewer_organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("审核记录")
        verbose_name_plural = _("审核记录")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.get_stage_display()}：{self.get_conclusion_display()}"


class FairCompetitionReview(DecidingModel):
    """The conclusion that allows a condition restricting by place, ownership, size or years (V17).

    公平竞争审查条例 arts. 12, 17: the exception needs a clause and an end.
    """

    scenario = models.OneToOneField(Scenario, on_delete=models.CASCADE, related_name="fair_competition_review")
    reviewer_name = models.CharField(_("审查单位或人员"), max_length=100)
    conclusion = models.TextField(_("审查结论"))
    exception_clause = models.CharField(_("适用的例外条款"), max_length=200, blank=True)
    ends_on = models.DateField(_("实施期限"))
    attachment = models.ForeignKey(Attachment, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    def __str__(self) -> str:
        return f"{self.scenario}：{self.reviewer_name}"


class QuarterlyList(DecidingModel):
    """One issue of a quarter's demand list (季度需求清单). Published, it never changes; errata stand beside it."""

    deciding_relations = ("editors",)
    not_deciding = {"document_version": "counts changes for search"}

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    year = models.PositiveSmallIntegerField(_("年份"))
    quarter_number = models.PositiveSmallIntegerField(_("季度"))
    issue_number = models.PositiveSmallIntegerField(_("批次"), default=1)
    title = models.CharField(_("名称"), max_length=200)
    foreword = models.TextField(_("发布说明"), blank=True)
    state = models.CharField(
        _("状态"), max_length=12, choices=QuarterlyListState.choices, default=QuarterlyListState.COLLECTING
    )
    editor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    editors = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    publisher = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+")
    approval_comment = models.TextField(_("审批意见"), blank=True)
    secrecy_reviewer_name = models.CharField(_("保密审查人"), max_length=40, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    frozen_at = models.DateTimeField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    document_version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("季度清单")
        verbose_name_plural = _("季度清单")
        ordering = ["-year", "-quarter_number", "-issue_number"]
        constraints = [
            state_check(QuarterlyListState, "quarterly_list_state"),
            models.UniqueConstraint(fields=["year", "quarter_number", "issue_number"], name="one_list_per_issue"),
            models.CheckConstraint(
                condition=Q(quarter_number__gte=1, quarter_number__lte=4), name="quarterly_list_quarter"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def quarter(self) -> Quarter:
        return Quarter(self.year, self.quarter_number)

    @property
    def code(self) -> str:
        """`2026Q4` for the first issue of a quarter, `2026Q4-2` for the second."""
        return self.quarter.code if self.issue_number == 1 else f"{self.quarter.code}-{self.issue_number}"

    @property
    def is_public(self) -> bool:
        return self.state in (QuarterlyListState.PUBLISHED, QuarterlyListState.ARCHIVED)


class ListItem(DecidingModel):
    """A demand on a list: the frozen text, apart from the demand's live status."""

    quarterly_list = models.ForeignKey(QuarterlyList, on_delete=models.CASCADE, related_name="items")
    scenario = models.ForeignKey(Scenario, on_delete=models.PROTECT, related_name="list_items")
    scenario_version = models.ForeignKey(ScenarioVersion, null=True, on_delete=models.PROTECT, related_name="+")
    sequence = models.PositiveIntegerField()
    number = models.CharField(_("编号"), max_length=20, blank=True)
    content = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("清单条目")
        verbose_name_plural = _("清单条目")
        ordering = ["sequence"]
        constraints = [
            models.UniqueConstraint(fields=["quarterly_list", "scenario"], name="one_item_per_scenario"),
            models.UniqueConstraint(fields=["number"], condition=~Q(number=""), name="one_item_per_number"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.content.get('title', '')}".strip()


class Erratum(DecidingModel):
    """A numbered correction, shown beside the original (政府信息公开条例 6)."""

    quarterly_list = models.ForeignKey(QuarterlyList, on_delete=models.CASCADE, related_name="errata")
    item = models.ForeignKey(ListItem, null=True, blank=True, on_delete=models.CASCADE, related_name="errata")
    number = models.PositiveSmallIntegerField(_("勘误号"))
    field = models.CharField(_("更正栏目"), max_length=40, blank=True)
    original_text = models.TextField(_("原文"), blank=True)
    corrected_text = models.TextField(_("更正为"))
    reason = models.TextField(_("更正原因"))
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    published_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("勘误")
        verbose_name_plural = _("勘误")
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["quarterly_list", "number"], name="one_erratum_per_number")]

    def __str__(self) -> str:
        return f"{self.quarterly_list.code} 勘误{self.number}"


class ErratumDraft(DecidingModel):
    """A correction as its editor prepared it: seen by those who make lists, published by another person's approval."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    quarterly_list = models.ForeignKey(QuarterlyList, on_delete=models.CASCADE, related_name="erratum_drafts")
    item = models.ForeignKey(ListItem, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(
        _("状态"), max_length=12, choices=ErratumDraftState.choices, default=ErratumDraftState.WAITING
    )
    field = models.CharField(_("更正栏目"), max_length=40, blank=True)
    corrected_text = models.TextField(_("更正为"))
    reason = models.TextField(_("更正原因"))
    prepared_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    prepared_at = models.DateTimeField(default=now, editable=False)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    comment = models.TextField(_("审批意见"), blank=True)
    erratum = models.OneToOneField(Erratum, null=True, on_delete=models.PROTECT, related_name="draft")

    class Meta:
        verbose_name = _("勘误草拟")
        verbose_name_plural = _("勘误草拟")
        ordering = ["pk"]
        constraints = [state_check(ErratumDraftState, "erratum_draft_state")]

    def __str__(self) -> str:
        return f"{self.quarterly_list.code} {self.get_state_display()}"

    @property
    def original_text(self) -> str:
        """The published text that it corrects, as it will stand beside the correction."""
        return str(self.item.content.get(self.field, "") or "") if self.item is not None and self.field else ""

    @property
    def field_label(self) -> str:
        return str(Scenario._meta.get_field(self.field).verbose_name) if self.field else ""  # type: ignore[union-attr]


class OverdueQuarter(models.Model):
    """A quarter that ended without a published list; resolved when one is published (V21)."""

    year = models.PositiveSmallIntegerField()
    quarter_number = models.PositiveSmallIntegerField()
    raised_at = models.DateTimeField(default=now, editable=False)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["year", "quarter_number"], name="one_flag_per_quarter")]

    def __str__(self) -> str:
        return Quarter(self.year, self.quarter_number).code
