"""One step of machine A with its trail and its events, shared by this app's services."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.models import User
from challenges.events import ChallengeChanged, ChallengeTransitioned
from challenges.models import Challenge
from challenges.models.programme import PUBLIC_STATES
from challenges.states import CHALLENGE_MACHINE
from core import audit, outbox
from core.errors import ObjectNotFound
from core.transitions import transition


def locked_challenge(challenge_id: int) -> Challenge:
    """The row, held until the transaction ends; every write about a challenge begins here.

    Held so that rows which only point to the challenge (an upload, a draft, a follower) may still be written.
    """
    challenge = (
        Challenge.objects.select_for_update(of=("self",), no_key=True)
        .select_related("programme", "programme__owner", "annual_list", "demander", "demander__region", "region")
        .filter(pk=challenge_id)
        .first()
    )
    if challenge is None:
        raise ObjectNotFound()
    return challenge


def move(
    challenge: Challenge,
    action: str,
    *,
    acting_user: User | None,
    context: Mapping[str, Any] | None = None,
    update_fields: Sequence[str] = (),
    detail: Mapping[str, Any] | None = None,
) -> Challenge:
    """Move a locked challenge, write the trail, announce it. Refusals leave nothing behind."""
    source = transition(
        challenge, action, CHALLENGE_MACHINE, by=acting_user, context=context, update_fields=update_fields
    )
    challenge.document_version += 1
    challenge.save(update_fields=["document_version"])
    audit.record(acting_user, f"challenges.challenge.{action}", challenge, {"from": source, **(detail or {})})
    outbox.publish_many(
        [
            ChallengeTransitioned(
                challenge.pk,
                action,
                source,
                challenge.state,
                acting_user.pk if acting_user else None,
                str((context or {}).get("comment", ""))[:1000],
            ),
            ChallengeChanged(challenge.pk, challenge.document_version),
        ]
    )
    return challenge


@transaction.atomic
def challenges_refresh(*, demander_id: int) -> None:
    """Tell search that the demander has changed: its published challenges show its name."""
    rows = Challenge.objects.filter(demander_id=demander_id, state__in=PUBLIC_STATES)
    rows.update(document_version=F("document_version") + 1)
    outbox.publish_many(ChallengeChanged(key, version) for key, version in rows.values_list("pk", "document_version"))


def touch(challenge: Challenge) -> None:
    """Raise the document's version after a change of text, and tell search."""
    challenge.document_version += 1
    outbox.publish(ChallengeChanged(challenge.pk, challenge.document_version))
