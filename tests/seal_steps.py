"""R1, R4, R15 of reliability.md and S15 of security.md, on an installation of their own: kills, races, bursts.

`python -m tests.seal_steps build|kills COUNT|race COUNT SPREAD|burst COUNT SECONDS`; settings and database come from the
environment. Children are forked from one process that has Django loaded, so hundreds of kills take seconds.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings.dev")
django.setup()

# ruff: noqa: E402 - models can be imported only after django.setup()
from django.db import connection, connections

from accounts.models import User
from challenges import records
from challenges.enums import EnvelopeKind
from challenges.models import Bid, BidVersion, Challenge, SealedEnvelope
from challenges.sealing.receipts import verify_receipt
from challenges.sealing.verification import verify_record
from challenges.services import bids
from challenges.signing import signer
from core.clock import database_now
from tests.factories import challenges as make

#: Points of upload and hand-in at which the process dies: name → (object, attribute, before or after the call).
POINTS: dict[str, tuple[Any, str, str]] = {
    "file_being_checked": (bids, "inspect_envelope", "before"),
    "file_checked": (bids, "inspect_envelope", "after"),
    "before_lock": (bids, "locked_challenge", "before"),
    "lock_held": (bids, "locked_challenge", "after"),
    "before_chain": (bids, "chain_append", "before"),
    "chained": (bids, "chain_append", "after"),
    "announced": (bids.outbox, "publish", "after"),
    "committed": (bids, "_finalise", "after"),
}


def build(days_open: float = 30) -> dict[str, Any]:
    """One open challenge."""
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage, days_open=30)
    if days_open != 30:
        Challenge.objects.filter(pk=challenge.pk).update(deadline_at=database_now() + timedelta(days=days_open))
    return {"challenge": challenge.code}


def _dies_at(point: str) -> None:
    owner, name, when = POINTS[point]
    original = getattr(owner, name)

    def deadly(*args: Any, **options: Any) -> Any:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        original(*args, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, deadly)


def in_child(work: Callable[[], Any]) -> Any:
    """Run `work` in a forked process with connections of its own; its JSON-able answer, or None if it was killed."""
    connections.close_all()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            os.write(writing, json.dumps(work()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return None
    if os.WEXITSTATUS(status) != 0:
        raise RuntimeError("a child ended by itself with an error")
    return json.loads(answer)


def _submission(challenge_id: int, user_id: int, sealed: dict[str, bytes], key: str) -> dict[str, Any]:
    """What a bidder's page does: both uploads and the hand-in under one key."""
    user = User.objects.get(pk=user_id)
    version = BidVersion.objects.filter(bid__organisation=user.current_organisation, idempotency_key=key).first()
    if version is None:
        uploaded = [
            bids.envelope_receive(challenge_id=challenge_id, acting_user=user, kind=kind, chunks=[data]).public_id
            for kind, data in sealed.items()
        ]
        version = bids.bid_finalise(
            challenge_id=challenge_id, acting_user=user, envelope_ids=uploaded, idempotency_key=key
        )
    return version.receipt


def _sealed(challenge: Challenge, user: User) -> dict[str, bytes]:
    ticket = bids.sealing_ticket(challenge_id=challenge.pk, acting_user=user)
    keys = {row.kind: row.public_key for row in challenge.envelope_keys.filter(retired_at=None)}
    return {
        EnvelopeKind.TECHNICAL: make.seal(ticket.context("technical"), keys["technical"], make.manifest_of(user)),
        EnvelopeKind.PRICE: make.seal(ticket.context("price"), keys["price"], make.price_of()),
    }


def half_bids(challenge: Challenge) -> list[str]:
    """Anything that exists without what belongs to it: what no kill may leave behind."""
    found = []
    links = {link.body.get("bid"): link for link in challenge.chain.filter(kind="bid_received")}
    for bid in challenge.bids.all():
        versions = bid.versions.count()
        if versions != bid.version:
            found.append(f"bid {bid.pk}: {versions} versions, says {bid.version}")
        if str(bid.public_id) not in links:
            found.append(f"bid {bid.pk}: no link")
    for version in BidVersion.objects.filter(bid__challenge=challenge):
        kinds = sorted(version.envelopes.values_list("kind", flat=True))
        if kinds != sorted(EnvelopeKind.values):
            found.append(f"version {version.pk}: envelopes {kinds}")
        for envelope in version.envelopes.all():
            if not envelope.file.storage.exists(envelope.file.name):
                found.append(f"envelope {envelope.pk}: no file")
    if (
        challenge.chain.filter(kind="bid_received").count()
        != BidVersion.objects.filter(bid__challenge=challenge).count()
    ):
        found.append("links and versions differ in number")
    return found


