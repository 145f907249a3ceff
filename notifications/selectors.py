"""Reads of notices; every list takes the viewer and shows only their own."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.enums import Role
from accounts.models import Organisation, RoleGrant, User
from accounts.permissions import is_signed_in
from core.errors import ObjectNotFound
from core.models import Region
from core.opaque import key_behind
from notifications.catalogue import ALWAYS_MAILED
from notifications.enums import Channel, Group, MailState
from notifications.models import Delivery, Notification, Preference

#: States of a mail that a person decides about.
TROUBLED = (MailState.UNCERTAIN, MailState.FAILED)


def notifications_of(user: Any, *, unread_only: bool = False, group: str = "") -> QuerySet[Notification]:
    """The viewer's own notices, newest first."""
    if not is_signed_in(user):
        return Notification.objects.none()
    rows = Notification.objects.filter(recipient=user).select_related("organisation")
    if unread_only:
        rows = rows.filter(read_at__isnull=True)
    if group in Group.values:
        rows = rows.filter(group=group)
    return rows


def unread_count(user: Any) -> int:
    """For the bell in the page's head; 0 for who is not signed in."""
    return notifications_of(user, unread_only=True).count() if is_signed_in(user) else 0


def notification_for(user: Any, name: UUID) -> Notification:
    """The one door to a notice, by its opaque name: its recipient's; ObjectNotFound for everybody else."""
    row = notifications_of(user).filter(pk=key_behind(Notification, name)).first()
    if row is None:
        raise ObjectNotFound()
    return row


@dataclass(frozen=True)
class PreferenceRow:
    """One line of the settings page."""

    group: str
    label: str
    mail: bool
    fixed: bool


def preferences_of(user: Any) -> list[PreferenceRow]:
    """Every group with the viewer's choice; mail is on unless switched off."""
    chosen = dict(Preference.objects.filter(user=user).values_list("group", "mail"))
    return [
        PreferenceRow(value, str(label), chosen.get(value, True), value in ALWAYS_MAILED)
        for value, label in Group.choices
    ]


# --- mails an operator decides about -----------------------------------------------------------------------------


def troubled_mails() -> QuerySet[Delivery]:
    """Mails that may or may not have been taken, and mails that were refused for good, newest first.

    For the operator's page, which shows states and Message-IDs, not contents (architecture.md §10.7).
    """
    return Delivery.objects.filter(channel=Channel.MAIL, state__in=(MailState.UNCERTAIN, MailState.FAILED)).order_by(
        "-pk"
    )


# --- whom a notice is for ----------------------------------------------------------------------------------------


def people_with_role(
    role: str, *, organisation: Organisation | None = None, region: Region | None = None
) -> QuerySet[User]:
    """Active people who hold `role` now: in `organisation`, or in one whose region covers `region`, or anywhere."""
    grants = RoleGrant.objects.filter(role=role, membership__ended_at__isnull=True)
    if organisation is not None:
        grants = grants.filter(membership__organisation=organisation)
    if region is not None:
        covering = {region.code, f"{region.code[:4]}00", f"{region.code[:2]}0000"}
        grants = grants.filter(membership__organisation__region__code__in=covering)
    return User.objects.filter(is_active=True, pk__in=grants.values("membership__user_id"))


def demand_side_of(organisation: Organisation) -> QuerySet[User]:
    return people_with_role(Role.DEMAND_SUBMITTER, organisation=organisation)


def supply_side_of(organisation: Organisation) -> QuerySet[User]:
    return people_with_role(Role.VENDOR_STAFF, organisation=organisation)


def first_reviewers_for(
    region: Region | None, *, not_of: Organisation, department: Organisation | None = None
) -> list[User]:
    """Reviewers of the region's own level or above it, and the leading department's; never the owner's own people."""
    people: dict[int, User] = {}
    if region is not None:
        people |= {person.pk: person for person in people_with_role(Role.FIRST_REVIEWER, region=region)}
    if department is not None:
        people |= {person.pk: person for person in people_with_role(Role.FIRST_REVIEWER, organisation=department)}
    members = set(not_of.memberships.active().filter(user_id__in=people).values_list("user_id", flat=True))
    return [person for key, person in people.items() if key not in members]
