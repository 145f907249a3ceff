"""Reads about vendors and capabilities; every list takes the viewer."""

import re
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from accounts.enums import OrganisationState, Role
from accounts.permissions import acts_for, has_role, is_signed_in, organisation_ids, organisation_of
from accounts.selectors import within_region
from core.errors import ObjectNotFound
from core.models import Attachment
from vendors.enums import CapabilityState
from vendors.models import PUBLIC_STATES, Capability, VendorProfile
from vendors.permissions import may_edit_profile

#: What nobody outside sees: offers of an organisation that has been stopped leave the shelf with it (ADR 0012).
STOPPED = Q(vendor__organisation__state=OrganisationState.SUSPENDED)
_CODE = re.compile(r"^C\d{6,}$")


def with_relations(queryset: QuerySet[Capability]) -> QuerySet[Capability]:
    """Joined with what every list row shows."""
    return queryset.select_related(
        "vendor", "vendor__organisation", "vendor__organisation__region", "category", "industry"
    )


def visible_to(user: Any) -> QuerySet[Capability]:
    """Capabilities the viewer may read: listed ones for all, save of a stopped vendor; own ones; of one's duty."""
    public = Q(state__in=PUBLIC_STATES) & ~STOPPED
    if not is_signed_in(user):
        return Capability.objects.filter(public)
    allowed = public
    if user.current_organisation_id in organisation_ids(user):
        allowed |= Q(vendor__organisation_id=user.current_organisation_id)
    beyond_draft = ~Q(state=CapabilityState.DRAFT)
    if has_role(user, Role.PROVINCIAL_REVIEWER, Role.SUPERVISOR):
        allowed |= beyond_draft
    own = organisation_of(user)
    if has_role(user, Role.FIRST_REVIEWER) and own is not None and own.region is not None:
        in_region = within_region(Capability.objects.all(), own.region, "vendor__organisation__region")
        allowed |= beyond_draft & Q(pk__in=in_region.values("pk"))
    return Capability.objects.filter(allowed)


def capability_for(user: Any, key: str) -> Capability:
    """The one door to a capability: by its code or UUID."""
    if _CODE.match(str(key)):
        lookup = Q(code=key)
    else:
        try:
            lookup = Q(public_id=UUID(str(key)))
        except ValueError:
            raise ObjectNotFound() from None
    capability = with_relations(visible_to(user)).filter(lookup).first()
    if capability is None:
        raise ObjectNotFound()
    return capability


def vendor_for(_user: Any, public_id: Any) -> VendorProfile:
    """The one door to a vendor's public page: of a verified organisation, or one's own."""
    profile = (
        VendorProfile.objects.select_related("organisation", "organisation__region", "organisation__industry")
        .filter(public_id=public_id)
        .first()
    )
    if profile is None or not (profile.organisation.is_verified or acts_for(_user, profile.organisation_id)):
        raise ObjectNotFound()
    return profile


def public_vendors() -> QuerySet[VendorProfile]:
    """Vendors that have something on the shelf, with the number of it."""
    return (
        VendorProfile.objects.exclude(organisation__state=OrganisationState.SUSPENDED)
        .select_related("organisation", "organisation__region")
        .annotate(listed_count=Count("capabilities", filter=Q(capabilities__state=CapabilityState.LISTED)))
        .filter(listed_count__gt=0)
        .order_by("-listed_count", "pk")
    )


def own_profile(user: Any) -> VendorProfile | None:
    """The profile of the organisation the person acts for, if it has one."""
    if organisation_of(user) is None:
        return None
    return (
        VendorProfile.objects.select_related("organisation")
        .filter(organisation_id=user.current_organisation_id)
        .first()
    )


def own_capabilities(user: Any) -> QuerySet[Capability]:
    if organisation_of(user) is None:
        return Capability.objects.none()
    return with_relations(Capability.objects.filter(vendor__organisation_id=user.current_organisation_id)).order_by(
        "-updated_at", "-pk"
    )


def verification_queue(user: Any) -> QuerySet[Capability]:
    """Capabilities waiting for this reviewer, oldest first; never one's own."""
    waiting = Capability.objects.filter(state=CapabilityState.SUBMITTED)
    waiting = waiting.exclude(vendor__organisation_id__in=organisation_ids(user))
    waiting = waiting.exclude(created_by_id=user.pk).exclude(submitted_by_id=user.pk)
    own = organisation_of(user)
    if has_role(user, Role.PROVINCIAL_REVIEWER):
        return with_relations(waiting).order_by("submitted_at", "pk")
    if has_role(user, Role.FIRST_REVIEWER) and own is not None and own.region is not None:
        mine = within_region(waiting, own.region, "vendor__organisation__region")
        return with_relations(mine).order_by("submitted_at", "pk")
    return Capability.objects.none()


def vendor_figures() -> dict[str, int]:
    """Counts for the home page."""
    listed = Capability.objects.filter(state=CapabilityState.LISTED).exclude(STOPPED)
    return {
        "capabilities": listed.count(),
        "vendors": listed.aggregate(vendors=Count("vendor", distinct=True))["vendors"],
    }


def may_download(user: Any, subject_id: str, _attachment: Attachment) -> bool:
    """Evidence of a vendor (credentials): its own staff, its reviewers, supervisors."""
    profile = VendorProfile.objects.select_related("organisation", "organisation__region").filter(pk=subject_id).first()
    if profile is None:
        return False
    own = organisation_of(user)
    return (
        may_edit_profile(user, profile)
        or has_role(user, Role.PROVINCIAL_REVIEWER, Role.SUPERVISOR)
        or (
            has_role(user, Role.FIRST_REVIEWER)
            and own is not None
            and own.region is not None
            and own.region.covers(profile.organisation.region)
        )
    )
