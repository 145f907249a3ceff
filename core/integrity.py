"""Whether the installation's data is what the platform left: chains, rows, files, heads (ADR 0010).

`verify_audit` prints it, the schedule runs it every night, the operator's page shows the outcome.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from core import audit, outbox
from core.clock import today
from core.content_keys import ContentUnreadable, stored_content
from core.events import IntegrityDoubted
from core.heads import kept_heads_fault
from core.models import Attachment
from core.row_digests import LABELS, Finding, adopt_rows, block_fault, compare_all, deciding_models

logger = logging.getLogger("marketplace.integrity")
READ_SIZE = 1 << 20
#: Faults that are logged one by one.
SHOWN = 50


@dataclass(frozen=True)
class Fault:
    """`check` is a stable word, `subject` what it is about, `detail` a sentence for people."""

    check: str
    subject: str
    detail: str


_also: dict[str, Callable[[], Iterator[Fault]]] = {}


def checked_also(name: str) -> Callable[[Callable[[], Iterator[Fault]]], Callable[[], Iterator[Fault]]]:
    """Register what a higher app compares of its own, files for instance."""

    def register(function: Callable[[], Iterator[Fault]]) -> Callable[[], Iterator[Fault]]:
        _also[name] = function
        return function

    return register


def installation_faults(*, audited: audit.ChainReport | None = None, with_files: bool = True) -> Iterator[Fault]:
    """Everything that is not as the platform left it. Tells of no number that must stay hidden before an opening.

    `audited` is the outcome of `audit.verify`, if the caller has it already.
    """
    found = audited or audit.verify()
    if found.fault:
        yield Fault("audit", _("审计链"), found.fault)
    fault = block_fault()
    if fault:
        yield Fault("blocks", _("数据校验链"), fault)
    fault = kept_heads_fault()
    if fault:
        yield Fault("head", _("链头"), fault)
    for model in deciding_models():
        yield from row_faults(model, compare_all(model))
    if with_files:
        yield from attachment_faults()
        for check in _also.values():
            yield from check()


def installation_watch() -> dict[str, Any]:
    """The schedule's comparison: its outcome stands on the operator's page, and people are told of faults."""
    faults = list(installation_faults())
    if not faults:
        return {"faults": 0}
    first = f"{faults[0].subject}：{faults[0].detail}"
    for fault in faults[:SHOWN]:
        logger.error("%s %s: %s", fault.check, fault.subject, fault.detail)
    with transaction.atomic():
        outbox.publish(IntegrityDoubted(today().isoformat(), len(faults), first))
    return {"faults": len(faults), "first": first}


def row_faults(model: type[Model], findings: Iterator[Finding]) -> Iterator[Fault]:
    """Findings in words. Where counting would tell of bids, rows are not named, and the same is said once."""
    name, hidden, said = str(model._meta.verbose_name), getattr(model, "hides_count", False), set()
    for finding in findings:
        subject = f"{name}（{finding.part_of}）" if hidden else f"{name} {finding.table}#{finding.row}"
        if not hidden or (subject, finding.kind) not in said:
            said.add((subject, finding.kind))
            yield Fault("row", subject, str(LABELS[finding.kind]))


def attachment_faults(**conditions: object) -> Iterator[Fault]:
    """Files that are not what was handed in: gone, changed, or no longer readable with the installation's keys."""
    for attachment in Attachment.objects.filter(**conditions).order_by("pk").iterator(chunk_size=200):
        detail = attachment_fault(attachment)
        if detail:
            yield Fault("file", f"{attachment.subject_type} {attachment.public_id}", detail)


def attachment_fault(attachment: Attachment) -> str:
    """Why the stored bytes are not those handed in; "" if they are."""
    digest = hashlib.sha256()
    try:
        with stored_content(attachment) as content:
            while piece := content.read(READ_SIZE):
                digest.update(piece)
    except ContentUnreadable as error:
        return str(error)
    except OSError:
        return _("文件缺失或无法读取")
    return "" if digest.hexdigest() == attachment.sha256 else _("文件内容与上传时的摘要不符，可能已被改动")


def adopt_everything() -> tuple[dict[str, int], list[Fault]]:
    """Rows taken over by table, and what an older digest objects to. The trail says what was taken on trust."""
    adopted: dict[str, int] = {}
    faults: list[Fault] = []
    for model in deciding_models():
        count, refused = adopt_rows(model)
        if count and not model.hides_count:  # type: ignore[attr-defined]
            adopted[model._meta.label_lower] = count
        faults += row_faults(model, iter(refused))
    if adopted:
        with transaction.atomic():
            audit.record(None, "core.rows.adopted", None, adopted)
    return adopted, faults
