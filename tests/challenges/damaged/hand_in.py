"""Bids with any content at all, handed in as every other."""

from typing import Any
from uuid import uuid4

from challenges.enums import EnvelopeKind
from challenges.models import BidVersion, Challenge
from challenges.services import bids, openers
from tests.challenges.damaged.containers import container, index_of, sealed
from tests.factories import challenges as make


def hand_in_content(
    challenge: Challenge, user: Any, *, technical: bytes | None = None, price: bytes | None = None
) -> BidVersion:
    """A bid whose envelopes hold these bytes (a sound content where None), handed in as any other."""
    ticket = bids.sealing_ticket(challenge_id=challenge.pk, acting_user=user)
    keys = openers.current_envelope_keys(challenge)
    contents = {
        EnvelopeKind.TECHNICAL: technical if technical is not None else container(index_of(make.manifest_of(user))),
        EnvelopeKind.PRICE: price if price is not None else container(index_of(make.price_of())),
    }
    return hand_in_envelopes(
        challenge,
        user,
        {kind: sealed(ticket.context(kind), keys[kind].public_key, content) for kind, content in contents.items()},
    )


def hand_in_envelopes(challenge: Challenge, user: Any, envelopes: dict[str, bytes]) -> BidVersion:
    uploaded = [
        bids.envelope_receive(challenge_id=challenge.pk, acting_user=user, kind=kind, chunks=[data]).public_id
        for kind, data in envelopes.items()
    ]
    return bids.bid_finalise(
        challenge_id=challenge.pk, acting_user=user, envelope_ids=uploaded, idempotency_key=str(uuid4())
    )
