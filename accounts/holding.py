"""Which role which kind of organisation may hold, and which roles never meet in one hand: the table, and its reading.

Powers of the province belong to organs of the province, wherever an account comes from: a vendor's salesperson cannot
be given a reviewer's power by mistake or on purpose. Roles an organisation gives to its own people need no verified
organisation; all others do, because kind and level are what a verification has looked at.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.enums import (
    ADMINISTRATOR_ROLES,
    ROLES_GIVEN_BY_ORGANISATION,
    OrganisationKind,
    OrganisationLevel,
    OrganisationState,
    Role,
)
from accounts.models import Membership, Organisation, RoleGrant

EVERY_KIND = frozenset(OrganisationKind)
EVERY_LEVEL = frozenset(OrganisationLevel)
ORGANS = frozenset({OrganisationKind.AGENCY})
PUBLIC_BODIES = frozenset({OrganisationKind.AGENCY, OrganisationKind.INSTITUTION})
PROVINCE = frozenset({OrganisationLevel.PROVINCE})


@dataclass(frozen=True)
class Holders:
    """The kinds and levels of organisations in which a role may be held."""

    kinds: frozenset[OrganisationKind] = EVERY_KIND
    levels: frozenset[OrganisationLevel] = EVERY_LEVEL


#: A role that is missing here can be held nowhere; a test wants a row for each.
MAY_HOLD: dict[Role, Holders] = {
    Role.ORGANISATION_MANAGER: Holders(),
    Role.DEMAND_SUBMITTER: Holders(),
    Role.VENDOR_STAFF: Holders(kinds=EVERY_KIND - ORGANS),
    Role.EXPERT: Holders(),
    # Cities review their own demands, departments of the province those of their field; counties do not.
    Role.FIRST_REVIEWER: Holders(PUBLIC_BODIES, frozenset({OrganisationLevel.PROVINCE, OrganisationLevel.CITY})),
    Role.PROVINCIAL_REVIEWER: Holders(PUBLIC_BODIES, PROVINCE),
    Role.LIST_EDITOR: Holders(PUBLIC_BODIES, PROVINCE),
    Role.LIST_APPROVER: Holders(ORGANS, PROVINCE),
    Role.SCIENCE_HANDLER: Holders(PUBLIC_BODIES, PROVINCE),
    Role.SCIENCE_APPROVER: Holders(ORGANS, PROVINCE),
    Role.SUPERVISOR: Holders(ORGANS, PROVINCE),
    Role.OPERATOR: Holders(PUBLIC_BODIES, PROVINCE),
    Role.SYSTEM_ADMINISTRATOR: Holders(PUBLIC_BODIES, PROVINCE),
    Role.SECURITY_ADMINISTRATOR: Holders(PUBLIC_BODIES, PROVINCE),
    Role.AUDIT_ADMINISTRATOR: Holders(PUBLIC_BODIES, PROVINCE),
}

_REVIEW = frozenset({Role.FIRST_REVIEWER, Role.PROVINCIAL_REVIEWER, Role.LIST_EDITOR, Role.LIST_APPROVER})
_SCIENCE = frozenset({Role.SCIENCE_HANDLER, Role.SCIENCE_APPROVER})
#: Role → roles the same person does not hold beside it in the same organisation; read both ways. The three
#: administrators exclude everything, everywhere (三员分立, domain.md §5.7).
EXCLUDES: dict[Role, frozenset[Role]] = {
    # Who watches has no part in what is watched.
    Role.SUPERVISOR: _REVIEW | _SCIENCE | {Role.DEMAND_SUBMITTER, Role.VENDOR_STAFF, Role.EXPERT, Role.OPERATOR},
    # Who prepares does not decide.
    Role.SCIENCE_HANDLER: frozenset({Role.SCIENCE_APPROVER, Role.EXPERT}),
    Role.SCIENCE_APPROVER: frozenset({Role.EXPERT}),
    Role.LIST_EDITOR: frozenset({Role.LIST_APPROVER}),
    # Who offers does not judge offers.
    Role.VENDOR_STAFF: _REVIEW | _SCIENCE,
    # Who keeps the machine has no business on it.
    Role.OPERATOR: _REVIEW | _SCIENCE | {Role.EXPERT, Role.VENDOR_STAFF, Role.DEMAND_SUBMITTER},
}


def exclude_each_other(one: str, other: str) -> bool:
    """Whether one person may not hold both in one organisation."""
    if one == other:
        return False
    if one in ADMINISTRATOR_ROLES or other in ADMINISTRATOR_ROLES:
        return True
    return other in EXCLUDES.get(Role(one), ()) or one in EXCLUDES.get(Role(other), ())


def fits(organisation: Organisation, role: str) -> bool:
    """Whether an organisation of this kind and level may hold the role at all, verified or not."""
    holders = MAY_HOLD[Role(role)]
    return organisation.kind in holders.kinds and organisation.level in holders.levels


def holding_problems(organisation: Organisation, roles: Iterable[str]) -> list[str]:
    """Every reason why people of this organisation may not be given these roles."""
    problems = []
    for role in sorted(roles):
        label = Role(role).label
        if not fits(organisation, role):
            problems.append(
                _("“%(role)s”只能由%(holders)s的人员担任，“%(organisation)s”登记为%(level)s%(kind)s。")
                % {
                    "role": label,
                    "holders": holders_in_words(role),
                    "organisation": organisation.name,
                    "level": organisation.get_level_display(),
                    "kind": organisation.get_kind_display(),
                }
            )
        elif role not in ROLES_GIVEN_BY_ORGANISATION and organisation.state != OrganisationState.VERIFIED:
            problems.append(_("“%s”只能授予已核验机构的成员，请先完成机构核验。") % label)
    return problems


def holders_in_words(role: str) -> str:
    """省级机关、事业单位 and the like: in which organisations the role may be held."""
    holders = MAY_HOLD[Role(role)]
    kinds = [str(kind.label) for kind in OrganisationKind if kind in holders.kinds]
    levels = [str(level.label) for level in OrganisationLevel if level in holders.levels]
    return ("" if holders.levels == EVERY_LEVEL else "、".join(levels)) + "、".join(kinds)


def meeting_problems(given: Iterable[str], together: Iterable[str]) -> list[str]:
    """Every pair of a newly given role and another in the same hand that exclude each other.

    Only newly given ones count: what somebody holds from before the rule can still be taken away piece by piece.
    """
    pairs = {
        tuple(sorted((str(one), str(other)))) for one in given for other in together if exclude_each_other(one, other)
    }
    return [
        _("“%(one)s”与“%(other)s”不能由同一人在同一机构兼任。") % {"one": Role(one).label, "other": Role(other).label}
        for one, other in sorted(pairs)
    ]


def grant_problems(membership: Membership, given: set[str], together: set[str]) -> list[str]:
    """Every reason against giving `given` to a member who then holds `together` here, whatever they hold elsewhere."""
    elsewhere = set(
        RoleGrant.objects.filter(membership__user=membership.user_id, membership__ended_at__isnull=True)
        .exclude(membership=membership)
        .values_list("role", flat=True)
    )
    everywhere = together | elsewhere
    if everywhere & ADMINISTRATOR_ROLES and len(everywhere) > 1:
        return [_("系统、安全、审计三类管理员必须分开，一个账号只能担任其中一种，且不能兼任业务角色。")]
    return holding_problems(membership.organisation, given) + meeting_problems(given, together)


def offered_to(organisation: Organisation) -> list[Any]:
    """The roles people of this organisation may hold, in the order of the vocabulary."""
    return [role for role in Role if fits(organisation, role)]
