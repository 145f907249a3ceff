"""Bids: drafts the platform cannot read, ciphertext, receipts, withdrawal, freeze (security.md C.3, steps 3–5).

Nothing here writes to the general audit trail before the opening: even that a bid exists is nobody's to know
(招标投标法 22). The challenge's own chain keeps every event; the opening carries them over into the trail.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.conf import settings
from django.core.files.base import File
from django.core.files.temp import NamedTemporaryFile
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Organisation, User
from accounts.permissions import organisation_of
from challenges.enums import BidState, ChallengeState, CreditGate, EnvelopeKind, SelectionMethod
from challenges.events import BidReceived, BidWithdrawn
from challenges.models import Bid, BidDraft, BidVersion, Challenge, ChallengeFollower, SealedEnvelope
from challenges.permissions import acts_as_bidder, may_bid
from challenges.relations import related_reasons
from challenges.sealing import manifests, receipts
from challenges.sealing import verification as kinds
from challenges.sealing.containers import DEFAULT_LIMITS
from challenges.sealing.envelopes import EnvelopeContext, EnvelopeDigests, inspect_envelope
from challenges.sealing.errors import SealingError
from challenges.sealing.suites import suite_named
from challenges.services.chain import chain_append, chain_tip
from challenges.services.credit import credit_check, credit_reasons
from challenges.services.movement import locked_challenge, move
from challenges.services.openers import current_envelope_keys
from challenges.signing import signer
from challenges.states import programme_parameters
from core import audit, outbox
from core.clock import database_now, now
from core.errors import DomainError, EditConflict, GuardFailed, InvalidInput, NotPermitted, ObjectNotFound, Reason
from core.row_digests import taken_together

LARGEST_ENVELOPE = DEFAULT_LIMITS.total + (8 << 20)
LARGEST_DRAFT = 2 << 20
#: Uploads of one organisation for one challenge that no bid version names yet.
MOST_LOOSE_ENVELOPES = 12
LONGEST_KEY = 100
LIVE_STATES = (BidState.SEALED,)

CHALLENGE_TO_BID_ON = Challenge.objects.select_related("programme", "demander", "annual_list")


@dataclass(frozen=True)
class SealingTicket:
    """What a browser or the command line needs to seal: the context bound into the envelope, and the public keys."""

    challenge: Challenge
    organisation: Organisation
    bid_public_id: UUID
    version: int
    reasons: tuple[Reason, ...]

    def context(self, kind: str) -> EnvelopeContext:
        return EnvelopeContext(
            self.challenge.suite,
            str(self.challenge.public_id),
            kind,
            str(self.organisation.public_id),
            str(self.bid_public_id),
            self.version,
        )


CLOSED_TEXT = gettext_lazy("揭榜已经截止，不能再提交、替换或撤回。截止时间以平台服务器时间为准。")


class BiddingClosed(DomainError):
    """The deadline has passed by the database's clock, or the challenge takes no bids."""

    code = "bidding_closed"
    status = 409


def _bidder(acting_user: User) -> Organisation:
    own = organisation_of(acting_user)
    if own is None or not may_bid(acting_user):
        raise NotPermitted(_("揭榜申报需要“供给方经办人”角色，请联系本单位管理员授权。"))
    return own


def _open_challenge(challenge_id: int, organisation: Organisation) -> Challenge:
    challenge = CHALLENGE_TO_BID_ON.filter(pk=challenge_id).first()
    if challenge is None or not _may_know(challenge, organisation):
        raise ObjectNotFound()
    _refuse_unless_open(challenge)
    return challenge


def _may_know(challenge: Challenge, organisation: Organisation) -> bool:
    return challenge.is_public or (
        challenge.selection_method == SelectionMethod.DIRECTED and challenge.directed_to_id == organisation.pk
    )


def _refuse_unless_open(challenge: Challenge) -> datetime:
    """The moment of the decision. Half-open: strictly before the deadline, and never after the freeze.

    What is decided on this moment also carries it: a receipt never shows a time at or after the deadline.
    """
    moment = database_now()
    if challenge.state != ChallengeState.PUBLISHED or challenge.frozen_at is not None:
        raise BiddingClosed(str(CLOSED_TEXT))
    _refuse_from_deadline_on(challenge, moment)
    return moment


def _refuse_from_deadline_on(challenge: Challenge, moment: datetime) -> None:
    if challenge.deadline_at is None or moment >= challenge.deadline_at:
        raise BiddingClosed(str(CLOSED_TEXT))


