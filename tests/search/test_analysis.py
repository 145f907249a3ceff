"""Tokens, packed texts, highlighting: no database, no engine."""

import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis import count_ids, normalise, pack_text, term_id, tokens, unpack_text, words_and_phrases
from search.highlighting import Segment, excerpt, highlight
from search.match_text import MatchText
from search.statistics import StatisticsBuilder, frequencies_from_bytes

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("水利", ["水", "利", "水利"]),
        ("智慧 水利", ["智", "慧", "智慧", "水", "利", "水利"]),
        ("５Ｇ基站", ["5g", "基", "站", "基站"]),
        ("GB/T 32100-2015", ["gb", "t", "32100", "2015"]),
        ("精度3.5米", ["精", "度", "精度", "3.5", "米"]),
        ("𠮷祥", ["𠮷", "祥", "𠮷祥"]),
        ("", []),
        ("，。！（）\"'[]", []),
    ],
)
def test_tokens_are_characters_bigrams_and_whole_words(text: str, expected: list[str]):
    assert tokens(text) == expected


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="智慧水利 abc12。，\n𠮷", max_size=60), st.text(max_size=40))
def test_a_packed_text_gives_its_counts_back(title: str, body: str):
    text = MatchText(title, body)
    counts = [text.title_ids, text.text_ids]
    packed = unpack_text(pack_text(*counts, title_norm=1.5, text_norm=2.5))
    assert dict.fromkeys(packed.title_once, 1) | dict(packed.title_more) == counts[0]
    assert dict.fromkeys(packed.text_once, 1) | dict(packed.text_more) == counts[1]
    assert (packed.title_length, packed.text_length) == (len(text.title_tokens), len(text.text_tokens))
    assert (packed.title_norm, packed.text_norm) == (1.5, 2.5)


def test_counts_by_number_keep_the_counts():
    counted = count_ids(tokens("智慧水利智慧"))
    assert counted[term_id("智慧")] == 2
    assert counted == {term_id(term): count for term, count in Counter(tokens("智慧水利智慧")).items()}


def test_numbers_stay_the_same_when_remembered_ones_are_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("search.analysis.REMEMBERED_TERMS", 3)
    terms = [*tokens("智慧水利大坝监测"), *tokens("智慧水利大坝监测")]
    assert count_ids(terms) == Counter(term_id(term) for term in terms)


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=30) | st.text("智慧가ᄀ\u1161\u11a8e\u0301\u3099か，。Ａａﬁ①㎡İ 1\n𠮷㐀\u0307\uf900", max_size=30)
)
def test_normalising_around_han_characters_is_normalising_the_whole(text: str):
    assert normalise(text) == unicodedata.normalize("NFKC", text).lower()


def test_statistics_survive_being_stored():
    builder = StatisticsBuilder()
    for body in ("水利大坝", "水利交通", "林业"):
        text = MatchText("", body)
        builder.add(text.title_ids, text.text_ids)
    statistics = builder.finish()
    assert statistics.documents == 3
    assert statistics.frequencies == {term_id(term): 2 for term in ("水", "利", "水利")}
    assert frequencies_from_bytes(statistics.frequencies_to_bytes()) == statistics.frequencies


def test_a_rare_term_makes_a_text_longer_than_a_common_one():
    builder = StatisticsBuilder()
    for body in ("水利大坝", "水利交通", "水利林业"):
        builder.add({}, MatchText("", body).text_ids)
    statistics = builder.finish()
    assert statistics.norm({term_id("水利"): 1}) < statistics.norm({term_id("大坝"): 1})
    assert statistics.norm({}) == 1.0


def test_highlight_marks_what_was_searched_for_and_keeps_every_character():
    segments = highlight("ＡＩ赋能智慧水利建设", words_and_phrases("ai 智慧水利"))
    assert segments == (
        Segment("ＡＩ", True),
        Segment("赋能", False),
        Segment("智慧水利", True),
        Segment("建设", False),
    )
    assert highlight("普通文字", words_and_phrases("")) == (Segment("普通文字", False),)


def test_an_excerpt_shows_the_place_of_the_match_not_markup():
    text = "甲" * 300 + "智慧水利<b>" + "乙" * 300
    pieces = excerpt([text], words_and_phrases("智慧水利"))
    assert Segment("智慧水利", True) in pieces
    shown = "".join(piece.text for piece in pieces)
    assert (shown[0], shown[-1], len(shown)) == ("…", "…", 122)
    assert excerpt([], []) == ()
