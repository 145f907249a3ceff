"""Opening ceremonies: who, when, layer by layer; then every envelope (security.md C.3, step 6; domain.md §2.4–2.5)."""

import hmac
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.core.files.base import File
from django.core.files.temp import NamedTemporaryFile
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from challenges.enums import BidState, ChallengeState, EnvelopeKind, OpeningState
from challenges.events import OpeningStep
from challenges.models import Bid, Challenge, EnvelopeKey, Opener, Opening, OpeningLayer, SealedEnvelope
from challenges.permissions import may_be_opener
from challenges.sealing import keys
from challenges.sealing import verification as kinds
from challenges.sealing.canonical import decode_bytes, encode_bytes
from challenges.sealing.envelopes import EnvelopeContext, EnvelopeDigests, OpenedEnvelope, open_envelope
from challenges.sealing.errors import SealingError
from challenges.sealing.receipts import time_text
from challenges.sealing.suites import suite_named
from challenges.services.bids import final_bodies, unconfirmed
from challenges.services.chain import chain_append, chain_tip
from challenges.services.movement import locked_challenge, move
from challenges.states import programme_parameters
from challenges.validators import price_problems
from core import audit, outbox
from core.attachments import attach_checked
from core.clock import database_now
from core.errors import DomainError, InvalidInput, NotPermitted, ObjectNotFound

READ_SIZE = 1 << 20
#: Which state of the challenge lets which envelope be opened: prices only once every score is locked.
OPENABLE = {EnvelopeKind.TECHNICAL: ChallengeState.CLOSED, EnvelopeKind.PRICE: ChallengeState.REVIEWING}


def _opener(challenge: Challenge, acting_user: User) -> Opener:
    """The officer who acts, still in office and still none of the administrators."""
    if not may_be_opener(acting_user):
        raise ObjectNotFound()
    opener = (
        Opener.objects.filter(annual_list_id=challenge.annual_list_id, user=acting_user, key__isnull=False)
        .select_related("key", "organisation")
        .order_by("-pk")
        .first()
    )
    if opener is None:
        raise ObjectNotFound()
    return opener


def _refuse(challenge: Challenge, acting_user: User, message: str, code: str) -> DomainError:
    """A refused attempt is an event of the chain and of the trail, kept although the request changes nothing else."""
    record_refusal(challenge_id=challenge.pk, acting_user=acting_user, code=code)
    return DomainError(message, code=code)


@transaction.atomic
def record_refusal(*, challenge_id: int, acting_user: User, code: str) -> None:
    challenge = locked_challenge(challenge_id)
    if challenge.suite:
        chain_append(challenge, "opening_refused", {"officer": str(acting_user.pk), "code": code})
    audit.record(acting_user, "challenges.opening.refused", challenge, {"code": code})


def opening_start(*, challenge_id: int, acting_user: User, kind: str, officers: Sequence[str]) -> Opening:
    """Begin a ceremony with a chosen admissible subset of officers, named by their keys in the order of peeling.

    Refused, and the refusal kept: before the freeze, before scores are locked (price), for a subset nobody wrapped for.
    A ceremony under way is returned to its beginning when started again: an absent officer must not block it.
    """
    challenge = Challenge.objects.select_related("annual_list").filter(pk=challenge_id).first()
    if challenge is None or kind not in EnvelopeKind.values:
        raise ObjectNotFound()
    _opener(challenge, acting_user)
    trouble = _start_trouble(challenge, kind)
    if trouble:
        raise _refuse(challenge, acting_user, *trouble)
    with transaction.atomic():
        challenge = locked_challenge(challenge_id)
        if _start_trouble(challenge, kind):
            raise DomainError(_("状态已经变化，请刷新页面。"), code="opening_state")
        key = key_for_opening(challenge, kind)
        wrapped = _wrapped_for(key, officers)
        if wrapped is not None:
            challenge.openings.filter(kind=kind, state=OpeningState.RUNNING).update(
                state=OpeningState.FAILED, finished_at=database_now(), current_blob=""
            )
            opening = Opening.objects.create(
                challenge=challenge,
                kind=kind,
                officers=list(officers),
                current_blob=wrapped["blob"],
                started_by=acting_user,
            )
            chain_append(challenge, "opening_started", {"kind": kind, "officers": list(officers)})
            audit.record(acting_user, "challenges.opening.start", challenge, {"kind": kind})
            outbox.publish(OpeningStep(challenge.pk, kind, "started"))
            return opening
    raise _refuse(
        challenge,
        acting_user,
        str(_("所选人员不能组成开启组合：须达到规定人数，并来自至少两个机构。")),
        "opening_subset",
    )


