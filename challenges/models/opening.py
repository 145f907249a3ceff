"""Officers' keys, envelope keys, opening ceremonies (security.md C.3)."""

import uuid

from django.conf import settings
from django.db import models

from accounts.models import Organisation
from challenges.enums import EnvelopeKind, OpenerCapacity, OpeningState
from challenges.models.programme import AnnualList, Challenge
from core.clock import now
from core.deciding import DecidingModel
from core.transitions import state_check


class OfficerKey(DecidingModel):
    """The public half of a key pair made in an officer's own browser; the private half never comes here."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="officer_keys")
    suite = models.CharField(max_length=40)
    public_key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=now, editable=False)
    proven_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.fingerprint[:16]


class OfficerKeyProof(models.Model):
    """A question only the holder of the private half can answer, asked when named, at publication, at T-24 h."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    key = models.ForeignKey(OfficerKey, on_delete=models.CASCADE, related_name="proofs")
    sealed = models.TextField()
    answer_digest = models.CharField(max_length=64)
    asked_at = models.DateTimeField(default=now, editable=False)
    answered_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.key_id} {self.answered_at}"


class Opener(DecidingModel):
    """An officer appointed to open a list's bids. Three capacities, at least two organisations, no administrator."""

    part_of = ("challenges.annuallist", "annual_list_id")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    annual_list = models.ForeignKey(AnnualList, on_delete=models.CASCADE, related_name="openers")
    capacity = models.CharField(max_length=12, choices=OpenerCapacity.choices)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    key = models.ForeignKey(OfficerKey, null=True, on_delete=models.PROTECT, related_name="appointments")
    appointed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    appointed_at = models.DateTimeField(default=now, editable=False)
    last_proven_at = models.DateTimeField(null=True)
    replaced_at = models.DateTimeField(null=True)
    replaced_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["annual_list", "user"], condition=models.Q(replaced_at=None), name="one_seat_per_opener"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_capacity_display()} {self.user}"


class EnvelopeKey(DecidingModel):
    """A challenge's sealing key for one kind of envelope. Its private half exists only wrapped for officer subsets."""

    part_of = ("challenges.challenge", "challenge_id")

    challenge = models.ForeignKey(Challenge, on_delete=models.PROTECT, related_name="envelope_keys")
    kind = models.CharField(max_length=10, choices=EnvelopeKind.choices)
    generation = models.PositiveSmallIntegerField(default=1)
    suite = models.CharField(max_length=40)
    public_key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64, unique=True)
    threshold = models.PositiveSmallIntegerField()
    #: [{"officers": [officer key public ids, outermost first], "blob": base64}]
    wrapped = models.JSONField(default=list)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["challenge", "kind", "generation"], name="one_envelope_key_each")
        ]

    def __str__(self) -> str:
        return f"{self.challenge_id} {self.kind} {self.fingerprint[:12]}"


class Opening(DecidingModel):
    """One ceremony of one group of officers: of the technical envelopes, or later of the prices.

    Several may run side by side, one for each group that has begun: whoever starts another never undoes what an officer
    has done (services.openings holds the challenge's row while it looks). The first to come to its end opens.
    """

    part_of = ("challenges.challenge", "challenge_id")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    challenge = models.ForeignKey(Challenge, on_delete=models.PROTECT, related_name="openings")
    kind = models.CharField(max_length=10, choices=EnvelopeKind.choices)
    state = models.CharField(max_length=10, choices=OpeningState.choices, default=OpeningState.RUNNING)
    #: The officer keys of the subset chosen, outermost layer first.
    officers = models.JSONField(default=list)
    current_blob = models.TextField(blank=True)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    started_at = models.DateTimeField(default=now, editable=False)
    finished_at = models.DateTimeField(null=True)
    record = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [state_check(OpeningState, "opening_state")]

    def __str__(self) -> str:
        return f"{self.challenge_id} {self.kind} {self.state}"


class OpeningLayer(DecidingModel):
    """A layer one officer took off, in order."""

    part_of = ("challenges.challenge", "opening__challenge_id")

    opening = models.ForeignKey(Opening, on_delete=models.PROTECT, related_name="layers")
    position = models.PositiveSmallIntegerField()
    opener = models.ForeignKey(Opener, on_delete=models.PROTECT, related_name="+")
    blob_digest = models.CharField(max_length=64)
    peeled_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["opening", "position"], name="one_layer_per_position")]

    def __str__(self) -> str:
        return f"{self.opening_id}#{self.position}"
