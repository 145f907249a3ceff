"""A challenge's own chain: every event of its sealed phase, linked under the challenge's row lock."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from challenges.models import ChainEntry, Challenge
from challenges.sealing import receipts
from challenges.sealing.suites import suite_named
from challenges.sealing.verification import CLOCK_STEPPED
from core.clock import database_now


@dataclass(frozen=True)
class Tip:
    """Where the next link goes: the link before it (None: it is the first), and the moment it will carry."""

    previous: receipts.ChainEntry | None
    moment: datetime

    @property
    def head(self) -> str:
        return self.previous.head if self.previous is not None else receipts.GENESIS


def last_link(challenge: Challenge) -> receipts.ChainEntry | None:
    row = challenge.chain.order_by("-sequence").first()
    return as_link(row) if row is not None else None


def as_link(row: ChainEntry) -> receipts.ChainEntry:
    return receipts.ChainEntry(row.sequence, row.kind, row.at, row.salt, row.body_digest, row.previous_head, row.head)


def chain_tip(challenge: Challenge, clock: datetime | None = None) -> Tip:
    """The end of a locked challenge's chain. `clock` is the database's time, if the caller has just asked for it.

    The moment is never before the last link's. A database's clock may step back (a server replaced, a clock set right),
    and a record whose times run backwards would look forged: so its time stands still until the clock has caught up,
    and a link of its own notes the step once.
    """
    previous, clock = last_link(challenge), clock or database_now()
    if previous is None or clock >= receipts.parse_time(previous.at):
        return Tip(previous, clock)
    noted = challenge.chain.filter(kind=CLOCK_STEPPED, body__last=previous.at).exists()
    moment = receipts.parse_time(previous.at)
    if not noted:
        step = {"clock": receipts.time_text(clock), "last": previous.at}
        previous = as_link(chain_append(challenge, CLOCK_STEPPED, step, tip=Tip(previous, moment)))
    return Tip(previous, moment)


def chain_append(challenge: Challenge, kind: str, body: dict[str, Any], *, tip: Tip | None = None) -> ChainEntry:
    """Add a link to a locked challenge's chain. `kind` is a word of `verification.ENTRY_KINDS`.

    `tip` is what `chain_tip` gave under the same lock to who needed moment or head for the body; else it is asked here.
    """
    tip = tip or chain_tip(challenge)
    link = receipts.append_entry(tip.previous, kind, body, tip.moment, suite_named(challenge.suite))
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
