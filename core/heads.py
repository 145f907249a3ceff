"""The heads of the audit chain and of the row digests, written beside the database (docs/security.md §3).

Whoever can write to the database can cut off the end of a chain and set its head back. So heads leave the database: a
line in a file of this host with every sealing, a line in the log and a mail to the supervisors once a day. A database
restored from a backup is shorter than the file says: that is true, and `verify_audit` says so until somebody who
answers for the restore moves the file away (docs/operations.md).
"""

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from core.clock import now
from core.models import AuditEntry, AuditHead, DigestBlock

logger = logging.getLogger("marketplace.integrity")
#: A file that has grown to this size becomes `….1`, and the former one is gone: some 40,000 sealings are remembered.
LARGEST_FILE_BYTES = 5 << 20
HEAD_TEXT = re.compile(r"^(?:(\d+):)?([0-9a-f]{64})$")


@dataclass(frozen=True)
class Heads:
    """The last link of each chain: (sequence, hash); (0, "") before the first."""

    audit: tuple[int, str]
    rows: tuple[int, str]

    @property
    def text(self) -> str:
        """For people: what they note, and later hand to `verify_audit --head`."""
        return " ".join(f"{sequence}:{head}" for sequence, head in (self.audit, self.rows) if head)


def current_heads() -> Heads:
    audit = AuditHead.objects.filter(pk=1, sequence__gt=0).first()
    block = DigestBlock.objects.order_by("-sequence").first()
    return Heads((audit.sequence, audit.hash) if audit else (0, ""), (block.sequence, block.hash) if block else (0, ""))


def heads_keep() -> None:
    """Append the heads to the file. A disk that refuses is logged and stops nothing: the chains are in the database."""
    heads = current_heads()
    line = json.dumps({"at": now().isoformat(), "audit": heads.audit, "rows": heads.rows}) + "\n"
    path = Path(settings.INTEGRITY_HEADS_FILE)
    try:
        if path.exists() and path.stat().st_size > LARGEST_FILE_BYTES:
            path.replace(path.with_name(path.name + ".1"))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(line)
    except OSError as error:
        logger.error("heads of the chains could not be written to %s: %s", path, error)


def kept_heads() -> Iterator[tuple[str, int, str]]:
    """(chain, sequence, hash) of every line of this host's files; a line cut short by a kill is passed over."""
    path = Path(settings.INTEGRITY_HEADS_FILE)
    for one in (path.with_name(path.name + ".1"), path):
        if not one.exists():
            continue
        for line in one.read_text(encoding="ascii", errors="replace").split("\n"):
            found = _parsed(line)
            for chain in ("audit", "rows"):
                if found and found[chain][0]:
                    yield chain, found[chain][0], found[chain][1]


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
        return {chain: (int(found[chain][0]), str(found[chain][1])) for chain in ("audit", "rows")}
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def kept_heads_fault() -> str:
    """The first head of the files that is not on its chain, or ""."""
    return next((fault for fault in _missing(kept_heads()) if fault), "")


def _missing(heads: Iterable[tuple[str, int, str]]) -> Iterator[str]:
    wanted: dict[str, dict[int, str]] = {"audit": {}, "rows": {}}
    for chain, sequence, head in heads:
        if wanted[chain].setdefault(sequence, head) != head:
            yield f"留存的链头互相矛盾：第 {sequence} 个链头有两个不同的值"
    for chain, model, label in (("audit", AuditEntry, "审计链"), ("rows", DigestBlock, "数据校验链")):
        sequences = sorted(wanted[chain])
        for start in range(0, len(sequences), 500):
            portion = sequences[start : start + 500]
            present = dict(model.objects.filter(sequence__in=portion).values_list("sequence", "hash"))  # type: ignore[attr-defined]
            for sequence in portion:
                if present.get(sequence) != wanted[chain][sequence]:
                    yield f"{label}在第 {sequence} 处与数据库以外留存的链头不符：末尾被截去，或历史被改写"


def stands_on_a_chain(text: str) -> bool:
    """Whether a head noted outside is still on a chain. ValueError unless it is "hash" or "sequence:hash"."""
    match = HEAD_TEXT.match(text.strip().lower())
    if match is None:
        raise ValueError(text)
    sequence, head = match.groups()
    conditions = {"hash": head} | ({"sequence": int(sequence)} if sequence else {})
    return AuditEntry.objects.filter(**conditions).exists() or DigestBlock.objects.filter(**conditions).exists()