# --- eligibility --------------------------------------------------------------------------------------------------


def eligibility_reasons(challenge: Challenge, organisation: Organisation) -> list[Reason]:
    """What keeps this organisation from leading a bid, as far as it may be known before the opening.

    Checks over consortium members and over bids of related organisations follow at the formal check: before the
    opening nobody may learn who else bids (domain.md §2.5).
    """
    sheet = programme_parameters(challenge)
    reasons = []
    if not organisation.is_verified:
        reasons.append(Reason("bidder_not_verified", _("本单位尚未通过核验，请先在“本机构”页面申请核验。")))
    if not organisation.unified_code:
        reasons.append(Reason("bidder_code_missing", _("本单位没有登记统一社会信用代码，不能揭榜。")))
    if organisation.pk == challenge.demander_id:
        reasons.append(Reason("bidder_is_demander", _("需求单位不能揭自己发布的榜。")))
    elif sheet.related_party_ban and organisation.unified_code and challenge.demander.unified_code:
        reasons += related_reasons(
            [organisation.unified_code], challenge.demander.unified_code, str(challenge.demander)
        )
    if organisation.unified_code:
        reasons += credit_reasons([organisation.unified_code])
    leading = (
        Bid.objects.filter(
            organisation=organisation, challenge__annual_list_id=challenge.annual_list_id, state__in=LIVE_STATES
        )
        .exclude(challenge=challenge)
        .count()
    )
    if leading >= sheet.apply_maximum_as_lead:
        reasons.append(
            Reason(
                "too_many_bids",
                _("每个单位在同一榜单中最多牵头揭榜 %d 项，请先撤回另一项申请。") % sheet.apply_maximum_as_lead,
            )
        )
    return reasons


def sealing_ticket(*, challenge_id: int, acting_user: User) -> SealingTicket:
    """The context for sealing the organisation's next version, with everything that would keep it from being taken."""
    own = _bidder(acting_user)
    challenge = _open_challenge(challenge_id, own)
    bid = Bid.objects.filter(challenge=challenge, organisation=own).first()
    return SealingTicket(
        challenge,
        own,
        bid.public_id if bid is not None else bid_name(challenge, own),
        bid.version + 1 if bid is not None else 1,
        tuple(eligibility_reasons(challenge, own)),
    )


def bid_name(challenge: Challenge, organisation: Organisation) -> UUID:
    """The name the organisation's bid has or will have: known, and bound into envelopes, before any row exists.

    Looking at the page writes nothing: until a draft or a bid keeps the name it follows from SECRET_KEY, challenge and
    organisation, and nobody without the key can tell whose it is.
    """
    draft = BidDraft.objects.filter(challenge=challenge, organisation=organisation).first()
    if draft is not None:
        return draft.bid_public_id
    text = f"bid/1/{challenge.public_id}/{organisation.public_id}"
    return UUID(bytes=hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).digest()[:16], version=4)


def _kept_draft(challenge: Challenge, organisation: Organisation) -> BidDraft:
    """The organisation's draft row, made now if need be, under the name the page has shown."""
    draft, _created = BidDraft.objects.select_for_update().get_or_create(
        challenge=challenge,
        organisation=organisation,
        defaults={"bid_public_id": bid_name(challenge, organisation)},
    )
    return draft


# --- drafts -------------------------------------------------------------------------------------------------------


@transaction.atomic
def draft_save(*, challenge_id: int, acting_user: User, ciphertext: str, expected_revision: int) -> BidDraft:
    """Keep the browser's encrypted draft. EditConflict when a colleague saved since: nobody's words are lost."""
    own = _bidder(acting_user)
    challenge = _open_challenge(challenge_id, own)
    if not ciphertext or len(ciphertext) > LARGEST_DRAFT:
        raise InvalidInput({"ciphertext": [_("草稿为空或过大，未保存。")]})
    draft = _kept_draft(challenge, own)
    if draft.revision != expected_revision:
        raise EditConflict()
    draft.ciphertext, draft.revision = ciphertext, draft.revision + 1
    draft.saved_by, draft.saved_at = acting_user, now()
    draft.save(update_fields=["ciphertext", "revision", "saved_by", "saved_at"])
    return draft


# --- receiving ----------------------------------------------------------------------------------------------------


