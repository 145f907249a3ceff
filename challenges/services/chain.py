"""A challenge's own chain: every event of its sealed phase, linked under the challenge's row lock."""

from typing import Any

from challenges.models import ChainEntry, Challenge
from challenges.sealing import receipts
from challenges.sealing.suites import suite_named
from core.clock import database_now


def last_link(challenge: Challenge) -> receipts.ChainEntry | None:
    row = challenge.chain.order_by("-sequence").first()
    return as_link(row) if row is not None else None


def as_link(row: ChainEntry) -> receipts.ChainEntry:
    return receipts.ChainEntry(row.sequence, row.kind, row.at, row.salt, row.body_digest, row.previous_head, row.head)


def chain_append(challenge: Challenge, kind: str, body: dict[str, Any], *, at: Any = None) -> ChainEntry:
    """Add a link to a locked challenge's chain. `kind` is a word of `verification.ENTRY_KINDS`.

    `at` is the moment the body tells of, where it was taken before (a receipt's); else the database's clock.
    """
    link = receipts.append_entry(last_link(challenge), kind, body, at or database_now(), suite_named(challenge.suite))
    return ChainEntry.objects.create(
        challenge=challenge,
        sequence=link.sequence,
        kind=link.kind,
        at=link.at,
        salt=link.salt,
        body=body,
        body_digest=link.body_digest,
        previous_head=link.previous_head,
        head=link.head,
    )