def kills(count: int) -> dict[str, Any]:
    """`count` kills spread over the points; each submission is retried once with its key, as a page would."""
    challenge = Challenge.objects.get()
    died, receipts, changed = dict.fromkeys(POINTS, 0), {}, 0
    for number in range(count):
        point = list(POINTS)[number % len(POINTS)]
        user = make.make_bidder(f"提交单位{number}")
        sealed, key = _sealed(challenge, user), str(uuid4())

        def killed(point=point, user=user, sealed=sealed, key=key):
            _dies_at(point)
            return _submission(challenge.pk, user.pk, sealed, key)

        def retried(user=user, sealed=sealed, key=key):
            return _submission(challenge.pk, user.pk, sealed, key)

        if in_child(killed) is None:
            died[point] += 1
        kept = BidVersion.objects.filter(idempotency_key=key).first()
        receipt = in_child(retried)
        if kept is not None and kept.receipt != receipt:
            changed += 1
        receipts[str(user.current_organisation.public_id)] = receipt
    challenge.refresh_from_db()
    bodies = {body["organisation"]: body for body in bids.final_bodies(challenge)}
    return {
        "kills": sum(died.values()),
        "by_point": died,
        "receipted": len(receipts),
        "lost": sum(bodies.get(key) != receipt["body"] for key, receipt in receipts.items()),
        "unsigned": sum(_unsigned(receipt) for receipt in receipts.values()),
        "changed_receipts": changed,
        "half": half_bids(challenge),
    }


def _unsigned(receipt: dict[str, Any]) -> bool:
    return verify_receipt(receipt, signer().public_key) != receipt["body"]


def race(count: int, spread: float, threads: int = 40) -> dict[str, Any]:
    """R4: `count` submitters within ±`spread` seconds of the deadline, the freezer among them.

    Everything is uploaded before; only the hand-in races. Late = taken at or after the deadline by the receipt's own
    time; early refused = refused although the database's clock, read after the refusal, was still before it.
    """
    challenge = Challenge.objects.get()
    users = [make.make_bidder(f"截止前后{number}") for number in range(count)]
    uploads = {user.pk: make.upload_bid(challenge, user) for user in users}
    deadline = database_now() + timedelta(seconds=spread + 3)
    Challenge.objects.filter(pk=challenge.pk).update(deadline_at=deadline)
    generator, outcomes, waits, freezes = random.Random(7), [], [], []

    def submit(user: User) -> None:
        moment = deadline.timestamp() + generator.uniform(-spread, spread)
        time.sleep(max(0.0, moment - database_now().timestamp()))
        begun = time.monotonic()
        try:
            version = bids.bid_finalise(
                challenge_id=challenge.pk,
                acting_user=User.objects.get(pk=user.pk),
                envelope_ids=[UUID(str(one)) for one in uploads[user.pk]],
                idempotency_key="race",
            )
            outcomes.append(("taken", version.receipt, version.received_at >= deadline))
        except bids.BiddingClosed:
            outcomes.append(("refused", None, database_now() < deadline))
        finally:
            waits.append(time.monotonic() - begun)
            connection.close()

    def freeze() -> None:
        try:
            while not freezes:
                begun = time.monotonic()
                if bids.challenges_freeze_due():
                    freezes.append(time.monotonic() - begun)
                time.sleep(0.05)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads + 1) as pool:
        waiting = [pool.submit(freeze), *(pool.submit(submit, user) for user in users)]
        for one in waiting:
            one.result()
    challenge.refresh_from_db()
    receipts = {row[1]["body"]["organisation"]: row[1]["body"] for row in outcomes if row[0] == "taken"}
    bodies = {body["organisation"]: body for body in bids.final_bodies(challenge)}
    return {
        "submitters": count,
        "taken": len(receipts),
        "refused": sum(row[0] == "refused" for row in outcomes),
        "manifest": len(bodies),
        "missing_from_manifest": len(set(receipts) - set(bodies)),
        "unreceipted_in_manifest": len(set(bodies) - set(receipts)),
        "late_taken": sum(row[0] == "taken" and row[2] for row in outcomes),
        "early_refused": sum(row[0] == "refused" and row[2] for row in outcomes),
        "freeze_seconds": round(freezes[0], 3),
        "longest_wait_seconds": round(max(waits), 3),
        "half": half_bids(challenge),
    }


