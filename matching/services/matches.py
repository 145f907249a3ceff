"""Matching as use cases: match a demand or a capability and freeze the run; replay it; change the weights.

What runs by itself after a publication is in `matching.services.campaigns`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from accounts.models import User
from core import audit
from core.clock import now, today
from core.errors import InvalidInput, NotPermitted, ObjectNotFound
from matching.enums import Direction, Trigger
from matching.matcher import Outcome, collapse, match, match_many
from matching.models import MatchCandidate, MatchRun, Recommendation, ScoringProfile
from matching.permissions import may_change_profile, may_dismiss, may_see_recommended, may_start_match
from matching.scoring import Evidence, Excluded, Facts, Profile, Subject, Weighed, combine
from scenarios.models import QuarterlyList, Scenario
from search.contract import Schema
from search.documents import INDEXES, capability_match, scenario_match
from search.encoders import get_encoder
from search.engines import get_engine
from search.indexing import live_statistics
from search.match_text import MatchText
from search.models import CollectionStatistics
from search.vectors import Encoder
from vendors.models import Capability

#: Candidates kept as rows, with reasons; the rest stay in the run's evidence.
KEPT = {Direction.FOR_SCENARIO: 30, Direction.FOR_CAPABILITY: 20}
KEPT_EXCLUDED = 50
KEPT_FOR = timedelta(days=180)
PRUNED_AT_ONCE = 500
LONGEST_REASON = 300
LONGEST_MATCHED_TEXT = 20_000


@dataclass(frozen=True)
class Difference:
    """How today's result differs from the frozen one: a code, the candidate's key if it concerns one, in words."""

    code: str
    text: str
    identity: str = ""


@dataclass(frozen=True)
class Replay:
    """`reproduced`: the frozen evidence gives the frozen order. `differences`: why a new match would give another."""

    reproduced: bool
    differences: tuple[Difference, ...] = field(default=())


# --- the method's versions ---------------------------------------------------------------------------------------


def active_profile() -> ScoringProfile:
    """The version in use; the first is made from the code's own values when nobody has made one."""
    found = ScoringProfile.objects.filter(is_active=True).first()
    if found is not None:
        return found
    first = Profile()
    return ScoringProfile.objects.get_or_create(
        version=1,
        defaults={
            "name": _("评分方案 1"),
            "values": first.to_dict(),
            "author_text": _("平台"),
            "reason": _("初始方案（公开评测数据上确定）"),
            "is_active": True,
        },
    )[0]


def profile_of(row: ScoringProfile) -> Profile:
    return Profile.from_dict(row.values | {"version": row.version})


@transaction.atomic
def profile_change(
    *, acting_user: User, name: str, values: Mapping[str, Any], reason: str, report: Mapping[str, Any] | None = None
) -> ScoringProfile:
    """A new version with author and reason becomes the one in use; earlier ones stay for their runs."""
    if not may_change_profile(acting_user):
        raise NotPermitted()
    problems: dict[str, list[str]] = {}
    if not name.strip():
        problems["name"] = [_("请填写方案名称。")]
    if not 1 <= len(reason.strip()) <= LONGEST_REASON:
        problems["reason"] = [_("请写明修改原因，最多 {limit} 个字。").format(limit=LONGEST_REASON)]
    current = active_profile()
    try:
        changed = Profile.from_dict({**current.values, **values, "version": current.version})
        if any(isinstance(value, int | float) and value < 0 for value in asdict(changed).values()):
            problems["values"] = [_("参数不能为负数。")]
    except (TypeError, ValueError) as error:
        problems["values"] = [str(error)]
    if problems:
        raise InvalidInput(problems)
    version = (ScoringProfile.objects.order_by("-version").values_list("version", flat=True).first() or 0) + 1
    ScoringProfile.objects.filter(is_active=True).update(is_active=False)
    row = ScoringProfile.objects.create(
        version=version,
        name=name.strip()[:60],
        values={**asdict(changed), "version": version},
        author=acting_user,
        author_text=str(acting_user),
        reason=reason.strip(),
        report=dict(report or {}),
        is_active=True,
    )
    audit.record(acting_user, "matching.scoring_profile.change", row, {"values": dict(values), "reason": reason})
    return row


# --- matching ----------------------------------------------------------------------------------------------------


@transaction.atomic
def match_scenario(*, scenario_id: int, acting_user: User) -> MatchRun:
    """Rank capabilities for a demand, on a person's request. Raises EngineUnavailable when the engine is away."""
    scenario = _scenario(scenario_id)
    if scenario is None:
        raise ObjectNotFound()
    if not may_start_match(acting_user, scenario):
        raise NotPermitted()
    run = run_for_scenario(scenario, trigger=Trigger.PERSON, requested_by=acting_user)
    audit.record(acting_user, "matching.scenario.match", scenario, {"run": str(run.public_id)})
    return run


