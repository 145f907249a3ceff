"""Contracts, milestones, changes, races, acceptance, results (domain.md §2.2 g–l, §2.7)."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from challenges.enums import ChangeKind, ChangeState, Grade, MilestoneState, ProjectState, StageOutcome
from challenges.models.decision import Award
from challenges.models.programme import Challenge
from core.clock import now
from core.deciding import DecidingModel
from core.transitions import state_check


class Project(DecidingModel):
    """One solver's work after an award: contract, task book, 军令状, milestones (machine C)."""

    part_of = ("challenges.challenge", "challenge_id")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    award = models.OneToOneField(Award, on_delete=models.PROTECT, related_name="project")
    challenge = models.ForeignKey(Challenge, on_delete=models.PROTECT, related_name="projects")
    solver = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="projects")
    state = models.CharField(_("状态"), max_length=20, choices=ProjectState.choices, default=ProjectState.SIGNING)
    contract_number = models.CharField(_("合同编号"), max_length=60, blank=True)
    leader = models.CharField(_("项目负责人"), max_length=40)
    task_book = models.TextField(_("任务书"))
    pledge = models.TextField(_("军令状"))
    intellectual_property = models.TextField(_("知识产权约定"))
    grant_fen = models.PositiveBigIntegerField(_("财政资助"))
    own_fen = models.PositiveBigIntegerField(_("自筹"), default=0)
    first_payment_fen = models.PositiveBigIntegerField(_("首付款"), default=0)
    is_race = models.BooleanField(_("赛马"), default=False)
    starts_on = models.DateField(_("开始"))
    ends_on = models.DateField(_("结束"))
    extension_count = models.PositiveSmallIntegerField(default=0)
    rectification_count = models.PositiveSmallIntegerField(default=0)
    rectification_due_on = models.DateField(null=True)
    suspended_from = models.CharField(max_length=20, blank=True)
    closing_comment = models.TextField(_("终止或撤销理由"), blank=True)
    statement_heard = models.TextField(_("当事人陈述申辩"), blank=True)
    grade = models.CharField(_("绩效评价"), max_length=10, choices=Grade.choices, blank=True)
    grade_comment = models.TextField(blank=True)
    result_title = models.CharField(_("成果名称"), max_length=200, blank=True)
    result_text = models.TextField(_("成果说明"), blank=True)
    result_published_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=now, editable=False)
    signed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("揭榜项目")
        verbose_name_plural = _("揭榜项目")
        ordering = ["-pk"]
        constraints = [state_check(ProjectState, "project_state")]
        indexes = [models.Index(fields=["state", "ends_on"], name="project_due")]

    def __str__(self) -> str:
        return f"{self.challenge.code} · {self.solver}"

    @property
    def contract_fen(self) -> int:
        return self.grant_fen + self.own_fen


class ProjectSignature(DecidingModel):
    """Who signed the task book for which side, and over which text (电子签名法 13–14)."""

    part_of = ("challenges.challenge", "project__challenge_id")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="signatures")
    side = models.CharField(
        max_length=10,
        choices=[("demander", _("发榜方")), ("solver", _("揭榜方")), ("programme", _("组织单位"))],
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=40)
    digest = models.CharField(max_length=64)
    signed_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "side"], name="one_signature_per_side")]

    def __str__(self) -> str:
        return f"{self.get_side_display()} {self.name}"


