"""Proof of the method on a judged collection (matching.md §5): reads a folder, runs the product's matcher, measures.

Gains are linear, as in trec_eval: DCG = Σ grade / log2(rank + 1), the ideal order taken over all judged documents
of the query. A document is relevant to MRR and recall when its grade is above 0. Queries without a relevant
document are left out of the means.
"""

import json
import math
import statistics as arithmetic
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from matching.matcher import match
from matching.scoring import Facts, Profile, Subject
from search.contract import Engine, Filter, Put, Schema
from search.engines.bulk import write_batches
from search.engines.embedded import EmbeddedEngine
from search.match_text import LONGEST_TEXT, MATCH_FIELDS, MatchText, match_schema, vector_fields
from search.statistics import SAMPLE_SIZE, StatisticsBuilder, TermStatistics
from search.vectors import Encoder

EVALUATION_SCHEMA = Schema("evaluation", 1, MATCH_FIELDS)
BATCH = 2000
MEASURES = ("ndcg@10", "mrr@10", "recall@10", "recall@100")
#: A pool or a collection larger than this is proposed from; a smaller one is ranked whole.
DEEPEST = 1000


class EvaluationError(Exception):
    """The folder cannot be evaluated; the message says which file and line, and what is expected."""


@dataclass(frozen=True)
class Judged:
    """A folder's queries and judgements. Documents stay on disk: they are read twice, never held."""

    folder: Path
    queries: Mapping[str, dict[str, Any]]
    grades: Mapping[str, Mapping[str, float]]
    pools: Mapping[str, frozenset[str]] | None


@dataclass(frozen=True)
class Report:
    """Means over the queries, their standard errors, and the time of one match."""

    queries: int
    documents: int
    means: Mapping[str, float]
    errors: Mapping[str, float]
    latency: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """The keys of `--json` (matching.md §5)."""
        values: dict[str, Any] = {"queries": self.queries, "documents": self.documents}
        for name in MEASURES:
            values[name] = round(self.means[name], 4)
            values[f"{name}_se"] = round(self.errors[name], 4)
        values["latency_ms"] = {key: round(value, 2) for key, value in self.latency.items()}
        return values


def read_folder(folder: Path) -> Judged:
    """Queries and judgements of a folder, checked. Raises EvaluationError."""
    if not folder.is_dir():
        raise EvaluationError(_("找不到文件夹 {folder}。").format(folder=folder))
    queries = {entry["id"]: entry for entry in _records(folder / "queries.jsonl")}
    if not queries:
        raise EvaluationError(_("queries.jsonl 里没有查询。"))
    grades: dict[str, dict[str, float]] = {}
    for number, columns in _rows(folder / "qrels.tsv"):
        if len(columns) < 3:
            raise EvaluationError(_("qrels.tsv 第 {line} 行应为“查询<TAB>文档<TAB>等级”。").format(line=number))
        try:
            grade = float(columns[-1])
        except ValueError:
            if number == 1:
                continue  # a heading
            raise EvaluationError(
                _("qrels.tsv 第 {line} 行的等级“{grade}”不是数字。").format(line=number, grade=columns[-1])
            ) from None
        if not math.isfinite(grade):
            raise EvaluationError(_("qrels.tsv 第 {line} 行的等级不是有限的数字。").format(line=number))
        # Four columns are TREC's own form: query, iteration, document, grade.
        document = columns[2] if len(columns) >= 4 else columns[1]
        grades.setdefault(columns[0], {})[document] = grade
    usable = {key: value for key, value in grades.items() if key in queries and max(value.values()) > 0}
    if not usable:
        raise EvaluationError(_("qrels.tsv 里没有一条相关判断（等级大于 0）对应 queries.jsonl 中的查询。"))
    pools: dict[str, set[str]] | None = None
    if (folder / "judged.tsv").is_file():
        pools = {}
        for number, columns in _rows(folder / "judged.tsv"):
            if len(columns) < 2:
                raise EvaluationError(_("judged.tsv 第 {line} 行应为“查询<TAB>文档”。").format(line=number))
            pools.setdefault(columns[0], set()).add(columns[1])
    return Judged(
        folder,
        queries,
        usable,
        None if pools is None else {key: frozenset(value) for key, value in pools.items()},
    )