def _start_trouble(challenge: Challenge, kind: str) -> tuple[str, str] | None:
    if challenge.frozen_at is None:
        return str(_("截止冻结之前不能开启任何标书。")), "opening_before_freeze"
    if challenge.state != OPENABLE[EnvelopeKind(kind)]:
        return str(_("当前状态为“%s”，不能开启这类信封。") % challenge.get_state_display()), "opening_state"
    if kind == EnvelopeKind.PRICE and not scores_are_locked(challenge):
        return str(_("评分全部锁定之前不能开启报价。")), "opening_before_scores"
    if challenge.openings.filter(kind=kind, state=OpeningState.DONE).exists():
        return str(_("这类信封已经开启。")), "opening_done"
    return None


def scores_are_locked(challenge: Challenge) -> bool:
    return challenge.chain.filter(kind=kinds.SCORES_LOCKED).exists()


def key_for_opening(challenge: Challenge, kind: str) -> EnvelopeKey:
    """The key in force at the deadline."""
    key = challenge.envelope_keys.filter(kind=kind, retired_at=None).first()
    if key is None:
        raise ObjectNotFound()
    return key


def _wrapped_for(key: EnvelopeKey, officers: Sequence[str]) -> dict[str, Any] | None:
    return next((one for one in key.wrapped if one["officers"] == list(officers)), None)


def _key_context(challenge: Challenge, key: EnvelopeKey) -> keys.KeyContext:
    return keys.KeyContext(key.suite, str(challenge.public_id), key.kind, key.fingerprint)


def opening_peel(*, opening_public_id: UUID, acting_user: User, peeled: str) -> Opening:
    """Take what an officer's browser peeled. The last layer yields the key, which opens every envelope at once.

    Refused and kept: the wrong officer, the wrong order, a result that is not the expected one (another ceremony's, a
    tampered one). The key lives in this call's memory only; nothing writes it, logs it or queues it.
    """
    opening = (
        Opening.objects.select_related("challenge", "challenge__annual_list")
        .filter(public_id=opening_public_id)
        .first()
    )
    if opening is None:
        raise ObjectNotFound()
    challenge = opening.challenge
    opener = _opener(challenge, acting_user)
    position = opening.layers.count()
    if opening.state != OpeningState.RUNNING or position >= len(opening.officers):
        raise _refuse(challenge, acting_user, str(_("这次开启已经结束，请刷新页面。")), "opening_over")
    if not hmac.compare_digest(opening.officers[position], str(opener.key.public_id if opener.key else "")):
        raise _refuse(challenge, acting_user, str(_("现在轮到另一位开启人操作。")), "opening_turn")
    key = key_for_opening(challenge, opening.kind)
    wrapped = _wrapped_for(key, opening.officers)
    if wrapped is None:
        raise _refuse(challenge, acting_user, str(_("封标密钥已经更换，请重新开始。")), "opening_subset")
    core_wrapped = keys.WrappedKey(
        tuple(wrapped["officers"]), decode_bytes(wrapped["blob"]), tuple(wrapped["layer_digests"])
    )
    try:
        result = keys.check_peeled(core_wrapped, position, decode_bytes(peeled), _key_context(challenge, key))
    except SealingError as error:
        raise _refuse(challenge, acting_user, error.message, "opening_peel") from error
    last = position == len(opening.officers) - 1
    _keep_layer(opening, opener, position, None if last else encode_bytes(result))
    if last:
        open_all(opening, key, result)
    opening.refresh_from_db()
    return opening


@transaction.atomic
def _keep_layer(opening: Opening, opener: Opener, position: int, inner: str | None) -> None:
    """A layer taken off is kept, so that a broken connection costs one step only. The key itself never is."""
    challenge = locked_challenge(opening.challenge_id)
    fresh = Opening.objects.select_for_update().get(pk=opening.pk)
    if fresh.state != OpeningState.RUNNING or fresh.layers.count() != position:
        raise DomainError(_("这一步已由他人完成，请刷新页面。"), code="opening_turn")
    chain_append(
        challenge,
        kinds.PEELED,
        {
            "kind": opening.kind,
            "officers": opening.officers,
            "officer": opening.officers[position],
            "position": position,
        },
    )
    audit.record(opener.user, "challenges.opening.peel", challenge, {"kind": opening.kind, "position": position})
    outbox.publish(OpeningStep(challenge.pk, opening.kind, f"peeled_{position + 1}"))
    if inner is None:
        return
    OpeningLayer.objects.create(
        opening=fresh, position=position, opener=opener, blob_digest=kinds.layer_digest(decode_bytes(inner))
    )
    fresh.current_blob = inner
    fresh.save(update_fields=["current_blob"])


