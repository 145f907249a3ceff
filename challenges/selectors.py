"""Reads about 揭榜挂帅. One door to each object; what concerns bids passes through `bids_of` and nowhere else.

The disclosure rule (domain.md §2.5, §6): before the opening nobody but the bidder learns of a bid, neither name nor
number, whatever their role; pages, lists, counts, exports, mails, API and admin all read through this file.
"""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.enums import OrganisationState, Role
from accounts.permissions import has_role, is_signed_in, organisation_ids, organisation_of
from accounts.selectors import within_region
from challenges.enums import (
    AnnualListState,
    BidState,
    ChallengeState,
    EnvelopeKind,
    PublicityState,
    QuestionState,
    SelectionMethod,
)
from challenges.models import (
    Affiliation,
    AnnualList,
    Bid,
    BidDraft,
    Challenge,
    ChallengeFollower,
    CreditEntry,
    KeptAside,
    Objection,
    Opener,
    Programme,
    Project,
    Publicity,
    Question,
    Seat,
)
from challenges.models.programme import PUBLIC_STATES
from challenges.permissions import (
    acts_as_bidder,
    bids_are_disclosed,
    handles_programme,
    keeps_integrity_records,
    may_be_opener,
    may_see_bids,
    may_see_objector,
    sees_project,
    sees_working_file,
    supervises,
)
from core import audit
from core.entered import whole_number
from core.errors import NotPermitted, ObjectNotFound

_RELATIONS = ("programme", "programme__owner", "demander", "demander__region", "annual_list", "category", "region")


def with_relations(queryset: QuerySet[Challenge]) -> QuerySet[Challenge]:
    return queryset.select_related(*_RELATIONS)


# --- challenges ---------------------------------------------------------------------------------------------------


def public_challenges() -> QuerySet[Challenge]:
    """What everybody may read, newest list first. A directed commission is never among them (domain.md §2.1)."""
    return with_relations(
        Challenge.objects.filter(state__in=PUBLIC_STATES, selection_method=SelectionMethod.COMPETITIVE)
    ).order_by("-annual_list__year", "-annual_list__issue_number", "sequence", "pk")


def open_challenges() -> QuerySet[Challenge]:
    """Challenges anybody may still bid for, the nearest deadline first."""
    return public_challenges().filter(state=ChallengeState.PUBLISHED).order_by("deadline_at", "pk")


def visible_to(user: Any) -> QuerySet[Challenge]:
    """Public ones for all; one's own needs; needs of one's region or programme; a commission for its addressee."""
    allowed = Q(state__in=PUBLIC_STATES, selection_method=SelectionMethod.COMPETITIVE)
    if not is_signed_in(user):
        return Challenge.objects.filter(allowed)
    beyond_draft = ~Q(state=ChallengeState.DRAFT)
    own = organisation_of(user)
    if own is not None and own.pk in organisation_ids(user):
        allowed |= Q(demander=own)
        allowed |= Q(directed_to=own, state__in=PUBLIC_STATES)
        if has_role(user, Role.SCIENCE_HANDLER, Role.SCIENCE_APPROVER):
            allowed |= beyond_draft & Q(programme__owner=own)
        if has_role(user, Role.FIRST_REVIEWER) and own.region is not None:
            allowed |= beyond_draft & Q(pk__in=_in_region(own.region).values("pk"))
    if has_role(user, Role.SUPERVISOR):
        allowed |= beyond_draft
    if has_role(user, Role.EXPERT):
        allowed |= Q(pk__in=Seat.objects.filter(expert__user=user).values("panel__challenge_id"))
    return Challenge.objects.filter(allowed)


def _in_region(region: Any) -> QuerySet[Challenge]:
    """Of the region itself; where a need names none, of its demander's."""
    in_place = within_region(Challenge.objects.all(), region, "region")
    return in_place | within_region(Challenge.objects.filter(region__isnull=True), region, "demander__region")


def challenge_for(user: Any, key: str) -> Challenge:
    """The one door: by code or UUID; ObjectNotFound when missing or not for this viewer."""
    challenge = with_relations(visible_to(user)).filter(_lookup(key)).first()
    if challenge is None:
        raise ObjectNotFound()
    return challenge


def _lookup(key: str) -> Q:
    if str(key).startswith("JB"):
        return Q(code=key)
    try:
        return Q(public_id=UUID(str(key)))
    except ValueError:
        raise ObjectNotFound() from None


