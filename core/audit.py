"""The audit trail: who did what, when; chained by hash so that a later change shows (V27; GB/T 22239 8.1.4.3).

Entries are written in the transaction of the change. A sealer chains them a moment later, so that business
transactions do not queue behind one head (architecture.md §3).
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from core import outbox
from core.clock import today
from core.events import AuditAnchored
from core.heads import current_heads, heads_keep
from core.middleware import current_request_id
from core.models import AuditAnchor, AuditEntry, AuditHead, DigestBlock, RowDigest
from core.row_digests import seal_rows

logger = logging.getLogger("marketplace.integrity")
SYSTEM = "系统"
_SEALED_FIELDS = (
    "actor_text",
    "organisation_text",
    "action",
    "subject_type",
    "subject_id",
    "subject_text",
    "detail",
    "request_id",
)


def record(
    actor: Any,
    action: str,
    subject: models.Model | None = None,
    detail: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write one entry. `actor` is a user, or None for the platform's own clockwork.

    Must run inside the transaction of the change it tells of: both are there, or neither.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("audit.record() belongs inside the transaction of the change")
    organisation = getattr(actor, "current_organisation", None)
    return AuditEntry.objects.create(
        actor=actor if actor is not None and actor.pk else None,
        actor_text=str(actor) if actor is not None else SYSTEM,
        organisation_text=str(organisation) if organisation is not None else "",
        action=action,
        subject_type=subject._meta.label_lower if subject is not None else "",
        subject_id=str(subject.pk) if subject is not None else "",
        subject_text=str(subject)[:300] if subject is not None else "",
        detail=dict(detail or {}),
        request_id=current_request_id(),
    )


@transaction.atomic
def record_alone(
    actor: Any,
    action: str,
    subject: models.Model | None = None,
    detail: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write an entry about something refused, where no change opens a transaction. The caller raises afterwards.

    Not inside a transaction that the refusal will roll back: the entry would go with it.
    """
    return record(actor, action, subject, detail)


def _digest(entry: AuditEntry, sequence: int, previous_hash: str) -> str:
    content = {name: getattr(entry, name) for name in _SEALED_FIELDS}
    content |= {"moment": entry.moment.isoformat(), "sequence": sequence, "previous_hash": previous_hash}
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


@transaction.atomic
def seal_pending(limit: int = 1000) -> int:
    """Chain up to `limit` unsealed entries; returns how many. Safe to run from several processes at once."""
    AuditHead.objects.get_or_create(pk=1)
    head = AuditHead.objects.select_for_update().get(pk=1)
    entries = list(AuditEntry.objects.filter(sequence__isnull=True).order_by("pk")[:limit])
    for entry in entries:
        entry.previous_hash = head.hash
        entry.sequence = head.sequence + 1
        entry.hash = _digest(entry, entry.sequence, entry.previous_hash)
        head.sequence, head.hash = entry.sequence, entry.hash
    if entries:
        AuditEntry.objects.bulk_update(entries, ["previous_hash", "sequence", "hash"], batch_size=200)
        head.save(update_fields=["sequence", "hash"])
        transaction.on_commit(heads_keep)
    return len(entries)


@transaction.atomic
def seal_pending_rows(limit: int = 1000) -> int:
    """Chain up to `limit` digests of rows as one block, under the same lock; returns how many."""
    AuditHead.objects.get_or_create(pk=1)
    AuditHead.objects.select_for_update().get(pk=1)
    sealed = seal_rows(limit)
    if sealed:
        transaction.on_commit(heads_keep)
    return sealed


def seal_pending_if_any(limit: int = 1000) -> int:
    """Both, but without opening a write transaction when there is nothing to seal; returns the longer of the two."""
    entries = seal_pending(limit) if AuditEntry.objects.filter(sequence__isnull=True).exists() else 0
    rows = seal_pending_rows(limit) if RowDigest.objects.filter(block__isnull=True).exists() else 0
    return max(entries, rows)


@transaction.atomic
def anchor_today() -> AuditAnchor | None:
    """Publish the heads of the chains once a day; None if today's are there already or nothing was ever sealed.

    They leave the database the same moment: into the log, and to the supervisors (`AuditAnchored`).
    """
    head = AuditHead.objects.select_for_update().filter(pk=1, sequence__gt=0).first()
    if head is None or AuditAnchor.objects.filter(day=today()).exists():
        return None
    heads = current_heads()
    anchor = AuditAnchor.objects.create(
        day=today(),
        sequence=head.sequence,
        hash=head.hash,
        block_sequence=heads.rows[0],
        block_hash=heads.rows[1],
    )
    logger.warning("heads of %s: %s", anchor.day, heads.text)
    outbox.publish(AuditAnchored(anchor.day.isoformat(), heads.text))
    return anchor


@dataclass(frozen=True)
class ChainReport:
    """Outcome of a verification: sealed entries checked, the unsealed tail, and the first fault if there is one."""

    checked: int
    unsealed: int
    fault: str


def verify() -> ChainReport:
    """Recompute the whole chain from the first entry and compare it with the head."""
    previous_hash, expected = "0" * 64, 1
    for entry in AuditEntry.objects.filter(sequence__isnull=False).order_by("sequence").iterator(chunk_size=2000):
        if entry.sequence != expected:
            return ChainReport(expected - 1, 0, f"缺少第 {expected} 条记录")
        if entry.previous_hash != previous_hash or entry.hash != _digest(entry, expected, previous_hash):
            return ChainReport(expected - 1, 0, f"第 {expected} 条记录与其校验值不符")
        previous_hash, expected = entry.hash, expected + 1
    for anchor in AuditAnchor.objects.order_by("sequence"):
        if not AuditEntry.objects.filter(sequence=anchor.sequence, hash=anchor.hash).exists():
            return ChainReport(expected - 1, 0, f"{anchor.day} 公布的链头（第 {anchor.sequence} 条）与现有记录不符")
        block = DigestBlock.objects.filter(sequence=anchor.block_sequence, hash=anchor.block_hash)
        if anchor.block_sequence and not block.exists():
            fault = f"{anchor.day} 公布的数据校验链头（第 {anchor.block_sequence} 组）与现有记录不符"
            return ChainReport(expected - 1, 0, fault)
    head = AuditHead.objects.filter(pk=1).first()
    if head is not None and (head.sequence != expected - 1 or head.hash != previous_hash):
        return ChainReport(expected - 1, 0, "链尾与登记的最后一条不符，末尾记录可能被删除")
    unsealed = AuditEntry.objects.filter(sequence__isnull=True).count()
    return ChainReport(expected - 1, unsealed, "")
