"""What happens to people and organisations."""

from dataclasses import dataclass
from typing import ClassVar

from core.events import Event


@dataclass(frozen=True)
class OrganisationTransitioned(Event):
    topic: ClassVar[str] = "accounts.organisation.transitioned"
    organisation_id: int
    action: str
    source: str
    target: str
    comment: str = ""


@dataclass(frozen=True)
class OrganisationChanged(Event):
    """Its name, kind, region or state has changed: documents about its demands and offers show or depend on them."""

    topic: ClassVar[str] = "accounts.organisation.changed"
    organisation_id: int


@dataclass(frozen=True)
class RolesChanged(Event):
    topic: ClassVar[str] = "accounts.membership.roles_changed"
    membership_id: int


@dataclass(frozen=True)
class PersonInvited(Event):
    """Published for a known and an unknown name alike; who listens finds out whether there is anybody to tell."""

    topic: ClassVar[str] = "accounts.membership.invited"
    invitation_id: int


@dataclass(frozen=True)
class MembershipBegan(Event):
    topic: ClassVar[str] = "accounts.membership.began"
    membership_id: int


@dataclass(frozen=True)
class RoleProposed(Event):
    """A power of the province waits for a second security administrator."""

    topic: ClassVar[str] = "accounts.role.proposed"
    proposal_id: int


@dataclass(frozen=True)
class RoleProposalDecided(Event):
    """Confirmed, refused or withdrawn: the row says which, by whom and why."""

    topic: ClassVar[str] = "accounts.role.proposal_decided"
    proposal_id: int
