"""Weighing: one pure function turns the evidence of candidates into an order, a level and reasons (matching.md §1–§3).

The same function serves both directions (需求找能力, 能力找需求) and every engine: the engine only proposes candidates;
nothing here reads a database, a clock or a setting. Same inputs, same order.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property, lru_cache
from typing import Any

from search.analysis import PackedText, is_han, normalise, term_id, tokens, words_and_phrases
from search.match_text import MatchText
from search.statistics import smoothed_idf

STRONG, MEDIUM, WEAK = "strong", "medium", "weak"
#: What a score is made of; each has its weight in the profile.
FACTORS = ("text", "category", "tags", "track_record", "service_area", "budget", "freshness")


@dataclass(frozen=True)
class Profile:
    """Weights and constants of one version of the method (matching.md §2, profile 1)."""

    name: str = "profile-1"
    version: int = 1
    text: float = 0.55
    category: float = 0.15
    tags: float = 0.08
    track_record: float = 0.08
    service_area: float = 0.07
    budget: float = 0.04
    freshness: float = 0.03
    vector_share: float = 0.3
    k1: float = 1.6
    b: float = 0.75
    title_weight: float = 6.0
    cosine_share: float = 0.5
    cosine_scale: float = 0.27
    strong_cosine: float = 0.20
    medium_cosine: float = 0.12
    short_query_length: int = 40
    proposal_terms: int = 48
    weighing_terms: int = 128
    cosine_terms: int = 512
    candidates: int = 200
    category_leaf: float = 1.0
    category_sibling: float = 0.6
    category_branch: float = 0.3
    prior_outcomes: float = 4.0
    prior_mean: float = 0.5
    fresh_days: int = 60
    stale_days: int = 365

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Profile":
        """Unknown names are refused: a typing error in a weight must not pass silently."""
        known = {entry.name for entry in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"评分方案中有不认识的参数：{'、'.join(unknown)}")
        return cls(**values)


@dataclass(frozen=True)
class Facts:
    """What is known of a demand or of a capability besides its text. An empty value means: no evidence.

    Demand side: `regions` is where it is (district, city, 370000), `required_credentials` and `deadline_day`.
    Supply side: `regions` is the declared service area, `credentials` what is held and until which day (0: no end),
    `cases` what was delivered. Days are proleptic ordinals, amounts are fen.
    """

    organisation: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    circle: str = ""
    circles: tuple[str, ...] = ()
    whole_province: bool = False
    amount_minimum: int | None = None
    amount_maximum: int | None = None
    required_credentials: tuple[str, ...] = ()
    credentials: tuple[tuple[str, int], ...] = ()
    cases: tuple[str, ...] = ()
    outcomes: int = 0
    outcomes_confirmed: int = 0
    deadline_day: int | None = None
    fresh_day: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Only what is there, so that an index stays small."""
        empty = Facts()
        return {key: value for key, value in asdict(self).items() if value != getattr(empty, key)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Facts":
        known: dict[str, Any] = {}
        for key, value in values.items():
            if type(value) is list:
                known[key] = tuple(map(tuple, value)) if key == "credentials" else tuple(value)
            else:
                known[key] = value
        return cls(**known)


@dataclass(frozen=True)
class Candidate:
    """One proposed document."""

    identity: str
    text: PackedText
    facts: Facts
    vector: float | None = None


@dataclass(frozen=True)
class Statistics:
    """The collection as the query sees it: sizes, and the document frequencies of the query's own terms."""

    documents: int
    mean_title_length: float
    mean_text_length: float
    frequencies: Mapping[str, int]

    def bm25_idf(self, term: str) -> float:
        frequency = min(self.frequencies.get(term, 0), self.documents)
        return math.log(1 + (self.documents - frequency + 0.5) / (frequency + 0.5))

    def cosine_idf(self, term: str) -> float:
        return smoothed_idf(self.documents, min(self.frequencies.get(term, 0), self.documents))


@dataclass(frozen=True)
class Subject:
    """The side that asks. `is_demand` says which role it plays; candidates play the other."""

    text: MatchText
    facts: Facts
    is_demand: bool
    today: int | None = None


@dataclass(frozen=True)
class Reason:
    """Data, rendered elsewhere: a code, its values, and its part of the score shown (tenths of a point, exact sum)."""

    code: str
    share: float
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"code": self.code, "share": self.share, "values": dict(self.values)}


