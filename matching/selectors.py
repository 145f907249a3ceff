"""Reads about matches; every one takes the viewer, and nobody sees another vendor's standing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from accounts.enums import Role
from accounts.permissions import has_role
from core.clock import now
from core.errors import NotPermitted, ObjectNotFound
from core.quarters import Quarter
from matching.enums import Level
from matching.models import ListMatching, MatchCandidate, MatchRun, Recommendation, ScoringProfile
from matching.permissions import may_see_candidates, may_see_list_matching, may_see_recommended
from matching.reasons import Sentence, exclusion_sentence, gap_sentence, names_for, reason_sentence
from scenarios.enums import ScenarioState
from scenarios.models import QuarterlyList, Scenario
from vendors.models import Capability
from vendors.selectors import own_profile


@dataclass(frozen=True)
class CandidateView:
    """One place of a list, in words. `others`: further capabilities of the same vendor that would have been placed."""

    candidate: MatchCandidate
    rank: int
    score: float
    level: str
    level_label: str
    capability: Capability | None
    scenario: Scenario | None
    reasons: tuple[Sentence, ...]
    gaps: tuple[Sentence, ...]
    others: tuple[Capability, ...] = ()


@dataclass(frozen=True)
class ExcludedView:
    """A candidate a hard condition removed, with the reason (未入选原因)."""

    capability: Capability | None
    scenario: Scenario | None
    reason: Sentence


@dataclass(frozen=True)
class RunView:
    """A frozen run as a page shows it. `nothing_fits`: say 未找到较匹配的能力 and show what was closest.

    `is_outdated`: the subject has been changed since.
    """

    run: MatchRun
    ranked: tuple[CandidateView, ...]
    excluded: tuple[ExcludedView, ...]
    nothing_fits: bool
    is_outdated: bool

    @property
    def fitting(self) -> tuple[CandidateView, ...]:
        """Strong and medium ones: what a page shows at once. A weak hit is not padded into a ranking."""
        return tuple(entry for entry in self.ranked if entry.level != Level.WEAK)

    @property
    def weak(self) -> tuple[CandidateView, ...]:
        return tuple(entry for entry in self.ranked if entry.level == Level.WEAK)


@dataclass(frozen=True)
class RecommendationView:
    """A demand on a vendor's desk, with the reasons its owner's side sees too."""

    recommendation: Recommendation
    scenario: Scenario
    capability: Capability
    score: float
    level: str
    level_label: str
    reasons: tuple[Sentence, ...]
    gaps: tuple[Sentence, ...]


def candidates_of(viewer: Any, scenario: Scenario, *, limit: int = 20) -> RunView | None:
    """The newest ranking of a demand; None when the viewer is not entitled or it was never matched."""
    if not may_see_candidates(viewer, scenario):
        return None
    run = MatchRun.objects.filter(scenario=scenario).select_related("profile", "quarterly_list").order_by("-pk").first()
    return None if run is None else _run_view(run, scenario.content_version, limit)


def demands_for(viewer: Any, capability: Capability, *, limit: int = 20) -> RunView | None:
    """The newest ranking of open demands for a capability, for its vendor; None as above."""
    if not may_see_recommended(viewer, capability):
        return None
    run = (
        MatchRun.objects.filter(capability=capability)
        .select_related("profile", "quarterly_list")
        .order_by("-pk")
        .first()
    )
    return None if run is None else _run_view(run, capability.content_version, limit)


def own_standing(viewer: Any, scenario: Scenario) -> CandidateView | None:
    """For vendor staff looking at a demand: their own organisation's best place in its newest ranking, if any."""
    profile = own_profile(viewer) if has_role(viewer, Role.VENDOR_STAFF) else None
    if profile is None:
        return None
    run = MatchRun.objects.filter(scenario=scenario).order_by("-pk").first()
    if run is None:
        return None
    own = _with_objects(run.candidates.filter(capability__vendor=profile, rank__isnull=False)).order_by("rank")[:1]
    views = _candidate_views(list(own))
    return views[0] if views else None


def run_for(viewer: Any, public_id: Any) -> MatchRun:
    """The one door to a run: for those who may see its candidates."""
    run = (
        MatchRun.objects.select_related(
            "scenario", "scenario__owner", "scenario__region", "capability", "capability__vendor", "profile"
        )
        .filter(public_id=public_id)
        .first()
    )
    allowed = run is not None and (
        may_see_candidates(viewer, run.scenario) if run.scenario else may_see_recommended(viewer, run.capability)
    )
    if not allowed:
        raise ObjectNotFound()
    return run


def runs_of(viewer: Any, scenario: Scenario) -> QuerySet[MatchRun]:
    """All runs of a demand, newest first."""
    if not may_see_candidates(viewer, scenario):
        return MatchRun.objects.none()
    return MatchRun.objects.filter(scenario=scenario).select_related("profile", "requested_by").defer("evidence")


