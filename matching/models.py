"""What matching remembers: the method's versions, frozen runs, recommendations, progress of a list."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import now
from core.deciding import DecidingModel
from core.transitions import state_check
from matching.enums import Direction, EngagementState, Level, MatchingStage, ProcurementMethod, Trigger
from scenarios.models import QuarterlyList, Scenario
from search.models import CollectionStatistics
from vendors.models import Capability, VendorProfile


class ScoringProfile(DecidingModel):
    """One version of the weights and constants. Never changed: a change is a new version with author and reason."""

    version = models.PositiveIntegerField(_("版本"), unique=True)
    name = models.CharField(_("名称"), max_length=60)
    values = models.JSONField(_("参数"))
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    author_text = models.CharField(_("作者"), max_length=100)
    reason = models.CharField(_("修改原因"), max_length=300)
    report = models.JSONField(_("评测结果"), default=dict, blank=True)
    is_active = models.BooleanField(_("使用中"), default=False)
    created_at = models.DateTimeField(_("时间"), default=now, editable=False)

    class Meta:
        verbose_name = _("评分方案")
        verbose_name_plural = _("评分方案")
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["is_active"], condition=Q(is_active=True), name="one_active_profile")
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class MatchRun(models.Model):
    """One match with everything it was made from, frozen (matching.md §4).

    `evidence` holds, for every candidate compared, what `scoring.combine` needs: the order can be recomputed.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    direction = models.CharField(_("方向"), max_length=15, choices=Direction.choices)
    scenario = models.ForeignKey(Scenario, null=True, on_delete=models.CASCADE, related_name="match_runs")
    capability = models.ForeignKey(Capability, null=True, on_delete=models.CASCADE, related_name="match_runs")
    quarterly_list = models.ForeignKey(QuarterlyList, null=True, on_delete=models.SET_NULL, related_name="match_runs")
    trigger = models.CharField(_("触发"), max_length=12, choices=Trigger.choices)
    subject_version = models.PositiveIntegerField(_("内容版本"))
    subject = models.JSONField()
    profile = models.ForeignKey(ScoringProfile, on_delete=models.PROTECT, related_name="runs")
    statistics = models.ForeignKey(CollectionStatistics, on_delete=models.PROTECT, related_name="match_runs")
    documents = models.PositiveIntegerField()
    frequencies = models.JSONField()
    engine = models.CharField(_("引擎"), max_length=20)
    generation = models.CharField(_("索引世代"), max_length=40)
    encoder = models.CharField(_("编码器"), max_length=40, default="none")
    is_short = models.BooleanField(default=False)
    best_cosine = models.FloatField(default=0)
    nothing_fits = models.BooleanField(_("未找到较匹配的"), default=False)
    compared = models.PositiveIntegerField(_("比较的候选数"), default=0)
    evidence = models.JSONField(default=list)
    milliseconds = models.PositiveIntegerField(_("耗时（毫秒）"), default=0)
    is_relied_on = models.BooleanField(_("已用于邀请或决定"), default=False)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("发起人")
    )
    created_at = models.DateTimeField(_("时间"), default=now, editable=False)

    class Meta:
        verbose_name = _("匹配记录")
        verbose_name_plural = _("匹配记录")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(direction=Direction.FOR_SCENARIO, scenario__isnull=False, capability__isnull=True))
                | Q(direction=Direction.FOR_CAPABILITY, capability__isnull=False, scenario__isnull=True),
                name="match_run_subject",
            )
        ]
        indexes = [
            models.Index(fields=["scenario", "-id"], name="match_run_by_scenario"),
            models.Index(fields=["capability", "-id"], name="match_run_by_capability"),
        ]

    def __str__(self) -> str:
        return f"{self.get_direction_display()} {self.created_at:%Y-%m-%d %H:%M}"


class MatchCandidate(models.Model):
    """One place of a run, or a candidate that a hard condition removed (then with its reason and no rank)."""

    run = models.ForeignKey(MatchRun, on_delete=models.CASCADE, related_name="candidates")
    rank = models.PositiveIntegerField(_("名次"), null=True)
    scenario = models.ForeignKey(Scenario, null=True, on_delete=models.CASCADE, related_name="+")
    capability = models.ForeignKey(Capability, null=True, on_delete=models.CASCADE, related_name="+")
    score = models.DecimalField(_("匹配分"), max_digits=4, decimal_places=1, null=True)
    level = models.CharField(_("匹配程度"), max_length=8, choices=Level.choices, blank=True)
    cosine = models.FloatField(default=0)
    factors = models.JSONField(default=dict)
    reasons = models.JSONField(default=list)
    gaps = models.JSONField(default=list)
    others = models.JSONField(default=list)
    exclusion = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("匹配候选")
        verbose_name_plural = _("匹配候选")
        ordering = ["run", models.F("rank").asc(nulls_last=True), "pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "rank"], condition=Q(rank__isnull=False), name="one_place_per_rank"),
            models.CheckConstraint(
                condition=Q(scenario__isnull=False, capability__isnull=True)
                | Q(scenario__isnull=True, capability__isnull=False),
                name="match_candidate_object",
            ),
        ]
        indexes = [models.Index(fields=["capability"], name="match_candidate_by_capability")]

    def __str__(self) -> str:
        return f"{self.run_id} #{self.rank}"


