"""Made-up collections for benchmarks: a language with the frequencies of a natural one, and documents in bulk.

`Language` writes texts word by word. `Pool` recombines sentences of that language that were cut into tokens once: ten
times as fast, so that a million documents need minutes. Its rarest terms are more frequent than a language's own (every
sentence serves many documents), which makes an engine's work harder, not easier.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from matching.scoring import Facts, Subject
from search.analysis import pack_text, term_id, tokens
from search.contract import Field, Kind, Put, Schema
from search.match_text import MATCH_FIELDS, MatchText
from search.statistics import SAMPLE_SIZE, StatisticsBuilder, TermStatistics

TODAY = 740_000
CITIES = [f"37{number:02d}00" for number in range(1, 18) if number != 12]
CATEGORIES = [f"{one}.{two}.{three}" for one in range(1, 7) for two in range(1, 4) for three in range(1, 5)]
TAGS = [f"技术{number}" for number in range(60)]

#: A matching index with the fields of a page's index beside: one collection serves matches and searches.
SCHEMA = Schema(
    "growth",
    1,
    (
        *MATCH_FIELDS,
        Field("visible", Kind.KEYWORD),
        Field("city", Kind.KEYWORD),
        Field("category", Kind.KEYWORD),
        Field("state", Kind.KEYWORD),
        Field("day", Kind.INTEGER),
    ),
)


class Language:
    """A made-up vocabulary with the frequencies of a natural one."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        characters = [chr(0x4E00 + number * 7) for number in range(2800)]
        weights = [1 / (rank + 8) for rank in range(len(characters))]
        self.words = [
            "".join(self.random.choices(characters, weights, k=self.random.choice((2, 2, 2, 3)))) for _ in range(40_000)
        ]
        self.common = list(self._cumulated(1 / (rank + 3) for rank in range(len(self.words))))
        self.topics = [self.random.sample(range(len(self.words)), 60) for _ in range(400)]

    @staticmethod
    def _cumulated(weights: Iterator[float]) -> Iterator[float]:
        total = 0.0
        for weight in weights:
            total += weight
            yield total

    def text(self, topic: int, words: int, share: float) -> str:
        """`share` of the words come from the topic, the rest from the language as a whole."""
        own = self.topics[topic]
        chosen = []
        for word in self.random.choices(self.words, cum_weights=self.common, k=words):
            chosen.append(self.words[self.random.choice(own)] if self.random.random() < share else word)
            if self.random.random() < 0.12:
                chosen.append("，")
        return "".join(chosen)

    def facts(self, topic: int, *, demand: bool) -> Facts:
        pick = self.random.choice
        amount = self.random.randrange(10, 2000) * 1_000_000
        return Facts(
            organisation=str(self.random.randrange(1_000_000)),
            category=CATEGORIES[topic % len(CATEGORIES)] if self.random.random() < 0.8 else pick(CATEGORIES),
            tags=tuple(sorted(self.random.sample(TAGS, 3))),
            regions=tuple(sorted(self.random.sample(CITIES, 1 if demand else 4))),
            amount_minimum=amount,
            amount_maximum=amount * 2,
            cases=() if demand else tuple(self.text(topic, 6, 0.6) for _ in range(2)),
            outcomes=0 if demand else 2,
            outcomes_confirmed=0 if demand else 1,
            fresh_day=TODAY - self.random.randrange(365),
        )

    def document(self) -> tuple[MatchText, Facts]:
        topic = self.random.randrange(len(self.topics))
        return MatchText(self.text(topic, 9, 0.6), self.text(topic, 130, 0.25)), self.facts(topic, demand=False)

    def demand(self) -> Subject:
        topic = self.random.randrange(len(self.topics))
        text = MatchText(self.text(topic, 10, 0.6), self.text(topic, 160, 0.25))
        return Subject(text, self.facts(topic, demand=True), is_demand=True, today=TODAY)


@dataclass(frozen=True)
class Sentence:
    """One sentence, cut into tokens once."""

    text: str
    tokens: str
    ids: tuple[int, ...]


class Pool:
    """Documents put together from sentences; the same documents for the same seed."""

    GENERAL, OWN, TITLES = 40_000, 12, 10
    #: Sentences of a body: of the language as a whole, and of the document's topic.
    BODY_GENERAL, BODY_OWN = 7, 4

    def __init__(self, seed: int = 1) -> None:
        self.language = Language(seed)
        topics = range(len(self.language.topics))
        self.general = [self._sentence(0, 12, 0.0) for _ in range(self.GENERAL)]
        self.own = [[self._sentence(topic, 12, 0.6) for _ in range(self.OWN)] for topic in topics]
        self.titles = [[self._sentence(topic, 9, 0.6) for _ in range(self.TITLES)] for topic in topics]
        self.random = random.Random(seed + 1)
        self.sizes = self._sizes()
        self.random = random.Random(seed + 2)

    def _sentence(self, topic: int, words: int, share: float) -> Sentence:
        text = self.language.text(topic, words, share)
        found = tokens(text)
        return Sentence(text, " ".join(found), tuple(map(term_id, found)))

    def _parts(self) -> tuple[int, Sentence, list[Sentence]]:
        topic = int(self.random.random() * len(self.own))
        title = self.random.choice(self.titles[topic])
        body = self.random.choices(self.general, k=self.BODY_GENERAL)
        return topic, title, body + self.random.choices(self.own[topic], k=self.BODY_OWN)

    def _sizes(self) -> TermStatistics:
        builder = StatisticsBuilder()
        for _ in range(SAMPLE_SIZE):
            _topic, title, body = self._parts()
            text = Counter(title.ids)
            for sentence in body:
                text.update(sentence.ids)
            builder.add(Counter(title.ids), text)
        return builder.finish()

    def document(self) -> dict[str, Any]:
        topic, title, body = self._parts()
        title_counts, text_counts = Counter(title.ids), Counter(title.ids)
        for sentence in body:
            text_counts.update(sentence.ids)
        pick = self.random.choice
        amount = int(self.random.random() * 2000 + 10) * 1_000_000
        cities = self.random.sample(CITIES, 4)
        category = CATEGORIES[topic % len(CATEGORIES)] if self.random.random() < 0.8 else pick(CATEGORIES)
        facts = {
            "organisation": str(int(self.random.random() * 1_000_000)),
            "category": category,
            "tags": sorted(self.random.sample(TAGS, 3)),
            "regions": sorted(cities),
            "amount_minimum": amount,
            "amount_maximum": amount * 2,
            "cases": [pick(self.titles[topic]).text, pick(self.titles[topic]).text],
            "outcomes": 2,
            "outcomes_confirmed": 1,
            "fresh_day": TODAY - int(self.random.random() * 365),
        }
        return {
            "title": title.tokens,
            "text": " ".join([title.tokens, *(sentence.tokens for sentence in body)]),
            "packed": pack_text(
                title_counts,
                text_counts,
                title_norm=self.sizes.norm(title_counts),
                text_norm=self.sizes.norm(text_counts),
            ),
            "facts": json.dumps(facts, ensure_ascii=False),
            "visible": "public",
            "city": cities[0],
            "category": category,
            "state": "listed" if self.random.random() < 0.9 else "expired",
            "day": facts["fresh_day"],
        }

    def batches(self, number: int, size: int = 2_000) -> Iterator[list[Put]]:
        for start in range(0, number, size):
            yield [Put(str(key), 1, self.document()) for key in range(start, min(start + size, number))]
