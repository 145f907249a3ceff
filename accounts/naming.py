"""Names that read like an authority's: registered under a neutral name until a reviewer has looked (ADR 0012).

Two names are compared as a reader would take them: width, case, spaces, brackets and invisible characters do not
count, nor do 省 and 市 behind a place, nor a character that looks like another or is its traditional form.
"""

import re
import unicodedata
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.enums import OrganisationKind, OrganisationState, Role
from accounts.events import OrganisationChanged
from accounts.models import Organisation, User
from accounts.permissions import has_role, may_verify_organisation, organisation_of
from accounts.selectors import within_region
from core import audit, outbox
from core.errors import DomainError, NotPermitted, ObjectNotFound
from core.models import Region

#: Kinds whose names are protected: people act on what these say.
AUTHORITIES = (OrganisationKind.AGENCY, OrganisationKind.INSTITUTION)
#: Characters read for one another: look-alikes and the traditional forms that occur in names of authorities.
_ALIKE = str.maketrans(
    "己巳末土曰囗人冶戌戍夭千大太犬本廰廳庁術業東濟島煙臺縣區與發員會財務監環農衛國門學經資產辦處總氣電數據統計稅運貿審應災術級測繪圖書館廣播視聽傳"
    "оОаАеЕсСрРхХ",
    "已已未士日口入治戊戊天干太太太木厅厅厅术业东济岛烟台县区与发员会财务监环农卫国门学经资产办处总气电数据统计税运贸审应灾术级测绘图书馆广播视听传"
    "ooaaeeccppxx",
)
_NOT_READ = re.compile(r"[\W_]+")
#: (as written, as meant), longest first.
Places = tuple[tuple[str, str], ...]
_NATION = "中华人民共和国".translate(_ALIKE)


def folded(name: str) -> str:
    """The name as read: what does not change how it reads is gone."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    plain = "".join(letter for letter in plain if unicodedata.category(letter) not in ("Cf", "Mn", "Cc"))
    return _NOT_READ.sub("", plain).translate(_ALIKE).removeprefix(_NATION)


def known_places() -> Places:
    """(how a place may be written, the place), longest first: 山东省 and 山东 are one."""
    places = {}
    for name in Region.objects.values_list("name", flat=True):
        place = folded(name)
        short = re.sub(r"(省|市|区|县)$", "", place)
        places[place] = short or place
        if len(short) >= 2:
            places[short] = short
    return tuple(sorted(places.items(), key=lambda pair: -len(pair[0])))


def read_as(name: str, places: Places) -> tuple[str, str]:
    """(the place it names last, the office): 山东省济南市科学技术局 reads as (济南, 科学技术局)."""
    rest, place = folded(name), ""
    while True:
        found = next(((written, meant) for written, meant in places if rest.startswith(written)), None)
        if found is None or rest == found[0]:
            return place, rest
        rest, place = rest[len(found[0]) :].removeprefix("省").removeprefix("市"), found[1]


def read_alike(one: str, other: str, places: Places) -> bool:
    """Whether a reader could take one for the other: the same office, of the same place or of none named."""
    if folded(one) == folded(other):
        return True
    (place, office), (other_place, other_office) = read_as(one, places), read_as(other, places)
    return office == other_office and (not place or not other_place or place == other_place)


def authority_read_alike(name: str, *, but: int | None = None) -> Organisation | None:
    """An authority that is or was verified and whose name, or short name, this one could be taken for."""
    standing = Organisation.objects.filter(
        kind__in=AUTHORITIES, state__in=(OrganisationState.VERIFIED, OrganisationState.SUSPENDED)
    )
    if but is not None:
        standing = standing.exclude(pk=but)
    places = known_places()
    for row in standing.only("pk", "name", "short_name").iterator(chunk_size=2000):
        if read_alike(name, row.name, places) or (row.short_name and folded(name) == folded(row.short_name)):
            return row
    return None


def hold_name(organisation: Organisation) -> bool:
    """Before saving: put a name that reads like an authority's aside. Returns whether it was."""
    if authority_read_alike(organisation.name, but=organisation.pk) is None:
        organisation.claimed_name = ""
        return False
    organisation.claimed_name = organisation.name
    organisation.name = neutral_name(organisation)
    # Its short name would say the same.
    organisation.short_name = ""
    return True


def neutral_name(organisation: Organisation) -> str:
    return _("名称核对中的机构（%s）") % organisation.public_id.hex[:6]


# --- the second look ---------------------------------------------------------------------------------------------


def may_decide_name(user: Any, organisation: Organisation) -> bool:
    return bool(organisation.claimed_name) and may_verify_organisation(user, organisation)


def names_waiting(user: Any) -> QuerySet[Organisation]:
    """Organisations whose names wait for this reviewer, oldest first."""
    waiting = Organisation.objects.exclude(claimed_name="").select_related("region").order_by("pk")
    waiting = waiting.exclude(memberships__user=user, memberships__ended_at__isnull=True)
    own = organisation_of(user)
    if has_role(user, Role.PROVINCIAL_REVIEWER):
        return waiting
    if has_role(user, Role.FIRST_REVIEWER) and own is not None and own.region is not None:
        return within_region(waiting, own.region, "region")
    return waiting.none()


@transaction.atomic
def name_decide(*, organisation_id: int, confirmed: bool, acting_user: User) -> Organisation:
    """Let the organisation go by the name it claims, or not; then it has to choose another.

    Raises ObjectNotFound for an unknown one, NotPermitted for who may not verify it, DomainError when nothing waits.
    """
    organisation = (
        Organisation.objects.select_for_update(of=("self",)).select_related("region").filter(pk=organisation_id).first()
    )
    if organisation is None:
        raise ObjectNotFound()
    if not may_verify_organisation(acting_user, organisation):
        raise NotPermitted()
    if not organisation.claimed_name:
        raise DomainError(_("该机构没有待核对的名称。"), code="no_name_waits")
    claimed = organisation.claimed_name
    if confirmed:
        organisation.name = claimed
    organisation.claimed_name = ""
    organisation.save(update_fields=["name", "claimed_name"])
    action = "accounts.organisation.name_confirm" if confirmed else "accounts.organisation.name_refuse"
    audit.record(acting_user, action, organisation, {"claimed": claimed})
    outbox.publish(OrganisationChanged(organisation.pk))
    return organisation
