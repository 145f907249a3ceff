"""Experts, draws, seats, scores, and the hints a supervisor sees (domain.md §2.6)."""

import uuid
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership
from challenges.enums import AffiliationKind, ExpertKind, PanelPurpose, PanelState, SeatState
from challenges.models.bidding import Bid
from challenges.models.programme import Challenge
from core.clock import now
from core.deciding import DecidingModel
from core.models import Category
from core.transitions import state_check


class Expert(DecidingModel):
    """A person of the review pool (科学技术进步法 101): areas, kind, standing; history in `Employment`."""

    deciding_relations = ("areas",)

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="expert"
    )
    name = models.CharField(_("姓名"), max_length=40)
    kind = models.CharField(_("类别"), max_length=12, choices=ExpertKind.choices)
    title = models.CharField(_("职称"), max_length=40)
    years = models.PositiveSmallIntegerField(_("从业年限"))
    areas = models.ManyToManyField(Category, related_name="+", blank=True, verbose_name=_("专业领域"))
    active = models.BooleanField(_("在库"), default=True)
    retired_at = models.DateTimeField(null=True, editable=False)
    retired_reason = models.TextField(_("出库理由"), blank=True, default="", db_default="")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("评审专家")
        verbose_name_plural = _("评审专家")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name


class Employment(DecidingModel):
    """Where an expert works or worked, or holds an office, shares, or another tie, and until when.

    Recusal looks three years back (政府采购法实施条例 9).
    """

    expert = models.ForeignKey(Expert, on_delete=models.CASCADE, related_name="employments")
    organisation_name = models.CharField(_("单位"), max_length=120)
    unified_code = models.CharField(_("统一社会信用代码"), max_length=18, blank=True)
    position = models.CharField(_("职务或关系"), max_length=60, blank=True)
    started_on = models.DateField(_("起"))
    ended_on = models.DateField(_("止"), null=True, blank=True)

    class Meta:
        ordering = ["-started_on"]

    def __str__(self) -> str:
        return f"{self.organisation_name} {self.started_on}"


class Affiliation(DecidingModel):
    """Control, joint control or significant influence between two organisations, by unified code (V04)."""

    parent_code = models.CharField(_("控制方信用代码"), max_length=18)
    parent_name = models.CharField(_("控制方"), max_length=120)
    child_code = models.CharField(_("被控制方信用代码"), max_length=18)
    child_name = models.CharField(_("被控制方"), max_length=120)
    kind = models.CharField(_("关系"), max_length=12, choices=AffiliationKind.choices)
    source = models.CharField(_("来源"), max_length=200, blank=True)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = _("关联关系")
        verbose_name_plural = _("关联关系")
        constraints = [
            models.UniqueConstraint(
                fields=["parent_code", "child_code", "kind"],
                condition=models.Q(valid_until=None),
                name="one_affiliation_each",
            )
        ]
        indexes = [models.Index(fields=["child_code"], name="affiliation_by_child")]

    def __str__(self) -> str:
        return f"{self.parent_name} → {self.child_name}"


class Panel(DecidingModel):
    """A group of experts drawn for one purpose; the draw can be replayed by anyone who has its record."""

    part_of = ("challenges.challenge", "challenge_id")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    challenge = models.ForeignKey(Challenge, on_delete=models.PROTECT, related_name="panels")
    purpose = models.CharField(max_length=14, choices=PanelPurpose.choices)
    state = models.CharField(max_length=10, choices=PanelState.choices, default=PanelState.COMMITTED)
    seats_wanted = models.PositiveSmallIntegerField()
    method = models.CharField(max_length=40)
    #: SHA-256 of the seed, told before the pool is known; the seed itself follows with the draw.
    seed_commitment = models.CharField(max_length=64)
    seed = models.CharField(max_length=64)
    draw_record = models.JSONField(default=dict, blank=True)
    committed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    committed_at = models.DateTimeField(default=now, editable=False)
    drawn_at = models.DateTimeField(null=True)
    locked_at = models.DateTimeField(null=True)
    signed_at = models.DateTimeField(null=True)
    summary = models.TextField(_("组长综合意见"), blank=True)

    class Meta:
        verbose_name = _("评审组")
        verbose_name_plural = _("评审组")
        ordering = ["pk"]
        constraints = [state_check(PanelState, "panel_state")]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} {self.challenge_id}"


class SupplementaryDraw(DecidingModel):
    """A later draw for seats that no reserve of the earlier draws could fill; made and replayed like the first."""

    part_of = ("challenges.challenge", "panel__challenge_id")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    panel = models.ForeignKey(Panel, on_delete=models.PROTECT, related_name="supplementary_draws")
    number = models.PositiveSmallIntegerField()
    method = models.CharField(max_length=40)
    #: As on the panel: the digest is told at once, the seed with the draw.
    seed_commitment = models.CharField(max_length=64)
    seed = models.CharField(max_length=64)
    draw_record = models.JSONField(default=dict, blank=True)
    committed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    committed_at = models.DateTimeField(default=now, editable=False)
    drawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    drawn_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("补抽")
        verbose_name_plural = _("补抽")
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["panel", "number"], name="one_number_per_supplementary_draw")]

    def __str__(self) -> str:
        return f"{self.panel} #{self.number}"


