"""Which experts must stand back, and why (政府采购法实施条例 9; 招标投标法实施条例 46; domain.md §2.6; V12)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.models import Membership
from challenges.enums import PanelPurpose, SeatState
from challenges.memberships import counted_memberships
from challenges.models import Bid, Challenge, Employment, Expert, Seat
from challenges.party_names import party_name
from challenges.permissions import bids_are_disclosed
from challenges.relations import names_of_codes, related_codes
from core.clock import today
from core.errors import Reason
from core.unified_code import normalise

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


@dataclass(frozen=True)
class Parties:
    """Everybody an expert must have nothing to do with: by code, and by name as read → how a reason names them."""

    codes: Mapping[str, str]
    names: Mapping[str, str]

    def met(self, code: str | None, name: str) -> str | None:
        """Who of them this organisation is, in words; None if nobody. Code or name is enough: codes are left blank."""
        return self.codes.get(normalise(code or "")) or self.names.get(party_name(name))


def member_names(bid: Bid) -> list[str]:
    """Names of everybody behind an opened bid, those without a code included."""
    rows = (bid.technical_content or {}).get("members") or ()
    return [str(bid.organisation), *(str(row.get("name", "")) for row in rows)]


def concerned_codes(challenge: Challenge) -> dict[str, str]:
    """Demander and, once disclosed, every bidder and member, with all that control them or that they control.

    Before the opening applicants are unknown to everybody: the check runs again when they become readable.
    """
    named: dict[str, str] = {}
    if challenge.demander.unified_code:
        named[challenge.demander.unified_code] = str(challenge.demander)
    for bid in _disclosed_bids(challenge):
        named |= member_codes(bid)
    reached = related_codes(named)
    return {code: named.get(code) or tie for code, tie in reached.items()}


def concerned_parties(challenge: Challenge) -> Parties:
    """`concerned_codes` with every name these go by, and the members of consortia that gave no code."""
    codes = concerned_codes(challenge)
    written = [
        (str(challenge.demander), str(challenge.demander)),
        *((name, codes[code]) for code, name in names_of_codes(codes)),
    ]
    for bid in _disclosed_bids(challenge):
        written += [(name, name) for name in member_names(bid)]
    names: dict[str, str] = {}
    for name, shown in written:
        if read := party_name(name):
            names.setdefault(read, shown)
    return Parties({normalise(code): shown for code, shown in codes.items()}, names)


def _disclosed_bids(challenge: Challenge) -> Iterable[Bid]:
    if not bids_are_disclosed(challenge):
        return ()
    return challenge.bids.exclude(technical_cipher=None).select_related("organisation")


def conflict_reasons(expert: Expert, challenge: Challenge, purpose: str, concerned: Parties) -> list[Reason]:
    """Everything computed that stands against this expert on this panel; empty if nothing does."""
    since = years_back(today(), LOOK_BACK_YEARS)
    recent: Iterable[Employment] = expert.employments.filter(Q(ended_on=None) | Q(ended_on__gte=since))
    reasons = [
        Reason(
            "employment",
            _("三年内任职或关联单位“%(unit)s”与当事单位（%(party)s）有关。")
            % {"unit": row.organisation_name, "party": party},
        )
        for row in recent
        if (party := concerned.met(row.unified_code, row.organisation_name)) is not None
    ]
    if expert.user_id is not None:
        own = list(counted_memberships(challenge).filter(user_id=expert.user_id).select_related("organisation"))
        if any(_meets(concerned, row) for row in own):
            reasons.append(Reason("member", _("是当事单位的人员。")))
        elif any(_meets(concerned, row) for row in _former_memberships(expert, challenge, since)):
            reasons.append(Reason("former_member", _("三年内曾是当事单位的人员。")))
        if any(row.organisation_id == challenge.programme.owner_id for row in own):
            reasons.append(Reason("supervising_department", _("是组织单位的人员，不能担任本单位组织的评审专家。")))
        if expert.user_id in (challenge.created_by_id, challenge.submitted_by_id):
            reasons.append(Reason("drafted", _("参与了需求的编写。")))
    if purpose == PanelPurpose.REVIEW and _argued(expert, challenge):
        reasons.append(Reason("argued", _("参加过本需求的论证。")))
    return reasons


def _meets(concerned: Parties, membership: Membership) -> bool:
    return concerned.met(membership.organisation.unified_code, membership.organisation.name) is not None


def _former_memberships(expert: Expert, challenge: Challenge, since: date) -> QuerySet[Membership]:
    """Memberships of the account that ended within the years looked back on; one begun after the publication does not
    count without a look (challenges/memberships.py)."""
    ended = Membership.objects.filter(user=expert.user, ended_at__date__gte=since).select_related("organisation")
    return ended.filter(started_at__lte=challenge.published_at) if challenge.published_at is not None else ended


def _argued(expert: Expert, challenge: Challenge) -> bool:
    return Seat.objects.filter(
        expert=expert,
        panel__challenge=challenge,
        panel__purpose=PanelPurpose.ARGUMENTATION,
        state__in=_SEATS_THAT_TOOK_PART,
    ).exists()