# --- opening every envelope ---------------------------------------------------------------------------------------


def open_all(opening: Opening, key: EnvelopeKey, private_key: bytes) -> None:
    """Open the final envelopes one by one, each in a transaction of its own, then finish the ceremony in one.

    Killed half-way, nothing is disclosed (the gate looks at `opened_at`), and repeating the last peel goes on where it
    stopped. An envelope that cannot be read does not hold up the others (电子招标投标办法 31).
    """
    challenge = opening.challenge
    results = [_open_one(challenge, body, opening.kind, private_key) for body in final_bodies(challenge)]
    with transaction.atomic():
        _finish(locked_challenge(challenge.pk), opening, key, results)


def _open_one(challenge: Challenge, body: dict[str, Any], kind: str, private_key: bytes) -> dict[str, Any]:
    bid = Bid.objects.select_related("challenge", "organisation").get(public_id=body["bid"])
    entry = next(one for one in body["envelopes"] if one["kind"] == kind)
    result = {
        "bid": body["bid"],
        "version": body["version"],
        "sha256": entry["sha256"],
        "result": "opened",
        "reason": "",
    }
    if kind == EnvelopeKind.TECHNICAL and unconfirmed(bid):
        return {**result, "result": "unreadable", "reason": str(_("榜单实质修改后没有重新确认，未开启。"))}
    if kind == EnvelopeKind.PRICE and bid.state not in (BidState.FORM_PASS, BidState.SCORED):
        return {**result, "result": "unreadable", "reason": str(_("未进入评审，报价未开启。"))}
    if _content(bid, kind) is not None:
        return result
    envelope = SealedEnvelope.objects.filter(
        bid_version__bid=bid, bid_version__number=body["version"], kind=kind
    ).first()
    context = EnvelopeContext(
        challenge.suite, body["challenge"], kind, body["organisation"], body["bid"], body["version"]
    )
    trouble = _damage(envelope, entry["sha256"], challenge.suite)
    if trouble or envelope is None:
        # Bytes other than those receipted: never the bidder's fault.
        _keep_unreadable(bid, kind, trouble, by_bidder=False)
        return {**result, "result": "unreadable", "reason": trouble}
    try:
        with transaction.atomic(), _attachment_sinks() as (sinks, sink_for), envelope.file.open("rb") as source:
            opened = open_envelope(source, private_key, context, sink_for)
            _keep_opened(bid, kind, opened, sinks)
    except SealingError as error:
        _keep_unreadable(bid, kind, error.message, by_bidder=True)
        return {**result, "result": "unreadable", "reason": error.message}
    return result


def _content(bid: Bid, kind: str) -> Any:
    return bid.technical_content if kind == EnvelopeKind.TECHNICAL else bid.price_content


def _damage(envelope: SealedEnvelope | None, sha256: str, suite: str) -> str:
    """Why the stored bytes are not those receipted; empty if they are."""
    if envelope is None or not envelope.file or not envelope.file.storage.exists(envelope.file.name):
        return str(_("密文文件缺失。"))
    digests = EnvelopeDigests(suite_named(suite))
    with envelope.file.open("rb") as source:
        while chunk := source.read(READ_SIZE):
            digests.update(chunk)
    return "" if digests.result(envelope.kind).sha256 == sha256 else str(_("密文与回执的摘要不符，可能已被改动。"))


@contextmanager
def _attachment_sinks() -> Iterator[tuple[list[tuple[str, Any]], Any]]:
    """Temporary files for what is in the envelope; gone again unless they were kept beside the bid."""
    sinks: list[tuple[str, Any]] = []

    def sink_for(name: str, _media_type: str, _size: int) -> BinaryIO:
        file = NamedTemporaryFile()
        sinks.append((name, file))
        return cast(BinaryIO, file)

    try:
        yield sinks, sink_for
    finally:
        for _name, file in sinks:
            file.close()


