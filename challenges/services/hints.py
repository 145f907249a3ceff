"""Hints for the supervisor after an opening: computed from what is open, kept once, handled with a word (§6, 8)."""

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from challenges.collusion import Traces, authors_of, hints_of
from challenges.models import Bid, Challenge, SuspicionHint
from challenges.permissions import supervises
from challenges.services.movement import locked_challenge
from core import audit
from core.attachments import attachments_of
from core.content_keys import stored_content
from core.errors import InvalidInput, ObjectNotFound

LARGEST_READ = 20 << 20


def traces_of(bid: Bid) -> Traces:
    """What is known of an opened bid; price once opened."""
    version = bid.versions.filter(number=bid.version).first()
    content = bid.technical_content or {}
    authors: frozenset[str] = frozenset()
    for attachment in attachments_of(bid):
        if attachment.size <= LARGEST_READ:
            with stored_content(attachment) as file:
                authors |= authors_of(file.read(), attachment.original_name)
    people = {str(content.get("leader", "")), *(str(row.get("name", "")) for row in content.get("team") or ())}
    return Traces(
        bid=str(bid.public_id),
        device=version.device_digest if version is not None else "",
        address=version.address_digest if version is not None else "",
        authors=authors,
        text=f"{content.get('plan', '')}{content.get('route', '')}",
        people=frozenset(people),
        price_fen=(bid.price_content or {}).get("total_fen"),
    )


@transaction.atomic
def hints_compute(*, challenge_id: int) -> int:
    """Look for signs among the opened bids; what was found before is not stored again. Returns how many are new."""
    challenge: Challenge = locked_challenge(challenge_id)
    bids = {str(bid.public_id): bid for bid in challenge.bids.exclude(technical_cipher=None)}
    known = {
        (hint.kind, tuple(sorted(str(bid.public_id) for bid in hint.bids.all())), hint.facts.get("text", ""))
        for hint in challenge.hints.prefetch_related("bids")
    }
    new = 0
    for hint in hints_of([traces_of(bid) for bid in bids.values()]):
        if (hint.kind, tuple(sorted(hint.bids)), hint.text) in known:
            continue
        row = SuspicionHint.objects.create(challenge=challenge, kind=hint.kind, facts={"text": hint.text})
        row.bids.set([bids[key] for key in hint.bids])
        new += 1
    if new:
        audit.record(None, "challenges.hints.computed", challenge, {"new": new})
    return new


@transaction.atomic
def hint_handle(*, hint_id: int, acting_user: User, comment: str) -> SuspicionHint:
    """The supervisor writes what the check came to."""
    hint = SuspicionHint.objects.select_for_update().filter(pk=hint_id).first()
    if hint is None or not supervises(acting_user):
        raise ObjectNotFound()
    if not comment.strip():
        raise InvalidInput({"comment": [_("请写明核查情况。")]})
    hint.handled_comment, hint.handled_by = comment.strip(), acting_user
    hint.save(update_fields=["handled_comment", "handled_by"])
    audit.record(acting_user, "challenges.hint.handle", hint.challenge, {"kind": hint.kind})
    return hint