def envelope_receive(*, challenge_id: int, acting_user: User, kind: str, chunks: Iterable[bytes]) -> SealedEnvelope:
    """Receive a ciphertext; one that starts or ends after the deadline is refused and nothing of it is kept."""
    try:
        return _receive(challenge_id, acting_user, kind, chunks)
    except BiddingClosed:
        _keep_late(challenge_id, "upload")
        raise


def _receive(challenge_id: int, acting_user: User, kind: str, chunks: Iterable[bytes]) -> SealedEnvelope:
    """Write a ciphertext to disk and check that it is a whole envelope of this bid's next version.

    Needs no lock: an upload is nothing until `bid_finalise` names it, and only whole ones can be named. An unencrypted
    or foreign file is refused here (电子招标投标办法 26).
    """
    own = _bidder(acting_user)
    if kind not in EnvelopeKind.values:
        raise InvalidInput({"kind": [_("信封类型不正确。")]})
    ticket = sealing_ticket(challenge_id=challenge_id, acting_user=acting_user)
    loose = SealedEnvelope.objects.filter(challenge=ticket.challenge, organisation=own, bid_version=None)
    if loose.count() >= MOST_LOOSE_ENVELOPES:
        _drop_loose(loose.order_by("pk")[: MOST_LOOSE_ENVELOPES // 2])
    key = current_envelope_keys(ticket.challenge)[kind]
    digests = EnvelopeDigests(suite_named(ticket.challenge.suite))
    with NamedTemporaryFile(dir=_upload_folder()) as file:
        for chunk in chunks:
            digests.update(chunk)
            if digests.size > LARGEST_ENVELOPE:
                raise InvalidInput({"file": [_("标书超过 %d MB，请精简附件。") % (LARGEST_ENVELOPE >> 20)]})
            file.write(chunk)
        file.flush()
        file.seek(0)
        # The whole envelope has to be here before the deadline, not its first byte (电子招标投标办法 27).
        ticket.challenge.refresh_from_db()
        _refuse_unless_open(ticket.challenge)
        try:
            inspect_envelope(cast(BinaryIO, file), digests.size, ticket.context(kind), key.fingerprint)
        except SealingError as error:
            raise InvalidInput({"file": [error.message]}) from error
        found = digests.result(kind)
        envelope = SealedEnvelope(
            challenge=ticket.challenge,
            organisation=own,
            kind=kind,
            key_fingerprint=key.fingerprint,
            size=found.size,
            sha256=found.sha256,
            sm3=found.sm3 or "",
            uploaded_by=acting_user,
        )
        file.seek(0)
        envelope.file.save("envelope", File(file), save=False)
        envelope.save()
    return envelope


def _upload_folder() -> str | None:
    return getattr(settings, "FILE_UPLOAD_TEMP_DIR", None)


def _drop_loose(envelopes: Iterable[SealedEnvelope]) -> None:
    for envelope in envelopes:
        envelope.file.delete(save=False)
        envelope.delete()


def digest_of_trace(text: str) -> str:
    """A keyed digest of a device or address: equal traces are seen as equal, the trace itself is not kept."""
    if not text:
        return ""
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def bid_finalise(
    *,
    challenge_id: int,
    acting_user: User,
    envelope_ids: Sequence[UUID],
    idempotency_key: str,
    read_content_version: int | None = None,
    device: str = "",
    address: str = "",
) -> BidVersion:
    """Take a bid, or refuse it as late and keep that it was refused — without saying whose it was.

    `read_content_version` is the version of the call the bid was written against, the present one if not said. After a
    material change since then the bid is not taken: its bidder reads the change first, and has the days for it.
    """
    try:
        return _finalise(
            challenge_id, acting_user, envelope_ids, idempotency_key, read_content_version, device, address
        )
    except BiddingClosed:
        _keep_late(challenge_id, "finalise")
        raise


def _keep_late(challenge_id: int, step: str) -> None:
    """Late attempts are evidence (domain.md §8.3, 1); names and numbers of bidders stay hidden all the same."""
    challenge = Challenge.objects.filter(pk=challenge_id).first()
    audit.record_alone(None, "challenges.bid.refused_late", challenge, {"step": step})


@transaction.atomic
def _finalise(
    challenge_id: int,
    acting_user: User,
    envelope_ids: Sequence[UUID],
    idempotency_key: str,
    read_content_version: int | None,
    device: str,
    address: str,
) -> BidVersion:
    """Take the bid: a tiny request under the challenge's row lock, strictly before the deadline (database's clock).

    The whole ciphertext has arrived before. Version, chain link, manifest entry and receipt are made together or not at
    all. The same key gives the same receipt again, also after the deadline: a retry must not lose a promise.

    Everything that takes time is judged before the challenge's row is held, since hundreds of bidders and the freeze
    share that row; it is judged again under it only if the call changed meanwhile.
    """
    own = _locked_bidder(acting_user)
    if not idempotency_key or len(idempotency_key) > LONGEST_KEY:
        raise InvalidInput({"idempotency_key": [_("缺少提交编号，请刷新页面后重新提交。")]})
    challenge = CHALLENGE_TO_BID_ON.filter(pk=challenge_id).first()
    if challenge is None or not _may_know(challenge, own):
        raise ObjectNotFound()
    before = BidVersion.objects.filter(
        bid__challenge=challenge, bid__organisation=own, idempotency_key=idempotency_key
    ).first()
    if before is not None:
        return before
    # What is already too late does not queue for the row: it would only hold up the freeze.
    _refuse_unless_open(challenge)
    draft = _kept_draft(challenge, own)
    bid = Bid.objects.filter(challenge=challenge, organisation=own).first()
    if bid is None:
        bid = Bid(challenge=challenge, organisation=own, public_id=draft.bid_public_id)
    envelopes = _named_envelopes(challenge, own, envelope_ids)
    ticket = SealingTicket(challenge, own, bid.public_id, bid.version + 1, ())
    _judge(ticket, envelopes)
    bid.version = ticket.version
    bid.state = BidState.SEALED
    bid.submitted_by = acting_user
    bid.confirmed_content_version = min(read_content_version or challenge.content_version, challenge.content_version)
    bid.save()
    credit_check(gate=CreditGate.SUBMIT, codes=[str(own.unified_code)], bid=bid)
    ChallengeFollower.objects.get_or_create(challenge=challenge, organisation=own)

    held = locked_challenge(challenge_id)
    clock = _refuse_unless_open(held)
    if held.document_version != challenge.document_version:
        _judge(replace(ticket, challenge=held), envelopes)
    if unconfirmed(bid):
        raise DomainError(
            _("您读过榜单之后，榜单有实质修改。草稿和已上传的密文都在，请刷新页面核对修改内容后再提交。"),
            code="call_changed",
        )
    tip = chain_tip(held, clock)
    _refuse_from_deadline_on(held, tip.moment)
    body = receipts.receipt_body(
        suite=held.suite,
        challenge=str(held.public_id),
        bid=str(bid.public_id),
        version=bid.version,
        organisation=str(own.public_id),
        envelopes=[_receipt_entry(envelope) for envelope in envelopes],
        received_at=tip.moment,
        previous_head=tip.head,
    )
    with taken_together():
        link = chain_append(held, kinds.RECEIVED, body, tip=tip)
        version = BidVersion.objects.create(
            bid=bid,
            number=bid.version,
            content_version=bid.confirmed_content_version,
            received_at=tip.moment,
            sequence=link.sequence,
            receipt=receipts.sign_receipt(body, signer()),
            idempotency_key=idempotency_key,
            submitted_by=acting_user,
            device_digest=digest_of_trace(device),
            address_digest=digest_of_trace(address),
        )
        SealedEnvelope.objects.assign(envelopes, bid_version=version)
    outbox.publish(BidReceived(version.pk))
    return version


def _locked_bidder(acting_user: User) -> Organisation:
    """The bidder's own row, held before any challenge's: steps of one organisation follow each other.

    Two windows cannot take the same version, and two challenges of one list cannot both be the last one allowed
    (`apply_maximum_as_lead`). Nobody else waits for it.
    """
    return Organisation.objects.select_for_update(no_key=True).get(pk=_bidder(acting_user).pk)


def _judge(ticket: SealingTicket, envelopes: Sequence[SealedEnvelope]) -> None:
    """Raise what keeps this version from being taken, the deadline aside."""
    reasons = eligibility_reasons(ticket.challenge, ticket.organisation)
    if reasons:
        raise GuardFailed(reasons)
    _check_envelopes(ticket, envelopes)


def _named_envelopes(challenge: Challenge, own: Organisation, envelope_ids: Sequence[UUID]) -> list[SealedEnvelope]:
    envelopes = list(
        SealedEnvelope.objects.filter(
            challenge=challenge, organisation=own, public_id__in=envelope_ids, bid_version=None
        )
    )
    if sorted(envelope.kind for envelope in envelopes) != sorted(EnvelopeKind.values):
        raise InvalidInput(
            {"envelopes": [_("技术标书和报价都要上传完整后才能提交；如已在另一窗口提交，请刷新页面查看回执。")]}
        )
    return envelopes


def _check_envelopes(ticket: SealingTicket, envelopes: Sequence[SealedEnvelope]) -> None:
    """Again at this moment: since the upload a colleague may have submitted, or the keys may have changed."""
    current = current_envelope_keys(ticket.challenge)
    for envelope in envelopes:
        with envelope.file.open("rb") as file:
            try:
                inspect_envelope(file, envelope.size, ticket.context(envelope.kind), current[envelope.kind].fingerprint)
            except SealingError as error:
                raise DomainError(
                    _("标书已不是当前版本，可能已在另一窗口或由同事提交过：%s请刷新页面后重新封标。") % error.message,
                    code="envelope_stale",
                ) from error


def _receipt_entry(envelope: SealedEnvelope) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": envelope.kind, "size": envelope.size, "sha256": envelope.sha256}
    return {**entry, "sm3": envelope.sm3} if envelope.sm3 else entry


@transaction.atomic
def bid_withdraw(*, challenge_id: int, acting_user: User) -> dict[str, Any]:
    """Take the bid back before the deadline (招标投标法 29); returns the signed confirmation."""
    own = _locked_bidder(acting_user)
    challenge = locked_challenge(challenge_id)
    bid = Bid.objects.filter(challenge=challenge, organisation=own).first()
    if bid is None or not acts_as_bidder(acting_user, bid):
        raise ObjectNotFound()
    clock = _refuse_unless_open(challenge)
    if bid.state != BidState.SEALED:
        raise DomainError(_("标书已经撤回。"), code="bid_withdrawn")
    tip = chain_tip(challenge, clock)
    _refuse_from_deadline_on(challenge, tip.moment)
    body = receipts.withdrawal_body(
        challenge=str(challenge.public_id),
        bid=str(bid.public_id),
        version=bid.version,
        organisation=str(own.public_id),
        withdrawn_at=tip.moment,
        previous_head=tip.head,
    )
    chain_append(challenge, kinds.WITHDRAWN, body, tip=tip)
    bid.state = BidState.WITHDRAWN
    bid.save(update_fields=["state"])
    outbox.publish(BidWithdrawn(bid.pk))
    return receipts.sign_withdrawal(body, signer())


def withdrawals_of(bid: Bid) -> list[dict[str, Any]]:
    """Bodies of every withdrawal of this bid, as they stand in the chain; for its bidder's eyes."""
    links = bid.challenge.chain.filter(kind=kinds.WITHDRAWN, body__bid=str(bid.public_id)).order_by("sequence")
    return list(links.values_list("body", flat=True))


def withdrawal_confirmation(bid: Bid, version: int) -> dict[str, Any]:
    """The signed confirmation once more: it is made of the link, so it can be had as long as the record stands."""
    body = next((body for body in withdrawals_of(bid) if body["version"] == version), None)
    if body is None:
        raise ObjectNotFound()
    return receipts.sign_withdrawal(body, signer())


@transaction.atomic
def bid_reconfirm(*, challenge_id: int, acting_user: User) -> Bid:
    """The bidder has read the changed call and lets the sealed bid stand as it is."""
    own = _locked_bidder(acting_user)
    challenge = locked_challenge(challenge_id)
    bid = Bid.objects.filter(challenge=challenge, organisation=own, state=BidState.SEALED).first()
    if bid is None:
        raise ObjectNotFound()
    _refuse_unless_open(challenge)
    if bid.confirmed_content_version != challenge.content_version:
        version = bid.versions.get(number=bid.version)
        current = {key.fingerprint for key in current_envelope_keys(challenge).values()}
        if set(version.envelopes.values_list("key_fingerprint", flat=True)) != current:
            raise DomainError(_("封标密钥已经更换，请重新封标提交，不能仅作确认。"), code="rekeyed")
        bid.confirmed_content_version = challenge.content_version
        bid.save(update_fields=["confirmed_content_version"])
        chain_append(
            challenge,
            "bid_reconfirmed",
            {"bid": str(bid.public_id), "version": bid.version, "content_version": challenge.content_version},
        )
    return bid


def unconfirmed(bid: Bid) -> bool:
    """Whether a material change of the call came after what the bidder last confirmed."""
    return bid.challenge.versions.filter(number__gt=bid.confirmed_content_version, material=True).exists()


# --- freeze -------------------------------------------------------------------------------------------------------


@transaction.atomic
def challenge_freeze(*, challenge_id: int) -> Challenge:
    """Close at the deadline: no bid is taken after, the manifest's root is signed and published (step 5).

    Called by the clock, and by whoever asks first after the deadline if the clock is late: the root is the same,
    because nothing could be added since. Idempotent.
    """
    challenge = locked_challenge(challenge_id)
    if challenge.frozen_at is not None or challenge.state != ChallengeState.PUBLISHED:
        return challenge
    clock = database_now()
    if challenge.deadline_at is None or clock < challenge.deadline_at:
        return challenge
    tip = chain_tip(challenge, clock)
    moment = tip.moment
    bids = challenge.bids.filter(state=BidState.SEALED)
    suite = suite_named(challenge.suite)
    challenge.frozen_at = moment
    challenge.freeze_salt = manifests.new_freeze_salt()
    leaves = manifests.manifest_leaves(
        manifests.freeze_leaf(str(challenge.public_id), moment, challenge.freeze_salt), final_bodies(challenge), suite
    )
    root = manifests.root_of(leaves, suite.digest)
    body = manifests.freeze_body(str(challenge.public_id), challenge.suite, root, moment)
    challenge.freeze = manifests.sign_freeze(body, signer())
    move(challenge, "close", acting_user=None, update_fields=["frozen_at", "freeze_salt", "freeze"])
    chain_append(challenge, kinds.FROZEN, body, tip=tip)
    last_material = challenge.versions.filter(material=True).aggregate(last=Max("number"))["last"] or 0
    standing = bids.filter(confirmed_content_version__gte=last_material).count()
    minimum = programme_parameters(challenge).minimum_applicants_to_open
    if standing < minimum:
        move(challenge, "fail", acting_user=None, context={"valid_bids": standing, "minimum": minimum})
        bids.update(state=BidState.RETURNED)
    else:
        bids.update(state=BidState.LOCKED)
    return challenge


def final_bodies(challenge: Challenge) -> list[dict[str, Any]]:
    """Receipt bodies in force, in order of reception; replaced and withdrawn versions have dropped out."""
    final: dict[str, dict[str, Any]] = {}
    for link in challenge.chain.filter(kind__in=(kinds.RECEIVED, kinds.WITHDRAWN)).order_by("sequence"):
        final.pop(link.body["bid"], None)
        if link.kind == kinds.RECEIVED:
            final[link.body["bid"]] = link.body
    return list(final.values())


def challenges_freeze_due() -> int:
    """The clock's job: freeze every challenge whose deadline has come; returns how many."""
    due = Challenge.objects.filter(
        state=ChallengeState.PUBLISHED, frozen_at=None, deadline_at__lte=database_now()
    ).order_by("deadline_at")
    keys = list(due.values_list("pk", flat=True))
    for key in keys:
        challenge_freeze(challenge_id=key)
    return len(keys)


def freeze_if_due(challenge: Challenge) -> Challenge:
    """For readers after the deadline: what they see is closed, even if the clock's job died (reliability.md R5)."""
    if (
        challenge.state == ChallengeState.PUBLISHED
        and challenge.deadline_at is not None
        and database_now() >= challenge.deadline_at
    ):
        challenge_freeze(challenge_id=challenge.pk)
        challenge.refresh_from_db()
    return challenge


def ciphertexts_destroy(*, older_than_days: int = 30) -> int:
    """Replaced and withdrawn versions are destroyed 30 days after the opening; their hashes stay (step 7)."""
    limit = now() - timedelta(days=older_than_days)
    destroyed = 0
    for envelope in SealedEnvelope.objects.filter(
        destroyed_at=None, bid_version__isnull=False, challenge__opened_at__lte=limit
    ).select_related("bid_version__bid"):
        version = envelope.bid_version
        if version is None or (version.bid.state != BidState.WITHDRAWN and version.number == version.bid.version):
            continue
        envelope.file.delete(save=False)
        envelope.destroyed_at = now()
        envelope.save(update_fields=["file", "destroyed_at"])
        destroyed += 1
    return destroyed


def stream_chunks(source: BinaryIO, size: int = 1 << 20) -> Iterable[bytes]:
    """The stream piece by piece; nothing is held in memory."""
    while chunk := source.read(size):
        yield chunk
