"""The product's matcher: an engine proposes, `scoring.weigh` decides (matching.md §2). No database, no clock.

The page of a demand, the vendor's desk, `match`, `evaluate_matching` and the benchmark all come through `match`.
"""

import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache

import orjson

from matching.scoring import Candidate, Facts, Profile, Ranking, Statistics, Subject, Weighed, weigh, weighted_terms
from search.analysis import unpack_text
from search.contract import Clause, Engine, Filter, Hit, Query, Results, Schema
from search.statistics import TermStatistics
from search.vectors import Encoder, EncoderUnavailable, similarity, unpack_vector

#: Below this number of candidates left by hard conditions, the next page of proposals is fetched.
ENOUGH = 20
PAGES = 3
#: Subjects asked for together when many are matched.
TOGETHER = 10
#: Nearest documents proposed beside those of the same words.
NEAREST = 100


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
    encoder: Encoder | None = None,
) -> Outcome:
    """Rank the index for one subject. `sizes` gives the collection's mean lengths; `filters` narrow it selectively.

    With the encoder the index was made with, the nearest documents are proposed beside those of the same words, and
    nearness takes its share of the text's weight; while the encoder is away, everything is as without one.
    """
    _set_aside()
    started = time.perf_counter()
    statistics = collection_statistics(engine, schema, subject, sizes)
    page = proposals or profile.candidates
    results = engine.search(schema, proposal_query(schema, subject, statistics, profile, filters, page))
    vector = _vector_of(subject, encoder)
    if vector and engine.finds_by_vector:
        results = _joined(results, engine.search(schema, _nearest_query(schema, vector, filters)))
    proposed = _Proposed(subject, statistics, results, time.perf_counter() - started, vector)
    return _rank(engine, schema, proposed, profile, filters, page, explained)


def match_many(
    engine: Engine,
    schema: Schema,
    subjects: Sequence[Subject],
    profile: Profile,
    sizes: TermStatistics,
    *,
    filters: Sequence[Filter] = (),
    explained: int = 30,
    encoder: Encoder | None = None,
) -> Iterator[Outcome]:
    """The same as `match` for each subject, in order, for a list: the engine is asked for `TOGETHER` subjects at a time
    and works on the next ones while these are weighed."""
    _set_aside()
    page = profile.candidates
    parts = [subjects[start : start + TOGETHER] for start in range(0, len(subjects), TOGETHER)]

    def propose(part: Sequence[Subject]) -> list[_Proposed]:
        started = time.perf_counter()
        found = engine.document_frequencies_many(schema, "text", [subject.text.text_counts for subject in part])
        statistics = [_statistics(frequencies.documents, frequencies.by_term, sizes) for frequencies in found]
        pairs = list(zip(part, statistics, strict=True))
        queries = [proposal_query(schema, subject, known, profile, filters, page) for subject, known in pairs]
        results = engine.search_many(schema, queries)
        vectors = [_vector_of(subject, encoder) for subject in part]
        if engine.finds_by_vector and all(vectors):
            nearest = engine.search_many(schema, [_nearest_query(schema, vector, filters) for vector in vectors])
            results = [_joined(*both) for both in zip(results, nearest, strict=True)]
        seconds = (time.perf_counter() - started) / len(part)
        return [
            _Proposed(*pair, answer, seconds, vector)
            for pair, answer, vector in zip(pairs, results, vectors, strict=True)
        ]

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="match-proposer") as pool:
        coming: Future[list[_Proposed]] | None = None
        for part in [*parts, ()]:
            ready = coming
            coming = pool.submit(propose, part) if part else None
            for proposed in ready.result() if ready else ():
                yield _rank(engine, schema, proposed, profile, filters, page, explained)


@lru_cache(maxsize=1)
def _set_aside() -> None:
    """Once, at the first match of a process: what it has loaded until then is taken out of the garbage collector's way.

    A match makes enough objects for one full pass in seventeen matches, and a pass over a whole application took 75 to
    95 ms of it: that alone was the difference between the median and the 95th percentile.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def _uncollected() -> Iterator[None]:
    """No passes of the garbage collector while one match is weighed: eight would look at thousands of objects of which
    none is garbage (2 to 11 ms of some 25). What is dropped is freed as ever; only cycles wait, for a moment.

    Whoever found it running starts it again, so that it runs in the end however threads overlap.
    """
    was_running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_running:
            gc.enable()


@dataclass(frozen=True)
class _Proposed:
    """What the engine answered for one subject, and the seconds it took."""

    subject: Subject
    statistics: Statistics
    results: Results
    seconds: float
    vector: tuple[float, ...] = ()


def _vector_of(subject: Subject, encoder: Encoder | None) -> tuple[float, ...]:
    """The subject's vector; empty without an encoder, and while it is away."""
    if encoder is None:
        return ()
    try:
        return tuple(encoder.encode([subject.text.whole], asking=True)[0])
    except EncoderUnavailable:
        return ()


def _nearest_query(schema: Schema, vector: tuple[float, ...], filters: Sequence[Filter]) -> Query:
    return Query(schema.name, filters=tuple(filters), limit=NEAREST, count_total=False, vector=vector)


def _joined(results: Results, nearest: Results) -> Results:
    """The proposals, and after them the nearest ones that are not among them."""
    known = {hit.id for hit in results.hits}
    return replace(results, hits=(*results.hits, *(hit for hit in nearest.hits if hit.id not in known)))


def _rank(
    engine: Engine,
    schema: Schema,
    proposed: _Proposed,
    profile: Profile,
    filters: Sequence[Filter],
    page: int,
    explained: int,
) -> Outcome:
    """Weigh what was proposed; ask for more while hard conditions leave too few."""
    subject, statistics, results = proposed.subject, proposed.statistics, proposed.results
    candidates: list[Candidate] = []
    engine_seconds, weighing_seconds = proposed.seconds, 0.0
    ranking = Ranking((), (), 0.0)
    for number in range(1, PAGES + 1):
        started = time.perf_counter()
        known = {candidate.identity for candidate in candidates}
        with _uncollected():
            candidates += [candidate_from(hit, proposed.vector) for hit in results.hits if hit.id not in known]
            ranking = weigh(subject, candidates, statistics, profile, explained=explained)
        weighing_seconds += time.perf_counter() - started
        if len(ranking.ranked) >= ENOUGH or len(results.hits) < page or number == PAGES:
            break
        started = time.perf_counter()
        query = proposal_query(schema, subject, statistics, profile, filters, page, number * page)
        results = engine.search(schema, query)
        engine_seconds += time.perf_counter() - started
    return Outcome(
        ranking,
        statistics,
        results.generation,
        tuple(candidates),
        engine_seconds * 1000,
        weighing_seconds * 1000,
    )


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
    return _statistics(frequencies.documents, frequencies.by_term, sizes)


def _statistics(documents: int, by_term: Mapping[str, int], sizes: TermStatistics) -> Statistics:
    return Statistics(
        documents=documents,
        mean_title_length=sizes.mean_title_length,
        mean_text_length=sizes.mean_text_length,
        frequencies=by_term,
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


def candidate_from(hit: Hit, vector: Sequence[float] = ()) -> Candidate:
    """`vector` is the subject's: a candidate that has one, too, gets the cosine of the two."""
    facts: Mapping[str, object] = orjson.loads(hit.stored["facts"]) if hit.stored.get("facts") else {}
    own = hit.stored.get("packed_vector") if vector else None
    near = similarity(vector, unpack_vector(own)) if own else None
    return Candidate(hit.id, unpack_text(hit.stored["packed"]), Facts.from_dict(facts), near)
