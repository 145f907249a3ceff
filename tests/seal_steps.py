"""R1, R4, R5, R15 of reliability.md and S15 of security.md, on an installation of their own: kills, races, bursts.

`python -m tests.seal_steps STEP …`; settings and database come from the environment, and each step begins on an empty
database. Children are forked from one process that has Django loaded, so hundreds of kills take seconds.
"""

import json
import os
import random
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings.dev")
django.setup()

# ruff: noqa: E402 - models can be imported only after django.setup()
from django.db import connection, connections
from django.utils import timezone

from accounts.models import User
from challenges import records
from challenges.enums import AwardState, EnvelopeKind
from challenges.models import Award, Bid, BidVersion, Challenge, Decision, KeptAside
from challenges.sealing.manifests import freeze_leaf, manifest_leaves, root_of
from challenges.sealing.receipts import verify_receipt
from challenges.sealing.suites import suite_named
from challenges.sealing.verification import verify_record
from challenges.services import bids, decision, openers
from challenges.signing import signer
from core.clock import BEIJING, database_now, frozen
from core.errors import DomainError, GuardFailed
from core.models import Attachment
from tests.challenges.damaged.containers import MANIFESTS
from tests.challenges.damaged.files import damaged_files
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


def build() -> Challenge:
    """One challenge that takes bids for a month."""
    return make.make_open_challenge(make.make_stage(expert_count=0))


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
    return in_children([work])[0]


def in_children(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """`in_child` for several at once, in order.

    The installation must not keep a pool of connections (DATABASE_POOL_SIZE=0): a child must not share its sockets.
    """
    connections.close_all()
    children = []
    for work in works:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            code = 1
            try:
                with os.fdopen(writing, "wb") as pipe:
                    pipe.write(json.dumps(work()).encode())
                code = 0
            finally:
                os._exit(code)
        os.close(writing)
        children.append((child, reading))
    answers = []
    for child, reading in children:
        with os.fdopen(reading, "rb") as pipe:
            answer = pipe.read()
        _pid, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status) != 0:
            raise RuntimeError("a child ended by itself with an error")
        answers.append(None if os.WIFSIGNALED(status) else json.loads(answer))
    return answers


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


