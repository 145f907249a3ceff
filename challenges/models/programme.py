"""Programmes, needs that become challenges, annual lists, clarification (domain.md §2.2 a–c, §2.4)."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from challenges.enums import (
    AnnualListState,
    ChallengeState,
    CheckStage,
    ProgrammeModel,
    ProgrammeState,
    PublicityState,
    QuestionState,
    SelectionMethod,
    outcome_name,
)
from core.clock import now
from core.deciding import DecidingModel
from core.models import Category, Industry, Region
from core.transitions import state_check
from scenarios.enums import ReviewConclusion
from scenarios.models import Scenario

#: States in which everybody may read a challenge: from its publication on.
PUBLIC_STATES = (
    ChallengeState.PUBLISHED,
    ChallengeState.CLOSED,
    ChallengeState.NO_BID,
    ChallengeState.REISSUED,
    ChallengeState.OPENED,
    ChallengeState.FORMAL_CHECKED,
    ChallengeState.REVIEWING,
    ChallengeState.REVIEWED,
    ChallengeState.NEGOTIATING,
    ChallengeState.DECIDED,
    ChallengeState.PUBLICITY,
    ChallengeState.PUBLICITY_SUSPENDED,
    ChallengeState.AWARDED,
    ChallengeState.AWARD_LAPSED,
    ChallengeState.CONTRACTED,
    ChallengeState.FINISHED,
    ChallengeState.CANCELLED,
)


class Programme(DecidingModel):
    """One year's call of one organising model, with the parameters its lists will freeze (domain.md §2.3)."""

    part_of = ("challenges.programme", "pk")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    year = models.PositiveSmallIntegerField(_("年度"))
    model = models.CharField(_("组织模式"), max_length=2, choices=ProgrammeModel.choices)
    title = models.CharField(_("名称"), max_length=200)
    basis = models.TextField(_("依据文件"), blank=True)
    call_text = models.TextField(_("征集通知"), blank=True)
    owner = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="programmes")
    parameters = models.JSONField(_("参数"), default=dict, blank=True)
    needs_open_at = models.DateTimeField(_("征集开始"), null=True, blank=True)
    needs_close_at = models.DateTimeField(_("征集截止"), null=True, blank=True)
    check_due_at = models.DateTimeField(_("市县初审截止"), null=True, blank=True)
    state = models.CharField(_("状态"), max_length=12, choices=ProgrammeState.choices, default=ProgrammeState.PREPARING)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("揭榜计划")
        verbose_name_plural = _("揭榜计划")
        ordering = ["-year", "model", "-pk"]
        constraints = [state_check(ProgrammeState, "programme_state")]

    def __str__(self) -> str:
        return self.title


