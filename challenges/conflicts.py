"""Which experts must stand back, and why (政府采购法实施条例 9; 招标投标法实施条例 46; domain.md §2.6; V12)."""

from collections.abc import Iterable, Mapping
from datetime import date

from django.db.models import Q
from django.utils.translation import gettext as _

from challenges.enums import PanelPurpose, SeatState
from challenges.memberships import counted_memberships
from challenges.models import Bid, Challenge, Employment, Expert, Seat
from challenges.permissions import bids_are_disclosed
from challenges.relations import related_codes
from core.clock import today
from core.errors import Reason

LOOK_BACK_YEARS = 3
_SEATS_THAT_TOOK_PART = (SeatState.DECLARED, SeatState.SUBMITTED, SeatState.SIGNED)


def years_back(day: date, years: int) -> date:
    """The same day that many years ago; 29 February falls on the 28th (民法典 202)."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def member_codes(bid: Bid) -> dict[str, str]:
    """Unified codes of everybody behind an opened bid → name: lead and every member."""
    content = bid.technical_content or {}
    members = {
        str(row.get("unified_code", "")): str(row.get("name", ""))
        for row in content.get("members") or ()
        if row.get("unified_code")
    }
    if bid.organisation.unified_code:
        members.setdefault(str(bid.organisation.unified_code), str(bid.organisation))
    return members


def concerned_codes(challenge: Challenge) -> dict[str, str]:
    """Demander and, once disclosed, every bidder and member, with all that control them or that they control.

    Before the opening applicants are unknown to everybody: the check runs again when they become readable.
    """
    named: dict[str, str] = {}
    if challenge.demander.unified_code:
        named[challenge.demander.unified_code] = str(challenge.demander)
    if bids_are_disclosed(challenge):
        for bid in challenge.bids.exclude(technical_cipher=None).select_related("organisation"):
            named |= member_codes(bid)
    reached = related_codes(named)
    return {code: named.get(code) or tie for code, tie in reached.items()}


def conflict_reasons(expert: Expert, challenge: Challenge, purpose: str, concerned: Mapping[str, str]) -> list[Reason]:
    """Everything computed that stands against this expert on this panel; empty if nothing does."""
    since = years_back(today(), LOOK_BACK_YEARS)
    recent: Iterable[Employment] = expert.employments.filter(Q(ended_on=None) | Q(ended_on__gte=since))
    reasons = [
        Reason(
            "employment",
            _("三年内任职或关联单位“%(unit)s”与当事单位（%(party)s）有关。")
            % {"unit": row.organisation_name, "party": concerned[row.unified_code]},
        )
        for row in recent
        if row.unified_code and row.unified_code in concerned
    ]
    if expert.user_id is not None:
        own_codes = (
            counted_memberships(challenge)
            .filter(user_id=expert.user_id)
            .values_list("organisation__unified_code", "organisation_id")
        )
        if any(code in concerned for code, _key in own_codes if code):
            reasons.append(Reason("member", _("是当事单位的人员。")))
        if any(key == challenge.programme.owner_id for _code, key in own_codes):
            reasons.append(Reason("supervising_department", _("是组织单位的人员，不能担任本单位组织的评审专家。")))
        if expert.user_id in (challenge.created_by_id, challenge.submitted_by_id):
            reasons.append(Reason("drafted", _("参与了需求的编写。")))
    if purpose == PanelPurpose.REVIEW and _argued(expert, challenge):
        reasons.append(Reason("argued", _("参加过本需求的论证。")))
    return reasons


def _argued(expert: Expert, challenge: Challenge) -> bool:
    return Seat.objects.filter(
        expert=expert,
        panel__challenge=challenge,
        panel__purpose=PanelPurpose.ARGUMENTATION,
        state__in=_SEATS_THAT_TOOK_PART,
    ).exists()