@transaction.atomic
def match_capability(*, capability_id: int, acting_user: User) -> MatchRun:
    """Rank open demands for a capability, on its vendor's request."""
    capability = _capability(capability_id)
    if capability is None or not may_see_recommended(acting_user, capability):
        raise ObjectNotFound()
    run = run_for_capability(capability, trigger=Trigger.PERSON, requested_by=acting_user)
    audit.record(acting_user, "matching.capability.match", capability, {"run": str(run.public_id)})
    return run


def text_match(*, title: str, body: str = "", facts: Facts | None = None, limit: int = 10) -> list[dict[str, Any]]:
    """Rank capabilities for a text that is no demand yet. Nothing is kept. Raises InvalidInput, EngineUnavailable."""
    title, body = title.strip(), body.strip()
    if not title and not body:
        raise InvalidInput({"text": [_("请给出要匹配的文字，至少写明名称。")]})
    if len(title) + len(body) > LONGEST_MATCHED_TEXT:
        raise InvalidInput({"text": [_("文字最多 {limit} 个字，请删减。").format(limit=LONGEST_MATCHED_TEXT)]})
    subject = Subject(MatchText(title, body), facts or Facts(), is_demand=True, today=today().toordinal())
    profile = Profile() if not ScoringProfile.objects.exists() else profile_of(active_profile())
    outcome = _match(INDEXES["capability_match"].schema, subject, profile, explained=limit)
    kept, _others = collapse(outcome)
    return [weighed_to_dict(weighed) for weighed in kept[:limit]]


def run_for_scenario(
    scenario: Scenario,
    *,
    trigger: str,
    requested_by: User | None = None,
    quarterly_list: QuarterlyList | None = None,
) -> MatchRun:
    """Match and freeze, without asking who may: for services and handlers."""
    run = _new_run(scenario, trigger=trigger, requested_by=requested_by, quarterly_list=quarterly_list)
    return _run(run, _subject_of(scenario))


def run_for_capability(
    capability: Capability,
    *,
    trigger: str,
    requested_by: User | None = None,
    quarterly_list: QuarterlyList | None = None,
) -> MatchRun:
    """The other direction, by the same function with the roles swapped."""
    run = _new_run(capability, trigger=trigger, requested_by=requested_by, quarterly_list=quarterly_list)
    return _run(run, _subject_of(capability))


def runs_for_many(
    rows: Sequence[Scenario] | Sequence[Capability], *, trigger: str, quarterly_list: QuarterlyList | None = None
) -> Iterator[MatchRun]:
    """Match and freeze several demands, or several capabilities, in order: the engine is asked for many at once.

    A run is written before the next one is made, so that a caller may stop at any of them.
    """
    if not rows:
        return
    runs = [_new_run(row, trigger=trigger, quarterly_list=quarterly_list) for row in rows]
    method = _method(Direction(runs[0].direction))
    subjects = [_subject_of(row) for row in rows]
    sizes = method.statistics.snapshot(with_frequencies=False)
    outcomes = match_many(
        get_engine(),
        method.schema,
        subjects,
        profile_of(method.profile),
        sizes,
        explained=method.kept,
        encoder=_encoder_of(method.schema),
    )
    for run, subject, outcome in zip(runs, subjects, outcomes, strict=True):
        run.milliseconds = round(outcome.engine_milliseconds + outcome.weighing_milliseconds)
        yield _freeze(run, subject, outcome, method)


def _subject_of(row: Scenario | Capability) -> Subject:
    """The side that asks, as it is now."""
    if isinstance(row, Scenario):
        text, facts = scenario_match.text_of(row), scenario_match.facts_of(row)
    else:
        text, facts = capability_match.text_of(row), capability_match.facts_of(row)
    return Subject(text, Facts.from_dict(facts), is_demand=isinstance(row, Scenario), today=today().toordinal())


def _new_run(
    row: Scenario | Capability,
    *,
    trigger: str,
    requested_by: User | None = None,
    quarterly_list: QuarterlyList | None = None,
) -> MatchRun:
    run = MatchRun(
        subject_version=row.content_version,
        trigger=trigger,
        requested_by=requested_by,
        quarterly_list=quarterly_list,
    )
    if isinstance(row, Scenario):
        run.direction, run.scenario = Direction.FOR_SCENARIO, row
    else:
        run.direction, run.capability = Direction.FOR_CAPABILITY, row
    return run


def _scenario(key: int) -> Scenario | None:
    return INDEXES["scenario_match"].any_row(key)


def _capability(key: int) -> Capability | None:
    return INDEXES["capability_match"].any_row(key)


