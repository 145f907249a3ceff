"""What matches by itself: a published list, a capability that came on the shelf (issue 3, point 9).

A list is matched in portions. Each portion is one outbox delivery in one transaction that writes runs, moves the
progress and announces the next portion: a process killed at any moment leaves it done or not begun.
"""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from core import audit, outbox
from core.clock import now
from matching.enums import Direction, Level, MatchingStage, Trigger
from matching.events import ListMatched, ListMatchingContinues, VendorRecommended
from matching.models import ListMatching, MatchCandidate, MatchRun, Recommendation
from matching.scoring import mutual_score
from matching.services.matches import run_for_capability, run_for_scenario, runs_for_many
from scenarios.models import ListItem, QuarterlyList, Scenario
from search import indexing
from search.documents import INDEXES
from vendors.models import Capability

#: A portion stops after this time. A database with one writer must never be held for long; others may be.
PORTION_SECONDS = {"sqlite": 0.6}
PORTION_SECONDS_SHARED = 5.0
PORTION_LARGEST = 100
#: Places of a demand's list that may become invitations.
INVITED_PLACES = 5
#: No vendor gets more than this share of a list's invitations, nor fewer than a few (matching.md §2).
EXPOSURE_SHARE = 0.2
EXPOSURE_MINIMUM = 3
FITTING = (Level.STRONG, Level.MEDIUM)
#: Demands whose own lists are renewed when a fitting capability comes on the shelf.
RENEWED_DEMANDS = 3


@dataclass(frozen=True)
class Pair:
    """A candidate of a demand with what both sides would gain."""

    candidate: MatchCandidate
    mutual: float


# --- a published list --------------------------------------------------------------------------------------------


@transaction.atomic
def list_matching_start(*, list_id: int) -> ListMatching | None:
    """Open the progress row and announce the first portion; None when the list was started before."""
    quarterly_list = QuarterlyList.objects.filter(pk=list_id).first()
    if quarterly_list is None or not quarterly_list.is_public:
        return None
    progress, created = ListMatching.objects.get_or_create(
        quarterly_list=quarterly_list, defaults={"items_total": quarterly_list.items.count()}
    )
    if not created:
        return None
    # The demands were listed a moment ago and events promise no order: bring them into their index first.
    indexing.ensure_ready("capability_match")
    indexing.sync("scenario_match", quarterly_list.items.values_list("scenario_id", flat=True))
    indexing.ensure_ready("scenario_match")
    _announce_next(progress)
    return progress


@transaction.atomic
def list_matching_continue(*, list_id: int, step: int) -> ListMatching | None:
    """One portion. A step that is not the expected one was done before and is passed over."""
    progress = (
        ListMatching.objects.select_for_update(of=("self",))
        .select_related("quarterly_list")
        .filter(quarterly_list_id=list_id)
        .first()
    )
    if progress is None or progress.is_done or progress.step != step:
        return None
    if progress.stage == MatchingStage.DEMANDS:
        _match_demands(progress)
    else:
        _match_vendors(progress)
    if progress.is_done:
        progress.save()
        outbox.publish(ListMatched(list_id))
    else:
        _announce_next(progress)
    return progress


def _announce_next(progress: ListMatching) -> None:
    progress.step += 1
    progress.save()
    outbox.publish(ListMatchingContinues(progress.quarterly_list_id, progress.step))


def _match_demands(progress: ListMatching) -> None:
    waiting = ListItem.objects.filter(quarterly_list=progress.quarterly_list).order_by("sequence", "pk")
    keys = list(waiting.values_list("scenario_id", flat=True)[progress.items_done :][:PORTION_LARGEST])
    progress.items_done += _match_portion(INDEXES["scenario_match"].rows_of(keys), progress.quarterly_list)
    if progress.items_done >= progress.items_total:
        progress.waiting_capabilities = sorted(
            {candidate.capability_id for candidate in fitting_candidates(progress.quarterly_list)}
        )
        progress.vendors_total = len(progress.waiting_capabilities)
        progress.stage = MatchingStage.VENDORS


def _match_vendors(progress: ListMatching) -> None:
    portion = progress.waiting_capabilities[:PORTION_LARGEST]
    capabilities = INDEXES["capability_match"].rows_of(portion)
    matched = _match_portion(capabilities, progress.quarterly_list)
    # What is gone meanwhile is passed over with the capability before it.
    done = portion.index(capabilities[matched].pk) if matched < len(capabilities) else len(portion)
    progress.vendors_done += done
    progress.waiting_capabilities = progress.waiting_capabilities[done:]
    if not progress.waiting_capabilities:
        progress.vendors_recommended = _recommend_list(progress.quarterly_list)
        progress.stage, progress.finished_at = MatchingStage.DONE, now()


def _match_portion(rows: Sequence[Scenario] | Sequence[Capability], quarterly_list: QuarterlyList) -> int:
    """Match the first of these rows, as many as a portion's time allows; returns how many (at least one)."""
    deadline = time.monotonic() + PORTION_SECONDS.get(connection.vendor, PORTION_SECONDS_SHARED)
    done = 0
    for _matched in runs_for_many(rows, trigger=Trigger.LIST, quarterly_list=quarterly_list):
        done += 1
        if time.monotonic() > deadline:
            break
    return done