def _keep_opened(bid: Bid, kind: str, opened: OpenedEnvelope, sinks: Sequence[tuple[str, Any]]) -> None:
    """Content beside the bid; files checked by type and content now, because sealed they could not be."""
    manifest = opened.contents.manifest
    if not isinstance(manifest, dict):
        raise SealingError(_("标书内容不是规定的格式。"))
    refused, key = [], bid.challenge.content_key
    for name, file in sinks:
        file.flush()
        file.seek(0)
        try:
            attach_checked(
                subject=bid, file=File(file, name=name), purpose=str(EnvelopeKind(kind).label), content_key=key
            )
        except InvalidInput as error:
            refused.append({"name": name, "reason": " ".join(reason.message for reason in error.reasons)})
    content = {**manifest, "refused_files": refused} if refused else manifest
    if kind == EnvelopeKind.TECHNICAL:
        bid.technical_content = content
    else:
        bid.price_content = _judged_price(content, bid.challenge)
    bid.save(update_fields=["technical_cipher", "price_cipher"])


def _judged_price(price: dict[str, Any], challenge: Challenge) -> dict[str, Any]:
    """The price with what is wrong with it (V07): sealed it could not be looked at, and a page can be gone round.

    An amount that is no amount makes the envelope unreadable; any other fault is kept beside the price, which then
    earns no points and cannot win.
    """
    problems = price_problems(price, challenge, programme_parameters(challenge))
    if any(problem.code == "amount_unreadable" for problem in problems):
        raise SealingError(str(problems[0].message))
    return {**price, "problems": [str(problem.message) for problem in problems]}


@transaction.atomic
def _keep_unreadable(bid: Bid, kind: str, reason: str, *, by_bidder: bool) -> None:
    bid.unreadable_reason = f"{EnvelopeKind(kind).label}：{reason}"
    bid.unreadable_by_bidder = by_bidder
    bid.save(update_fields=["unreadable_reason", "unreadable_by_bidder"])


def _finish(challenge: Challenge, opening: Opening, key: EnvelopeKey, results: Sequence[dict[str, Any]]) -> None:
    """Everything becomes visible at one instant: content, names, number, the record of the ceremony."""
    fresh = Opening.objects.select_for_update().get(pk=opening.pk)
    if fresh.state != OpeningState.RUNNING:
        raise DomainError(_("这次开启已经结束，请刷新页面。"), code="opening_over")
    tip = chain_tip(challenge)
    moment = tip.moment
    body = {
        "kind": opening.kind,
        "officers": opening.officers,
        "fingerprint": key.fingerprint,
        "opened_at": time_text(moment),
        "envelopes": list(results),
    }
    chain_append(challenge, kinds.OPENED, body, tip=tip)
    fresh.state, fresh.finished_at, fresh.current_blob, fresh.record = OpeningState.DONE, moment, "", body
    fresh.save(update_fields=["state", "finished_at", "current_blob", "record"])
    readable = {row["bid"] for row in results if row["result"] == "opened"}
    if opening.kind == EnvelopeKind.TECHNICAL:
        for bid in challenge.bids.filter(state=BidState.LOCKED):
            bid.state = _state_after_opening(bid, str(bid.public_id) in readable)
            bid.save(update_fields=["state"])
        challenge.opened_at = moment
        move(challenge, "open", acting_user=None, update_fields=["opened_at"])
        _carry_over_receipts(challenge)
    else:
        challenge.price_opened_at = moment
        challenge.save(update_fields=["price_opened_at"])
    audit.record(None, "challenges.opening.done", challenge, {"kind": opening.kind, "envelopes": len(results)})
    outbox.publish(OpeningStep(challenge.pk, opening.kind, "done"))


def _state_after_opening(bid: Bid, readable: bool) -> str:
    if readable:
        return BidState.OPENED
    return BidState.UNREADABLE if bid.unreadable_reason else BidState.RETURNED


def _carry_over_receipts(challenge: Challenge) -> None:
    """What could not stand in the general trail before the opening is entered now, with its own time."""
    for link in challenge.chain.filter(kind__in=(kinds.RECEIVED, kinds.WITHDRAWN, "bid_reconfirmed")):
        audit.record(None, f"challenges.{link.kind}", challenge, {"at": link.at, **_named(link.body)})


def _named(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ("bid", "version", "organisation") if name in body}


def may_open(challenge: Challenge, acting_user: User) -> bool:
    """For the ceremony page: an officer of the list, none of the administrators."""
    try:
        _opener(challenge, acting_user)
    except (ObjectNotFound, NotPermitted):
        return False
    return True
