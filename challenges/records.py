"""The public record of a challenge (docs/sealing.md §5), exported only after its opening, and its verification."""

from collections.abc import Sequence
from typing import Any

from challenges.models import ChainEntry, Challenge, SealedEnvelope
from challenges.sealing import verification
from challenges.sealing.canonical import encode_bytes
from challenges.sealing.envelopes import EnvelopeDigests
from challenges.sealing.manifests import freeze_leaf, inclusion_proof, manifest_leaves
from challenges.sealing.suites import suite_named
from challenges.services.bids import final_bodies
from challenges.services.chain import as_link
from challenges.signing import signer
from core.errors import DomainError

READ_SIZE = 1 << 20
#: Kinds of links whose bodies stay inside: who tried what at an opening is for the supervisor.
KEPT_BACK = frozenset({"opening_refused"})


def unpublicised(rows: Sequence[ChainEntry]) -> set[int]:
    """Sequence numbers of the decisions that no 公示 has followed."""
    waiting: set[int] = set()
    found: set[int] = set()
    for row in rows:
        if row.kind == "decided":
            found |= waiting
            waiting = {row.sequence}
        elif row.kind == "publicity":
            waiting = set()
    return found | waiting


class NotOpened(DomainError):
    code = "not_opened"
    status = 409


def challenge_record(challenge: Challenge, *, whole: bool = False) -> dict[str, Any]:
    """The chain with its bodies. Before the opening even its length would tell the number of bids: refused.

    A decision that waits for its 公示 is not public: the record then ends in front of it, unless `whole` (for those who
    verify the platform itself). One that never came to a 公示 stays as a link without its body.
    """
    if challenge.opened_at is None:
        raise NotOpened("开启之前不公布记录；封存根和封存时间见榜单页面。")
    rows = list(challenge.chain.order_by("sequence"))
    unpublished = set() if whole else unpublicised(rows)
    if unpublished and challenge.public_state != challenge.state:
        rows = [row for row in rows if row.sequence < max(unpublished)]
    links = [as_link(row) for row in rows]
    return {
        "format": verification.FORMAT,
        "challenge": str(challenge.public_id),
        "suite": challenge.suite,
        "signing_key": encode_bytes(signer().public_key),
        "chain": [
            verification.export_entry(link, None if row.kind in KEPT_BACK or row.sequence in unpublished else row.body)
            for link, row in zip(links, rows, strict=True)
        ],
        "head": verification.sign_head(str(challenge.public_id), links[-1], signer()),
        "freeze": challenge.freeze,
        "freeze_salt": challenge.freeze_salt,
    }


def inclusion(challenge: Challenge, bid_public_id: str) -> dict[str, Any]:
    """A bidder's proof that their final version is under the published root; its length tells the count, so: after."""
    if challenge.opened_at is None:
        raise NotOpened("开启之前不提供包含证明。")
    suite = suite_named(challenge.suite)
    bodies = final_bodies(challenge)
    leaves = manifest_leaves(
        freeze_leaf(str(challenge.public_id), challenge.freeze["body"]["frozen_at"], challenge.freeze_salt),
        bodies,
        suite,
    )
    index = next(position for position, body in enumerate(bodies, 1) if body["bid"] == bid_public_id)
    return {
        "leaf": bodies[index - 1],
        "index": index,
        "size": len(leaves),
        "proof": [step.hex() for step in inclusion_proof(leaves, index, suite.digest)],
        "freeze": challenge.freeze,
    }


def verify_files(challenge: Challenge) -> list[verification.Row]:
    """Whether every ciphertext that counts still lies on disk as receipted; destroyed ones are named as such."""
    rows = []
    kept = {
        (str(envelope.bid_version.bid.public_id), envelope.bid_version.number, envelope.kind): envelope
        for envelope in SealedEnvelope.objects.filter(bid_version__bid__challenge=challenge).select_related(
            "bid_version__bid"
        )
    }
    for body in final_bodies(challenge):
        for entry in body["envelopes"]:
            envelope = kept.get((body["bid"], body["version"], entry["kind"]))
            subject = f"{body['bid']} {entry['kind']}"
            if challenge.contents_erased_at is not None:
                rows.append(verification.Row("file", subject, True, "保存期满，密文已按规定销毁；记录仍可查证。"))
                continue
            if envelope is None or not envelope.file or not envelope.file.storage.exists(envelope.file.name):
                rows.append(verification.Row("file", subject, False, "密文文件缺失。"))
                continue
            digests = EnvelopeDigests(suite_named(challenge.suite))
            with envelope.file.open("rb") as source:
                while chunk := source.read(READ_SIZE):
                    digests.update(chunk)
            same = digests.result(entry["kind"]).sha256 == entry["sha256"]
            rows.append(
                verification.Row("file", subject, same, "密文与回执一致。" if same else "密文与回执不一致，已被改动。")
            )
    return rows
