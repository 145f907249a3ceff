"""The supervisor's second look at memberships that began while a challenge was running (ADR 0012)."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import Membership, Organisation, User
from challenges.conflicts import concerned_codes
from challenges.enums import ChallengeState
from challenges.memberships import DECIDING_ROLES, late_memberships
from challenges.models import Challenge, MembershipLook
from challenges.permissions import supervises
from core import audit
from core.errors import InvalidInput, NotPermitted, ObjectNotFound

#: Nothing is decided any more in these.
OVER = (
    ChallengeState.NO_BID,
    ChallengeState.REISSUED,
    ChallengeState.FINISHED,
    ChallengeState.WITHDRAWN,
    ChallengeState.CANCELLED,
)


@dataclass(frozen=True)
class WaitingLook:
    """A late membership of an expert, a handler or an approver in an organisation the challenge concerns."""

    challenge: Challenge
    membership: Membership
    as_expert: bool


def looks_waiting(*, challenge: Challenge | None = None, membership: Membership | None = None) -> list[WaitingLook]:
    """What no supervisor has looked at yet, of one challenge or one membership or of all.

    Bidders count as concerned from the opening on only: before it this list tells nothing about who bids.
    """
    people = Q(user__expert__active=True) | Q(user__memberships__grants__role__in=DECIDING_ROLES)
    candidates = Membership.objects.active().filter(people)
    running = Challenge.objects.exclude(published_at=None).exclude(state__in=OVER)
    if membership is not None:
        candidates = candidates.filter(pk=membership.pk)
    if challenge is not None:
        running = running.filter(pk=challenge.pk)
    earliest = running.order_by("published_at").values_list("published_at", flat=True).first()
    if earliest is None or not candidates.filter(started_at__gt=earliest).exists():
        return []
    return [
        waiting
        for row in running.select_related("programme", "demander").order_by("pk")
        for waiting in _waiting_in(row, candidates.values("pk"))
    ]


def _waiting_in(challenge: Challenge, candidates: object) -> list[WaitingLook]:
    codes = [code for code in concerned_codes(challenge) if code]
    concerned = Organisation.objects.filter(
        Q(pk=challenge.demander_id) | Q(unified_code__in=codes) | Q(pk=challenge.programme.owner_id)
    ).values_list("pk", flat=True)
    late = (
        late_memberships(challenge)
        .filter(pk__in=candidates, organisation__in=list(concerned))
        .exclude(challenge_looks__challenge=challenge)
        .select_related("user", "organisation", "user__expert")
        .order_by("pk")
    )
    found = []
    for row in late:
        as_expert = getattr(row.user, "expert", None) is not None
        # Coming into the department that runs it is an interest of an expert, and simply the office of a handler.
        if as_expert or (row.organisation_id != challenge.programme.owner_id and _decides(row.user, challenge)):
            found.append(WaitingLook(challenge, row, as_expert))
    return found


def _decides(user: User, challenge: Challenge) -> bool:
    return (
        user.memberships.active()
        .filter(organisation_id=challenge.programme.owner_id, grants__role__in=DECIDING_ROLES)
        .exists()
    )


@transaction.atomic
def membership_look(
    *, challenge_public_id: UUID, membership_id: int, acting_user: User, counts: bool, reason: str
) -> MembershipLook:
    """Say whether a late membership counts as an interest in this challenge, with the reason, once.

    Raises NotPermitted for anybody but a supervisor and for one's own membership, ObjectNotFound for what does not
    wait (any more), InvalidInput without a reason.
    """
    if not supervises(acting_user):
        raise NotPermitted()
    challenge = Challenge.objects.select_for_update(of=("self",)).filter(public_id=challenge_public_id).first()
    if challenge is None:
        raise ObjectNotFound()
    waiting = {row.membership.pk: row.membership for row in looks_waiting(challenge=challenge)}
    membership = waiting.get(membership_id)
    if membership is None:
        raise ObjectNotFound()
    if membership.user_id == acting_user.pk:
        raise NotPermitted(_("不能复核本人的成员关系。"))
    if not reason.strip():
        raise InvalidInput({"reason": [_("请填写理由。")]})
    look = MembershipLook.objects.create(
        challenge=challenge, membership=membership, counts=counts, reason=reason.strip(), looked_by=acting_user
    )
    audit.record(
        acting_user,
        "challenges.membership.look",
        challenge,
        {"membership": membership.pk, "person": membership.user_id, "counts": counts, "reason": look.reason},
    )
    return look
