"""Solvers for a challenge, challenges for a vendor: the same weighing and the same reasons as for demands.

Nothing is stored: who was proposed to whom would be a list of potential bidders (招标投标法 22). An invitation is kept
for itself only (challenges.Invitation), and names nobody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accounts.enums import Role
from accounts.permissions import has_role
from challenges.enums import ChallengeState
from challenges.models import Challenge, Invitation
from challenges.permissions import handles_challenge
from challenges.selectors import public_challenges
from core.clock import today
from matching import services
from matching.enums import Level
from matching.matcher import collection_statistics
from matching.reasons import Sentence, gap_sentence, names_for, reason_sentence
from matching.scoring import Candidate, Facts, Profile, Subject, weigh
from matching.services.matches import active_profile, profile_of, weighed_to_dict
from search.analysis import unpack_text
from search.documents import INDEXES
from search.documents.base import circle_of, day_number, region_chain
from search.documents.capability_match import facts_of, may_be_matched, text_of
from search.engines import get_engine
from search.indexing import live_statistics
from search.match_text import MatchText, match_text
from vendors.models import Capability
from vendors.selectors import own_capabilities

#: Challenges looked at for one vendor's page, the newest first.
MOST_CHALLENGES = 60
SHOWN_LEVELS = (Level.STRONG, Level.MEDIUM)


@dataclass(frozen=True)
class SolverView:
    """A proposed solver with its capability, level and reasons in words."""

    rank: int
    score: float
    level: str
    level_label: str
    capability: Capability
    reasons: tuple[Sentence, ...]
    gaps: tuple[Sentence, ...]
    invited: bool


@dataclass(frozen=True)
class ChallengeView:
    """An open challenge that fits one of the vendor's capabilities."""

    challenge: Challenge
    capability: Capability
    score: float
    level: str
    level_label: str
    reasons: tuple[Sentence, ...]
    gaps: tuple[Sentence, ...]


def challenge_text(challenge: Challenge) -> MatchText:
    """What a challenge says for matching: its substance and its indicators."""
    return match_text(
        challenge.title,
        [
            challenge.background,
            challenge.content,
            challenge.expected_result,
            *(str(row) for row in challenge.indicators.all()),
        ],
    )


def challenge_facts(challenge: Challenge) -> Facts:
    """Evidence besides text. Money is no hard condition here: the price is the bidder's to offer."""
    region = challenge.region or challenge.demander.region
    return Facts(
        organisation=str(challenge.demander.public_id),
        category=challenge.category.code if challenge.category is not None else "",
        regions=tuple(region_chain(region)),
        circle=circle_of(region),
        deadline_day=day_number(challenge.deadline_at),
        fresh_day=day_number(challenge.published_at),
    )


def solvers_for(viewer: Any, challenge: Challenge, *, limit: int = 10) -> list[SolverView]:
    """Ranked solvers of an open challenge, for its handler alone; the demander itself is never proposed."""
    if challenge.state != ChallengeState.PUBLISHED or not handles_challenge(viewer, challenge):
        return []
    text = challenge_text(challenge)
    found = services.text_match(title=text.title, body=text.body, facts=challenge_facts(challenge), limit=limit + 1)
    rows = {
        str(row.pk): row
        for row in Capability.objects.filter(pk__in=[entry["identity"] for entry in found]).select_related(
            "vendor__organisation__region", "category"
        )
    }
    invited = set(Invitation.objects.filter(challenge=challenge).values_list("organisation_id", flat=True))
    names = names_for(entry for row in found for entry in (*row["reasons"], *row["gaps"]))
    views = []
    for entry in found:
        capability = rows.get(entry["identity"])
        if capability is None or capability.vendor.organisation_id == challenge.demander_id:
            continue
        views.append(
            SolverView(
                rank=len(views) + 1,
                score=entry["score"],
                level=entry["level"],
                level_label=str(Level(entry["level"]).label),
                capability=capability,
                reasons=tuple(reason_sentence(row, names) for row in entry["reasons"]),
                gaps=tuple(gap_sentence(row, names) for row in entry["gaps"]),
                invited=capability.vendor.organisation_id in invited,
            )
        )
    return views[:limit]


def challenges_for(viewer: Any, *, limit: int = 10) -> list[ChallengeView]:
    """Open challenges that fit the vendor's listed capabilities well, best first.

    Each challenge is weighed against the vendor's own few capabilities with the collection's statistics, so that the
    level says the same as on the other side.
    """
    if not has_role(viewer, Role.VENDOR_STAFF):
        return []
    capabilities = [row for row in own_capabilities(viewer) if may_be_matched(row)]
    if not capabilities:
        return []
    engine, schema = get_engine(), INDEXES["capability_match"].schema
    live = live_statistics(schema.name, engine)
    sizes, full = live.snapshot(with_frequencies=False), live.snapshot(with_frequencies=True)
    candidates = [
        Candidate(
            str(row.pk),
            unpack_text(text_of(row).document(full)["packed"]),  # type: ignore[arg-type]  # bytes by its contract
            Facts.from_dict(facts_of(row)),
        )
        for row in capabilities
    ]
    profile = profile_of(active_profile())
    found = []
    rows = public_challenges().filter(state=ChallengeState.PUBLISHED).prefetch_related("indicators")
    for challenge in rows[:MOST_CHALLENGES]:
        best = _best(challenge, candidates, engine, schema, sizes, profile)
        if best is not None:
            found.append((challenge, best))
    found.sort(key=lambda pair: (-pair[1]["cosine"], pair[0].pk))
    names = names_for(entry for _challenge, row in found for entry in (*row["reasons"], *row["gaps"]))
    by_key = {str(row.pk): row for row in capabilities}
    return [
        ChallengeView(
            challenge=challenge,
            capability=by_key[entry["identity"]],
            score=entry["score"],
            level=entry["level"],
            level_label=str(Level(entry["level"]).label),
            reasons=tuple(reason_sentence(row, names) for row in entry["reasons"]),
            gaps=tuple(gap_sentence(row, names) for row in entry["gaps"]),
        )
        for challenge, entry in found[:limit]
    ]


def _best(
    challenge: Challenge, candidates: Sequence[Candidate], engine: Any, schema: Any, sizes: Any, profile: Profile
) -> dict[str, Any] | None:
    """The best of the vendor's capabilities for one challenge, if it fits at all."""
    subject = Subject(challenge_text(challenge), challenge_facts(challenge), True, today().toordinal())
    statistics = collection_statistics(engine, schema, subject, sizes)
    ranking = weigh(subject, candidates, statistics, profile, explained=1)
    if not ranking.ranked or ranking.ranked[0].level not in SHOWN_LEVELS:
        return None
    return weighed_to_dict(ranking.ranked[0])


def reasons_in_words(view: SolverView) -> list[str]:
    """The reasons an invitation carries."""
    return [f"{sentence.label}：{sentence.text}" for sentence in view.reasons]