class Seat(DecidingModel):
    """One expert's place on a panel. Replaced, its scores are void and the next drawn takes a new seat (V13)."""

    part_of = ("challenges.challenge", "panel__challenge_id")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    panel = models.ForeignKey(Panel, on_delete=models.PROTECT, related_name="seats")
    expert = models.ForeignKey(Expert, on_delete=models.PROTECT, related_name="seats")
    state = models.CharField(max_length=10, choices=SeatState.choices, default=SeatState.DRAWN)
    draw_position = models.PositiveIntegerField()
    is_chair = models.BooleanField(default=False)
    replaces = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="replacement")
    notified_at = models.DateTimeField(null=True)
    answer_due_at = models.DateTimeField(null=True)
    declared_at = models.DateTimeField(null=True)
    declaration = models.TextField(blank=True)
    recusal_reasons = models.JSONField(default=list, blank=True)
    submitted_at = models.DateTimeField(null=True)
    signed_at = models.DateTimeField(null=True)
    signature = models.CharField(max_length=64, blank=True)
    dissent = models.TextField(_("不同意见"), blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            state_check(SeatState, "seat_state"),
            models.UniqueConstraint(fields=["panel", "expert"], name="one_seat_per_expert"),
        ]

    def __str__(self) -> str:
        return f"{self.panel_id} {self.expert}"


class ScoreSheet(DecidingModel):
    """One seat's scores for one bid (or, in argumentation, for the need itself). Immutable after signature (V14)."""

    part_of = ("challenges.challenge", "seat__panel__challenge_id")

    seat = models.ForeignKey(Seat, on_delete=models.PROTECT, related_name="sheets")
    bid = models.ForeignKey(Bid, null=True, on_delete=models.PROTECT, related_name="sheets")
    #: {criterion key: integer points}
    scores = models.JSONField(default=dict)
    comment = models.TextField(_("评审意见"), blank=True)
    void = models.BooleanField(default=False)
    saved_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["seat", "bid"], name="one_sheet_per_bid"),
            models.UniqueConstraint(fields=["seat"], condition=models.Q(bid=None), name="one_sheet_per_need"),
        ]

    def __str__(self) -> str:
        return f"{self.seat_id} {self.bid_id}"


class BidResult(DecidingModel):
    """What the published rule makes of the signed sheets; calibration stands beside it, never instead."""

    part_of = ("challenges.challenge", "panel__challenge_id")

    panel = models.ForeignKey(Panel, on_delete=models.PROTECT, related_name="results")
    bid = models.ForeignKey(Bid, null=True, on_delete=models.PROTECT, related_name="results")
    technical = models.DecimalField(max_digits=7, decimal_places=2, default=Decimal(0))
    price = models.DecimalField(max_digits=7, decimal_places=2, null=True)
    total = models.DecimalField(max_digits=7, decimal_places=2, default=Decimal(0))
    rank = models.PositiveSmallIntegerField()
    below_minimum = models.BooleanField(default=False)
    dispersion = models.DecimalField(max_digits=7, decimal_places=2, default=Decimal(0))
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["rank"]
        constraints = [models.UniqueConstraint(fields=["panel", "bid"], name="one_result_per_bid")]

    def __str__(self) -> str:
        return f"{self.bid_id} {self.total} #{self.rank}"


class SuspicionHint(DecidingModel):
    """A fact that may point to collusion (招标投标法实施条例 40): for the supervisor's eyes, never a verdict."""

    part_of = ("challenges.challenge", "challenge_id")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    challenge = models.ForeignKey(Challenge, on_delete=models.CASCADE, related_name="hints")
    kind = models.CharField(
        max_length=20,
        choices=[
            ("device", _("同一设备")),
            ("address", _("同一网络地址")),
            ("author", _("文件作者相同")),
            ("text", _("文本高度相似")),
            ("price", _("报价呈规律性差异")),
            ("person", _("项目人员相同")),
        ],
    )
    bids = models.ManyToManyField(Bid, related_name="hints")
    facts = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=now, editable=False)
    handled_comment = models.TextField(_("核查情况"), blank=True)
    handled_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.get_kind_display()


class MembershipLook(DecidingModel):
    """A supervisor's second look at a membership that began after a challenge was published (ADR 0012).

    `counts`: an interest that keeps the person from the deciding side. Without a look it does not count.
    """

    part_of = ("challenges.challenge", "challenge_id")

    challenge = models.ForeignKey(Challenge, on_delete=models.CASCADE, related_name="membership_looks")
    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="challenge_looks")
    counts = models.BooleanField(_("计入回避"))
    reason = models.TextField(_("理由"))
    looked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    looked_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("新成员关系复核")
        verbose_name_plural = _("新成员关系复核")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["challenge", "membership"], name="one_look_per_membership")]

    def __str__(self) -> str:
        return f"{self.challenge}: {self.membership}"