@dataclass(frozen=True)
class Gap:
    """Something missing (不足). It may be negotiable; what is not becomes an `Excluded`."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"code": self.code, "values": dict(self.values)}


@dataclass(frozen=True)
class Weighed:
    """One candidate's place: score 0–100 with one decimal, level, factor values, reasons and gaps."""

    identity: str
    score: float
    level: str
    cosine: float
    bm25: float
    factors: Mapping[str, float]
    reasons: tuple[Reason, ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True)
class Excluded:
    """A candidate removed by a hard condition, with the reason shown under 未入选原因."""

    identity: str
    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """What one candidate brings to the comparison: text values as computed, the other factors as evaluated."""

    identity: str
    bm25: float
    cosine: float
    factors: Mapping[str, float]
    vector: float | None = None


@dataclass(frozen=True)
class Ranking:
    """The order, what was removed, and the evidence of every candidate compared (what a run freezes)."""

    ranked: tuple[Weighed, ...]
    excluded: tuple[Excluded, ...]
    best_cosine: float
    evidence: tuple[Evidence, ...] = ()

    def nothing_fits(self, profile: Profile) -> bool:
        """Whether the list must say 未找到较匹配的能力: nothing on it is above 弱."""
        return all(entry.level == WEAK for entry in self.ranked)


def weighted_terms(text: MatchText, statistics: Statistics, limit: int) -> list[tuple[str, float]]:
    """The query's terms of highest tf·idf that the collection knows, each with its weight 1 + ln tf, best first.

    Terms of a single document do not count towards the limit (nor may they double it): they cost an engine nothing and
    would otherwise crowd out the others whenever the query's own text is in the collection.
    """
    known = [
        (count * statistics.bm25_idf(term), term, count)
        for term, count in text.text_counts.items()
        if statistics.frequencies.get(term, 0) > 0
    ]
    known.sort(key=lambda entry: (-entry[0], entry[1]))
    chosen: list[tuple[str, float]] = []
    shared = 0
    for _weight, term, count in known:
        if shared == limit or len(chosen) == 2 * limit:
            break
        chosen.append((term, _sublinear(count)))
        shared += statistics.frequencies[term] > 1
    return chosen


def weigh(
    subject: Subject,
    candidates: Sequence[Candidate],
    statistics: Statistics,
    profile: Profile,
    *,
    explained: int = 30,
) -> Ranking:
    """Order the candidates. The best of each of the first `explained` organisations carries reasons and gaps.

    The order does not depend on that number.
    """
    allowed: list[Candidate] = []
    excluded: list[Excluded] = []
    for candidate in candidates:
        obstacle = _obstacle(subject, candidate)
        if obstacle is None:
            allowed.append(candidate)
        else:
            excluded.append(obstacle)
    if not allowed:
        return Ranking((), tuple(excluded), 0.0)
    texts = _TextEvidence(subject.text, statistics, profile)
    evidence = []
    for candidate in allowed:
        bm25, cosine = texts.of(candidate.text)
        others = _other_factors(subject, candidate.facts, profile)
        evidence.append(Evidence(candidate.identity, bm25, cosine, others, candidate.vector))
    by_identity = {candidate.identity: candidate for candidate in allowed}
    ranked = []
    placed: set[str] = set()
    for entry in combine(evidence, profile, is_short=_is_short(subject, profile)):
        candidate = by_identity[entry.identity]
        place = candidate.facts.organisation or entry.identity
        if len(placed) < explained and place not in placed:
            reasons, gaps = _explain(subject, candidate, texts, entry, profile)
            entry = replace(entry, reasons=reasons, gaps=gaps)
        placed.add(place)
        ranked.append(entry)
    return Ranking(tuple(ranked), tuple(excluded), max(entry.cosine for entry in evidence), tuple(evidence))


