"""Reads about people and organisations; every list takes the viewer."""

from collections.abc import Iterable
from copy import copy
from typing import Any

from django.db.models import QuerySet

from accounts.enums import OrganisationState, Role
from accounts.models import AccessToken, Membership, Organisation, RoleGrant, User
from accounts.permissions import (
    has_role,
    is_member,
    is_signed_in,
    may_manage_organisation,
    may_suspend_organisation,
    may_verify_organisation,
    organisation_of,
)
from core.enums import RegionLevel
from core.errors import ObjectNotFound
from core.unified_code import normalise


def organisations_of(user: Any) -> QuerySet[Organisation]:
    """Organisations the person may switch to."""
    return Organisation.objects.filter(memberships__user=user, memberships__ended_at__isnull=True).select_related(
        "region"
    )


def organisation_for(user: Any, public_id: Any) -> Organisation:
    """The one door to an organisation's own pages: its members, its verifiers, the security administrator."""
    organisation = Organisation.objects.select_related("region", "industry").filter(public_id=public_id).first()
    if organisation is None or not (
        is_member(user, organisation)
        or may_verify_organisation(user, organisation)
        or may_suspend_organisation(user, organisation)
        or has_role(user, Role.SECURITY_ADMINISTRATOR)
    ):
        raise ObjectNotFound()
    return organisation


def verification_queue(user: Any) -> QuerySet[Organisation]:
    """Organisations waiting for this reviewer, oldest first."""
    waiting = Organisation.objects.filter(state=OrganisationState.PENDING).select_related("region").order_by("pk")
    own = organisation_of(user)
    if own is None:
        return waiting.none()
    waiting = waiting.exclude(memberships__user=user, memberships__ended_at__isnull=True)
    if has_role(user, Role.PROVINCIAL_REVIEWER):
        return waiting
    if has_role(user, Role.FIRST_REVIEWER) and own.region is not None:
        return within_region(waiting, own.region, "region")
    return waiting.none()


def within_region(queryset: QuerySet, region: Any, path: str) -> QuerySet:
    """Rows whose region lies in `region`; codes nest by prefix (GB/T 2260)."""
    length = {RegionLevel.PROVINCE: 2, RegionLevel.CITY: 4, RegionLevel.DISTRICT: 6}[RegionLevel(region.level)]
    return queryset.filter(**{f"{path}__code__startswith": region.code[:length]})


def members_of(user: Any, organisation: Organisation) -> QuerySet[Membership]:
    """Members with their roles, for the organisation's managers and the security administrator; else ObjectNotFound."""
    if not (may_manage_organisation(user, organisation) or has_role(user, Role.SECURITY_ADMINISTRATOR)):
        raise ObjectNotFound()
    return organisation.memberships.active().select_related("user").prefetch_related("grants").order_by("pk")


def member_of(user: Any, public_id: Any, membership_id: int) -> Membership:
    """One member of an organisation whose members this person may see; else ObjectNotFound."""
    organisation = organisation_for(user, public_id)
    found = members_of(user, organisation).filter(pk=membership_id).select_related("organisation").first()
    if found is None:
        raise ObjectNotFound()
    return found


def tokens_of(user: Any) -> QuerySet[AccessToken]:
    if not is_signed_in(user):
        return AccessToken.objects.none()
    return AccessToken.objects.filter(user=user).select_related("organisation")


def acting_people(*roles: str, organisations: Iterable[int] | None = None) -> list[User]:
    """Active people who hold one of `roles`, once for each organisation in which they do, acting for it.

    In memory only: the person's own choice of organisation is another matter, so never save these. `organisations`
    (keys) narrows them. For asking selectors what waits for whom.
    """
    grants = RoleGrant.objects.filter(
        role__in=roles, membership__ended_at__isnull=True, membership__user__is_active=True
    )
    if organisations is not None:
        grants = grants.filter(membership__organisation_id__in=organisations)
    memberships = {grant.membership_id: grant.membership for grant in grants.select_related(*_ACTING).order_by("pk")}
    return [acting_for(membership) for membership in memberships.values()]


_ACTING = ("membership__user", "membership__organisation", "membership__organisation__region")


def acting_for(membership: Membership) -> User:
    """The member as somebody who acts for that organisation now; in memory only."""
    person = copy(membership.user)
    person.current_organisation = membership.organisation
    return person


def verified_called(typed: str) -> list[Organisation]:
    """Verified organisations of exactly that unified code or full name; more than one only where names repeat."""
    typed = typed.strip()
    verified = Organisation.objects.filter(state=OrganisationState.VERIFIED)
    if not typed:
        return []
    return list(verified.filter(unified_code=normalise(typed))) or list(verified.filter(name=typed).order_by("pk")[:2])