def fitting_candidates(quarterly_list: QuarterlyList) -> list[MatchCandidate]:
    """The first places of each of the list's runs that are above 弱."""
    return list(
        MatchCandidate.objects.filter(
            run__quarterly_list=quarterly_list,
            run__direction=Direction.FOR_SCENARIO,
            rank__lte=INVITED_PLACES,
            level__in=FITTING,
        )
        .select_related("run", "capability", "capability__vendor")
        .order_by("run_id", "rank")
    )


def _recommend_list(quarterly_list: QuarterlyList) -> int:
    """Choose the invitations of a list and announce them, one digest per vendor; returns the number of vendors."""
    pairs = _with_mutual_scores(
        [
            candidate
            for candidate in fitting_candidates(quarterly_list)
            if candidate.capability.vendor.accepts_recommendations
        ]
    )
    chosen = within_exposure(pairs)
    by_vendor: dict[int, list[Recommendation]] = defaultdict(list)
    for pair in chosen:
        recommendation = _recommend(pair, quarterly_list)
        if recommendation is not None:
            by_vendor[recommendation.vendor_id].append(recommendation)
    for vendor_id, rows in sorted(by_vendor.items()):
        outbox.publish(VendorRecommended(vendor_id, [row.pk for row in rows], list_id=quarterly_list.pk))
    audit.record(
        None,
        "matching.list_matching.finish",
        quarterly_list,
        {"invitations": len(chosen), "vendors": len(by_vendor), "considered": len(pairs)},
    )
    return len(by_vendor)


def _with_mutual_scores(candidates: Sequence[MatchCandidate]) -> list[Pair]:
    """Pairs in which both sides have something to gain, the best first."""
    latest = dict(
        MatchRun.objects.filter(
            direction=Direction.FOR_CAPABILITY,
            capability_id__in={candidate.capability_id for candidate in candidates},
        )
        .order_by("pk")
        .values_list("capability_id", "pk")
    )
    back = {
        (capability_id, scenario_id): float(score)
        for capability_id, scenario_id, score in MatchCandidate.objects.filter(
            run_id__in=latest.values(), rank__isnull=False
        ).values_list("run__capability_id", "scenario_id", "score")
    }
    pairs = []
    for candidate in candidates:
        mutual = mutual_score(
            float(candidate.score), back.get((candidate.capability_id, candidate.run.scenario_id), 0.0)
        )
        if mutual > 0:
            pairs.append(Pair(candidate, mutual))
    return sorted(pairs, key=lambda pair: (-pair.mutual, pair.candidate.rank, pair.candidate.pk))


def within_exposure(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs, best first, without those beyond a vendor's exposure cap."""
    cap = max(EXPOSURE_MINIMUM, math.floor(EXPOSURE_SHARE * len(pairs)))
    taken: Counter[int] = Counter()
    chosen = []
    for pair in pairs:
        vendor_id = pair.candidate.capability.vendor_id
        if taken[vendor_id] < cap:
            taken[vendor_id] += 1
            chosen.append(pair)
    return chosen


def _recommend(pair: Pair, quarterly_list: QuarterlyList | None) -> Recommendation | None:
    """The row, or None when this vendor had this demand before: nobody is told twice."""
    candidate = pair.candidate
    row, created = Recommendation.objects.get_or_create(
        vendor_id=candidate.capability.vendor_id,
        scenario_id=candidate.run.scenario_id,
        defaults={
            "capability": candidate.capability,
            "candidate": candidate,
            "quarterly_list": quarterly_list,
            "score": candidate.score,
            "mutual": pair.mutual,
        },
    )
    if not created:
        return None
    MatchRun.objects.filter(pk=candidate.run_id).update(is_relied_on=True)
    return row


# --- a capability on the shelf -----------------------------------------------------------------------------------


@transaction.atomic
def capability_listed(*, capability_id: int) -> list[Recommendation]:
    """Match a new capability against open demands, renew the lists of those it fits, and tell its vendor once."""
    indexing.sync("capability_match", [capability_id])
    indexing.ensure_ready("capability_match")
    indexing.ensure_ready("scenario_match")
    capability = INDEXES["capability_match"].any_row(capability_id)
    if capability is None or not capability.is_public:
        return []
    run = run_for_capability(capability, trigger=Trigger.CAPABILITY)
    fitting = list(
        run.candidates.filter(rank__lte=RENEWED_DEMANDS, level__in=FITTING)
        .order_by("rank")
        .values_list("scenario_id", flat=True)
    )
    renewed: list[MatchCandidate] = []
    for scenario_id in fitting:
        scenario = INDEXES["scenario_match"].any_row(scenario_id)
        back = run_for_scenario(scenario, trigger=Trigger.CAPABILITY)
        renewed += back.candidates.filter(
            capability=capability, rank__lte=INVITED_PLACES, level__in=FITTING
        ).select_related("run", "capability", "capability__vendor")
    if not capability.vendor.accepts_recommendations:
        return []
    rows = [_recommend(pair, None) for pair in _with_mutual_scores(renewed)]
    new = [row for row in rows if row is not None]
    if new:
        outbox.publish(VendorRecommended(capability.vendor_id, [row.pk for row in new], capability_id=capability.pk))
    return new