def _match(schema: Schema, subject: Subject, profile: Profile, explained: int) -> Outcome:
    engine = get_engine()
    sizes = live_statistics(schema.name, engine).snapshot(with_frequencies=False)
    return match(engine, schema, subject, profile, sizes, explained=explained, encoder=_encoder_of(schema))


def _encoder_of(schema: Schema) -> Encoder | None:
    """The encoder the index is made with, if it is made with one."""
    return get_encoder() if schema.encoder else None


@dataclass(frozen=True)
class _Method:
    """What a run is made with: the index of the other side, the profile in use, the statistics of the index."""

    schema: Schema
    profile: ScoringProfile
    statistics: CollectionStatistics
    kept: int


def _method(direction: Direction) -> _Method:
    index_name = "capability_match" if direction == Direction.FOR_SCENARIO else "scenario_match"
    return _Method(INDEXES[index_name].schema, active_profile(), live_statistics(index_name), KEPT[direction])


@transaction.atomic
def _run(run: MatchRun, subject: Subject) -> MatchRun:
    """Match, then write the run and its candidates: all of it or nothing."""
    method = _method(Direction(run.direction))
    started = time.perf_counter()
    sizes = method.statistics.snapshot(with_frequencies=False)
    outcome = match(
        get_engine(),
        method.schema,
        subject,
        profile_of(method.profile),
        sizes,
        explained=method.kept,
        encoder=_encoder_of(method.schema),
    )
    run.milliseconds = round((time.perf_counter() - started) * 1000)
    return _freeze(run, subject, outcome, method)


@transaction.atomic
def _freeze(run: MatchRun, subject: Subject, outcome: Outcome, method: _Method) -> MatchRun:
    """Write the run and its candidates: all of it or nothing."""
    profile = profile_of(method.profile)
    kept, others = collapse(outcome)
    ranking, statistics = outcome.ranking, outcome.statistics
    run.profile = method.profile
    run.statistics = method.statistics
    run.documents = statistics.documents
    run.frequencies = {term: count for term, count in statistics.frequencies.items() if count}
    run.engine, run.generation = get_engine().name, outcome.generation
    run.subject = {
        "title": subject.text.title,
        "body": subject.text.body,
        "facts": subject.facts.to_dict(),
        "today": subject.today,
    }
    run.is_short = subject.text.length < profile.short_query_length
    run.best_cosine = ranking.best_cosine
    run.nothing_fits = ranking.nothing_fits(profile)
    run.compared = len(ranking.evidence)
    run.evidence = [_frozen(entry) for entry in ranking.evidence]
    run.save()
    _save_candidates(run, kept[: method.kept], others, ranking.excluded[:KEPT_EXCLUDED])
    return run


def _frozen(entry: Evidence) -> list[Any]:
    """What `combine` needs of a candidate; the vector's cosine only where there was one."""
    values: list[Any] = [entry.identity, entry.bm25, entry.cosine, dict(entry.factors)]
    return values if entry.vector is None else [*values, entry.vector]


def _save_candidates(
    run: MatchRun, kept: Sequence[Weighed], others: Mapping[str, Sequence[str]], excluded: Sequence[Excluded]
) -> None:
    """Rows for what still exists: the index may hold a row deleted a moment ago."""
    name, model = (
        ("capability_id", Capability) if run.direction == Direction.FOR_SCENARIO else ("scenario_id", Scenario)
    )
    wanted = {int(entry.identity) for entry in kept} | {int(entry.identity) for entry in excluded}
    present = set(model._default_manager.filter(pk__in=wanted).values_list("pk", flat=True))
    rows = [
        MatchCandidate(
            run=run,
            rank=rank,
            score=entry.score,
            level=entry.level,
            cosine=round(entry.cosine, 4),
            factors={factor: round(value, 4) for factor, value in entry.factors.items()},
            reasons=[reason.to_dict() for reason in entry.reasons],
            gaps=[gap.to_dict() for gap in entry.gaps],
            others=[int(other) for other in others.get(entry.identity, ())],
            **{name: int(entry.identity)},
        )
        for rank, entry in enumerate((entry for entry in kept if int(entry.identity) in present), start=1)
    ]
    rows += [
        MatchCandidate(
            run=run, exclusion={"code": entry.code, "values": dict(entry.values)}, **{name: int(entry.identity)}
        )
        for entry in excluded
        if int(entry.identity) in present
    ]
    MatchCandidate.objects.bulk_create(rows, batch_size=200)


