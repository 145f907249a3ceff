"""The product's matcher: an engine proposes, `scoring.weigh` decides (matching.md §2). No database, no clock.

The page of a demand, the vendor's desk, `match`, `evaluate_matching` and the benchmark all come through `match`.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matching.scoring import Candidate, Facts, Profile, Ranking, Statistics, Subject, Weighed, weigh, weighted_terms
from search.analysis import unpack_text
from search.contract import Clause, Engine, Filter, Hit, Query, Schema
from search.statistics import TermStatistics

#: Below this number of candidates left by hard conditions, the next page of proposals is fetched.
ENOUGH = 20
PAGES = 3


@dataclass(frozen=True)
class Outcome:
    """A ranking and what it was made from: enough to freeze and to replay it."""

    ranking: Ranking
    statistics: Statistics
    generation: str
    candidates: tuple[Candidate, ...]
    engine_milliseconds: float
    weighing_milliseconds: float


def match(
    engine: Engine,
    schema: Schema,
    subject: Subject,
    profile: Profile,
    sizes: TermStatistics,
    *,
    filters: Sequence[Filter] = (),
    proposals: int | None = None,
    explained: int = 30,
) -> Outcome:
    """Rank the index for one subject. `sizes` gives the collection's mean lengths; `filters` narrow it selectively."""
    started = time.perf_counter()
    statistics = collection_statistics(engine, schema, subject, sizes)
    page = proposals or profile.candidates
    candidates: list[Candidate] = []
    generation = ""
    engine_seconds = time.perf_counter() - started
    weighing_seconds = 0.0
    ranking = Ranking((), (), 0.0)
    for number in range(PAGES):
        started = time.perf_counter()
        query = proposal_query(schema, subject, statistics, profile, filters, page, number * page)
        results = engine.search(schema, query)
        generation = results.generation
        engine_seconds += time.perf_counter() - started
        started = time.perf_counter()
        candidates += [candidate_from(hit) for hit in results.hits]
        ranking = weigh(subject, candidates, statistics, profile, explained=explained)
        weighing_seconds += time.perf_counter() - started
        if len(ranking.ranked) >= ENOUGH or len(results.hits) < page:
            break
    return Outcome(ranking, statistics, generation, tuple(candidates), engine_seconds * 1000, weighing_seconds * 1000)


def collapse(outcome: Outcome) -> tuple[list[Weighed], dict[str, list[str]]]:
    """One place per organisation: its best candidate, and the others' identities beside it (matching.md §2)."""
    organisations = {candidate.identity: candidate.facts.organisation for candidate in outcome.candidates}
    kept: list[Weighed] = []
    first: dict[str, str] = {}
    others: dict[str, list[str]] = {}
    for weighed in outcome.ranking.ranked:
        organisation = organisations[weighed.identity]
        if organisation and organisation in first:
            others.setdefault(first[organisation], []).append(weighed.identity)
            continue
        if organisation:
            first[organisation] = weighed.identity
        kept.append(weighed)
    return kept, others


def collection_statistics(engine: Engine, schema: Schema, subject: Subject, sizes: TermStatistics) -> Statistics:
    """Document frequencies of the subject's terms from the engine, mean lengths from the snapshot."""
    frequencies = engine.document_frequencies(schema, "text", subject.text.text_counts)
    return Statistics(
        documents=frequencies.documents,
        mean_title_length=sizes.mean_title_length,
        mean_text_length=sizes.mean_text_length,
        frequencies=frequencies.by_term,
    )


def proposal_query(
    schema: Schema,
    subject: Subject,
    statistics: Statistics,
    profile: Profile,
    filters: Sequence[Filter],
    limit: int,
    offset: int = 0,
) -> Query:
    """The cheap request: the terms of highest tf·idf over title and text, no total, no facets (stack.md §6)."""
    terms = tuple(weighted_terms(subject.text, statistics, profile.proposal_terms))
    return Query(
        index=schema.name,
        clauses=(
            Clause("title", "title", terms, weight=profile.title_weight),
            Clause("text", "text", terms),
        ),
        filters=tuple(filters),
        limit=limit,
        offset=offset,
        count_total=False,
    )


def candidate_from(hit: Hit) -> Candidate:
    facts: Mapping[str, object] = json.loads(hit.stored["facts"]) if hit.stored.get("facts") else {}
    return Candidate(hit.id, unpack_text(hit.stored["packed"]), Facts.from_dict(facts))
