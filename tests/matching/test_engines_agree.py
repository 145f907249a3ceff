"""The engine proposes, weighing decides: both engines give the same first ten (matching.md §6: overlap ≥ 0.95)."""

import json
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean

import pytest

from marketplace.demo import content
from matching.matcher import match
from matching.scoring import Facts, Profile, Subject
from search.contract import Engine, Put, Schema
from search.engines import engine_from_url
from search.match_text import MATCH_FIELDS, MatchText
from search.statistics import StatisticsBuilder, TermStatistics
from tests.matching.test_real_data import FOLDER
from tests.search.servers import cluster_of_its_own

pytestmark = pytest.mark.engine
SCHEMA = Schema("agreement", 1, MATCH_FIELDS)
SENTENCE = re.compile(r"[^。；]+[。；]")


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    with cluster_of_its_own() as url:
        yield engine_from_url(f"embedded://{tmp_path / 'agreement'}"), engine_from_url(url)


def statistics_of(texts: Mapping[str, MatchText]) -> TermStatistics:
    builder = StatisticsBuilder()
    for text in texts.values():
        builder.add(text.title_ids, text.text_ids)
    return builder.finish()


def overlap(engines: tuple[Engine, Engine], documents: Mapping[str, MatchText], queries: list[MatchText]) -> float:
    """Mean share of the first ten that both engines have in common, after weighing."""
    sizes = statistics_of(documents)
    puts = [Put(key, 1, text.document(sizes)) for key, text in documents.items()]
    for engine in engines:
        engine.create(SCHEMA, "one")
        engine.write(SCHEMA, "one", puts)
        engine.promote(SCHEMA, "one")
    shares = []
    for query in queries:
        first, second = (
            {entry.identity for entry in found.ranking.ranked[:10]}
            for found in (match(engine, SCHEMA, Subject(query, Facts(), True), Profile(), sizes) for engine in engines)
        )
        assert first
        shares.append(len(first & second) / len(first))
    return fmean(shares)


def demands() -> list[MatchText]:
    return [MatchText(entry.title, f"{entry.pain}\n{entry.text}\n{entry.targets}") for entry in content.demands()]


def offers() -> dict[str, MatchText]:
    found = [offer for vendor in content.vendors() for offer in vendor.capabilities]
    return {
        str(number): MatchText(offer.title, f"{offer.summary}\n{offer.text}\n{offer.use}")
        for number, offer in enumerate(found)
    }


def test_on_the_demonstration(engines):
    assert overlap(engines, offers(), demands()) >= 0.99


def test_on_a_collection_from_which_two_hundred_must_be_chosen(engines):
    """Sentences of the demonstration, mixed: many documents near each other, more than are proposed."""
    generator = random.Random(4)
    sentences = [sentence for text in offers().values() for sentence in SENTENCE.findall(text.body)]
    titles = [text.title for text in offers().values()]
    documents = {
        str(number): MatchText(
            generator.choice(titles)[:8] + generator.choice(titles)[-8:], "".join(generator.sample(sentences, 4))
        )
        for number in range(2_000)
    }
    assert overlap(engines, documents, demands()[:40]) >= 0.95


@pytest.mark.real_data
@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no real texts at {FOLDER} (set MARKETPLACE_REAL_DATA)")
def test_on_the_real_texts(engines):
    records = {
        name: [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
        for name in ("scenarios", "challenges", "pairs", "capabilities")
    }
    documents = {
        f"{name}-{number}": MatchText(record["title"], record.get("description") or "")
        for name in ("scenarios", "challenges", "capabilities")
        for number, record in enumerate(records[name])
        if record.get("title")
    }
    queries = [MatchText("", pair["demand_text"]) for pair in records["pairs"]]
    assert len(documents) > 300
    assert overlap(engines, documents, queries) >= 0.95