def weighed_to_dict(weighed: Weighed) -> dict[str, Any]:
    """A candidate as plain data, for what is not kept as a row."""
    return {
        "identity": weighed.identity,
        "score": weighed.score,
        "level": weighed.level,
        "cosine": round(weighed.cosine, 4),
        "factors": {name: round(value, 4) for name, value in weighed.factors.items()},
        "reasons": [reason.to_dict() for reason in weighed.reasons],
        "gaps": [gap.to_dict() for gap in weighed.gaps],
    }


# --- replay ------------------------------------------------------------------------------------------------------


def replay(run: MatchRun) -> Replay:
    """Repeat the weighing on the frozen evidence, then match anew and explain every difference (matching.md §4)."""
    profile = profile_of(run.profile)
    evidence = [Evidence(*entry) for entry in run.evidence]
    stored = {
        _identity(candidate): candidate for candidate in run.candidates.filter(rank__isnull=False).order_by("rank")
    }
    again = {entry.identity: entry for entry in combine(evidence, profile, is_short=run.is_short)}
    reproduced = [key for key in again if key in stored] == list(stored) and all(
        float(candidate.score) == again[key].score and candidate.level == again[key].level
        for key, candidate in stored.items()
    )
    return Replay(reproduced, tuple(_differences(run, profile, list(stored))))


def _identity(candidate: MatchCandidate) -> str:
    return str(candidate.capability_id or candidate.scenario_id)


def _differences(run: MatchRun, profile: Profile, frozen: Sequence[str]) -> list[Difference]:
    found: list[Difference] = []
    subject_row = _scenario(run.scenario_id) if run.scenario_id else _capability(run.capability_id)
    if subject_row is None:
        raise ObjectNotFound()
    if subject_row.content_version != run.subject_version:
        found.append(
            Difference(
                "subject_changed",
                _("内容已从第 {old} 版改为第 {new} 版。").format(
                    old=run.subject_version, new=subject_row.content_version
                ),
            )
        )
    if not run.profile.is_active:
        found.append(
            Difference(
                "profile_changed",
                _("评分方案已从第 {old} 版改为第 {new} 版。").format(
                    old=run.profile.version, new=active_profile().version
                ),
            )
        )
    index_name = "capability_match" if run.direction == Direction.FOR_SCENARIO else "scenario_match"
    if live_statistics(index_name).pk != run.statistics_id:
        found.append(Difference("statistics_changed", _("语料统计已更新。")))
    subject = Subject(
        MatchText(run.subject["title"], run.subject["body"]),
        Facts.from_dict(run.subject["facts"]),
        is_demand=run.direction == Direction.FOR_SCENARIO,
        today=run.subject.get("today"),
    )
    outcome = _match(INDEXES[index_name].schema, subject, profile, explained=0)
    order = [entry.identity for entry in collapse(outcome)[0]][: len(frozen)]
    present = {candidate.identity for candidate in outcome.candidates}
    compared = {entry[0] for entry in run.evidence}
    for place, identity in enumerate(frozen):
        if identity not in present:
            found.append(Difference("candidate_gone", _("该候选已不在可匹配范围内。"), identity))
        elif identity not in order or order.index(identity) != place:
            found.append(Difference("candidate_moved", _("该候选的名次与当时不同。"), identity))
    for identity in order:
        if identity not in compared:
            found.append(Difference("candidate_new", _("该候选是之后才可以匹配的。"), identity))
    return found


# --- what is kept ------------------------------------------------------------------------------------------------


@transaction.atomic
def runs_prune() -> int:
    """Forget runs nobody relied on, half a year old, when their subject has a newer one; returns how many.

    What was used for an invitation or a decision stays for good (matching.md §4).
    """
    newer = MatchRun.objects.filter(pk__gt=OuterRef("pk"), direction=OuterRef("direction")).filter(
        Q(scenario=OuterRef("scenario")) | Q(capability=OuterRef("capability"))
    )
    old = MatchRun.objects.filter(is_relied_on=False, created_at__lt=now() - KEPT_FOR).filter(Exists(newer))
    keys = list(old.values_list("pk", flat=True)[:PRUNED_AT_ONCE])
    MatchRun.objects.filter(pk__in=keys).delete()
    return len(keys)


# --- a vendor's own choice ---------------------------------------------------------------------------------------


@transaction.atomic
def recommendation_dismiss(*, recommendation_id: Any, acting_user: User) -> Recommendation:
    """Take a recommendation off one's desk; it does not come back. `recommendation_id` is the public id."""
    row = (
        Recommendation.objects.select_for_update(of=("self",))
        .select_related("vendor")
        .filter(public_id=recommendation_id)
        .first()
    )
    if row is None or not may_dismiss(acting_user, row.vendor):
        raise ObjectNotFound()
    if row.dismissed_at is None:
        row.dismissed_at = now()
        row.save(update_fields=["dismissed_at"])
        audit.record(acting_user, "matching.recommendation.dismiss", row)
    return row