class AnnualList(DecidingModel):
    """A published list of challenges (榜单). Its parameters are frozen at publication and never change after."""

    part_of = ("challenges.annuallist", "pk")
    deciding_relations = ("editors",)

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="lists")
    year = models.PositiveSmallIntegerField(_("年度"))
    issue_number = models.PositiveSmallIntegerField(_("批次"))
    title = models.CharField(_("名称"), max_length=200)
    foreword = models.TextField(_("发榜说明"), blank=True)
    state = models.CharField(
        _("状态"), max_length=16, choices=AnnualListState.choices, default=AnnualListState.PREPARING
    )
    parameters = models.JSONField(_("发榜时的参数"), default=dict, blank=True)
    publicity_first_day = models.DateField(_("拟发榜公示开始"), null=True, blank=True)
    publicity_last_day = models.DateField(_("拟发榜公示结束"), null=True, blank=True)
    calendar_versions = models.JSONField(default=list, blank=True)
    editors = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    approval_comment = models.TextField(_("审批意见"), blank=True)
    secrecy_reviewer_name = models.CharField(_("保密审查人"), max_length=40, blank=True)
    minutes_number = models.CharField(_("会议纪要号"), max_length=60, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("年度榜单")
        verbose_name_plural = _("年度榜单")
        ordering = ["-year", "-issue_number"]
        constraints = [
            state_check(AnnualListState, "annual_list_state"),
            models.UniqueConstraint(fields=["year", "issue_number"], name="one_annual_list_per_issue"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def code(self) -> str:
        """`2026-1`: year and issue, the list's permanent address."""
        return f"{self.year}-{self.issue_number}"

    @property
    def is_public(self) -> bool:
        return self.state in (AnnualListState.PUBLISHED, AnnualListState.ARCHIVED)


class Challenge(DecidingModel):
    """A need on its way to a list, and from then on a challenge (榜单项; machine A)."""

    part_of = ("challenges.challenge", "pk")
    undecided_states = frozenset({"draft"})
    not_deciding = {"document_version": "counts changes for search", "reminders_sent": "which reminders went out"}

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.CharField(_("编号"), max_length=20, null=True, blank=True, unique=True)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="challenges")
    annual_list = models.ForeignKey(
        AnnualList, null=True, blank=True, on_delete=models.PROTECT, related_name="challenges"
    )
    sequence = models.PositiveIntegerField(default=0)
    state = models.CharField(_("状态"), max_length=20, choices=ChallengeState.choices, default=ChallengeState.DRAFT)

    demander = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="challenges", verbose_name=_("需求单位")
    )
    scenario = models.OneToOneField(
        Scenario, null=True, blank=True, on_delete=models.PROTECT, related_name="challenge", verbose_name=_("来源场景")
    )
    reissue_of = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reissued_as"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    title = models.CharField(_("榜单名称"), max_length=200)
    background = models.TextField(_("背景与关键技术问题"), blank=True)
    content = models.TextField(_("研究内容"), blank=True)
    expected_result = models.TextField(_("预期成果"), blank=True)
    intellectual_property = models.TextField(_("产权归属"), blank=True)
    acceptance_method = models.TextField(_("验收方式"), blank=True)
    eligibility_conditions = models.TextField(_("对揭榜方的条件"), blank=True)
    restricts_by = models.JSONField(_("限制性条件"), default=list, blank=True)
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.PROTECT, verbose_name=_("领域"))
    industry = models.ForeignKey(Industry, null=True, blank=True, on_delete=models.PROTECT, verbose_name=_("行业"))
    region = models.ForeignKey(Region, null=True, blank=True, on_delete=models.PROTECT, verbose_name=_("地区"))
    duration_months = models.PositiveSmallIntegerField(_("实施周期（月）"), null=True, blank=True)
    own_funding_fen = models.PositiveBigIntegerField(_("自有资金投入"), null=True, blank=True)
    grant_cap_fen = models.PositiveBigIntegerField(_("财政资助上限"), null=True, blank=True)
    budget_source = models.CharField(_("经费来源"), max_length=200, blank=True)
    public_contact_office = models.CharField(_("联系部门"), max_length=100, blank=True)
    public_contact_phone = models.CharField(_("办公电话"), max_length=40, blank=True)
    public_contact_email = models.EmailField(_("办公邮箱"), blank=True)
    states_no_secret = models.BooleanField(_("声明不涉及国家秘密"), default=False)

    selection_method = models.CharField(
        _("遴选方式"), max_length=12, choices=SelectionMethod.choices, default=SelectionMethod.COMPETITIVE
    )
    directed_to = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("委托单位")
    )
    directed_reason = models.TextField(_("定向委托理由"), blank=True)
    secrecy_reviewer_name = models.CharField(_("保密审查人"), max_length=40, blank=True)
    fair_competition_conclusion = models.TextField(_("公平竞争审查结论"), blank=True)
    fair_competition_reviewer = models.CharField(_("公平竞争审查人"), max_length=40, blank=True)
    fair_competition_ends_on = models.DateField(_("限制条件终止日期"), null=True, blank=True)
    demander_agreed_at = models.DateTimeField(_("需求单位确认文本"), null=True, blank=True)
    criteria = models.JSONField(_("评审指标"), default=list, blank=True)

    question_deadline_at = models.DateTimeField(_("提问截止"), null=True, blank=True)
    deadline_at = models.DateTimeField(_("揭榜截止"), null=True, blank=True)
    content_version = models.PositiveIntegerField(default=1)
    document_version = models.PositiveIntegerField(default=1)
    return_count = models.PositiveSmallIntegerField(default=0)
    supplement_due_on = models.DateField(_("补正期限"), null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    submitted_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    frozen_at = models.DateTimeField(null=True, blank=True)
    #: Signed freeze statement {root, time} and the salt of its own leaf (docs/sealing.md).
    freeze = models.JSONField(default=dict, blank=True)
    freeze_salt = models.CharField(max_length=64, blank=True)
    suite = models.CharField(max_length=40, blank=True)
    #: Wrapped data key of everything that will be opened here, from the publication until it is erased (C.3, 7).
    content_key = models.TextField(blank=True, editable=False)
    contents_erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    opened_at = models.DateTimeField(null=True, blank=True)
    price_opened_at = models.DateTimeField(null=True, blank=True)
    awarded_at = models.DateTimeField(null=True, blank=True)
    closing_comment = models.TextField(_("终止或撤回理由"), blank=True)
    reminders_sent = models.JSONField(default=list, blank=True)

    class Meta:
        verbose_name = _("榜单项")
        verbose_name_plural = _("榜单项")
        ordering = ["-pk"]
        constraints = [state_check(ChallengeState, "challenge_state")]
        indexes = [
            models.Index(fields=["state", "deadline_at"], name="challenge_due"),
            models.Index(fields=["demander", "state"], name="challenge_by_demander"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.title}" if self.code else self.title

    def get_state_display(self) -> str:  # type: ignore[no-redef]  # instead of Django's own
        name = str(dict(ChallengeState.choices).get(self.state, self.state))
        if self.state == ChallengeState.PUBLICITY and self._publicity_is_over():
            name = str(_("公示已结束"))
        # Only these states' names depend on the programme, which a plain list of challenges need not have read.
        return self.outcome_name(name) if self.state in (ChallengeState.AWARDED, ChallengeState.AWARD_LAPSED) else name

    def _publicity_is_over(self) -> bool:
        """The award may be days away: until then nobody is told 公示中 of a period that has ended."""
        shown = self.publicities.exclude(state=PublicityState.VOID).order_by("-pk").first()
        return shown is not None and shown.is_over

    @property
    def public_state(self) -> str:
        """What everybody may know of the state: that a decision was taken is told by its 公示, not before."""
        return str(ChallengeState.REVIEWED if self.state == ChallengeState.DECIDED else self.state)

    @property
    def outward_state(self) -> tuple[str, str]:
        """The public state and its words."""
        if self.public_state == self.state:
            return str(self.state), self.get_state_display()
        return self.public_state, str(ChallengeState(self.public_state).label)

    def outcome_name(self, text: object) -> str:
        """A text about an outcome in the words of this challenge's programme."""
        return outcome_name(text, self.programme.model)

    @property
    def award_name(self) -> str:
        return self.outcome_name(_("中榜"))

    @property
    def is_public(self) -> bool:
        """A directed commission never appears in the open lists of applications (domain.md §2.1)."""
        return self.state in PUBLIC_STATES and self.selection_method == SelectionMethod.COMPETITIVE

    @property
    def budget_fen(self) -> int:
        return (self.own_funding_fen or 0) + (self.grant_cap_fen or 0)


class Indicator(DecidingModel):
    """A measurable target every bid answers (V06)."""

    part_of = ("challenges.challenge", "challenge_id")

    challenge = models.ForeignKey(Challenge, on_delete=models.CASCADE, related_name="indicators")
    sequence = models.PositiveSmallIntegerField()
    name = models.CharField(_("指标"), max_length=100)
    baseline = models.CharField(_("现状"), max_length=100, blank=True)
    target = models.CharField(_("目标值"), max_length=100)
    unit = models.CharField(_("单位"), max_length=20, blank=True)
    method = models.CharField(_("考核方法"), max_length=200)

    class Meta:
        verbose_name = _("考核指标")
        verbose_name_plural = _("考核指标")
        ordering = ["sequence"]
        constraints = [models.UniqueConstraint(fields=["challenge", "sequence"], name="one_indicator_per_sequence")]

    def __str__(self) -> str:
        return f"{self.name}：{self.target}{self.unit}"


class ChallengeVersion(DecidingModel):
    """The text as published at one moment; a clarification makes the next (招标投标法 23)."""

    part_of = ("challenges.challenge", "challenge_id")

    challenge = models.ForeignKey(Challenge, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField(default=dict)
    reason = models.TextField(_("修改说明"), blank=True)
    material = models.BooleanField(_("影响揭榜"), default=False)
    deadline_at = models.DateTimeField(_("揭榜截止"), null=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    published_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("榜单版本")
        verbose_name_plural = _("榜单版本")
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["challenge", "number"], name="one_version_per_number")]

    def __str__(self) -> str:
        return f"{self.challenge_id} v{self.number}"


class ChallengeCheck(DecidingModel):
    """What a county, city or department said about a need, with all defects at once."""

    part_of = ("challenges.challenge", "challenge_id")

    challenge = models.ForeignKey(Challenge, on_delete=models.CASCADE, related_name="checks")
    stage = models.CharField(max_length=12, choices=CheckStage.choices)
    conclusion = models.CharField(max_length=12, choices=ReviewConclusion.choices)
    comment = models.TextField(blank=True)
    defects = models.JSONField(default=list, blank=True)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.get_stage_display()} {self.get_conclusion_display()}"


class Question(DecidingModel):
    """A question about a challenge. Its asker is never shown to anybody but themselves (peers.md §5.4)."""

    part_of = ("challenges.challenge", "challenge_id")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    challenge = models.ForeignKey(Challenge, on_delete=models.CASCADE, related_name="questions")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.SET_NULL, related_name="+")
    text = models.TextField(_("问题"))
    state = models.CharField(max_length=10, choices=QuestionState.choices, default=QuestionState.ASKED)
    answer = models.TextField(_("答复"), blank=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(default=now, editable=False)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("答疑")
        verbose_name_plural = _("答疑")
        ordering = ["pk"]
        constraints = [state_check(QuestionState, "question_state")]

    def __str__(self) -> str:
        return self.text[:40]


class ChallengeFollower(models.Model):
    """Who asked to be told of everything about a challenge; who bids follows by itself. Never shown to others."""

    challenge = models.ForeignKey(Challenge, on_delete=models.CASCADE, related_name="followers")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["challenge", "organisation"], name="one_follower_each")]

    def __str__(self) -> str:
        return f"{self.challenge_id} ← {self.organisation_id}"


class Invitation(models.Model):
    """A solver the matcher proposed was told of a challenge; nobody learns who else was (招标投标法 22)."""

    challenge = models.ForeignKey(Challenge, on_delete=models.CASCADE, related_name="invitations")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    reasons = models.JSONField(default=list, blank=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["challenge", "organisation"], name="one_invitation_each")]

    def __str__(self) -> str:
        return f"{self.challenge_id} → {self.organisation_id}"