class Recommendation(models.Model):
    """A demand put before a vendor, for its best fitting capability. One row per vendor and demand, ever."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    vendor = models.ForeignKey(VendorProfile, on_delete=models.CASCADE, related_name="recommendations")
    scenario = models.ForeignKey(Scenario, on_delete=models.CASCADE, related_name="recommendations")
    capability = models.ForeignKey(Capability, on_delete=models.CASCADE, related_name="recommendations")
    candidate = models.ForeignKey(MatchCandidate, on_delete=models.CASCADE, related_name="+")
    quarterly_list = models.ForeignKey(QuarterlyList, null=True, on_delete=models.SET_NULL, related_name="+")
    score = models.DecimalField(_("匹配分"), max_digits=4, decimal_places=1)
    mutual = models.DecimalField(_("双向分"), max_digits=4, decimal_places=1)
    created_at = models.DateTimeField(default=now, editable=False)
    dismissed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("需求推荐")
        verbose_name_plural = _("需求推荐")
        ordering = ["-mutual", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["vendor", "scenario"], name="one_recommendation_per_vendor_and_demand")
        ]

    def __str__(self) -> str:
        return f"{self.vendor} ← {self.scenario}"


class ListMatching(models.Model):
    """How far the matching of a published list has come. Moves in portions, each in one transaction."""

    quarterly_list = models.OneToOneField(QuarterlyList, on_delete=models.CASCADE, related_name="matching")
    stage = models.CharField(_("阶段"), max_length=10, choices=MatchingStage.choices, default=MatchingStage.DEMANDS)
    step = models.PositiveIntegerField(default=0)
    items_total = models.PositiveIntegerField(_("需求数"), default=0)
    items_done = models.PositiveIntegerField(_("已匹配需求数"), default=0)
    vendors_total = models.PositiveIntegerField(_("能力数"), default=0)
    vendors_done = models.PositiveIntegerField(_("已匹配能力数"), default=0)
    waiting_capabilities = models.JSONField(default=list)
    vendors_recommended = models.PositiveIntegerField(_("推荐的供给方数"), default=0)
    started_at = models.DateTimeField(_("开始时间"), default=now)
    finished_at = models.DateTimeField(_("完成时间"), null=True)

    class Meta:
        verbose_name = _("清单匹配进度")
        verbose_name_plural = _("清单匹配进度")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.quarterly_list} {self.percent}%"

    @property
    def is_done(self) -> bool:
        return self.stage == MatchingStage.DONE

    @property
    def percent(self) -> int:
        """Both stages count alike."""
        if self.is_done:
            return 100
        demands = self.items_done / self.items_total if self.items_total else 0.0
        vendors = self.vendors_done / self.vendors_total if self.vendors_total else 0.0
        return int(50 * demands + 50 * vendors)


class Engagement(DecidingModel):
    """对接 between a listed demand and one vendor. The demand's public label follows the furthest of them (§10.7).

    Intent, contract and delivery need both sides; one side's word alone is only a claim (V20).
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    scenario = models.ForeignKey(Scenario, on_delete=models.PROTECT, related_name="engagements")
    vendor = models.ForeignKey(VendorProfile, on_delete=models.PROTECT, related_name="engagements")
    capability = models.ForeignKey(Capability, null=True, on_delete=models.SET_NULL, related_name="engagements")
    state = models.CharField(
        _("状态"), max_length=12, choices=EngagementState.choices, default=EngagementState.INTERESTED
    )
    message = models.TextField(_("意向说明"))
    trial_plan = models.TextField(_("试用方案与数据安全约定"), blank=True)
    trial_ends_on = models.DateField(_("试用截止"), null=True, blank=True)
    owner_confirms = models.CharField(max_length=12, blank=True)
    vendor_confirms = models.CharField(max_length=12, blank=True)
    #: Digest of the terms that each side confirmed (matching.terms); a step is taken when both are the same.
    owner_digest = models.CharField(max_length=64, blank=True, default="", db_default="")
    vendor_digest = models.CharField(max_length=64, blank=True, default="", db_default="")
    #: How often either side confirmed or changed terms: each time is told, none twice.
    confirmations = models.PositiveIntegerField(default=0, db_default=0)
    #: {step, by, terms} that one side had confirmed when the other changed them; empty once both agree again.
    overtaken = models.JSONField(null=True, blank=True)
    procurement_method = models.CharField(_("采购方式"), max_length=16, choices=ProcurementMethod.choices, blank=True)
    procurement_number = models.CharField(_("采购公告或合同编号"), max_length=80, blank=True)
    contract_digest = models.CharField(_("合同文件摘要"), max_length=64, blank=True)
    amount_fen = models.PositiveBigIntegerField(_("合同金额"), null=True, blank=True)
    outcome = models.TextField(_("落地情况"), blank=True)
    closing_reason = models.TextField(_("未达成原因"), blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    respond_by = models.DateField(_("答复期限"), null=True)
    moved_at = models.DateTimeField(default=now)

    class Meta:
        verbose_name = _("对接")
        verbose_name_plural = _("对接")
        ordering = ["-pk"]
        constraints = [
            state_check(EngagementState, "engagement_state"),
            models.UniqueConstraint(
                fields=["scenario", "vendor"],
                condition=~Q(state="closed"),
                name="one_open_engagement_each",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scenario} · {self.vendor}"
