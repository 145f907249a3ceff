"""Whether those who took part in an opening were in office then, by the platform's own rows beside the chain.

The chain tells of appointments and replacements (`sealing.officers_check`); that an officer had left the organisation
of the appointment only the rows of memberships tell.
"""

from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import Membership
from challenges.models import Challenge, Opener
from challenges.sealing.officers_check import STEPS
from challenges.sealing.receipts import parse_time
from challenges.sealing.verification import Row


def verify_officers(challenge: Challenge) -> list[Row]:
    """A row for every step of the challenge's ceremonies: who took it held the office at that moment, or did not."""
    rows = []
    for link in challenge.chain.filter(kind__in=STEPS).order_by("sequence"):
        actor = link.body.get(STEPS[link.kind], "")
        if not actor:
            continue
        trouble = _trouble(challenge, actor, parse_time(link.at))
        rows.append(
            Row("in_office", f"#{link.sequence} {actor}", not trouble, trouble or _("当时在任，属于任命时的机构。"))
        )
    return rows


def _trouble(challenge: Challenge, key: str, moment: datetime) -> str:
    opener = (
        Opener.objects.filter(annual_list_id=challenge.annual_list_id, key__public_id=key, appointed_at__lte=moment)
        .filter(Q(replaced_at=None) | Q(replaced_at__gt=moment))
        .select_related("user", "organisation")
        .first()
    )
    if opener is None:
        return _("由当时不在任的人操作：没有任命，或已被更换。")
    belonged = Membership.objects.filter(
        Q(ended_at=None) | Q(ended_at__gt=moment),
        user=opener.user,
        organisation=opener.organisation,
        started_at__lte=moment,
    ).exists()
    if not belonged:
        return _("由当时不在任的人操作：%(person)s已不属于任命时的机构（%(organisation)s）。") % {
            "person": opener.user,
            "organisation": opener.organisation,
        }
    return ""