@contextmanager
def under_load(challenge: Challenge, bidders: int = 4) -> Iterator[dict[str, int]]:
    """Meanwhile a second process reads the challenge's data and replaces bids of its own, without a pause."""
    users = [make.make_bidder(f"同时提交单位{number}") for number in range(bidders)]
    connections.close_all()
    reading, writing = os.pipe()
    telling, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.close(told)
        os.set_blocking(telling, False)
        work = {"load_hand_ins": 0, "load_reads": 0}
        code = 1
        try:
            while _not_told(telling):
                _read_pages(challenge)
                work["load_reads"] += 1
                user = users[work["load_reads"] % bidders]
                _submission(challenge.pk, user.pk, _sealed(challenge, user), str(uuid4()))
                work["load_hand_ins"] += 1
            os.write(writing, json.dumps(work).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    os.close(telling)
    done: dict[str, int] = {}
    try:
        yield done
    finally:
        os.close(told)
        with os.fdopen(reading, "rb") as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
    done.update(json.loads(answer))


def _not_told(telling: int) -> bool:
    """False once the parent has closed its end."""
    try:
        return os.read(telling, 1) != b""
    except BlockingIOError:
        return True


def _read_pages(challenge: Challenge) -> None:
    """What the challenge's page reads, the check of its deadline included."""
    row = Challenge.objects.select_related("demander", "programme", "annual_list").get(pk=challenge.pk)
    bids.freeze_if_due(row)
    list(row.indicators.all())
    list(row.versions.all())


def kills(count: int, load: bool = False) -> dict[str, Any]:
    """`count` kills spread over the points; each submission is retried once with its key, as a page would."""
    challenge = build()
    if not load:
        return _kills(challenge, count)
    with under_load(challenge) as work:
        report = _kills(challenge, count)
    return {**report, **work, "half": half_bids(challenge)}


def _kills(challenge: Challenge, count: int) -> dict[str, Any]:
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
        if (kept is not None) != (point == "committed"):
            raise AssertionError(f"{point}: kept {kept}")
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


#: As the image starts the web: processes, and threads in each that answer requests.
WEB_PROCESSES, WEB_THREADS = 2, 4
#: One hand-in in so many keeps the challenge's row this many seconds longer than it needs.
SLOW_ONE_IN, SLOW_SECONDS = 20, 0.1


def race(count: int, spread: float) -> dict[str, Any]:
    """R4: `count` submitters within ±`spread` seconds of the deadline, the freezer among them, some of them slow.

    Everything is uploaded before; only the hand-in races, through as many processes and threads as the web has, with
    connections that are open already. Late = taken at or after the deadline by the receipt's own time; early refused =
    refused although the database's clock, read after the refusal, was still before it.
    """
    challenge = build()
    users = [make.make_bidder(f"截止前后{number}") for number in range(count)]
    uploads = {user.pk: make.upload_bid(challenge, user) for user in users}
    deadline = database_now() + timedelta(seconds=spread + 5)
    Challenge.objects.filter(pk=challenge.pk).update(deadline_at=deadline)
    generator = random.Random(7)
    moments = sorted(deadline.timestamp() + generator.uniform(-spread, spread) for _user in users)
    queue = list(zip(moments, users, uploads.values(), strict=True))

    def submit(moment: float, user: User, uploaded: list[Any], slow: bool) -> dict[str, Any]:
        time.sleep(max(0.0, moment - time.time()))
        in_time = database_now() < deadline
        answer: dict[str, Any] = {"receipt": None, "late": False, "early": False, "overtaken": False}
        _slow.seconds = SLOW_SECONDS if slow else 0
        try:
            version = bids.bid_finalise(
                challenge_id=challenge.pk,
                acting_user=User.objects.get(pk=user.pk),
                envelope_ids=[UUID(str(one)) for one in uploaded],
                idempotency_key="race",
            )
            answer |= {"receipt": version.receipt, "late": version.received_at >= deadline}
        except bids.BiddingClosed:
            answer |= {"early": database_now() < deadline, "overtaken": in_time}
        return {**answer, "wait": time.time() - moment}

    def web(number: int) -> list[dict[str, Any]]:
        _slow_down()
        own = list(enumerate(queue))[number::WEB_PROCESSES]
        with ThreadPoolExecutor(WEB_THREADS, initializer=database_now) as pool:
            return [
                one.result()
                for one in [pool.submit(submit, *row, position % SLOW_ONE_IN == 0) for position, row in own]
            ]

    def freeze() -> dict[str, float]:
        while True:
            begun = time.monotonic()
            if bids.challenges_freeze_due():
                return {"seconds": time.monotonic() - begun, "after": (database_now() - deadline).total_seconds()}
            time.sleep(0.05)

    frozen_in, *served = in_children([freeze, *(partial(web, number) for number in range(WEB_PROCESSES))])
    answers = [answer for one in served for answer in one]
    challenge.refresh_from_db()
    receipts = {row["receipt"]["body"]["organisation"]: row["receipt"]["body"] for row in answers if row["receipt"]}
    bodies = {body["organisation"]: body for body in bids.final_bodies(challenge)}
    return {
        "submitters": count,
        "taken": len(receipts),
        "refused": sum(row["receipt"] is None for row in answers),
        "manifest": len(bodies),
        "missing_from_manifest": len(set(receipts) - set(bodies)),
        "unreceipted_in_manifest": len(set(bodies) - set(receipts)),
        "late_taken": sum(row["late"] for row in answers),
        "early_refused": sum(row["early"] for row in answers),
        "overtaken": sum(row["overtaken"] for row in answers),
        "freeze_seconds": round(frozen_in["seconds"], 3),
        "frozen_seconds_after_deadline": round(frozen_in["after"], 3),
        "longest_wait_seconds": round(max(row["wait"] for row in answers), 3),
        "root_of_receipts": root_of_receipts(challenge, sorted(receipts.values(), key=lambda body: body["received_at"]))
        == challenge.freeze["body"]["root"],
        "half": half_bids(challenge),
    }


_slow = threading.local()


def _slow_down() -> None:
    """In this process, a thread that is to be slow keeps the row a while before it writes its link."""
    original = bids.chain_append

    def slow(*args: Any, **options: Any) -> Any:
        time.sleep(getattr(_slow, "seconds", 0))
        return original(*args, **options)

    bids.chain_append = slow


def burst(count: int, seconds: float, readers: int = 50) -> dict[str, Any]:
    """R15: `count` hand-ins spread over `seconds`, while `readers` in another process read the challenge's data.

    A reader looks, reads for a second and looks again. Hand-ins come through as many processes and threads as the web
    has; the wait counts from the moment the hand-in was due, so what queued for a free thread counts, too.
    """
    challenge = build()
    users = [make.make_bidder(f"最后一分钟{number}") for number in range(count)]
    uploads = [make.upload_bid(challenge, user) for user in users]
    connections.close_all()
    stop_reading, reads = _readers(challenge, readers)
    begun = time.time() + 1

    def submit(position: int) -> dict[str, Any]:
        due = begun + seconds * position / count
        time.sleep(max(0.0, due - time.time()))
        refused = ""
        try:
            bids.bid_finalise(
                challenge_id=challenge.pk,
                acting_user=User.objects.get(pk=users[position].pk),
                envelope_ids=[UUID(str(one)) for one in uploads[position]],
                idempotency_key="burst",
            )
        except DomainError as error:
            refused = error.code
        return {"wait": time.time() - due, "refused": refused}

    def web(number: int) -> list[dict[str, Any]]:
        with ThreadPoolExecutor(WEB_THREADS, initializer=database_now) as pool:
            return list(pool.map(submit, range(number, count, WEB_PROCESSES)))

    try:
        answers = [row for one in in_children([partial(web, number) for number in range(WEB_PROCESSES)]) for row in one]
    finally:
        os.close(stop_reading)
    took = time.time() - begun
    with os.fdopen(reads, "rb") as pipe:
        read = json.loads(pipe.read())
    os.wait()
    waits = sorted(row["wait"] for row in answers)
    return {
        "hand_ins": len(waits),
        "refused": sum(row["refused"] != "" for row in answers),
        "seconds": round(took, 1),
        "stored": Bid.objects.filter(challenge=challenge).count(),
        "p50_seconds": round(waits[len(waits) // 2], 3),
        "p95_seconds": round(waits[int(len(waits) * 0.95)], 3),
        "longest_seconds": round(waits[-1], 3),
        **read,
        "half": half_bids(challenge),
    }


def _readers(challenge: Challenge, count: int) -> tuple[int, int]:
    """A process with `count` readers; (close this to end it, read its answer here)."""
    reading, writing = os.pipe()
    telling, told = os.pipe()
    if os.fork() != 0:
        os.close(writing)
        os.close(telling)
        return told, reading
    os.close(reading)
    os.close(told)
    waits: list[float] = []
    enough = threading.Event()

    def browse(position: int) -> None:
        enough.wait(position / count)
        while not enough.is_set():
            begun = time.monotonic()
            _read_pages(challenge)
            waits.append(time.monotonic() - begun)
            enough.wait(1.0)
        connection.close()

    code = 1
    try:
        threads = [threading.Thread(target=browse, args=(position,)) for position in range(count)]
        for thread in threads:
            thread.start()
        os.read(telling, 1)
        enough.set()
        for thread in threads:
            thread.join()
        os.write(writing, json.dumps({"reads": len(waits), "longest_read_seconds": round(max(waits), 3)}).encode())
        code = 0
    finally:
        os._exit(code)


# --- S15: the same thing many times at once -----------------------------------------------------------------------


def at_once(count: int, work: Callable[[int], str], moment: datetime | None = None) -> dict[str, int]:
    """`count` threads do `work` at the same instant (by `moment`, if given); how often which answer came."""
    together = threading.Barrier(count)

    def one(number: int) -> str:
        try:
            together.wait(60)
            if moment is None:
                return work(number)
            with frozen(moment):
                return work(number)
        except DomainError as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(one, range(count)))
    return {answer: answers.count(answer) for answer in sorted(set(answers))}


def doubles(count: int = 50) -> dict[str, Any]:
    """`count` parallel hand-ins of the same upload, half under one key: exactly one version comes of it.

    Then `count` parallel withdrawals: one confirmation. Links of the chain say the same.
    """
    challenge = build()
    user = make.make_bidder("双击单位")
    uploaded = [UUID(str(one)) for one in make.upload_bid(challenge, user)]
    receipts: list[str] = []

    def submit(number: int) -> str:
        version = bids.bid_finalise(
            challenge_id=challenge.pk,
            acting_user=User.objects.get(pk=user.pk),
            envelope_ids=uploaded,
            idempotency_key="same" if number % 2 else f"other-{number}",
        )
        receipts.append(version.receipt["signature"])
        return f"taken {version.number}"

    def withdraw(_number: int) -> str:
        bids.bid_withdraw(challenge_id=challenge.pk, acting_user=User.objects.get(pk=user.pk))
        return "withdrawn"

    submitted = at_once(count, submit)
    half = half_bids(challenge)
    withdrawn = at_once(count, withdraw)
    return {
        "submitted": submitted,
        "versions": BidVersion.objects.filter(bid__organisation=user.current_organisation).count(),
        "received_links": challenge.chain.filter(kind="bid_received").count(),
        "different_receipts": len(set(receipts)),
        "half": half,
        "withdrawn": withdrawn,
        "withdrawn_links": challenge.chain.filter(kind="bid_withdrawn").count(),
    }


def leading(count: int = 10) -> dict[str, Any]:
    """One bidder hands in to `count` items of a list at once; the list lets each organisation lead one bid."""
    challenges = make.make_open_challenges(make.make_stage(expert_count=0), count)
    user = make.make_bidder("多线单位")
    uploads = [[UUID(str(one)) for one in make.upload_bid(challenge, user)] for challenge in challenges]

    def submit(number: int) -> str:
        try:
            bids.bid_finalise(
                challenge_id=challenges[number].pk,
                acting_user=User.objects.get(pk=user.pk),
                envelope_ids=uploads[number],
                idempotency_key="leading",
            )
        except GuardFailed as refusal:
            return refusal.reasons[0].code
        return "taken"

    return {"submitted": at_once(count, submit), "stored": Bid.objects.filter(state="sealed").count()}


def decisions(count: int = 50) -> dict[str, Any]:
    """`count` parallel decisions, starts of the publicity, and awards: each has exactly one effect."""
    beginning = datetime(2026, 11, 2, 10, tzinfo=BEIJING)
    with frozen(beginning):
        stage = make.make_stage(expert_count=9)
        challenge = make.make_open_challenge(stage, days_open=21)
        for name in ("甲公司", "乙研究院"):
            make.hand_in(challenge, make.make_bidder(name))
    after = make.after_deadline(challenge)
    with frozen(after):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        make.review_bids(stage, challenge)
    best = decision.ranked_results(challenge)[0].bid

    def decide(_number: int) -> str:
        make.decide(stage, challenge, [make.winner(best)])
        return "decided"

    def publicise(_number: int) -> str:
        decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
        return "started"

    def award(_number: int) -> str:
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        return "awarded"

    decided = at_once(count, decide, after)
    started = at_once(count, publicise, after)
    publicity = challenge.publicities.get()
    later = datetime.combine(publicity.last_day + timedelta(days=1), datetime.min.time(), BEIJING).replace(hour=9)
    awarded = at_once(count, award, later)
    challenge.refresh_from_db()
    with frozen(later):
        failures = [row.detail for row in verify_record(records.challenge_record(challenge)).failures]
    return {
        "decided": decided,
        "decisions": Decision.objects.filter(challenge=challenge).count(),
        "started": started,
        "publicities": challenge.publicities.count(),
        "awarded": awarded,
        "awards": Award.objects.filter(decision__challenge=challenge, state=AwardState.AWARDED).count(),
        "award_links": challenge.chain.filter(kind="awarded").count(),
        "state": challenge.state,
        "record_failures": failures,
    }


# --- R5 and the clocks ---------------------------------------------------------------------------------------------


def root_of_receipts(challenge: Challenge, receipted: list[dict[str, Any]]) -> str:
    """The root that anybody with the receipts, the moment and the salt of the freeze computes."""
    suite = suite_named(challenge.suite)
    body = challenge.freeze["body"]
    leaf = freeze_leaf(str(challenge.public_id), body["frozen_at"], challenge.freeze_salt)
    return root_of(manifest_leaves(leaf, receipted, suite), suite.digest).hex()


def dead_freezer(count: int = 20) -> dict[str, Any]:
    """R5: the job is killed in the middle of its freeze and never comes back; `count` readers come at once."""
    challenge = build()
    receipted = [make.hand_in(challenge, make.make_bidder(f"已提交单位{number}")).receipt for number in range(5)]
    Challenge.objects.filter(pk=challenge.pk).update(deadline_at=database_now())

    def dies() -> None:
        _dies_at("chained")
        bids.challenges_freeze_due()

    killed = in_child(dies) is None
    challenge.refresh_from_db()
    untouched = challenge.frozen_at is None and not challenge.chain.filter(kind="frozen").exists()
    late = make.make_bidder("迟到单位")
    roots: list[str] = []
    waits: list[float] = []

    def read(_number: int) -> str:
        begun = time.monotonic()
        row = bids.freeze_if_due(Challenge.objects.get(pk=challenge.pk))
        waits.append(time.monotonic() - begun)
        roots.append(row.freeze["body"]["root"])
        return str(row.state)

    states = at_once(count, read)
    try:
        bids.sealing_ticket(challenge_id=challenge.pk, acting_user=late)
        refusal = "none"
    except DomainError as error:
        refusal = error.code
    challenge.refresh_from_db()
    frozen_again = bids.challenges_freeze_due()
    return {
        "freezer_killed": killed,
        "left_nothing": untouched,
        "states_read": states,
        "different_roots": len(set(roots)),
        "root_of_receipts": root_of_receipts(challenge, [one["body"] for one in receipted]) == roots[0],
        "frozen_links": challenge.chain.filter(kind="frozen").count(),
        "late_refused": refusal,
        "frozen_again": frozen_again,
        "longest_seconds": round(max(waits), 3),
    }


@contextmanager
def clock_off(by: timedelta) -> Iterator[None]:
    """The process's own clock goes wrong; the database's does not."""
    true_now = timezone.now
    timezone.now = lambda: true_now() + by
    try:
        yield
    finally:
        timezone.now = true_now


def clocks(minutes: int = 5) -> dict[str, Any]:
    """R4: a web host whose clock is off: it takes a bid before the deadline and refuses one after, as if it were right.

    The deadline lies two minutes ahead (the fast host believes it past), then two minutes back (the slow host believes
    it ahead).
    """
    answers: dict[str, Any] = {}
    challenge = build()
    off = timedelta(minutes=minutes)
    for name, by in (("fast", off), ("slow", -off)):
        user = make.make_bidder(f"时钟单位{name}")
        with clock_off(by):
            Challenge.objects.filter(pk=challenge.pk).update(deadline_at=database_now() + timedelta(minutes=2))
            version = make.hand_in(challenge, user)
            answers[f"{name}_before"] = "taken"
            answers[f"{name}_receipt_off_seconds"] = round(abs((database_now() - version.received_at).total_seconds()))
            uploaded = [UUID(str(one)) for one in make.upload_bid(challenge, user)]
            answers[f"{name}_freezes_early"] = bids.challenges_freeze_due()
            Challenge.objects.filter(pk=challenge.pk).update(deadline_at=database_now() - timedelta(minutes=2))
            try:
                bids.bid_finalise(
                    challenge_id=challenge.pk, acting_user=user, envelope_ids=uploaded, idempotency_key="late"
                )
                answers[f"{name}_after"] = "taken"
            except DomainError as error:
                answers[f"{name}_after"] = error.code
    with clock_off(-off):
        answers["slow_freezes"] = bids.challenges_freeze_due()
    return answers


def opened(count: int, size: int) -> dict[str, Any]:
    """`count` bids with `size` bytes attached are handed in, frozen and opened: ground for verifying the record."""
    attached = b"%PDF-1.4\n" + os.urandom(size)
    # Published and handed in three weeks ago: the published deadline is truly past when the freeze comes.
    with frozen(database_now() - timedelta(days=22)):
        stage = make.make_stage(expert_count=0)
        challenge = make.make_open_challenge(stage, days_open=21)
        for number in range(count):
            make.hand_in(challenge, make.make_bidder(f"揭榜单位{number}"), files=[("数据.pdf", attached)])
    bids.challenges_freeze_due()
    challenge.refresh_from_db()
    begun = time.monotonic()
    make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
    return {
        "code": challenge.code,
        "links": challenge.chain.count(),
        "open_seconds": round(time.monotonic() - begun, 1),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "files": Attachment.objects.filter(subject_type="challenges.bid").count(),
        "opened": challenge.bids.exclude(technical_cipher=None).count(),
    }


FILES = damaged_files()


def hand_in_damaged(challenge: Challenge, user: User, number: int, attached: bytes) -> None:
    """A bid that is odd in a way of its own: a file, a manifest or the envelope; with as much to open as any."""
    ticket = bids.sealing_ticket(challenge_id=challenge.pk, acting_user=user)
    current = openers.current_envelope_keys(challenge)
    manifest: Any = make.manifest_of(user)
    files = [("数据.pdf", attached)]
    if number % 4 < 2:
        name, content = list(FILES.values())[number]
        files.append((f"附{name}", content()))
    elif number % 4 == 2:
        manifest = list(MANIFESTS.values())[number]
    technical = make.seal(ticket.context("technical"), current["technical"].public_key, manifest, files)
    if number % 4 == 3:
        place = len(technical) - 1 - number * (len(technical) // 200)
        technical = technical[:place] + bytes([technical[place] ^ 1]) + technical[place + 1 :]
    price = make.seal(ticket.context("price"), current["price"].public_key, make.price_of())
    uploaded = [
        bids.envelope_receive(challenge_id=challenge.pk, acting_user=user, kind=kind, chunks=[data]).public_id
        for kind, data in (("technical", technical), ("price", price))
    ]
    bids.bid_finalise(challenge_id=challenge.pk, acting_user=user, envelope_ids=uploaded, idempotency_key=str(uuid4()))


def damaged(count: int, size: int, odd: int) -> dict[str, Any]:
    """Two challenges of `count` bids, one with `odd` of them damaged in as many ways: how long each opening takes."""
    attached = b"%PDF-1.4\n" + os.urandom(size)
    with frozen(database_now() - timedelta(days=22)):
        stage = make.make_stage(expert_count=0)
        sound, mixed = make.make_open_challenges(stage, 2, days_open=21)
        for number in range(count):
            make.hand_in(sound, make.make_bidder(f"甲{number}"), files=[("数据.pdf", attached)])
            bidder = make.make_bidder(f"乙{number}")
            if number < odd:
                hand_in_damaged(mixed, bidder, number, attached)
            else:
                make.hand_in(mixed, bidder, files=[("数据.pdf", attached)])
    bids.challenges_freeze_due()
    seconds: dict[str, float] = {}
    for name, challenge in (("sound", sound), ("damaged", mixed)):
        challenge.refresh_from_db()
        begun = time.monotonic()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        seconds[name] = time.monotonic() - begun
    states = list(mixed.bids.values_list("state", flat=True))
    refused = sum(bool((bid.technical_content or {}).get("refused_files")) for bid in mixed.bids.all())
    return {
        "sound_seconds": round(seconds["sound"], 2),
        "damaged_seconds": round(seconds["damaged"], 2),
        "complete": mixed.opened_at is not None and len(states) == count,
        "unreadable": states.count("unreadable"),
        "with_refused_files": refused,
        "kept_aside": KeptAside.objects.count(),
        "verified": verify_record(records.challenge_record(mixed)).failures == [],
    }


STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    "kills": lambda count, load="": kills(int(count), bool(load)),
    "race": lambda count, spread: race(int(count), float(spread)),
    "burst": lambda count, seconds, readers: burst(int(count), float(seconds), int(readers)),
    "doubles": lambda count: doubles(int(count)),
    "leading": lambda count: leading(int(count)),
    "decisions": lambda count: decisions(int(count)),
    "dead_freezer": lambda count: dead_freezer(int(count)),
    "clocks": lambda minutes: clocks(int(minutes)),
    "opened": lambda count, size: opened(int(count), int(size)),
    "damaged": lambda count, size, odd: damaged(int(count), int(size), int(odd)),
}

if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](*sys.argv[2:]), ensure_ascii=False))