def burst(count: int, seconds: float, threads: int = 20) -> dict[str, Any]:
    """R15: `count` hand-ins spread over `seconds`, while readers load the challenge's data."""
    challenge = Challenge.objects.get()
    users = [make.make_bidder(f"最后一分钟{number}") for number in range(count)]
    uploads = {user.pk: make.upload_bid(challenge, user) for user in users}
    begun, waits, reads, stop = time.monotonic(), [], [0], []

    def submit(position: int, user: User) -> None:
        time.sleep(max(0.0, begun + seconds * position / count - time.monotonic()))
        start = time.monotonic()
        bids.bid_finalise(
            challenge_id=challenge.pk,
            acting_user=User.objects.get(pk=user.pk),
            envelope_ids=[UUID(str(one)) for one in uploads[user.pk]],
            idempotency_key="burst",
        )
        waits.append(time.monotonic() - start)
        connection.close()

    def browse() -> None:
        while not stop:
            row = Challenge.objects.select_related("demander", "programme", "annual_list").get(pk=challenge.pk)
            list(row.indicators.all())
            list(row.versions.all())
            reads[0] += 1
            time.sleep(0.02)
        connection.close()

    with ThreadPoolExecutor(threads + 5) as pool:
        readers = [pool.submit(browse) for _number in range(5)]
        for one in [pool.submit(submit, position, user) for position, user in enumerate(users)]:
            one.result()
        stop.append(True)
        for reader in readers:
            reader.result()
    waits.sort()
    return {
        "hand_ins": len(waits),
        "stored": Bid.objects.filter(challenge=challenge).count(),
        "p50_seconds": round(waits[len(waits) // 2], 3),
        "p95_seconds": round(waits[int(len(waits) * 0.95)], 3),
        "longest_seconds": round(waits[-1], 3),
        "reads_meanwhile": reads[0],
        "half": half_bids(challenge),
    }


def doubles(count: int = 50) -> dict[str, Any]:
    """S15: `count` parallel hand-ins of the same upload, half under one key: exactly one version comes of it."""
    challenge = Challenge.objects.get()
    user = make.make_bidder("双击单位")
    uploaded = [UUID(str(one)) for one in make.upload_bid(challenge, user)]

    def submit(number: int) -> str:
        try:
            version = bids.bid_finalise(
                challenge_id=challenge.pk,
                acting_user=User.objects.get(pk=user.pk),
                envelope_ids=uploaded,
                idempotency_key="same" if number % 2 else f"other-{number}",
            )
        except bids.DomainError as error:
            return error.code
        else:
            return f"taken {version.number}"
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(submit, range(count)))
    return {
        "answers": {answer: answers.count(answer) for answer in sorted(set(answers))},
        "versions": BidVersion.objects.filter(bid__organisation=user.current_organisation).count(),
        "half": half_bids(challenge),
    }


def verified() -> dict[str, Any]:
    """Whether the record of the (opened) challenge verifies; before the opening its freeze alone."""
    challenge = Challenge.objects.get()
    if challenge.opened_at is None:
        return {
            "frozen": challenge.frozen_at is not None,
            "loose": SealedEnvelope.objects.filter(bid_version=None).count(),
        }
    return {"failures": [row.detail for row in verify_record(records.challenge_record(challenge)).failures]}


STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    "build": lambda: build(),
    "kills": lambda count: kills(int(count)),
    "race": lambda count, spread: race(int(count), float(spread)),
    "burst": lambda count, seconds: burst(int(count), float(seconds)),
    "doubles": lambda count: doubles(int(count)),
    "verified": lambda: verified(),
}

if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](*sys.argv[2:]), ensure_ascii=False))
