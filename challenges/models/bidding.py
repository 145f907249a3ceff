"""Sealed bids: what is received, the challenge's own chain, credit evidence (domain.md §2.5, §2.9; security.md C.3)."""

import json
import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from challenges.enums import BidState, CreditGate, EnvelopeKind
from challenges.models.programme import Challenge
from core.clock import now
from core.content_keys import decrypted, encrypted
from core.deciding import DecidingModel
from core.transitions import state_check


class Bid(DecidingModel):
    """One organisation's bid for one challenge, across all its accounts (V03).

    Before the opening nobody but the bidder learns that the row exists, not even as a number (domain.md §6).
    """

    part_of = ("challenges.challenge", "challenge_id")
    hides_count = True

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    challenge = models.ForeignKey(Challenge, on_delete=models.PROTECT, related_name="bids")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="bids")
    state = models.CharField(_("状态"), max_length=16, choices=BidState.choices, default=BidState.SEALED)
    version = models.PositiveIntegerField(default=0)
    confirmed_content_version = models.PositiveIntegerField(_("按第几版榜单提交"), default=1)
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    #: Filled by the opening, under the challenge's data key. Technical and price content are apart, and so is who may
    #: read them.
    technical_cipher = models.TextField(null=True, blank=True, editable=False)
    price_cipher = models.TextField(null=True, blank=True, editable=False)
    unreadable_reason = models.TextField(blank=True)
    unreadable_by_bidder = models.BooleanField(null=True)
    unreadable_at = models.DateTimeField(_("判定无法读取的时间"), null=True, blank=True)
    form_comment = models.TextField(_("形式审查意见"), blank=True)
    form_problems = models.JSONField(default=list, blank=True)
    supplement_due_on = models.DateField(_("补正期限"), null=True, blank=True)
    supplement_cipher = models.TextField(null=True, blank=True, editable=False)
    supplement_received_at = models.DateTimeField(_("补正收到时间"), null=True, blank=True)
    disqualified_reason = models.TextField(blank=True)

    class Meta:
        verbose_name = _("揭榜申请")
        verbose_name_plural = _("揭榜申请")
        ordering = ["pk"]
        constraints = [
            state_check(BidState, "bid_state"),
            models.UniqueConstraint(fields=["challenge", "organisation"], name="one_bid_per_organisation"),
        ]

    def __str__(self) -> str:
        return f"{self.challenge.code} · {self.public_id.hex[:8]}"

    def get_state_display(self) -> str:  # type: ignore[no-redef]  # instead of Django's own
        name = str(dict(BidState.choices).get(self.state, self.state))
        named_by_programme = (BidState.PROPOSED, BidState.NOT_SELECTED, BidState.AWARDED)
        return self.challenge.outcome_name(name) if self.state in named_by_programme else name

    @property
    def outward_state(self) -> tuple[str, str]:
        """State and words for everybody but those who decide: what was decided is told by its 公示, not before."""
        undecided = self.challenge.public_state == self.challenge.state
        if undecided or self.state not in (BidState.PROPOSED, BidState.RESERVE):
            return str(self.state), self.get_state_display()
        return str(BidState.SCORED), str(BidState.SCORED.label)

    @property
    def technical_content(self) -> dict[str, Any] | None:
        """What the technical envelope held; None before it was opened and after it was erased."""
        return self._opened(self.technical_cipher)

    @technical_content.setter
    def technical_content(self, content: dict[str, Any]) -> None:
        self.technical_cipher = self._sealed_at_rest(content)

    @property
    def price_content(self) -> dict[str, Any] | None:
        """What the price envelope held; None before it was opened and after it was erased."""
        return self._opened(self.price_cipher)

    @price_content.setter
    def price_content(self, content: dict[str, Any]) -> None:
        self.price_cipher = self._sealed_at_rest(content)

    @property
    def supplement_text(self) -> str:
        """What the bidder answered to a request for 补正; "" before and after it was erased."""
        return self._opened(self.supplement_cipher) or ""

    @supplement_text.setter
    def supplement_text(self, text: str) -> None:
        self.supplement_cipher = self._sealed_at_rest(text) if text else None

    def _opened(self, cipher: str | None) -> Any:
        if cipher is None:
            return None
        return json.loads(decrypted(self.challenge.content_key, cipher.encode()))

    def _sealed_at_rest(self, content: Any) -> str:
        return encrypted(self.challenge.content_key, json.dumps(content, ensure_ascii=False).encode()).decode()