def evaluate(
    judged: Judged,
    profile: Profile,
    engine: Engine | None = None,
    *,
    encoder: Encoder | None = None,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> Report:
    """Index the folder's documents in a generation of its own, match every query, measure, and remove the index."""
    if engine is not None:
        return _evaluate_on(engine, judged, profile, encoder, progress)
    with tempfile.TemporaryDirectory(prefix="evaluate-matching-") as folder:
        return _evaluate_on(EmbeddedEngine(Path(folder)), judged, profile, encoder, progress)


def _evaluate_on(
    engine: Engine,
    judged: Judged,
    profile: Profile,
    encoder: Encoder | None,
    progress: Callable[[str, int, int], None],
) -> Report:
    generation = uuid.uuid4().hex[:12]
    schema = match_schema(f"evaluation-{generation}", EVALUATION_SCHEMA.version, encoder)
    sizes = _sizes(judged)
    engine.create(schema, generation)
    try:
        documents = 0
        for documents in write_batches(engine, schema, generation, _batches(judged.folder, sizes, encoder)):
            progress(_("建立索引"), documents, sizes.documents)
        engine.promote(schema, generation)
        return _measure(engine, schema, judged, profile, sizes, documents, encoder, progress)
    finally:
        engine.drop(schema.name, generation)


def _batches(folder: Path, sizes: TermStatistics, encoder: Encoder | None) -> Iterator[list[Put]]:
    entries = _records(folder / "docs.jsonl")
    while part := list(islice(entries, BATCH)):
        documents = [_document(entry, sizes) for entry in part]
        if encoder is not None:
            vectors = encoder.encode([_text(entry).whole for entry in part])
            documents = [own | vector_fields(vector) for own, vector in zip(documents, vectors, strict=True)]
        yield [Put(entry["id"], 1, document) for entry, document in zip(part, documents, strict=True)]


def _sizes(judged: Judged) -> TermStatistics:
    """Statistics of the whole collection; frequencies from evenly spread documents when there are many."""
    total = sum(1 for _entry in _lines(judged.folder / "docs.jsonl"))
    if total == 0:
        raise EvaluationError(_("docs.jsonl 里没有文档。"))
    builder = StatisticsBuilder()
    for entry in islice(_records(judged.folder / "docs.jsonl"), 0, None, max(1, math.ceil(total / SAMPLE_SIZE))):
        text = _text(entry)
        builder.add(text.title_ids, text.text_ids)
    return builder.finish()


def _measure(
    engine: Engine,
    schema: Schema,
    judged: Judged,
    profile: Profile,
    sizes: TermStatistics,
    documents: int,
    encoder: Encoder | None,
    progress: Callable[[str, int, int], None],
) -> Report:
    measured: dict[str, list[float]] = {name: [] for name in MEASURES}
    times: list[float] = []
    for position, (query_id, grades) in enumerate(judged.grades.items(), start=1):
        entry = judged.queries[query_id]
        subject = Subject(text=_text(entry), facts=_facts(entry), is_demand=True)
        filters: tuple[Filter, ...] = ()
        proposals = profile.candidates
        if judged.pools is not None:
            pool = judged.pools.get(query_id, frozenset())
            filters = (Filter("id", values=tuple(sorted(pool))),)
            proposals = max(profile.candidates, min(len(pool), DEEPEST))
        started = time.perf_counter()
        outcome = match(engine, schema, subject, profile, sizes, filters=filters, proposals=proposals, encoder=encoder)
        found = outcome.ranking.ranked
        times.append((time.perf_counter() - started) * 1000)
        # A document that is the query itself (same id, same text) is no answer to it, unless judged as one.
        itself = query_id if query_id not in grades and _is_copy(judged, query_id, found) else None
        order = [weighed.identity for weighed in found if weighed.identity != itself]
        for name, value in measures(order, grades).items():
            measured[name].append(value)
        progress(_("匹配"), position, len(judged.grades))
    return Report(
        queries=len(times),
        documents=documents,
        means={name: arithmetic.fmean(values) for name, values in measured.items()},
        errors={name: _standard_error(values) for name, values in measured.items()},
        latency={"p50": percentile(times, 0.50), "p95": percentile(times, 0.95)},
    )


def _is_copy(judged: Judged, query_id: str, found: Any) -> bool:
    """Whether the document of the same id is the query's own text: then its cosine is 1."""
    return any(weighed.identity == query_id and weighed.cosine >= 0.98 for weighed in found)


def measures(order: list[str], grades: Mapping[str, float]) -> dict[str, float]:
    """The four measures of one ranked list."""
    gains = [max(grades.get(document, 0.0), 0.0) for document in order]
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)
    relevant = len(ideal)
    first = next((rank for rank, gain in enumerate(gains[:10], start=1) if gain > 0), None)
    return {
        "ndcg@10": _dcg(gains[:10]) / _dcg(ideal[:10]),
        "mrr@10": 1 / first if first else 0.0,
        "recall@10": sum(1 for gain in gains[:10] if gain > 0) / relevant,
        "recall@100": sum(1 for gain in gains[:100] if gain > 0) / relevant,
    }


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def _dcg(gains: list[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def _standard_error(values: list[float]) -> float:
    return arithmetic.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


# --- reading -----------------------------------------------------------------------------------------------------


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except FileNotFoundError:
        raise EvaluationError(_("缺少文件 {path}。").format(path=path)) from None
    except UnicodeDecodeError:
        raise EvaluationError(_("{path} 不是 UTF-8 编码的文本文件。").format(path=path)) from None


def _records(path: Path) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for number, line in _lines(path):
        try:
            entry = json.loads(line)
        except ValueError:
            raise EvaluationError(_("{path} 第 {line} 行不是 JSON。").format(path=path.name, line=number)) from None
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str | int) or entry["id"] == "":
            raise EvaluationError(_("{path} 第 {line} 行缺少 id。").format(path=path.name, line=number))
        entry["id"] = str(entry["id"])
        if entry["id"] in seen:
            raise EvaluationError(
                _("{path} 第 {line} 行的 id“{id}”重复。").format(path=path.name, line=number, id=entry["id"])
            )
        seen.add(entry["id"])
        yield entry


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in _lines(path):
        columns = line.rstrip("\r\n").split("\t")
        yield number, [column.strip() for column in columns]


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _text(entry: Mapping[str, Any]) -> MatchText:
    title, body = _string(entry.get("title")).strip(), _string(entry.get("text")).strip()
    return MatchText(title[:LONGEST_TEXT], body[:LONGEST_TEXT])


def _facts(entry: Mapping[str, Any]) -> Facts:
    """Optional structured fields: `category` (a code), `tags` (a list), `region` (a code)."""
    tags = entry.get("tags")
    region = _string(entry.get("region"))
    return Facts(
        category=_string(entry.get("category")),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        regions=(region,) if region.isdecimal() else (),
    )


def _document(entry: Mapping[str, Any], sizes: TermStatistics) -> dict[str, Any]:
    facts = _facts(entry).to_dict()
    document = _text(entry).document(sizes)
    return document | {"facts": json.dumps(facts, ensure_ascii=False)} if facts else document
