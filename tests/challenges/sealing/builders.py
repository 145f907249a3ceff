"""Calls, envelopes and whole challenge records for the sealing tests, made with the product's own functions."""

import io
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from challenges.sealing.canonical import encode_bytes
from challenges.sealing.containers import Attachment
from challenges.sealing.envelopes import EnvelopeContext, seal_envelope
from challenges.sealing.keys import (
    KeyContext,
    KeyPair,
    Officer,
    WrappedKey,
    fingerprint,
    generate_key_pair,
    wrap_for_subsets,
)
from challenges.sealing.manifests import (
    freeze_body,
    freeze_leaf,
    manifest_leaves,
    new_freeze_salt,
    root_of,
    sign_freeze,
)
from challenges.sealing.receipts import (
    ChainEntry,
    append_entry,
    receipt_body,
    sign_receipt,
    sign_withdrawal,
    time_text,
    withdrawal_body,
)
from challenges.sealing.statements import Signer
from challenges.sealing.suites import DEFAULT_SUITE, suite_named
from challenges.sealing.verification import FORMAT, Anchors, export_entry, layer_digest, sign_head

SUITE = DEFAULT_SUITE.name
OPENED_ON = datetime(2026, 11, 1, 1, 0, tzinfo=UTC)
DEADLINE = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
ORGANISATIONS = ("91370000100000001A", "91370000100000002B", "91370000100000003C")


def named_officers() -> tuple[list[Officer], dict[str, KeyPair]]:
    """Three officers of three organisations and their pairs by id."""
    pairs = {f"officer-{letter}": generate_key_pair() for letter in "abc"}
    officers = [
        Officer(name, f"1137000000000000{index}X", pair.public_key) for index, (name, pair) in enumerate(pairs.items())
    ]
    return officers, pairs


def context(kind: str = "technical", suite: str = SUITE, **changes: Any) -> EnvelopeContext:
    fields = {
        "challenge": "JB-2026-001",
        "organisation": ORGANISATIONS[0],
        "bid": "bid-1",
        "version": 1,
        **changes,
    }
    return EnvelopeContext(suite=suite, kind=kind, **fields)


def sealed(pair: KeyPair, of: EnvelopeContext, manifest: Any, files: dict[str, bytes] | None = None) -> bytes:
    sink = io.BytesIO()
    attachments = [
        Attachment(name, "application/pdf", len(data), io.BytesIO(data)) for name, data in (files or {}).items()
    ]
    seal_envelope(sink, pair.public_key, of, manifest, attachments)
    return sink.getvalue()