def combine(evidence: Sequence[Evidence], profile: Profile, *, is_short: bool) -> list[Weighed]:
    """From evidence to order: the part of weighing that a replay repeats on what a run has frozen.

    The text factor is the fused, per-list min-max times min(1, best cosine ÷ scale); factors without evidence are left
    out and the others renormalised. Ties are broken by identity.
    """
    if not evidence:
        return []
    scale = min(1.0, max(entry.cosine for entry in evidence) / profile.cosine_scale)
    weights = {name: getattr(profile, name) for name in FACTORS}
    weighed = []
    for entry, fused in zip(evidence, _fuse(evidence, profile, is_short=is_short), strict=True):
        factors = {"text": fused * scale, **entry.factors}
        total = sum([weights[name] for name in factors])
        raw = sum([weights[name] * value for name, value in factors.items()]) / total if total else 0.0
        weighed.append((-raw, entry.identity, entry, factors))
    weighed.sort(key=lambda item: item[:2])
    return [
        Weighed(identity, round(-negative * 100, 1), _level(entry.cosine, profile), entry.cosine, entry.bm25, factors)
        for negative, identity, entry, factors in weighed
    ]


def mutual_score(first: float, second: float) -> float:
    """Both sides must have something to gain (matching.md §2): the geometric mean is nil when one has nothing."""
    return round(math.sqrt(max(first, 0.0) * max(second, 0.0)), 1)


# --- text ----------------------------------------------------------------------------------------------------------


