"""Every final envelope of a challenge, opened on its own: whatever one of them holds, the others are opened.

What comes out of an envelope is held against its form once, here (`sealing.bid_schema`); only what has that form is
ever stored as a bid's content, so nothing after the opening reads a raw manifest. Whatever cannot be read becomes
"unreadable" with its reason, whose fault it was and since when, and its bytes are kept aside (docs/adr/0011).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.files.base import File
from django.db import transaction
from django.utils.translation import gettext as _

from challenges.enums import BidState, EnvelopeKind
from challenges.models import Bid, Challenge, SealedEnvelope
from challenges.sealing.bid_schema import checked_manifest
from challenges.sealing.envelopes import EnvelopeContext, EnvelopeDigests, open_envelope, plaintext_pieces
from challenges.sealing.errors import SealingError
from challenges.sealing.receipts import time_text
from challenges.sealing.suites import suite_named
from challenges.services.aside import forget_aside, keep_aside, pieces_of_file
from challenges.services.bids import final_bodies, unconfirmed
from challenges.services.diagnosis import (
    OpeningInterrupted,
    Peculiar,
    Sinks,
    attachment_sinks,
    control_opening,
    diagnosed,
)
from challenges.states import programme_parameters
from challenges.validators import price_problems
from core.attachments import attach_checked
from core.clock import database_now
from core.errors import InvalidInput
from core.models import Attachment

READ_SIZE = 1 << 20
#: So many ciphertexts missing at once are no accident of single files: the storage is not there.
ALL_MISSING_FROM = 2
ENTERED_REVIEW = (BidState.FORM_PASS, BidState.SCORED)


def open_final_envelopes(challenge: Challenge, kind: str, private_key: bytes) -> list[dict[str, Any]]:
    """A result for each final bid, as the chain has it: {"bid", "version", "sha256", "result", "reason", "by_bidder"?}.

    Raises OpeningInterrupted, and only that, for trouble of the platform's own.
    """
    bodies = final_bodies(challenge)
    stored = _stored_envelopes(challenge, kind)
    if len(bodies) >= ALL_MISSING_FROM and not any(_is_there(stored.get(_place(body))) for body in bodies):
        raise OpeningInterrupted
    return [_open_one(challenge, body, kind, stored.get(_place(body)), private_key) for body in bodies]


def _place(body: dict[str, Any]) -> tuple[str, int]:
    return body["bid"], body["version"]


def _stored_envelopes(challenge: Challenge, kind: str) -> dict[tuple[str, int], SealedEnvelope]:
    rows = SealedEnvelope.objects.filter(bid_version__bid__challenge=challenge, kind=kind)
    return {
        (str(row.bid_version.bid.public_id), row.bid_version.number): row
        for row in rows.select_related("bid_version__bid")
        if row.bid_version is not None
    }


def _is_there(envelope: SealedEnvelope | None) -> bool:
    return envelope is not None and bool(envelope.file) and envelope.file.storage.exists(envelope.file.name)


def _open_one(
    challenge: Challenge, body: dict[str, Any], kind: str, envelope: SealedEnvelope | None, private_key: bytes
) -> dict[str, Any]:
    bid = Bid.objects.select_related("challenge", "organisation").get(public_id=body["bid"])
    entry = next(one for one in body["envelopes"] if one["kind"] == kind)
    result = {**dict(zip(("bid", "version"), _place(body), strict=True)), "sha256": entry["sha256"]}
    reason = _not_to_be_opened(bid, kind)
    if reason:
        return {**result, "result": "unreadable", "reason": reason}
    context = EnvelopeContext(
        challenge.suite, body["challenge"], kind, body["organisation"], body["bid"], body["version"]
    )
    control = partial(control_opening, challenge, kind, private_key, envelope.size if envelope is not None else 0)
    try:
        trouble = diagnosed(
            lambda: _opened_or_damaged(bid, kind, envelope, entry["sha256"], context, private_key, control),
            refusals=(SealingError,),
            control=control,
            what=f"a {kind} envelope",
        )
    except SealingError as error:
        found, by_bidder, cause = error.message, True, error.code
    except Peculiar as error:
        found, by_bidder, cause = str(_("平台未能处理这个信封，原件已留存，由监督人员核查。")), False, error.cause
    else:
        if not trouble:
            return {**result, "result": "opened", "reason": ""}
        found, by_bidder, cause = trouble, False, "ciphertext"
    _keep_unreadable(bid, kind, found, by_bidder=by_bidder)
    if envelope is not None and cause != "ciphertext":
        _keep_content(bid, kind, envelope, context, private_key, found, by_bidder, cause)
    return {**result, "result": "unreadable", "reason": found, "by_bidder": by_bidder}


def _not_to_be_opened(bid: Bid, kind: str) -> str:
    """Why the rules leave an envelope closed, in words; "" where it is to be opened."""
    if kind == EnvelopeKind.TECHNICAL and unconfirmed(bid):
        return str(_("榜单实质修改后没有重新确认，未开启。"))
    if kind == EnvelopeKind.PRICE and bid.state not in ENTERED_REVIEW:
        return str(_("未进入评审，报价未开启。"))
    return ""


def _opened_or_damaged(
    bid: Bid,
    kind: str,
    envelope: SealedEnvelope | None,
    sha256: str,
    context: EnvelopeContext,
    private_key: bytes,
    control: Callable[[], None],
) -> str:
    """Why the stored bytes are not those receipted (never the bidder's fault); "" once the content lies beside the bid.

    Raises SealingError for what the bidder sealed wrongly; nothing is kept then.
    """
    trouble = _damage(envelope, sha256, context.suite)
    if trouble or envelope is None:
        return trouble
    written: list[Attachment] = []
    try:
        with transaction.atomic(), attachment_sinks() as (sinks, sink_for), envelope.file.open("rb") as source:
            # Two last peels at once: the second finds what the first has done.
            held = Bid.objects.select_for_update(of=("self",)).select_related("challenge").get(pk=bid.pk)
            if _cipher(held, kind) is not None:
                return ""
            opened = open_envelope(source, private_key, context, sink_for)
            content = checked_manifest(kind, opened.contents.manifest)
            forget_aside(held, kind)
            refused = _keep_files(held, kind, sinks, written, control)
            _keep_opened(held, kind, {**content, "refused_files": refused} if refused else content)
    except BaseException:
        for attachment in written:
            attachment.file.storage.delete(attachment.file.name)
        raise
    return ""


def _cipher(bid: Bid, kind: str) -> str | None:
    return bid.technical_cipher if kind == EnvelopeKind.TECHNICAL else bid.price_cipher


def _damage(envelope: SealedEnvelope | None, sha256: str, suite: str) -> str:
    """Why the stored bytes are not those receipted; empty if they are."""
    if envelope is None or not _is_there(envelope):
        return str(_("密文文件缺失。"))
    digests = EnvelopeDigests(suite_named(suite))
    with envelope.file.open("rb") as source:
        while chunk := source.read(READ_SIZE):
            digests.update(chunk)
    return "" if digests.result(envelope.kind).sha256 == sha256 else str(_("密文与回执的摘要不符，可能已被改动。"))


def _keep_files(
    bid: Bid, kind: str, sinks: Sinks, written: list[Attachment], control: Callable[[], None]
) -> list[dict[str, Any]]:
    """Files checked by type and content now, because sealed they could not be; those refused, which are kept aside."""
    refused = []
    for name, file in sinks:
        file.flush()
        try:
            written.append(
                diagnosed(
                    partial(_attached, bid, kind, file),
                    refusals=(InvalidInput,),
                    control=control,
                    what=f"a file of a {kind} envelope",
                )
            )
            continue
        except InvalidInput as error:
            reason, by_bidder, cause = " ".join(str(one.message) for one in error.reasons), True, error.code
        except Peculiar as error:
            reason = str(_("平台无法检查这个文件，没有采用，原件已留存。"))
            by_bidder, cause = False, error.cause
        kept = keep_aside(bid, kind, pieces_of_file(file), name=name, reason=reason, by_bidder=by_bidder, cause=cause)
        refused.append({"name": name, "reason": reason, "by_bidder": by_bidder, "since": time_text(kept.found_at)})
    return refused


def _attached(bid: Bid, kind: str, file: File) -> Attachment:
    file.seek(0)
    return attach_checked(
        subject=bid, file=file, purpose=str(EnvelopeKind(kind).label), content_key=bid.challenge.content_key
    )


def _keep_opened(bid: Bid, kind: str, content: dict[str, Any]) -> None:
    if kind == EnvelopeKind.TECHNICAL:
        bid.technical_content = content
    else:
        # An amount against the list's rules (V07) is kept beside the price, which then earns no points and cannot win.
        problems = price_problems(content, bid.challenge, programme_parameters(bid.challenge))
        bid.price_content = {**content, "problems": [str(problem.message) for problem in problems]}
    bid.unreadable_reason, bid.unreadable_by_bidder, bid.unreadable_at = "", None, None
    bid.save(
        update_fields=[
            "technical_cipher",
            "price_cipher",
            "unreadable_reason",
            "unreadable_by_bidder",
            "unreadable_at",
        ]
    )


@transaction.atomic
def _keep_unreadable(bid: Bid, kind: str, reason: str, *, by_bidder: bool) -> None:
    bid.unreadable_reason = f"{EnvelopeKind(kind).label}：{reason}"
    bid.unreadable_by_bidder = by_bidder
    bid.unreadable_at = database_now()
    bid.save(update_fields=["unreadable_reason", "unreadable_by_bidder", "unreadable_at"])


def _keep_content(
    bid: Bid,
    kind: str,
    envelope: SealedEnvelope,
    context: EnvelopeContext,
    private_key: bytes,
    reason: str,
    by_bidder: bool,
    cause: str,
) -> None:
    """Everything that was sealed, as far as it can be decrypted at all."""

    def keep() -> None:
        with transaction.atomic(), envelope.file.open("rb") as source:
            forget_aside(bid, kind)
            keep_aside(
                bid,
                kind,
                plaintext_pieces(source, private_key, context),
                name="",
                reason=reason,
                by_bidder=by_bidder,
                cause=cause,
            )

    try:
        diagnosed(
            keep,
            refusals=(),
            control=partial(control_opening, bid.challenge, kind, private_key, envelope.size),
            what=f"keeping a {kind} envelope aside",
        )
    except Peculiar:
        # Not even its bytes can be had: the ciphertext stays where it is, with its receipt.
        return
