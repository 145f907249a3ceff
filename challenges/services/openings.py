"""Opening ceremonies: who, when, layer by layer; then every envelope (security.md C.3, step 6; domain.md §2.4–2.5)."""

import hmac
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from challenges.enums import BidState, ChallengeState, EnvelopeKind, OpeningState
from challenges.events import OpeningStep
from challenges.models import Bid, Challenge, EnvelopeKey, Opener, Opening, OpeningLayer
from challenges.permissions import is_in_office, office_of
from challenges.sealing import keys
from challenges.sealing import verification as kinds
from challenges.sealing.canonical import decode_bytes, encode_bytes
from challenges.sealing.errors import SealingError
from challenges.sealing.receipts import time_text
from challenges.services.chain import chain_append, chain_tip
from challenges.services.envelope_opening import open_final_envelopes
from challenges.services.movement import locked_challenge, move
from core import audit, outbox
from core.clock import database_now
from core.errors import DomainError, ObjectNotFound

#: Which state of the challenge lets which envelope be opened: prices only once every score is locked.
OPENABLE = {EnvelopeKind.TECHNICAL: ChallengeState.CLOSED, EnvelopeKind.PRICE: ChallengeState.REVIEWING}


def _opener(challenge: Challenge, acting_user: User) -> Opener:
    """The officer who acts: in office at this moment (`permissions.is_in_office`), whatever step it is.

    Who was an officer and is none any more learns as little as a stranger, but the attempt is kept.
    """
    opener = office_of(acting_user, challenge.annual_list_id)
    if opener is not None:
        return opener
    if Opener.objects.filter(annual_list_id=challenge.annual_list_id, user=acting_user).exists():
        record_refusal(challenge_id=challenge.pk, acting_user=acting_user, code="not_in_office")
    raise ObjectNotFound()


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

    Refused, and the refusal kept: before the freeze, before scores are locked (price), for a subset nobody wrapped for,
    for one of whom somebody is not in office. A subset that has begun is gone on with; another subset's ceremony in
    which somebody has taken a layer off runs on beside the new one, so that an absent officer blocks nobody and nobody
    undoes what an officer has done. One in which nobody has done anything is ended.
    """
    challenge = Challenge.objects.select_related("annual_list").filter(pk=challenge_id).first()
    if challenge is None or kind not in EnvelopeKind.values:
        raise ObjectNotFound()
    own = _opener(challenge, acting_user)
    trouble = _start_trouble(challenge, kind) or _absent_trouble(challenge, officers)
    if trouble:
        raise _refuse(challenge, acting_user, *trouble)
    with transaction.atomic():
        challenge = locked_challenge(challenge_id)
        if _start_trouble(challenge, kind):
            raise DomainError(_("状态已经变化，请刷新页面。"), code="opening_state")
        key = key_for_opening(challenge, kind)
        wrapped = _wrapped_for(key, officers)
        if wrapped is not None:
            return _begun(challenge, kind, officers) or _begin(challenge, kind, officers, wrapped["blob"], own)
    raise _refuse(
        challenge,
        acting_user,
        str(_("所选人员不能组成开启组合：须达到规定人数，并来自至少两个机构。")),
        "opening_subset",
    )


def _begun(challenge: Challenge, kind: str, officers: Sequence[str]) -> Opening | None:
    running = challenge.openings.filter(kind=kind, state=OpeningState.RUNNING)
    return next((one for one in running if one.officers == list(officers)), None)


def _begin(challenge: Challenge, kind: str, officers: Sequence[str], blob: str, own: Opener) -> Opening:
    idle = challenge.openings.filter(kind=kind, state=OpeningState.RUNNING, layers=None)
    idle.update(state=OpeningState.FAILED, finished_at=database_now(), current_blob="")
    opening = Opening.objects.create(
        challenge=challenge, kind=kind, officers=list(officers), current_blob=blob, started_by=own.user
    )
    body = {"kind": kind, "officers": list(officers), "by": str(own.key.public_id) if own.key else ""}
    chain_append(challenge, kinds.STARTED, body)
    audit.record(own.user, "challenges.opening.start", challenge, {"kind": kind})
    outbox.publish(OpeningStep(challenge.pk, kind, "started"))
    return opening


def _absent_trouble(challenge: Challenge, officers: Sequence[str]) -> tuple[str, str] | None:
    """Whether somebody of a subset is not in office: such a ceremony could never come to its end."""
    appointed = Opener.objects.filter(
        annual_list_id=challenge.annual_list_id, replaced_at=None, key__isnull=False
    ).select_related("key", "organisation", "user")
    in_office = {str(one.key.public_id) for one in appointed if one.key is not None and is_in_office(one)}
    named = {
        str(key)
        for key in Opener.objects.filter(annual_list_id=challenge.annual_list_id, key__isnull=False).values_list(
            "key__public_id", flat=True
        )
    }
    if set(officers) & named - in_office:
        return str(_("所选人员中有人已不在任，请另选一组都在任的开启人。")), "opening_officer_left"
    return None


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
    # Once more, now that a replacement would have to wait for the challenge's row.
    if office_of(opener.user, challenge.annual_list_id) != opener:
        raise ObjectNotFound()
    chain_append(
        challenge,
        kinds.PEELED,
        {
            "kind": opening.kind,
            "officers": opening.officers,
            "officer": opening.officers[position],
            "organisation": str(opener.organisation.public_id),
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
    results = open_final_envelopes(challenge, opening.kind, private_key)
    with transaction.atomic():
        _finish(locked_challenge(challenge.pk), opening, key, results)


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
    challenge.openings.filter(kind=opening.kind, state=OpeningState.RUNNING).update(
        state=OpeningState.FAILED, finished_at=moment, current_blob=""
    )
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
    """For the ceremony page: an officer of the list, in office now."""
    return office_of(acting_user, challenge.annual_list_id) is not None