def own_needs(user: Any) -> QuerySet[Challenge]:
    """Needs of the organisation the person acts for."""
    own = organisation_of(user)
    if own is None:
        return Challenge.objects.none()
    return with_relations(Challenge.objects.filter(demander=own)).order_by("-pk")


def check_queue(user: Any) -> QuerySet[Challenge]:
    """Needs waiting for this county's or city's check, the longest waiting first; never of one's own."""
    own = organisation_of(user)
    if own is None or own.region is None or not has_role(user, Role.FIRST_REVIEWER):
        return Challenge.objects.none()
    queue = _in_region(own.region).filter(state=ChallengeState.SUBMITTED)
    queue = queue.exclude(demander_id__in=organisation_ids(user)).exclude(created_by=user).exclude(submitted_by=user)
    return with_relations(queue).order_by("submitted_at", "pk")


def programme_challenges(user: Any) -> QuerySet[Challenge]:
    """Everything beyond drafts in the programmes of the department the person acts for."""
    own = organisation_of(user)
    if own is None or not has_role(user, Role.SCIENCE_HANDLER, Role.SCIENCE_APPROVER):
        return Challenge.objects.none()
    rows = Challenge.objects.filter(programme__owner=own).exclude(state=ChallengeState.DRAFT)
    return with_relations(rows).order_by("-pk")


# --- programmes and lists -----------------------------------------------------------------------------------------


def programmes_for(user: Any) -> QuerySet[Programme]:
    """Called programmes for everybody; those in preparation for their owner."""
    allowed = ~Q(state="preparing")
    own = organisation_of(user) if is_signed_in(user) else None
    if own is not None and has_role(user, Role.SCIENCE_HANDLER, Role.SCIENCE_APPROVER):
        allowed |= Q(owner=own)
    return Programme.objects.filter(allowed).select_related("owner")


def programme_for(user: Any, public_id: Any) -> Programme:
    programme = programmes_for(user).filter(public_id=public_id).first()
    if programme is None:
        raise ObjectNotFound()
    return programme


def public_lists() -> QuerySet[AnnualList]:
    return AnnualList.objects.filter(state__in=(AnnualListState.PUBLISHED, AnnualListState.ARCHIVED)).select_related(
        "programme", "programme__owner"
    )


def lists_for(user: Any) -> QuerySet[AnnualList]:
    """Published lists for all; those in preparation for the programme's department and the supervisor."""
    allowed = Q(state__in=(AnnualListState.PUBLISHED, AnnualListState.ARCHIVED))
    own = organisation_of(user) if is_signed_in(user) else None
    if own is not None and has_role(user, Role.SCIENCE_HANDLER, Role.SCIENCE_APPROVER):
        allowed |= Q(programme__owner=own)
    if is_signed_in(user) and has_role(user, Role.SUPERVISOR):
        allowed |= ~Q(state=AnnualListState.PREPARING)
    if is_signed_in(user):
        allowed |= Q(pk__in=openers_of(user).order_by().values("annual_list_id"))
    return AnnualList.objects.filter(allowed).select_related("programme", "programme__owner")


def annual_list_for(user: Any, code: str) -> AnnualList:
    """By `2026-1`."""
    year, _dash, issue = str(code).partition("-")
    in_year, number = whole_number(year, most_digits=4), whole_number(issue, most_digits=4)
    if in_year is None or number is None:
        raise ObjectNotFound()
    annual_list = lists_for(user).filter(year=in_year, issue_number=number).first()
    if annual_list is None:
        raise ObjectNotFound()
    return annual_list


def list_challenges(user: Any, annual_list: AnnualList) -> list[Challenge]:
    """The list's items in order; on a public list a directed commission is shown only to those concerned."""
    rows = with_relations(annual_list.challenges.all()).prefetch_related("indicators").order_by("sequence", "pk")
    if not annual_list.is_public:
        return list(rows)
    return list(rows.filter(pk__in=visible_to(user).values("pk")))


def selected_needs(user: Any, annual_list: AnnualList) -> QuerySet[Challenge]:
    """Needs that may be put on the list."""
    if not handles_programme(user, annual_list.programme):
        return Challenge.objects.none()
    return with_relations(
        Challenge.objects.filter(
            programme=annual_list.programme, state=ChallengeState.SELECTED, annual_list__isnull=True
        )
    ).order_by("pk")


