"""Weighing is a pure function: every rule of matching.md §2, without a database or an engine."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.matcher import Outcome, collapse
from matching.scoring import (
    Candidate,
    Evidence,
    Facts,
    Profile,
    Statistics,
    Subject,
    budget_fit,
    category_overlap,
    combine,
    freshness,
    missing_credentials,
    mutual_score,
    service_area,
    tag_overlap,
    track_record,
    weigh,
    weighted_terms,
)
from search.analysis import unpack_text
from search.match_text import MatchText
from search.statistics import StatisticsBuilder

pytestmark = pytest.mark.unit
PROFILE = Profile()
TODAY = 740_000

TEXTS = {
    "drainage": MatchText("管网液位感知与内涝预警", "在检查井布设液位计，结合降雨预报推算积水点，提前通知泵站。"),
    "fishery": MatchText("海洋牧场水下视频监测", "水下摄像识别鱼群数量，传感器测量溶解氧，手机推送增氧提醒。"),
    "care": MatchText("跌倒识别毫米波雷达", "识别老年人跌倒和长时间不动，自动呼叫家属与社区，保护隐私。"),
    "power": MatchText("虚拟电厂负荷聚合", "聚合工厂可调负荷和储能参与需求响应，自动下发调节指令。"),
}
LONG = MatchText(
    "城区内涝积水预警", "汛期下穿桥反复积水，希望在检查井安装液位监测设备，结合天气预报提前判断积水位置并通知泵站。"
)
SHORT = MatchText("内涝积水预警")


def collection(texts: dict[str, MatchText], query: MatchText) -> tuple[list[Candidate], Statistics]:
    builder = StatisticsBuilder()
    for text in texts.values():
        builder.add(text.title_ids, text.text_ids)
    sizes = builder.finish()
    candidates = [Candidate(key, unpack_text(text.document(sizes)["packed"]), Facts()) for key, text in texts.items()]
    frequencies = {term: sum(term in text.text_counts for text in texts.values()) for term in query.text_counts}
    return candidates, Statistics(len(texts), sizes.mean_title_length, sizes.mean_text_length, frequencies)


def ranking(query: MatchText, *, texts=TEXTS, facts=None, subject=None, profile=PROFILE, is_demand=True):
    candidates, statistics = collection(texts, query)
    candidates = [replace(entry, facts=(facts or {}).get(entry.identity, Facts())) for entry in candidates]
    asking = Subject(query, subject or Facts(), is_demand=is_demand, today=TODAY)
    return weigh(asking, candidates, statistics, profile)


def order(found) -> list[str]:
    return [entry.identity for entry in found.ranked]


# --- text --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [LONG, SHORT])
def test_bare_texts_are_ranked_by_text_alone(query):
    found = ranking(query)
    assert order(found)[0] == "drainage"
    assert all(set(entry.factors) == {"text"} for entry in found.ranked)


def test_bm25_and_cosine_are_what_their_formulas_say():
    texts = {"a": MatchText("", "水利水利大坝"), "b": MatchText("", "水利交通")}
    query = MatchText("", "水利大坝")
    candidates, statistics = collection(texts, query)
    found = {
        entry.identity: entry for entry in weigh(Subject(query, Facts(), True), candidates, statistics, PROFILE).ranked
    }
    counts = {key: text.text_counts for key, text in texts.items()}
    lengths = {key: sum(count.values()) for key, count in counts.items()}
    mean = sum(lengths.values()) / 2
    for key, entry in found.items():
        bm25 = dot = 0.0
        for term in query.text_counts:
            frequency, count = sum(term in other for other in counts.values()), counts[key].get(term, 0)
            if frequency and count:
                idf = math.log(1 + (2 - frequency + 0.5) / (frequency + 0.5))
                bm25 += idf * count * 2.6 / (count + 1.6 * (0.25 + 0.75 * lengths[key] / mean))
                dot += (1 + math.log(count)) * (math.log(3 / (1 + frequency)) + 1) ** 2

        def norm(counted) -> float:
            return math.sqrt(
                sum(
                    ((1 + math.log(count)) * (math.log(3 / (1 + sum(term in other for other in counts.values()))) + 1))
                    ** 2
                    for term, count in counted.items()
                )
            )

        assert entry.bm25 == pytest.approx(2 * bm25), "without a title the text counts twice"
        assert entry.cosine == pytest.approx(dot / norm(counts[key]) / norm(query.text_counts), rel=1e-5)


def test_the_title_counts_about_as_much_as_the_body():
    texts = {
        "title": MatchText("内涝积水预警", "提供设备、平台、安装、运维等全套服务，案例多，响应及时，价格合理。"),
        "body": MatchText("设备与平台服务", "提供内涝积水预警设备、平台、安装、运维等服务，案例多，价格合理。"),
        "neither": MatchText("鱼群识别", "水下摄像识别鱼群数量和活动，测量溶解氧与水温，手机推送增氧提醒。"),
    }
    assert order(ranking(SHORT, texts=texts)) == ["title", "body", "neither"]


def test_a_short_query_goes_by_bm25_alone_and_a_long_one_by_both():
    evidence = [Evidence("a", 10.0, 0.10, {}), Evidence("b", 5.0, 0.30, {}), Evidence("c", 0.0, 0.0, {})]
    assert [entry.identity for entry in combine(evidence, PROFILE, is_short=True)] == ["a", "b", "c"]
    fused = {entry.identity: entry.factors["text"] for entry in combine(evidence, PROFILE, is_short=False)}
    assert fused == pytest.approx({"a": (1 + 1 / 3) / 2, "b": (0.5 + 1) / 2, "c": 0.0})
    assert (len(SHORT.title), SHORT.length < PROFILE.short_query_length <= LONG.length) == (6, True)


def test_equal_values_count_one():
    evidence = [Evidence("b", 5.0, 0.27, {}), Evidence("a", 5.0, 0.27, {})]
    assert [(entry.identity, entry.score) for entry in combine(evidence, PROFILE, is_short=False)] == [
        ("a", 100.0),
        ("b", 100.0),
    ]


def test_the_least_bad_candidate_of_a_poor_list_does_not_get_a_hundred():
    poor = combine([Evidence("a", 9.0, 0.09, {}), Evidence("b", 1.0, 0.01, {})], PROFILE, is_short=False)
    good = combine([Evidence("a", 9.0, 0.30, {}), Evidence("b", 1.0, 0.01, {})], PROFILE, is_short=False)
    assert poor[0].score == round(100 * 0.09 / 0.27, 1)
    assert good[0].score == 100.0
    assert [entry.level for entry in poor] == ["weak", "weak"]


@pytest.mark.parametrize(("cosine", "level"), [(0.20, "strong"), (0.199, "medium"), (0.12, "medium"), (0.119, "weak")])
def test_the_level_follows_the_candidates_own_cosine(cosine, level):
    for other in (0.05, 0.45):
        found = combine([Evidence("a", 1.0, cosine, {}), Evidence("b", 2.0, other, {})], PROFILE, is_short=False)
        assert {entry.identity: entry.level for entry in found}["a"] == level


def test_a_vector_takes_its_share_only_when_every_candidate_has_one():
    evidence = [Evidence("a", 10.0, 0.3, {}, 0.1), Evidence("b", 0.0, 0.0, {}, 0.9)]
    with_vectors = {entry.identity: entry.factors["text"] for entry in combine(evidence, PROFILE, is_short=True)}
    assert with_vectors == pytest.approx({"a": 0.7, "b": 0.3})
    evidence[1] = replace(evidence[1], vector=None)
    without = {entry.identity: entry.factors["text"] for entry in combine(evidence, PROFILE, is_short=True)}
    assert without == {"a": 1.0, "b": 0.0}


def test_terms_are_chosen_by_tf_idf_among_those_the_collection_knows():
    statistics = Statistics(100, 1, 1, {"常": 90, "罕": 2, "无": 0, "见": 2})
    text = MatchText("", "常罕罕见无")
    chosen = weighted_terms(text, statistics, 2)
    assert chosen == [("罕", pytest.approx(1 + math.log(2))), ("见", 1.0)]


def test_nothing_to_compare_gives_an_empty_ranking():
    found = weigh(Subject(LONG, Facts(), True), [], Statistics(0, 1, 1, {}), PROFILE)
    assert (found.ranked, found.excluded, found.best_cosine, found.nothing_fits(PROFILE)) == ((), (), 0.0, True)


# --- the other factors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [
        ("4.2.1", "4.2.1", 1.0),
        ("4.2.1", "4.2.3", 0.6),
        ("4.2.1", "4.2", 0.6),
        ("4.2", "4.3", 0.6),
        ("4.2.1", "4.3.1", 0.3),
        ("4.2.1", "4", 0.3),
        ("4.2.1", "5.2.1", 0.0),
        ("4", "5", 0.0),
        ("", "4", None),
        ("4", "", None),
    ],
)
def test_category_overlap(first, second, value):
    assert category_overlap(first, second, PROFILE) == value


@pytest.mark.parametrize(
    ("demand", "supply", "value"),
    [
        (Facts(regions=("370102", "370100", "370000")), Facts(whole_province=True), 1.0),
        (Facts(regions=("370102", "370100", "370000")), Facts(regions=("370100",)), 1.0),
        (
            Facts(regions=("370102", "370100", "370000"), circle="省会"),
            Facts(regions=("370300",), circles=("省会",)),
            0.5,
        ),
        (
            Facts(regions=("370102", "370100", "370000"), circle="省会"),
            Facts(regions=("370200",), circles=("胶东",)),
            0.0,
        ),
        (Facts(regions=("370000",)), Facts(regions=("370100",)), 0.0),
        (Facts(regions=("370000",)), Facts(whole_province=True), 1.0),
        (Facts(), Facts(whole_province=True), None),
        (Facts(regions=("370100",)), Facts(), None),
    ],
)
def test_service_area(demand, supply, value):
    assert service_area(demand, supply) == value


@pytest.mark.parametrize(
    ("budget", "price", "value"),
    [((100, 200), (150, 900), 1.0), ((None, 200), (400, None), 0.5), ((200, None), (100, None), 1.0)],
)
def test_budget_fit(budget, price, value):
    demand = Facts(amount_minimum=budget[0], amount_maximum=budget[1])
    supply = Facts(amount_minimum=price[0], amount_maximum=price[1])
    assert budget_fit(demand, supply) == value
    assert budget_fit(Facts(), supply) is None
    assert budget_fit(demand, Facts()) is None


def test_track_record_is_a_bayesian_mean():
    assert track_record(Facts(), PROFILE) is None
    assert track_record(Facts(outcomes=1, outcomes_confirmed=1), PROFILE) == pytest.approx(3 / 5)
    assert track_record(Facts(outcomes=36, outcomes_confirmed=36), PROFILE) == pytest.approx(38 / 40)
    assert track_record(Facts(outcomes=4, outcomes_confirmed=1), PROFILE) == pytest.approx(3 / 5)
    assert track_record(Facts(organisation="x"), PROFILE) == 0.5
    assert track_record(Facts(organisation="x", outcomes=4), PROFILE) == 0.5


def test_tags_and_freshness():
    assert tag_overlap(("a", "b"), ("b", "c")) == 0.5
    assert tag_overlap((), ("a",)) is None
    assert freshness(TODAY - 60, TODAY, PROFILE) == 1.0
    assert freshness(TODAY - 365, TODAY, PROFILE) == 0.0
    assert freshness(None, TODAY, PROFILE) is None


def test_a_factor_without_evidence_is_left_out_and_the_others_renormalised():
    facts = {"drainage": Facts(category="4.1.1"), "fishery": Facts()}
    found = {entry.identity: entry for entry in ranking(LONG, facts=facts, subject=Facts(category="4.1.2")).ranked}
    assert found["drainage"].factors["category"] == 0.6
    text = found["drainage"].factors["text"]
    assert found["drainage"].score == round(100 * (0.55 * text + 0.15 * 0.6) / 0.70, 1)
    assert set(found["fishery"].factors) == {"text"}


def test_both_directions_give_a_pair_the_same_factors():
    demand = Facts(category="4.1.1", tags=("雷达",), regions=("370100", "370000"), amount_maximum=100)
    supply = Facts(
        category="4.1.2", tags=("雷达", "视频"), whole_province=True, amount_minimum=200, outcomes_confirmed=2
    )
    one = ranking(LONG, texts={"x": TEXTS["drainage"]}, facts={"x": supply}, subject=demand)
    two = ranking(LONG, texts={"x": TEXTS["drainage"]}, facts={"x": demand}, subject=supply, is_demand=False)
    factors = [dict(found.ranked[0].factors) for found in (one, two)]
    assert factors[0] == factors[1]
    assert factors[0] == {
        "text": factors[0]["text"],
        "category": 0.6,
        "tags": 1.0,
        "track_record": pytest.approx(4 / 6),
        "service_area": 1.0,
        "budget": 0.5,
    }


# --- hard conditions ---------------------------------------------------------------------------------------------


def test_hard_conditions_exclude_with_a_reason_and_do_not_shape_the_rest():
    facts = {
        "drainage": Facts(organisation="same"),
        "fishery": Facts(credentials=(("水产养殖证", TODAY - 1),)),
        "care": Facts(credentials=(("水产养殖证（甲级）", TODAY),)),
        "power": Facts(credentials=(("水产养殖证", 0),)),
    }
    found = ranking(LONG, facts=facts, subject=Facts(organisation="same", required_credentials=("水产养殖证",)))
    assert {entry.identity: entry.code for entry in found.excluded} == {
        "drainage": "same_organisation",
        "fishery": "credential_missing",
    }
    assert sorted(order(found)) == ["care", "power"]


def test_a_demand_past_its_deadline_is_excluded_for_whoever_asks():
    found = ranking(LONG, facts={"care": Facts(deadline_day=TODAY - 1)}, is_demand=False)
    assert [(entry.identity, entry.code) for entry in found.excluded] == [("care", "deadline_passed")]


def test_credentials_are_compared_by_name_whatever_its_width():
    demand = Facts(required_credentials=("ＣＭＭＩ 5",))
    assert missing_credentials(demand, Facts(credentials=(("cmmi5级认证", 0),)), TODAY) == []
    assert missing_credentials(demand, Facts(credentials=(("CMMI 3", 0),)), TODAY) == ["ＣＭＭＩ 5"]


# --- reasons -----------------------------------------------------------------------------------------------------


def test_reasons_name_the_shared_phrases_and_their_field():
    first = ranking(LONG).ranked[0]
    terms = {entry["term"]: entry["field"] for entry in first.reasons[0].values["terms"]}
    assert terms["内涝"] == "title"
    assert terms["检查井"] == "text"
    assert all(len(term) > 1 for term in terms)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 50),
            st.floats(0, 1),
            st.dictionaries(
                st.sampled_from(["category", "tags", "track_record", "service_area", "budget", "freshness"]),
                st.floats(0, 1),
            ),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_scores_stay_between_nil_and_a_hundred_and_do_not_depend_on_the_order_given(entries):
    evidence = [Evidence(f"{number:02d}", *entry) for number, entry in enumerate(entries)]
    found = combine(evidence, PROFILE, is_short=False)
    assert all(0 <= entry.score <= 100 for entry in found)
    assert [entry.score for entry in found] == sorted((entry.score for entry in found), reverse=True)
    assert combine(evidence[::-1], PROFILE, is_short=False) == found


@settings(max_examples=60, deadline=None)
@given(
    category=st.sampled_from(["", "4.1.1", "4.1.2", "5.1"]),
    tags=st.lists(st.sampled_from("abcd"), unique=True),
    price=st.one_of(st.none(), st.integers(1, 10**9)),
    outcomes=st.integers(0, 5),
    age=st.integers(0, 500),
)
def test_shares_add_up_to_the_score_shown(category, tags, price, outcomes, age):
    supply = Facts(
        category=category,
        tags=tuple(tags),
        amount_minimum=price,
        outcomes=outcomes,
        outcomes_confirmed=outcomes // 2,
        whole_province=True,
        fresh_day=TODAY - age,
    )
    demand = Facts(category="4.1.1", tags=("a", "b"), amount_maximum=10**7, regions=("370100",))
    for entry in ranking(LONG, facts=dict.fromkeys(TEXTS, supply), subject=demand).ranked:
        assert round(sum(reason.share for reason in entry.reasons), 1) == entry.score


@settings(max_examples=60, deadline=None)
@given(
    category=st.sampled_from(["", "4.1.1", "5.1"]),
    price=st.one_of(st.none(), st.integers(1, 10**9)),
    claimed=st.integers(1, 20),
    confirmed=st.integers(0, 20),
)
def test_what_no_customer_confirmed_weighs_nothing_and_a_confirmed_case_never_less(category, price, claimed, confirmed):
    demand = Facts(category="4.1.1", amount_maximum=10**7, regions=("370100",))
    without = Facts(organisation="x", category=category, amount_minimum=price, whole_province=True, fresh_day=TODAY)

    def score(supply: Facts) -> float:
        others = dict.fromkeys(TEXTS, without)
        found = ranking(LONG, facts={**others, "drainage": supply}, subject=demand).ranked
        return next(entry.score for entry in found if entry.identity == "drainage")

    def with_cases(told: int, sure: int) -> Facts:
        return replace(without, outcomes=told, outcomes_confirmed=sure)

    assert score(with_cases(claimed, 0)) == score(without)
    assert score(with_cases(confirmed + claimed, confirmed)) == score(with_cases(confirmed, confirmed))
    assert score(with_cases(confirmed + 1, confirmed + 1)) >= score(with_cases(confirmed, confirmed))


def test_gaps_stand_beside_reasons():
    supply = Facts(category="5.1", tags=("视频",), regions=("370200",), amount_minimum=300, outcomes=1, cases=("甲",))
    demand = Facts(category="4.1.1", tags=("雷达",), regions=("370100",), amount_maximum=100)
    found = {entry.identity: entry for entry in ranking(LONG, facts={"power": supply}, subject=demand).ranked}
    assert {gap.code for gap in found["power"].gaps} == {
        "text_weak",
        "category_different",
        "tags_missing",
        "service_area_not_covered",
        "price_above_budget",
        "case_unconfirmed",
    }


# --- around it ---------------------------------------------------------------------------------------------------


def test_mutual_scores_need_both_sides():
    assert mutual_score(80, 45) == 60.0
    assert mutual_score(80, 0) == 0.0


def test_one_place_per_organisation():
    facts = {"drainage": Facts(organisation="x"), "fishery": Facts(organisation="x"), "care": Facts(organisation="y")}
    candidates, statistics = collection(TEXTS, LONG)
    candidates = [replace(entry, facts=facts.get(entry.identity, Facts())) for entry in candidates]
    found = weigh(Subject(LONG, Facts(), True), candidates, statistics, PROFILE)
    kept, others = collapse(Outcome(found, statistics, "", tuple(candidates), 0, 0))
    assert [entry.identity for entry in kept][0] == "drainage"
    assert sorted(entry.identity for entry in kept) == ["care", "drainage", "power"]
    assert others == {"drainage": ["fishery"]}


def test_a_profile_refuses_names_it_does_not_know():
    assert Profile.from_dict(PROFILE.to_dict()) == PROFILE
    with pytest.raises(ValueError, match="wieght"):
        Profile.from_dict({"wieght": 1})


def test_facts_survive_the_index():
    facts = Facts(organisation="x", tags=("a",), credentials=(("证", 0),), whole_province=True, amount_minimum=5)
    assert set(facts.to_dict()) == {"organisation", "tags", "credentials", "whole_province", "amount_minimum"}
    stored = {
        "tags": ["a"],
        "credentials": [["证", 0]],
        "organisation": "x",
        "whole_province": True,
        "amount_minimum": 5,
    }
    assert Facts.from_dict(stored) == facts
