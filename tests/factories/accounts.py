"""People and organisations."""

from itertools import count

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP

from accounts.enums import SECOND_FACTOR_ROLES, OrganisationKind, OrganisationLevel, OrganisationState, Role
from accounts.models import Membership, Organisation, RoleGrant, User
from core.models import Region
from core.unified_code import fictional_code

_numbers = count(1)
#: Of every code generator in the tests; base32.
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105 - of people who do not exist
PASSWORD = "correct-horse-battery"


def region(code: str = "370100") -> Region:
    """A loaded region; 370100 is 济南市, 370200 青岛市, 370000 the province."""
    return Region.objects.get(code=code)


def make_organisation(
    name: str | None = None,
    *,
    kind: str = OrganisationKind.AGENCY,
    region_code: str = "370100",
    level: str = OrganisationLevel.CITY,
    state: str = OrganisationState.VERIFIED,
) -> Organisation:
    """A verified city agency unless said otherwise, with a valid fictional unified code."""
    number = next(_numbers)
    prefix = {"agency": "11", "institution": "12", "enterprise": "91", "research": "12", "association": "51"}[str(kind)]
    return Organisation.objects.create(
        name=name or f"测试单位{number}",
        unified_code=fictional_code(prefix, region_code, number),
        kind=kind,
        level=level,
        region=region(region_code),
        state=state,
    )


def make_person(*roles: str, organisation: Organisation | None = None, username: str | None = None) -> User:
    """A person with `roles` in `organisation` (a new one if not given), acting for it."""
    number = next(_numbers)
    user = User.objects.create_user(
        username=username or f"person{number}",
        email=f"person{number}@example.org",
        password=PASSWORD,
        display_name=f"张{number}",
    )
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    if organisation is None and roles:
        provincial = {Role.PROVINCIAL_REVIEWER, Role.LIST_EDITOR, Role.LIST_APPROVER}
        organisation = make_organisation(region_code="370000" if provincial & set(roles) else "370100")
    if organisation is not None:
        membership = Membership.objects.create(user=user, organisation=organisation)
        RoleGrant.objects.bulk_create([RoleGrant(membership=membership, role=role) for role in roles])
        user.current_organisation = organisation
        user.save(update_fields=["current_organisation"])
    if SECOND_FACTOR_ROLES & set(roles):
        give_second_factor(user)
    return user


def give_second_factor(user: User) -> None:
    """What the set-up page leaves: a code generator and recovery codes."""
    TOTP.activate(user, TOTP_SECRET)
    RecoveryCodes.activate(user)


def second_factor_code(user: User) -> str:
    """What the person types when signing in: a recovery code, which holds whatever the clock says."""
    return RecoveryCodes(
        Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    ).get_unused_codes()[0]