class Milestone(DecidingModel):
    """A share of the contract, due on a day, reported by the solver and signed by the end user (V07)."""

    part_of = ("challenges.challenge", "project__challenge_id")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="milestones")
    sequence = models.PositiveSmallIntegerField()
    title = models.CharField(_("里程碑"), max_length=200)
    target = models.TextField(_("考核内容"))
    share_fen = models.PositiveBigIntegerField(_("经费"))
    due_on = models.DateField(_("完成期限"))
    state = models.CharField(max_length=12, choices=MilestoneState.choices, default=MilestoneState.PLANNED)
    report = models.TextField(_("完成情况"), blank=True)
    reported_at = models.DateTimeField(null=True)
    end_user_opinion = models.TextField(_("最终用户意见"), blank=True)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    assessment = models.TextField(_("考核意见"), blank=True)
    assessed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    assessed_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["sequence"]
        constraints = [
            state_check(MilestoneState, "milestone_state"),
            models.UniqueConstraint(fields=["project", "sequence"], name="one_milestone_per_sequence"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence}. {self.title}"


class ChangeRequest(DecidingModel):
    """A change asked by the solver, agreed by the demander, approved by the programme (domain.md §2.7)."""

    part_of = ("challenges.challenge", "project__challenge_id")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=10, choices=ChangeKind.choices)
    state = models.CharField(max_length=10, choices=ChangeState.choices, default=ChangeState.ASKED)
    content = models.TextField(_("变更内容"))
    reason = models.TextField(_("理由"))
    months = models.PositiveSmallIntegerField(_("延期月数"), null=True)
    minutes_number = models.CharField(_("会议纪要号"), max_length=60, blank=True)
    comment = models.TextField(blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(default=now, editable=False)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [state_check(ChangeState, "change_state")]

    def __str__(self) -> str:
        return self.get_kind_display()


class StageAssessment(DecidingModel):
    """A race's assessment: one day, the same indicators, every racer (V22)."""

    part_of = ("challenges.challenge", "challenge_id")

    challenge = models.ForeignKey(Challenge, on_delete=models.PROTECT, related_name="stage_assessments")
    number = models.PositiveSmallIntegerField()
    assessed_on = models.DateField(_("评估日期"))
    assessor = models.CharField(_("第三方评估机构"), max_length=120)
    indicators = models.JSONField(default=list)
    minutes_number = models.CharField(_("会议纪要号"), max_length=60, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["challenge", "number"], name="one_assessment_per_stage")]

    def __str__(self) -> str:
        return f"{self.challenge_id} #{self.number}"


class StageResult(DecidingModel):
    """One racer's outcome of a stage."""

    part_of = ("challenges.challenge", "assessment__challenge_id")

    assessment = models.ForeignKey(StageAssessment, on_delete=models.CASCADE, related_name="results")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="stage_results")
    outcome = models.CharField(_("评估结论"), max_length=10, choices=StageOutcome.choices)
    values = models.JSONField(default=dict)
    comment = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["assessment", "project"], name="one_outcome_per_racer")]

    def __str__(self) -> str:
        return f"{self.project_id} {self.outcome}"


class Acceptance(DecidingModel):
    """One round of acceptance; the first may end in one rectification (domain.md §2.2 j)."""

    part_of = ("challenges.challenge", "project__challenge_id")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="acceptances")
    round = models.PositiveSmallIntegerField(default=1)
    applied_at = models.DateTimeField(default=now)
    decide_by = models.DateField(null=True)
    user_opinion = models.TextField(_("用户意见"), blank=True)
    report_number = models.CharField(_("科技报告编号"), max_length=60, blank=True)
    meeting_on = models.DateField(_("验收会日期"), null=True)
    notified_on = models.DateField(_("通知日期"), null=True)
    technical_passed = models.BooleanField(null=True)
    technical_comment = models.TextField(blank=True)
    financial_passed = models.BooleanField(null=True)
    financial_comment = models.TextField(blank=True)
    false_data = models.BooleanField(_("弄虚作假"), default=False)
    concluded_at = models.DateTimeField(null=True)
    concluded_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["round"]
        constraints = [models.UniqueConstraint(fields=["project", "round"], name="one_acceptance_per_round")]

    def __str__(self) -> str:
        return f"{self.project_id} #{self.round}"


class TransferReport(DecidingModel):
    """A yearly report of what became of the result (成果转化跟踪)."""

    part_of = ("challenges.challenge", "project__challenge_id")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="transfer_reports")
    year = models.PositiveSmallIntegerField(_("年度"))
    text = models.TextField(_("转化情况"))
    revenue_fen = models.PositiveBigIntegerField(_("转化收入"), default=0)
    reported_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    reported_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["year"]
        constraints = [models.UniqueConstraint(fields=["project", "year"], name="one_transfer_report_per_year")]

    def __str__(self) -> str:
        return f"{self.project_id} {self.year}"