class _TextEvidence:
    """BM25 and cosine of one query against packed texts. What does not depend on a candidate is made once.

    Three tables by term number, over the same keys: weight in BM25 (0 beyond the first 128 terms), in the cosine of
    the whole query, in the cosine of its title. One intersection per field then serves all three sums.
    """

    def __init__(self, text: MatchText, statistics: Statistics, profile: Profile) -> None:
        self.profile = profile
        self.statistics = statistics
        self.text = text
        chosen = weighted_terms(text, statistics, profile.weighing_terms)
        bm25 = {term_id(term): weight * statistics.bm25_idf(term) for term, weight in chosen}
        whole = self._vector(text.text_counts, profile)
        title = self._vector(text.title_counts, profile) if text.title_counts and text.body else whole
        self.known = frozenset(bm25) | frozenset(whole) | frozenset(title)
        self.bm25 = dict.fromkeys(self.known, 0.0) | bm25
        self.whole = dict.fromkeys(self.known, 0.0) | whole
        self.title = self.whole if title is whole else dict.fromkeys(self.known, 0.0) | title
        #: What each candidate shares with the query, by field, from `of` to `phrases`: the intersections cost most.
        self._shared: dict[int, tuple[PackedText, dict[bool, tuple[frozenset[int], frozenset[int]]]]] = {}

    def _vector(self, counts: Mapping[str, int], profile: Profile) -> dict[int, float]:
        """Term number to (query weight × idf): the dot product still multiplies by the document's own tf weight."""
        weights = []
        for term, count in counts.items():
            idf = self.statistics.cosine_idf(term)
            weights.append((_sublinear(count) * idf, term, idf))
        norm = math.sqrt(sum([weight * weight for weight, _term, _idf in weights])) or 1.0
        known = self.statistics.frequencies
        present = [entry for entry in weights if known.get(entry[1], 0) > 0]
        present.sort(key=lambda entry: (-entry[0], entry[1]))
        return {term_id(term): weight * idf / norm for weight, term, idf in present[: profile.cosine_terms]}

    def of(self, packed: PackedText) -> tuple[float, float]:
        """(BM25 of title and text, mean cosine of title and full text)."""
        profile, statistics = self.profile, self.statistics
        bm25, whole, _title = self._sums(
            self._in(packed, in_title=False),
            packed.text_more,
            packed.text_length,
            statistics.mean_text_length,
            in_title=False,
        )
        cosine = whole / packed.text_norm
        if not packed.title_length:
            # Without a title the text stands for it: a title counts about as much as the body does.
            return bm25 * 2, min(cosine, 1.0)
        title_bm25, whole, title = self._sums(
            self._in(packed, in_title=True),
            packed.title_more,
            packed.title_length,
            statistics.mean_title_length,
            in_title=True,
        )
        # The other title against ours and against our whole text, half and half.
        cosine = (cosine + (whole + title) / 2 / packed.title_norm) / 2
        return bm25 + profile.title_weight * title_bm25, min(cosine, 1.0)

    def _in(self, packed: PackedText, *, in_title: bool) -> tuple[frozenset[int], frozenset[int]]:
        """The query's terms that a field holds: those it holds once, and the others."""
        # Kept with its text, so that no other one can get its identity.
        _text, fields = self._shared.setdefault(id(packed), (packed, {}))
        found = fields.get(in_title)
        if found is None:
            known = self.known.intersection
            once, more = (packed.title_once, packed.title_more) if in_title else (packed.text_once, packed.text_more)
            found = fields[in_title] = known(once), known(more)
        return found

    def _sums(
        self,
        shared: tuple[frozenset[int], frozenset[int]],
        more: Mapping[int, int],
        length: int,
        mean_length: float,
        *,
        in_title: bool,
    ) -> tuple[float, float, float]:
        """BM25 and the two dot products of one field; the title's own only where it is asked for."""
        bm25, whole, title = self.bm25, self.whole, self.title
        k1 = self.profile.k1
        saturation = k1 * (1 - self.profile.b + self.profile.b * length / mean_length)
        hits, repeated = shared
        bm25_sum = sum(map(bm25.__getitem__, hits)) * (k1 + 1) / (1 + saturation)
        whole_sum = sum(map(whole.__getitem__, hits))
        title_sum = sum(map(title.__getitem__, hits)) if in_title else 0.0
        for term in repeated:
            count = more[term]
            tf = _SUBLINEAR[count]
            bm25_sum += bm25[term] * count * (k1 + 1) / (count + saturation)
            whole_sum += whole[term] * tf
            if in_title:
                title_sum += title[term] * tf
        return bm25_sum, whole_sum, title_sum

    def phrases(self, packed: PackedText, limit: int = 6) -> list[dict[str, str]]:
        """What both texts have in common, as words a person can find in them: longest runs of shared bigrams.

        Each with the field it is in; the weightiest first.
        """
        positions, runs = self._positions, self._runs
        once, more = self._in(packed, in_title=False)
        shared = once | more
        places = sorted([place for number in shared if number in positions for place in positions[number]])
        found: set[str] = set()
        at = 0
        while at < len(places):
            run, start = places[at]
            stop = start
            while at < len(places) and places[at] == (run, stop):
                stop += 1
                at += 1
            found.add(runs[run][start : stop + 1].strip(_PARTICLES) if run in self._han_runs else runs[run])
        weights = {phrase: self._weight(phrase) for phrase in found}
        best = sorted(weights.items(), key=lambda entry: (-entry[1], entry[0]))[:limit]
        once, more = self._in(packed, in_title=True)
        title = once | more
        return [
            {"term": phrase, "field": "title" if title.issuperset(self._parts(phrase)) else "text"}
            for phrase, weight in best
            if weight > 0 and (len(phrase) > 1 or not is_han(phrase))
        ]

    def _parts(self, phrase: str) -> tuple[int, ...]:
        """Numbers of a phrase's bigrams; many candidates share a phrase."""
        parts = self._parts_of.get(phrase)
        if parts is None:
            parts = self._parts_of[phrase] = tuple(term_id(part) for part in _bigrams(phrase))
        return parts

    def _weight(self, phrase: str) -> float:
        weight = self._weight_of.get(phrase)
        if weight is None:
            weight = sum(self.bm25.get(part, 0.0) for part in self._parts(phrase))
            self._weight_of[phrase] = weight
        return weight

    @cached_property
    def _parts_of(self) -> dict[str, tuple[int, ...]]:
        return {}

    @cached_property
    def _weight_of(self) -> dict[str, float]:
        return {}

    @cached_property
    def _runs(self) -> list[str]:
        return _distinct_runs(self.text)

    @cached_property
    def _han_runs(self) -> frozenset[int]:
        return frozenset(number for number, run in enumerate(self._runs) if is_han(run))

    @cached_property
    def _positions(self) -> dict[int, list[tuple[int, int]]]:
        """Where in the query's runs each bigram (or whole word) that the collection knows begins."""
        places: dict[int, list[tuple[int, int]]] = {}
        for number, run in enumerate(self._runs):
            for start, part in enumerate(_bigrams(run)):
                key = term_id(part)
                if key in self.known:
                    places.setdefault(key, []).append((number, start))
        return places


