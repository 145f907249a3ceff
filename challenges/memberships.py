"""Which memberships count as an interest in a challenge (issue 11, C3; domain.md §6).

A membership made while a challenge is running could be made for its effect: to shrink the pool of experts, or to shut
a handler or an approver out. So one that began after the publication counts only once a supervisor has looked at it.
One that was there at the publication counts to the end, also when the person has left since.
"""

from typing import Any

from django.db.models import Q, QuerySet

from accounts.enums import Role
from accounts.models import Membership
from accounts.permissions import is_member, membership_spans, organisation_ids
from challenges.models import Challenge, MembershipLook

DECIDING_ROLES = (Role.SCIENCE_HANDLER, Role.SCIENCE_APPROVER)


def counted_memberships(challenge: Challenge) -> QuerySet[Membership]:
    """Everybody's memberships that count for this challenge."""
    if challenge.published_at is None:
        return Membership.objects.active()
    looked_at = MembershipLook.objects.filter(challenge=challenge, counts=True)
    return Membership.objects.filter(_in_force_at_publication(challenge) | Q(pk__in=looked_at.values("membership_id")))


def late_memberships(challenge: Challenge) -> QuerySet[Membership]:
    """Memberships in force that began after the publication, whatever was said about them since."""
    if challenge.published_at is None:
        return Membership.objects.none()
    return Membership.objects.active().filter(started_at__gt=challenge.published_at)


def _in_force_at_publication(challenge: Challenge) -> Q:
    moment = challenge.published_at
    return Q(started_at__lte=moment) & (Q(ended_at=None) | Q(ended_at__gt=moment))


def counts_as_member(user: Any, challenge: Challenge, organisation_id: int) -> bool:
    """Whether a membership of this person in that organisation counts for this challenge."""
    if challenge.published_at is None:
        return is_member(user, organisation_id)
    spans = [row for row in membership_spans(user) if row.organisation_id == organisation_id]
    moment = challenge.published_at
    if any(row.started_at <= moment and (row.ended_at is None or row.ended_at > moment) for row in spans):
        return True
    late = [row.pk for row in spans if row.started_at > moment]
    return bool(late) and MembershipLook.objects.filter(challenge=challenge, membership__in=late, counts=True).exists()


def decides_for_owner(user: Any, challenge: Challenge) -> bool:
    """Whether the person handles or approves in the department that runs the challenge, whomever they act for now.

    Such a person never acts for the demander as well, also while a late membership there is not looked at yet.
    """
    if challenge.programme.owner_id not in organisation_ids(user):
        return False
    return (
        user.memberships.active()
        .filter(organisation_id=challenge.programme.owner_id, grants__role__in=DECIDING_ROLES)
        .exists()
    )
