"""The end of keeping: opened bids are erased when the years the law asks for are over (security.md C.3, 7)."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models.fields.files import FieldFile
from django.utils.translation import gettext as _

from challenges.models import Bid, Challenge, SealedEnvelope
from challenges.services.movement import locked_challenge
from core import audit
from core.attachments import attachments_of
from core.clock import database_now
from core.content_keys import rewrapped
from core.errors import DomainError
from core.models import Attachment

#: 政府采购法 42: procurement documents are kept for at least fifteen years.
RETENTION_YEARS = 15


def retention_ends(challenge: Challenge) -> datetime | None:
    """When the contents may be erased; None for what was never opened."""
    if challenge.opened_at is None:
        return None
    try:
        return challenge.opened_at.replace(year=challenge.opened_at.year + RETENTION_YEARS)
    except ValueError:  # opened on a leap day
        return challenge.opened_at.replace(year=challenge.opened_at.year + RETENTION_YEARS, month=3, day=1)


@transaction.atomic
def contents_erase(*, challenge_id: int) -> Challenge:
    """Erase what was opened, and the ciphertexts, once the retention is over: data key, files and envelopes go.

    Receipts, digests, chain, scores, decisions and contracts stay: the record still verifies. Idempotent.
    """
    challenge = locked_challenge(challenge_id)
    ends = retention_ends(challenge)
    if challenge.contents_erased_at is not None:
        return challenge
    if ends is None or database_now() < ends:
        raise DomainError(
            _("“%(title)s”的标书须至少保存 %(years)d 年（政府采购法第四十二条），尚未期满，不能销毁。")
            % {"title": challenge.title, "years": RETENTION_YEARS},
            code="retention_runs",
        )
    moment = database_now()
    gone: list[FieldFile] = []
    for bid in challenge.bids.all():
        for attachment in attachments_of(bid):
            gone.append(attachment.file)
            attachment.delete()
        for kept in bid.kept_aside.all():
            gone.append(kept.file)
            kept.delete()
    for envelope in SealedEnvelope.objects.filter(challenge=challenge, destroyed_at=None):
        gone.append(envelope.file)
        SealedEnvelope.objects.filter(pk=envelope.pk).update(file="", destroyed_at=moment)
    # Files go when the rows are gone for good: a rollback brings no file back.
    transaction.on_commit(partial(_delete, gone))
    challenge.bids.update(technical_cipher=None, price_cipher=None, supplement_cipher=None)
    challenge.content_key, challenge.contents_erased_at = "", moment
    challenge.save(update_fields=["content_key", "contents_erased_at"])
    audit.record(None, "challenges.challenge.erase_contents", challenge, {"retention_years": RETENTION_YEARS})
    return challenge


def _delete(files: Iterable[FieldFile]) -> None:
    for file in files:
        if file.name:
            file.storage.delete(file.name)


def contents_erase_due() -> int:
    """Erase every challenge whose retention is over; returns how many."""
    kept = Challenge.objects.exclude(opened_at=None).filter(contents_erased_at=None).order_by("pk")
    due = [row.pk for row in kept if (ends := retention_ends(row)) is not None and ends <= database_now()]
    for key in due:
        contents_erase(challenge_id=key)
    return len(due)


def content_keys_rewrap() -> int:
    """Wrap every data key anew with the first of CONTENT_KEYS; returns how many. May be repeated."""
    count = 0
    for key in Challenge.objects.exclude(content_key="").order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            challenge = locked_challenge(key)
            challenge.content_key = rewrapped(challenge.content_key)
            challenge.save(update_fields=["content_key"])
            files = Attachment.objects.filter(
                subject_type=Bid._meta.label_lower,
                subject_id__in=[str(bid) for bid in challenge.bids.values_list("pk", flat=True)],
            ).exclude(content_key="")
            files.update(content_key=challenge.content_key)
        count += 1
    return count