#: Characters that say nothing at the edge of a phrase shown to people. They count in ranking like any other.
_PARTICLES = "的地得在与和及或等对为了将并把被从到于以其是有由向按各每该本"

_SUBLINEAR = (0.0, *(1 + math.log(count) for count in range(1, 256)))


def _sublinear(count: int) -> float:
    return _SUBLINEAR[count] if count < 256 else 1 + math.log(count)


def _distinct_runs(text: MatchText) -> list[str]:
    """Runs of Han characters (two or more) and single words of the text, each once."""
    return [run for run in words_and_phrases(f"{text.title}\n{text.body}") if len(run) > 1 or not is_han(run)]


def _bigrams(phrase: str) -> list[str]:
    if not is_han(phrase) or len(phrase) == 1:
        return [phrase]
    return [phrase[position : position + 2] for position in range(len(phrase) - 1)]


def _normalised(values: Sequence[float]) -> list[float]:
    """Min-max over the candidates of one query; equal values count 1."""
    lowest, highest = min(values), max(values)
    if highest - lowest <= 1e-12:
        return [1.0] * len(values)
    return [(value - lowest) / (highest - lowest) for value in values]


def _is_short(subject: Subject, profile: Profile) -> bool:
    return subject.text.length < profile.short_query_length


def _fuse(evidence: Sequence[Evidence], profile: Profile, *, is_short: bool) -> list[float]:
    """BM25 and cosine half and half; a short query by BM25 alone; a configured vector takes its share of the whole."""
    text = _normalised([entry.bm25 for entry in evidence])
    if not is_short:
        cosine = _normalised([entry.cosine for entry in evidence])
        share = profile.cosine_share
        text = [(1 - share) * one + share * other for one, other in zip(text, cosine, strict=True)]
    vectors = [entry.vector for entry in evidence if entry.vector is not None]
    if len(vectors) == len(evidence):
        share = profile.vector_share
        text = [(1 - share) * one + share * other for one, other in zip(text, _normalised(vectors), strict=True)]
    return text


def _level(cosine: float, profile: Profile) -> str:
    """The level follows the candidate's own cosine, so it means the same in every list."""
    if cosine >= profile.strong_cosine:
        return STRONG
    return MEDIUM if cosine >= profile.medium_cosine else WEAK


# --- the other factors: each is a value from 0 to 1, or absent when either side says nothing -----------------------


def _other_factors(subject: Subject, other: Facts, profile: Profile) -> dict[str, float]:
    demand, supply = (subject.facts, other) if subject.is_demand else (other, subject.facts)
    values = {
        "category": category_overlap(demand.category, supply.category, profile),
        "tags": tag_overlap(demand.tags, supply.tags),
        "track_record": track_record(supply, profile),
        "service_area": service_area(demand, supply),
        "budget": budget_fit(demand, supply),
        "freshness": freshness(other.fresh_day, subject.today, profile),
    }
    return {name: value for name, value in values.items() if value is not None}