class BidVersion(DecidingModel):
    """One receipted submission. Earlier ones stay as hashes; the last before the deadline counts."""

    part_of = ("challenges.challenge", "bid__challenge_id")
    hides_count = True

    bid = models.ForeignKey(Bid, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    content_version = models.PositiveIntegerField(_("榜单版本"))
    received_at = models.DateTimeField()
    sequence = models.PositiveIntegerField(_("链上序号"))
    receipt = models.JSONField(default=dict)
    idempotency_key = models.CharField(max_length=100)
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    device_digest = models.CharField(max_length=64, blank=True)
    address_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["bid", "number"], name="one_bid_version_per_number"),
            models.UniqueConstraint(fields=["bid", "idempotency_key"], name="one_bid_version_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.bid_id} v{self.number}"


def envelope_path(envelope: "SealedEnvelope", file_name: str) -> str:
    """Ciphertext under a random name: neither bidder nor challenge can be read from the folder."""
    key = envelope.public_id.hex
    return f"sealed/{key[:2]}/{key}"


class SealedEnvelope(DecidingModel):
    """An uploaded ciphertext. It counts once a bid version names it; until then it is only an upload."""

    part_of = ("challenges.challenge", "challenge_id")
    hides_count = True

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    challenge = models.ForeignKey(Challenge, on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    bid_version = models.ForeignKey(BidVersion, null=True, on_delete=models.PROTECT, related_name="envelopes")
    kind = models.CharField(max_length=10, choices=EnvelopeKind.choices)
    key_fingerprint = models.CharField(max_length=64)
    file = models.FileField(upload_to=envelope_path, max_length=200, blank=True)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    sm3 = models.CharField(max_length=64, blank=True)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    uploaded_at = models.DateTimeField(default=now, editable=False)
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["bid_version", "kind"], name="envelope_by_version")]

    def __str__(self) -> str:
        return f"{self.kind} {self.sha256[:12]}"


class BidDraft(models.Model):
    """A draft as the bidder's browser encrypted it: the platform cannot read it (security.md S5)."""

    challenge = models.ForeignKey(Challenge, on_delete=models.CASCADE, related_name="+")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    #: The name the bid will have, given before it exists: sealing binds it in.
    bid_public_id = models.UUIDField(default=uuid.uuid4, editable=False)
    ciphertext = models.TextField(blank=True)
    revision = models.PositiveIntegerField(default=0)
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    saved_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["challenge", "organisation"], name="one_draft_each")]

    def __str__(self) -> str:
        return f"{self.challenge_id} {self.organisation_id} r{self.revision}"


class ChainEntry(DecidingModel):
    """A link of a challenge's chain, made under the challenge's row lock (architecture.md §3; docs/sealing.md)."""

    part_of = ("challenges.challenge", "challenge_id")
    hides_count = True

    challenge = models.ForeignKey(Challenge, on_delete=models.PROTECT, related_name="chain")
    sequence = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    at = models.CharField(max_length=40)
    salt = models.CharField(max_length=40)
    body = models.JSONField(default=dict)
    body_digest = models.CharField(max_length=64)
    previous_head = models.CharField(max_length=64)
    head = models.CharField(max_length=64)

    class Meta:
        ordering = ["sequence"]
        constraints = [models.UniqueConstraint(fields=["challenge", "sequence"], name="one_link_per_sequence")]

    def __str__(self) -> str:
        return f"{self.challenge_id}#{self.sequence} {self.kind}"


class CreditEntry(DecidingModel):
    """A dishonesty entry with its statutory basis and end; past its end it is not used (domain.md §2.9)."""

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="credit_entries")
    document_number = models.CharField(_("文书号"), max_length=100)
    issuer = models.CharField(_("作出机关"), max_length=100)
    basis = models.CharField(_("法律依据"), max_length=200)
    summary = models.TextField(_("事由"))
    started_on = models.DateField(_("起始"))
    ends_on = models.DateField(_("终止"))
    withdrawn_at = models.DateTimeField(_("撤销或修复"), null=True, blank=True)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        verbose_name = _("失信信息")
        verbose_name_plural = _("失信信息")
        ordering = ["-started_on"]

    def __str__(self) -> str:
        return f"{self.document_number} {self.organisation_id}"


class CreditCheck(DecidingModel):
    """Evidence that credit was looked at: when, at which gate, what was found."""

    part_of = ("challenges.challenge", "bid__challenge_id")
    hides_count = True

    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.CASCADE, related_name="+")
    unified_code = models.CharField(max_length=18, blank=True)
    bid = models.ForeignKey(Bid, null=True, on_delete=models.CASCADE, related_name="credit_checks")
    gate = models.CharField(max_length=12, choices=CreditGate.choices)
    passed = models.BooleanField()
    findings = models.JSONField(default=list, blank=True)
    checked_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.get_gate_display()} {self.passed}"
