"""Collective decisions, awards, publicity, objections (domain.md §2.2 e–f, §2.8)."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from challenges.enums import AwardState, ObjectionState, PublicityState
from challenges.models.bidding import Bid
from challenges.models.programme import AnnualList, Challenge
from core.clock import now, today
from core.deciding import DecidingModel
from core.transitions import state_check


class Decision(DecidingModel):
    """What the meeting decided: minutes, who sat, and why where it departs from the ranking."""

    part_of = ("challenges.challenge", "challenge_id")

    challenge = models.ForeignKey(Challenge, on_delete=models.PROTECT, related_name="decisions")
    number = models.PositiveSmallIntegerField()
    minutes_number = models.CharField(_("会议纪要号"), max_length=60)
    meeting_on = models.DateField(_("会议日期"))
    participants = models.TextField(_("参会人员"))
    deviation_reason = models.TextField(_("与排序不一致的理由"), blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(default=now, editable=False)
    replaced_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("决策")
        verbose_name_plural = _("决策")
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["challenge", "number"], name="one_decision_per_number")]

    def __str__(self) -> str:
        return f"{self.challenge_id} {self.minutes_number}"


class Award(DecidingModel):
    """A bid the decision proposes or awards; two or more of one decision run as a race (赛马)."""

    part_of = ("challenges.challenge", "decision__challenge_id")
    not_deciding = {"late_told_at": "when people were reminded"}

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="awards")
    bid = models.ForeignKey(Bid, on_delete=models.PROTECT, related_name="awards")
    state = models.CharField(max_length=10, choices=AwardState.choices, default=AwardState.PROPOSED)
    rank = models.PositiveSmallIntegerField()
    grant_fen = models.PositiveBigIntegerField(_("拟资助金额"))
    technical_route = models.CharField(_("技术路线"), max_length=200, blank=True)
    awarded_at = models.DateTimeField(null=True)
    contract_due_on = models.DateField(_("签约期限"), null=True)
    late_told_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["rank"]
        constraints = [
            state_check(AwardState, "award_state"),
            models.UniqueConstraint(fields=["decision", "bid"], name="one_award_per_bid"),
        ]

    def __str__(self) -> str:
        return f"{self.decision_id} {self.bid_id}"

    def get_state_display(self) -> str:  # type: ignore[no-redef]  # instead of Django's own
        return self.bid.challenge.outcome_name(dict(AwardState.choices).get(self.state, self.state))


class Publicity(DecidingModel):
    """A 公示 with explicit first and last day and the calendars they were computed by (V09)."""

    part_of = ("challenges.challenge", "challenge_id")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    challenge = models.ForeignKey(Challenge, null=True, on_delete=models.PROTECT, related_name="publicities")
    annual_list = models.ForeignKey(AnnualList, null=True, on_delete=models.PROTECT, related_name="publicities")
    decision = models.ForeignKey(Decision, null=True, on_delete=models.PROTECT, related_name="publicities")
    state = models.CharField(max_length=10, choices=PublicityState.choices, default=PublicityState.RUNNING)
    working_days = models.PositiveSmallIntegerField(_("工作日"))
    first_day = models.DateField(_("开始"))
    last_day = models.DateField(_("结束"))
    calendar_versions = models.JSONField(default=list)
    content = models.JSONField(_("公示内容"), default=dict)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    started_at = models.DateTimeField(default=now, editable=False)
    suspended_on = models.DateField(null=True)
    working_days_left = models.PositiveSmallIntegerField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("公示")
        verbose_name_plural = _("公示")
        ordering = ["-pk"]
        constraints = [
            state_check(PublicityState, "publicity_state"),
            models.CheckConstraint(
                condition=Q(challenge__isnull=False) | Q(annual_list__isnull=False), name="publicity_of_something"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_day} – {self.last_day}"

    @property
    def is_over(self) -> bool:
        """By the clock: over with the last second of its last day in Beijing, whether or not the job has run yet."""
        return self.state in (PublicityState.ENDED, PublicityState.VOID) or (
            self.state == PublicityState.RUNNING and today() > self.last_day
        )

    @property
    def shown_state(self) -> str:
        """What its pages say; a void one stays void."""
        over = self.is_over and self.state != PublicityState.VOID
        return str(_("公示已结束")) if over else str(self.get_state_display())


class Objection(DecidingModel):
    """A named objection with facts. Who filed it is seen by its handler and the supervisor only (domain.md §2.8)."""

    part_of = ("challenges.challenge", "publicity__challenge_id")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    publicity = models.ForeignKey(Publicity, on_delete=models.PROTECT, related_name="objections")
    state = models.CharField(max_length=14, choices=ObjectionState.choices, default=ObjectionState.FILED)
    filed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.SET_NULL, related_name="+")
    filer_name = models.CharField(_("异议人"), max_length=120)
    filer_phone = models.CharField(_("联系电话"), max_length=40)
    subject = models.CharField(_("异议事项"), max_length=200)
    facts = models.TextField(_("事实和理由"))
    evidence = models.TextField(_("证据线索"), blank=True)
    sworn = models.BooleanField(_("承诺内容真实"), default=False)
    filed_at = models.DateTimeField()
    handler = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    admitted_at = models.DateTimeField(null=True)
    reply_due_on = models.DateField(_("答复期限"), null=True)
    testing_days = models.PositiveSmallIntegerField(_("检验鉴定占用工作日"), default=0)
    findings = models.TextField(_("调查情况"), blank=True)
    reply = models.TextField(_("答复"), blank=True)
    replied_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("异议")
        verbose_name_plural = _("异议")
        ordering = ["pk"]
        constraints = [state_check(ObjectionState, "objection_state")]

    def __str__(self) -> str:
        return self.subject
