"""What the opening could not judge, kept for the supervisor's eyes and for nobody's page."""

import uuid

from django.db import models

from challenges.enums import EnvelopeKind
from challenges.models.bidding import Bid
from core.clock import now
from core.deciding import DecidingModel


def aside_path(kept: "KeptAside", file_name: str) -> str:
    """Under a random name, like ciphertexts: neither bidder nor challenge can be read from the folder."""
    key = kept.public_id.hex
    return f"aside/{key[:2]}/{key}"


class KeptAside(DecidingModel):
    """A file, or the whole content of an envelope, that was refused at the opening: with its reason, and its bytes.

    The envelope key is forgotten after the opening, so what is not kept here could never be looked at again. The bytes
    lie under the challenge's data key (`services.aside`), are erased with it, and no address serves them.
    """

    part_of = ("challenges.challenge", "bid__challenge_id")
    hides_count = True

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    bid = models.ForeignKey(Bid, on_delete=models.PROTECT, related_name="kept_aside")
    kind = models.CharField(max_length=10, choices=EnvelopeKind.choices)
    #: The attachment's name; "" for the envelope's whole content.
    name = models.CharField(max_length=255, blank=True)
    reason = models.TextField()
    by_bidder = models.BooleanField()
    #: The kind of error, for operators; never its words, which may quote the bid.
    cause = models.CharField(max_length=100, blank=True)
    found_at = models.DateTimeField(default=now, editable=False)
    size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    file = models.FileField(upload_to=aside_path, max_length=200, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["bid", "kind"], name="kept_aside_by_bid")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.sha256[:12]}"