def category_overlap(first: str, second: str, profile: Profile) -> float | None:
    """Same node 1, siblings (or a node and its parent) 0.6, same branch 0.3, else 0."""
    if not first or not second:
        return None
    if first == second:
        return profile.category_leaf
    one, two = first.split("."), second.split(".")
    if one[0] != two[0]:
        return 0.0
    parent = one[:-1] == two[:-1] or one[:-1] == two or two[:-1] == one
    return profile.category_sibling if parent and len(one) + len(two) > 2 else profile.category_branch


def tag_overlap(demanded: Sequence[str], offered: Sequence[str]) -> float | None:
    """Share of the demand's technology tags that the capability carries."""
    if not demanded or not offered:
        return None
    return len(set(demanded) & set(offered)) / len(set(demanded))


def track_record(supply: Facts, profile: Profile) -> float | None:
    """Bayesian mean of what customers confirmed: the prior with nothing confirmed, and only ever more with more.

    What no customer confirmed weighs nothing, neither up nor down. No vendor is without this factor: left out for one
    without cases, it would make a first confirmed one, below the others' mean, a loss. A bare text, which nobody
    offers, has none.
    """
    confirmed = supply.outcomes_confirmed
    if not supply.organisation and not confirmed:
        return None
    return (profile.prior_outcomes * profile.prior_mean + confirmed) / (profile.prior_outcomes + confirmed)


def service_area(demand: Facts, supply: Facts) -> float | None:
    """The declared service area covers the demand's district, city or province: 1; only another place of its
    economic circle: 0.5; else 0. Never the vendor's seat (domain.md §5.9)."""
    if not demand.regions or not (supply.regions or supply.whole_province):
        return None
    if supply.whole_province or set(demand.regions) & set(supply.regions):
        return 1.0
    return 0.5 if demand.circle and demand.circle in supply.circles else 0.0


def budget_fit(demand: Facts, supply: Facts) -> float | None:
    """1 when the offer can begin within the budget, else the share of its lowest price that the budget pays for."""
    limit = demand.amount_maximum or demand.amount_minimum
    price = supply.amount_minimum or supply.amount_maximum
    if not limit or not price:
        return None
    return 1.0 if price <= limit else limit / price


def freshness(day: int | None, today: int | None, profile: Profile) -> float | None:
    """1 within the first weeks, then evenly down to 0 after a year."""
    if day is None or today is None:
        return None
    age = today - day
    if age <= profile.fresh_days:
        return 1.0
    return max(0.0, 1 - (age - profile.fresh_days) / (profile.stale_days - profile.fresh_days))


# --- hard conditions ---------------------------------------------------------------------------------------------


def missing_credentials(demand: Facts, supply: Facts, today: int | None) -> list[str]:
    """Required credentials that none of the valid ones held answers to (either name contains the other)."""
    if not demand.required_credentials:
        return []
    held = [_plain(name) for name, until in supply.credentials if not until or today is None or until >= today]
    return [
        name
        for name in demand.required_credentials
        if not any(_plain(name) in entry or (entry and entry in _plain(name)) for entry in held)
    ]


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    """Names of credentials are few, and each is compared with very many candidates."""
    return "".join(normalise(text).split())


def _obstacle(subject: Subject, candidate: Candidate) -> Excluded | None:
    other = candidate.facts
    demand, supply = (subject.facts, other) if subject.is_demand else (other, subject.facts)
    if demand.organisation and demand.organisation == supply.organisation:
        return Excluded(candidate.identity, "same_organisation")
    missing = missing_credentials(demand, supply, subject.today)
    if missing:
        return Excluded(candidate.identity, "credential_missing", {"credentials": missing})
    if demand.deadline_day is not None and subject.today is not None and demand.deadline_day < subject.today:
        return Excluded(candidate.identity, "deadline_passed", {"day": demand.deadline_day})
    return None


# --- reasons -----------------------------------------------------------------------------------------------------