# --- clarification ------------------------------------------------------------------------------------------------


def questions_of(user: Any, challenge: Challenge) -> list[Question]:
    """Answered ones for all, without their askers; one's own; open ones for those who answer (peers.md §5.4)."""
    rows = challenge.questions.all()
    if handles_programme(user, challenge.programme) or supervises(user):
        return list(rows)
    allowed = Q(state=QuestionState.ANSWERED)
    own = organisation_of(user) if is_signed_in(user) else None
    if own is not None:
        allowed |= Q(organisation=own)
    return list(rows.filter(allowed))


def follows(user: Any, challenge: Challenge) -> bool:
    own = organisation_of(user) if is_signed_in(user) else None
    return own is not None and ChallengeFollower.objects.filter(challenge=challenge, organisation=own).exists()


# --- bids: the gate -----------------------------------------------------------------------------------------------


def own_bid(user: Any, challenge: Challenge) -> Bid | None:
    """The bid of the organisation the person acts for; the only thing about bids to be had before the opening."""
    own = organisation_of(user) if is_signed_in(user) else None
    if own is None or not has_role(user, Role.VENDOR_STAFF):
        return None
    return (
        Bid.objects.filter(challenge=challenge, organisation=own)
        .select_related("challenge", "challenge__programme", "organisation")
        .first()
    )


def own_bids(user: Any) -> QuerySet[Bid]:
    own = organisation_of(user) if is_signed_in(user) else None
    if own is None or not has_role(user, Role.VENDOR_STAFF):
        return Bid.objects.none()
    return (
        Bid.objects.filter(organisation=own)
        .select_related("challenge", "challenge__programme", "challenge__annual_list")
        .order_by("-pk")
    )


def own_drafts(user: Any) -> QuerySet[BidDraft]:
    own = organisation_of(user) if is_signed_in(user) else None
    if own is None or not has_role(user, Role.VENDOR_STAFF):
        return BidDraft.objects.none()
    return BidDraft.objects.filter(organisation=own).select_related("challenge", "challenge__annual_list")


def bids_of(user: Any, challenge: Challenge) -> QuerySet[Bid]:
    """All bids of a challenge, for those entitled, after the opening. Withdrawn ones are not part of the opening.

    Raises NotPermitted otherwise. A request before the opening is an attempt to look and is kept in the trail
    whoever makes it (domain.md §2.5, §8.3, 3); the answer is the same whether there are bids or not.
    """
    if may_see_bids(user, challenge):
        return (
            challenge.bids.exclude(state=BidState.WITHDRAWN)
            .select_related("organisation", "challenge", "challenge__programme")
            .order_by("pk")
        )
    audit.record_alone(
        user,
        "challenges.bids.read_denied",
        challenge,
        {"state": challenge.state, "opened": bids_are_disclosed(challenge)},
    )
    if bids_are_disclosed(challenge):
        raise NotPermitted()
    raise NotPermitted(_("标书在开启之前对任何人保密，包括申报单位的名称和数量。本次查看请求已记入审计。"))


def bid_for(user: Any, public_id: Any) -> Bid:
    """One bid: its own bidder at any time, others through the gate; a stranger learns nothing."""
    bid = (
        Bid.objects.filter(public_id=public_id)
        .select_related("challenge", "challenge__programme", "challenge__demander", "organisation")
        .first()
    )
    if bid is None:
        raise ObjectNotFound()
    if acts_as_bidder(user, bid) or may_see_bids(user, bid.challenge) or _sits_on(user, bid):
        return bid
    raise ObjectNotFound()


def _sits_on(user: Any, bid: Bid) -> bool:
    """An expert with a clean seat on the bid's panel reads the bids they score, blind."""
    return (
        is_signed_in(user)
        and has_role(user, Role.EXPERT)
        and bids_are_disclosed(bid.challenge)
        and bid.challenge.panels.filter(
            seats__expert__user=user, seats__state__in=("declared", "submitted", "signed")
        ).exists()
    )


def openers_of(user: Any) -> QuerySet[Opener]:
    """The offices the person holds now, newest first; none of those they were replaced in or left."""
    if not is_signed_in(user) or not may_be_opener(user):
        return Opener.objects.none()
    return (
        Opener.objects.filter(
            user=user, replaced_at=None, organisation__in=user.memberships.active().values("organisation_id")
        )
        .exclude(organisation__state=OrganisationState.SUSPENDED)
        .select_related("annual_list", "annual_list__programme", "key", "organisation")
        .order_by("-pk")
    )