def recommended_demands(viewer: Any, *, limit: int = 20) -> list[RecommendationView]:
    """Open demands recommended to the organisation the person acts for, best first. Empty for anybody else."""
    profile = own_profile(viewer) if has_role(viewer, Role.VENDOR_STAFF) else None
    if profile is None:
        return []
    open_for_answers = Q(scenario__deadline_at__isnull=True) | Q(scenario__deadline_at__gt=now())
    rows = list(
        Recommendation.objects.filter(vendor=profile, dismissed_at__isnull=True, scenario__state=ScenarioState.LISTED)
        .filter(open_for_answers)
        .select_related(
            "scenario",
            "scenario__owner",
            "scenario__region",
            "scenario__region__parent",
            "scenario__category",
            "capability",
            "candidate",
        )
        .order_by("-mutual", "pk")[:limit]
    )
    entries = [entry for row in rows for entry in (*row.candidate.reasons, *row.candidate.gaps)]
    names = names_for(entries)
    return [
        RecommendationView(
            row,
            row.scenario,
            row.capability,
            float(row.score),
            row.candidate.level,
            str(Level(row.candidate.level).label),
            tuple(reason_sentence(entry, names) for entry in row.candidate.reasons),
            tuple(gap_sentence(entry, names) for entry in row.candidate.gaps),
        )
        for row in rows
    ]


def recommendations_by_id(ids: Sequence[int]) -> list[Recommendation]:
    """Rows for a notice, in the order asked for; for handlers, not for pages."""
    rows = Recommendation.objects.select_related("scenario", "scenario__owner", "capability", "vendor").in_bulk(
        list(ids)
    )
    return [rows[key] for key in ids if key in rows]


def list_matching_of(viewer: Any, quarterly_list: QuarterlyList) -> ListMatching | None:
    """Progress of a list's matching, for those who work with lists."""
    if not may_see_list_matching(viewer, quarterly_list):
        return None
    return ListMatching.objects.filter(quarterly_list=quarterly_list).first()


def profiles() -> QuerySet[ScoringProfile]:
    """Every version of the method; it is public how ranking works (matching.md §4)."""
    return ScoringProfile.objects.order_by("-version")


def exposure_figures(viewer: Any, quarter: Quarter) -> list[dict[str, Any]]:
    """Invitations per vendor in a quarter's lists: what is published about exposure (matching.md §4)."""
    if not has_role(viewer, Role.PROVINCIAL_REVIEWER, Role.LIST_EDITOR, Role.LIST_APPROVER, Role.SUPERVISOR):
        raise NotPermitted()
    rows = (
        Recommendation.objects.filter(quarterly_list__year=quarter.year, quarterly_list__quarter_number=quarter.number)
        .values("vendor__organisation__name")
        .annotate(invitations=Count("pk"), dismissed=Count("pk", filter=Q(dismissed_at__isnull=False)))
        .order_by("-invitations", "vendor__organisation__name")
    )
    return [
        {
            "vendor": row["vendor__organisation__name"],
            "invitations": row["invitations"],
            "dismissed": row["dismissed"],
        }
        for row in rows
    ]


# --- inside ------------------------------------------------------------------------------------------------------


def _with_objects(candidates: QuerySet[MatchCandidate]) -> QuerySet[MatchCandidate]:
    return candidates.select_related(
        "capability",
        "capability__vendor",
        "capability__vendor__organisation",
        "capability__vendor__organisation__region",
        "capability__category",
        "scenario",
        "scenario__owner",
        "scenario__region",
        "scenario__region__parent",
        "scenario__category",
    )


def _run_view(run: MatchRun, content_version: int, limit: int) -> RunView:
    """A constant number of queries, however many candidates."""
    ranked = list(_with_objects(run.candidates.filter(rank__isnull=False)).order_by("rank")[:limit])
    excluded = list(_with_objects(run.candidates.filter(rank__isnull=True)).order_by("pk"))
    return RunView(
        run=run,
        ranked=tuple(_candidate_views(ranked)),
        excluded=tuple(
            ExcludedView(candidate.capability, candidate.scenario, exclusion_sentence(candidate.exclusion))
            for candidate in excluded
        ),
        nothing_fits=run.nothing_fits,
        is_outdated=run.subject_version != content_version,
    )


def _candidate_views(candidates: Sequence[MatchCandidate]) -> list[CandidateView]:
    names = names_for(entry for candidate in candidates for entry in (*candidate.reasons, *candidate.gaps))
    keys = {key for candidate in candidates if candidate.capability_id for key in candidate.others}
    others = Capability.objects.in_bulk(keys) if keys else {}
    return [
        CandidateView(
            candidate=candidate,
            rank=candidate.rank,
            score=float(candidate.score),
            level=candidate.level,
            level_label=str(Level(candidate.level).label),
            capability=candidate.capability,
            scenario=candidate.scenario,
            reasons=tuple(reason_sentence(entry, names) for entry in candidate.reasons),
            gaps=tuple(gap_sentence(entry, names) for entry in candidate.gaps),
            others=tuple(others[key] for key in candidate.others if key in others),
        )
        for candidate in candidates
    ]