def _shares(factors: Mapping[str, float], score: float, profile: Profile) -> dict[str, float]:
    """Each factor's part of the score shown, in tenths of a point, by largest remainder: the parts add up to it."""
    target = round(score * 10)
    weighted = {name: getattr(profile, name) * value for name, value in factors.items()}
    total = sum(weighted.values())
    if total <= 0 or target == 0:
        return dict.fromkeys(factors, 0.0)
    exact = {name: target * value / total for name, value in weighted.items()}
    parts = {name: int(value) for name, value in exact.items()}
    rest = target - sum(parts.values())
    for name in sorted(exact, key=lambda key: (parts[key] - exact[key], key))[:rest]:
        parts[name] += 1
    return {name: part / 10 for name, part in parts.items()}


def _explain(
    subject: Subject,
    candidate: Candidate,
    texts: _TextEvidence,
    weighed: Weighed,
    profile: Profile,
) -> tuple[tuple[Reason, ...], tuple[Gap, ...]]:
    factors, score, level = weighed.factors, weighed.score, weighed.level
    other = candidate.facts
    demand, supply = (subject.facts, other) if subject.is_demand else (other, subject.facts)
    shares = _shares(factors, score, profile)
    values: dict[str, dict[str, Any]] = {
        "text": {"terms": texts.phrases(candidate.text), "level": level},
        "category": {"demand": demand.category, "supply": supply.category, "overlap": factors.get("category")},
        "tags": {"shared": sorted(set(demand.tags) & set(supply.tags))},
        "track_record": {
            "delivered": supply.outcomes,
            "confirmed": supply.outcomes_confirmed,
            "comparable": _comparable_cases(subject, supply, texts),
        },
        "service_area": {
            "whole_province": supply.whole_province,
            "regions": sorted(set(demand.regions) & set(supply.regions)),
        },
        "budget": {
            "budget": demand.amount_maximum or demand.amount_minimum,
            "price": supply.amount_minimum or supply.amount_maximum,
        },
        "freshness": {"day": other.fresh_day},
    }
    if demand.required_credentials:
        values["text"]["credentials"] = list(demand.required_credentials)
    reasons = [
        Reason(name, shares[name], values[name]) for name, value in factors.items() if name == "text" or value > 0
    ]
    reasons.sort(key=lambda reason: -reason.share)
    return tuple(reasons), tuple(_gaps(demand, supply, factors, level))


def _comparable_cases(subject: Subject, supply: Facts, texts: _TextEvidence, limit: int = 3) -> list[str]:
    """Delivered cases whose titles share weighty terms with the demand. Only when the demand is the one who asks."""
    if not subject.is_demand or not supply.cases:
        return []
    rated = []
    weight_of = texts.bm25.get
    for title in supply.cases:
        weight = sum([weight_of(number, 0.0) for number in map(term_id, set(tokens(title)))])
        if weight > 0:
            rated.append((-weight, title))
    return [title for _weight, title in sorted(rated)[:limit]]


def _gaps(demand: Facts, supply: Facts, factors: Mapping[str, float], level: str) -> list[Gap]:
    gaps: list[Gap] = []
    if level == WEAK:
        gaps.append(Gap("text_weak"))
    if factors.get("category") == 0:
        gaps.append(Gap("category_different", {"demand": demand.category, "supply": supply.category}))
    if "tags" in factors and factors["tags"] < 1:
        gaps.append(Gap("tags_missing", {"tags": sorted(set(demand.tags) - set(supply.tags))}))
    if "service_area" in factors and factors["service_area"] < 1:
        gaps.append(Gap("service_area_not_covered", {"region": demand.regions[0]}))
    if "budget" in factors and factors["budget"] < 1:
        gaps.append(
            Gap(
                "price_above_budget",
                {
                    "budget": demand.amount_maximum or demand.amount_minimum,
                    "price": supply.amount_minimum or supply.amount_maximum,
                },
            )
        )
    if not supply.cases and not supply.outcomes:
        gaps.append(Gap("no_delivered_case"))
    elif supply.outcomes and not supply.outcomes_confirmed:
        gaps.append(Gap("case_unconfirmed"))
    return gaps
