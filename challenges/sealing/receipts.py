"""Receipts, and the hash chain that every event of a challenge's sealed phase is a link of.

Neither tells how many bids there are before the opening (招标投标法 art. 22; domain.md §2.5): a receipt names the head
in front of it but no running number, and every link carries a random salt that is published only with the opening, so
that a bidder with two receipts cannot tell whether somebody else bid in between.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from challenges.sealing.canonical import canonical, encode_bytes
from challenges.sealing.errors import MalformedInput
from challenges.sealing.statements import RECEIPT, WITHDRAWAL, Signer, sign_statement, verify_statement
from challenges.sealing.suites import DEFAULT_SUITE, Suite

SALT_LENGTH = 16
#: `previous_head` of the first link.
GENESIS = "0" * 64
ENTRY_FIELDS = {"sequence", "kind", "at", "salt", "body_digest", "previous_head", "head"}


def time_text(moment: datetime) -> str:
    """An aware moment as UTC text with microseconds, e.g. "2026-11-24T02:00:00.000000Z"; sorts as time does."""
    if moment.tzinfo is None:
        raise MalformedInput("时间必须带时区。")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: Any) -> datetime:
    """The moment of `time_text`; exactly that form, or MalformedInput."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except (TypeError, ValueError) as error:
        raise MalformedInput("时间格式不正确。") from error
    if time_text(moment) != text:
        raise MalformedInput("时间格式不正确。")
    return moment


# -- The chain ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ChainEntry:
    """One link. `body_digest` commits to the body, which may be kept back without breaking the chain.

    `kind` is a word from `verification.ENTRY_KINDS`; hex digests are the suite's; `salt` is base64.
    """

    sequence: int
    kind: str
    at: str
    salt: str
    body_digest: str
    previous_head: str
    head: str


def body_digest(body: Any, suite: Suite = DEFAULT_SUITE) -> str:
    """Hex digest of the body's canonical form."""
    return suite.digest(canonical(body)).hex()


def entry_head(
    sequence: int,
    kind: str,
    at: str,
    salt: str,
    digest: str,
    previous_head: str,
    suite: Suite = DEFAULT_SUITE,
) -> str:
    """The head that these values make: digest of their canonical JSON object."""
    link = {
        "sequence": sequence,
        "kind": kind,
        "at": at,
        "salt": salt,
        "body_digest": digest,
        "previous_head": previous_head,
    }
    return suite.digest(canonical(link)).hex()


def append_entry(
    previous: ChainEntry | None, kind: str, body: Any, at: datetime, suite: Suite = DEFAULT_SUITE
) -> ChainEntry:
    """The link after `previous` (None: the first). Call it under the lock that orders the challenge's events."""
    sequence = 0 if previous is None else previous.sequence + 1
    previous_head = GENESIS if previous is None else previous.head
    salt, moment, digest = encode_bytes(os.urandom(SALT_LENGTH)), time_text(at), body_digest(body, suite)
    head = entry_head(sequence, kind, moment, salt, digest, previous_head, suite)
    return ChainEntry(sequence, kind, moment, salt, digest, previous_head, head)


def entry_faults(entry: ChainEntry, previous: ChainEntry | None, suite: Suite = DEFAULT_SUITE) -> list[str]:
    """Why `entry` is not the link after `previous`, each cause in a sentence; [] if it is."""
    faults = []
    number, head = (0, GENESIS) if previous is None else (previous.sequence + 1, previous.head)
    if entry.sequence != number:
        faults.append(f"序号应为 {number}，有事件被删去、加入或调换")
    if entry.previous_head != head:
        faults.append("与前一事件不衔接，前一事件被改动或调换")
    if previous is not None and parse_time(entry.at) < parse_time(previous.at):
        faults.append(f"时间 {entry.at} 早于前一事件的 {previous.at}")
    made = entry_head(entry.sequence, entry.kind, entry.at, entry.salt, entry.body_digest, entry.previous_head, suite)
    if entry.head != made:
        faults.append("链头与本事件的类型、时间或摘要不符，本事件被改动")
    return faults


def verify_entry(entry: ChainEntry, previous: ChainEntry | None, suite: Suite = DEFAULT_SUITE) -> bool:
    """Whether `entry` is the link after `previous`: number, time not earlier, and hashes."""
    return not entry_faults(entry, previous, suite)


# -- Receipts -----------------------------------------------------------------------------------------------------


def receipt_body(
    *,
    suite: str,
    challenge: str,
    bid: str,
    version: int,
    organisation: str,
    envelopes: Sequence[dict[str, Any]],
    received_at: datetime,
    previous_head: str,
) -> dict[str, Any]:
    """What is signed, chained and put into the manifest; `envelopes` as `SealedEnvelope.receipt_entry` gives them.

    The chain's link for it has kind "bid_received" and this body; `previous_head` is the head in front of that link.
    Two bids of one organisation differ in `bid` or `version`, so no two bodies of a challenge are equal.
    """
    return {
        "suite": suite,
        "challenge": challenge,
        "bid": bid,
        "version": version,
        "organisation": organisation,
        "envelopes": sorted(envelopes, key=lambda entry: str(entry["kind"])),
        "received_at": time_text(received_at),
        "previous_head": previous_head,
    }


def withdrawal_body(
    *, challenge: str, bid: str, version: int, organisation: str, withdrawn_at: datetime, previous_head: str
) -> dict[str, Any]:
    """The same for a withdrawal: kind "bid_withdrawn"; `version` is the version that was in force."""
    return {
        "challenge": challenge,
        "bid": bid,
        "version": version,
        "organisation": organisation,
        "withdrawn_at": time_text(withdrawn_at),
        "previous_head": previous_head,
    }


def sign_receipt(body: dict[str, Any], signer: Signer) -> dict[str, Any]:
    """The receipt a bidder keeps. Ed25519 is deterministic: signing the same body again gives the same receipt."""
    return sign_statement(RECEIPT, body, signer)


def verify_receipt(receipt: Any, public_key: bytes) -> dict[str, Any]:
    """The receipt's body; raises InvalidSignature or MalformedInput."""
    return verify_statement(receipt, RECEIPT, public_key)


def sign_withdrawal(body: dict[str, Any], signer: Signer) -> dict[str, Any]:
    """The confirmation of a withdrawal a bidder keeps."""
    return sign_statement(WITHDRAWAL, body, signer)


def verify_withdrawal(confirmation: Any, public_key: bytes) -> dict[str, Any]:
    """The confirmation's body; raises InvalidSignature or MalformedInput."""
    return verify_statement(confirmation, WITHDRAWAL, public_key)