@dataclass
class RecordBuilder:
    """Plays a challenge through and exports its record; every step appends a link."""

    bids: int = 3
    suite: str = SUITE
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    signer: Signer = field(default_factory=Signer.generate)
    entries: list[ChainEntry] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    moment: datetime = OPENED_ON

    def __post_init__(self) -> None:
        self.officers, self.officer_pairs = named_officers()
        self.envelope_pairs = {kind: generate_key_pair() for kind in ("technical", "price")}
        self.wrapped: dict[str, list[WrappedKey]] = {
            kind: wrap_for_subsets(pair.private_key, self.officers, 2, self.key_context(kind))
            for kind, pair in self.envelope_pairs.items()
        }

    def key_context(self, kind: str) -> KeyContext:
        public_key = self.envelope_pairs[kind].public_key
        return KeyContext(self.suite, "JB-2026-001", kind, fingerprint(public_key))

    def append(self, kind: str, body: Any, at: datetime | None = None) -> ChainEntry:
        self.moment = at or self.moment + timedelta(seconds=1)
        previous = self.entries[-1] if self.entries else None
        self.entries.append(append_entry(previous, kind, body, self.moment, suite_named(self.suite)))
        self.bodies.append(body)
        return self.entries[-1]

    def call(self) -> dict[str, Any]:
        return {
            "challenge": "JB-2026-001",
            "suite": self.suite,
            "version": 1,
            "title": "钢铁高炉炉温智能预测",
            "deadline": time_text(DEADLINE),
            "signing_key": encode_bytes(self.signer.public_key),
            "threshold": 2,
            "officers": [
                {
                    "id": officer.id,
                    "organisation": officer.organisation,
                    "public_key": encode_bytes(officer.public_key),
                    "fingerprint": fingerprint(officer.public_key),
                }
                for officer in self.officers
            ],
            "envelopes": [
                {
                    "kind": kind,
                    "public_key": encode_bytes(pair.public_key),
                    "fingerprint": fingerprint(pair.public_key),
                    "wrapped": [
                        {
                            "officers": list(one.officers),
                            "blob_sha256": layer_digest(one.blob),
                            "layer_digests": list(one.layer_digests),
                        }
                        for one in self.wrapped[kind]
                    ],
                }
                for kind, pair in self.envelope_pairs.items()
            ],
        }

    def receive(self, number: int, version: int) -> dict[str, Any]:
        self.moment += timedelta(seconds=1)
        body = receipt_body(
            suite=self.suite,
            challenge="JB-2026-001",
            bid=f"bid-{number}",
            version=version,
            organisation=f"91370000{number:010d}",
            envelopes=[
                {"kind": kind, "size": 8000 + number, "sha256": self.chance.randbytes(32).hex()}
                for kind in ("technical", "price")
            ],
            received_at=self.moment,
            previous_head=self.entries[-1].head,
        )
        self.append("bid_received", body, self.moment)
        self.receipts.append(sign_receipt(body, self.signer))
        return body

    def withdraw(self, body: dict[str, Any]) -> None:
        self.moment += timedelta(seconds=1)
        withdrawal = withdrawal_body(
            challenge="JB-2026-001",
            bid=body["bid"],
            version=body["version"],
            organisation=body["organisation"],
            withdrawn_at=self.moment,
            previous_head=self.entries[-1].head,
        )
        self.append("bid_withdrawn", withdrawal, self.moment)
        self.receipts.append(sign_withdrawal(withdrawal, self.signer))

    def play(self) -> dict[str, Any]:
        """The whole life: call, bids (one replaced, one withdrawn), freeze, two openings, award; the record."""
        self.append("published", self.call())
        final = {number: self.receive(number, 1) for number in range(1, self.bids + 1)}
        final[1] = self.receive(1, 2)
        self.withdraw(self.receive(self.bids + 1, 1))
        ordered = [body for number, body in final.items() if number != 1] + [final[1]]
        self.freeze(ordered, DEADLINE + timedelta(milliseconds=80))
        self.open("technical", ordered)
        self.append("scores_locked", {"digest": "5" * 64})
        self.open("price", ordered)
        winner = {"bid": final[2]["bid"], "organisation": final[2]["organisation"]}
        self.append("awarded", {"digest": "6" * 64, "winners": [winner]})
        return self.record()

    def freeze(self, final: list[dict[str, Any]], at: datetime) -> None:
        suite = suite_named(self.suite)
        self.salt = new_freeze_salt()
        leaves = manifest_leaves(freeze_leaf("JB-2026-001", at, self.salt), final, suite)
        body = freeze_body("JB-2026-001", self.suite, root_of(leaves, suite.digest), at)
        self.frozen = sign_freeze(body, self.signer)
        self.append("frozen", body, at)

    def open(self, kind: str, final: list[dict[str, Any]]) -> None:
        subset = ["officer-a", "officer-c"]
        for position, officer in enumerate(subset):
            self.append("peeled", {"kind": kind, "officers": subset, "position": position, "officer": officer})
        self.moment += timedelta(seconds=1)
        self.append(
            "opened",
            {
                "kind": kind,
                "officers": subset,
                "fingerprint": fingerprint(self.envelope_pairs[kind].public_key),
                "opened_at": time_text(self.moment),
                "envelopes": [
                    {
                        "bid": body["bid"],
                        "version": body["version"],
                        "sha256": next(one["sha256"] for one in body["envelopes"] if one["kind"] == kind),
                        "result": "opened",
                        "reason": "",
                    }
                    for body in final
                ],
            },
            self.moment,
        )

    def record(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "challenge": "JB-2026-001",
            "suite": self.suite,
            "signing_key": encode_bytes(self.signer.public_key),
            "chain": [export_entry(entry, body) for entry, body in zip(self.entries, self.bodies, strict=True)],
            "head": sign_head("JB-2026-001", self.entries[-1], self.signer),
            "freeze": self.frozen,
            "freeze_salt": self.salt,
            "receipts": self.receipts,
        }

    def anchors(self) -> Anchors:
        """What a careful outsider noted: signing key and root when they were published."""
        return Anchors(self.signer.fingerprint, self.frozen["body"]["root"])