# --- publicity, objections, projects ------------------------------------------------------------------------------


def public_publicities() -> QuerySet[Publicity]:
    return (
        Publicity.objects.exclude(state=PublicityState.VOID)
        .select_related("challenge", "challenge__annual_list", "annual_list")
        .order_by("-first_day", "-pk")
    )


def publicity_for(_user: Any, public_id: Any) -> Publicity:
    publicity = (
        Publicity.objects.filter(public_id=public_id).select_related("challenge", "annual_list", "decision").first()
    )
    if publicity is None:
        raise ObjectNotFound()
    return publicity


def objection_for(user: Any, public_id: Any) -> Objection:
    """For the filer, the handler and the supervisor. Others do not learn that it exists."""
    objection = (
        Objection.objects.filter(public_id=public_id)
        .select_related("publicity", "publicity__challenge", "publicity__challenge__programme", "publicity__decision")
        .first()
    )
    if objection is None or not may_see_objector(user, objection):
        raise ObjectNotFound()
    return objection


def objections_for(user: Any) -> QuerySet[Objection]:
    """The supervisor's queue; others see their own."""
    rows = Objection.objects.select_related("publicity", "publicity__challenge")
    if supervises(user):
        return rows.order_by("-pk")
    return rows.filter(filed_by=user).order_by("-pk") if is_signed_in(user) else rows.none()


def projects_for(user: Any) -> QuerySet[Project]:
    """Projects of the organisation's own, as solver, demander or programme department; all for the supervisor."""
    rows = Project.objects.select_related("challenge", "challenge__demander", "challenge__programme", "solver")
    if supervises(user):
        return rows
    own = organisation_of(user) if is_signed_in(user) else None
    if own is None:
        return rows.none()
    allowed = Q(solver=own) | Q(challenge__demander=own)
    if has_role(user, Role.SCIENCE_HANDLER, Role.SCIENCE_APPROVER):
        allowed |= Q(challenge__programme__owner=own)
    return rows.filter(allowed)


def project_for(user: Any, public_id: Any) -> Project:
    project = projects_for(user).filter(public_id=public_id).first()
    if project is None or not sees_project(user, project):
        raise ObjectNotFound()
    return project


def published_results() -> QuerySet[Project]:
    """The results list (成果清单): every result links back to its challenge (duty D8)."""
    return (
        Project.objects.filter(result_published_at__isnull=False)
        .select_related("challenge", "challenge__annual_list", "solver")
        .order_by("-result_published_at", "-pk")
    )


def may_download_challenge_file(user: Any, subject_id: str, attachment: Any) -> bool:
    """Public files of a public challenge for all; others for those who see its working file."""
    challenge = with_relations(visible_to(user)).filter(pk=subject_id).first()
    if challenge is None:
        return False
    return attachment.publicity == "public" or sees_working_file(user, challenge)


def may_download_bid_file(user: Any, subject_id: str, _attachment: Any) -> bool:
    """Files out of an opened envelope: for the bidder and who may see bids; an expert reads blind, so without files."""
    bid = Bid.objects.filter(pk=subject_id).select_related("challenge", "challenge__programme").first()
    if bid is None or bid.technical_content is None:
        return False
    return acts_as_bidder(user, bid) or may_see_bids(user, bid.challenge)


def kept_aside_of(bid: Bid) -> QuerySet[KeptAside]:
    """What was not taken of a bid, with reasons; of each kind of envelope only once its ceremony is over."""
    over = [
        kind
        for kind, moment in (
            (EnvelopeKind.TECHNICAL, bid.challenge.opened_at),
            (EnvelopeKind.PRICE, bid.challenge.price_opened_at),
        )
        if moment is not None
    ]
    return bid.kept_aside.filter(kind__in=over)


def credit_entries(user: Any) -> QuerySet[CreditEntry]:
    """Every entry, those in force first; for who keeps them, nobody else."""
    if not keeps_integrity_records(user):
        return CreditEntry.objects.none()
    return CreditEntry.objects.select_related("organisation").order_by("-ends_on", "-pk")


def affiliations(user: Any) -> QuerySet[Affiliation]:
    """Every tie, newest first; for who keeps them, nobody else."""
    if not keeps_integrity_records(user):
        return Affiliation.objects.none()
    return Affiliation.objects.order_by("-pk")
