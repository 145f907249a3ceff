"""Rules without a database: the draw, the scoring rule, signs of collusion, the parameter sheet, month arithmetic."""

import io
from datetime import date
from decimal import Decimal

import pytest
from docx import Document
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from challenges.collusion import Traces, authors_of, hints_of, similarity
from challenges.conflicts import years_back
from challenges.drawing import Candidate, PoolTooSmall, commitment, draw, next_in_order
from challenges.parameters import Parameters, checked, default_parameters, parameters_from, stored
from challenges.scoring import Entry, mean, outcomes, price_points
from challenges.services.projects import add_months
from core.errors import InvalidInput

pytestmark = pytest.mark.unit

CRITERIA = [
    {"key": "technology", "name": "技术", "weight": 60, "minimum": 30},
    {"key": "team", "name": "团队", "weight": 40, "minimum": 0},
]


# --- the draw -----------------------------------------------------------------------------------------------------


def pool(technical=8, other=4):
    return [Candidate(f"t{number}", "technical") for number in range(technical)] + [
        Candidate(f"m{number}", "management") for number in range(other)
    ]


def test_the_same_seed_and_words_draw_the_same_panel_whatever_the_pools_order():
    first = draw("seed", "words", pool(), 5, 67)
    assert draw("seed", "words", list(reversed(pool())), 5, 67) == first
    assert draw("seed", "other words", pool(), 5, 67).order != first.order
    assert draw("other seed", "words", pool(), 5, 67).order != first.order


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=20), st.text(max_size=20), st.integers(4, 12), st.integers(0, 12), st.sampled_from([5, 7, 9]))
def test_a_panel_has_its_seats_its_share_of_technical_experts_and_nobody_twice(seed, words, technical, other, seats):
    members = pool(technical, other)
    needed = -(-seats * 67 // 100)
    if len(members) < seats or technical < needed:
        with pytest.raises(PoolTooSmall):
            draw(seed, words, members, seats, 67)
        return
    result = draw(seed, words, members, seats, 67)
    assert len(set(result.chosen)) == seats
    assert sum(one.startswith("t") for one in result.chosen) >= needed
    assert sorted(result.order) == sorted(one.id for one in members)


def test_each_expert_has_the_same_chance():
    counts = dict.fromkeys((one.id for one in pool(9, 0)), 0)
    for number in range(3000):
        for one in draw(str(number), "", pool(9, 0), 5, 67).chosen:
            counts[one] += 1
    expected = 3000 * 5 / 9
    assert all(abs(count - expected) < expected * 0.08 for count in counts.values())


def test_a_vacated_seat_goes_to_the_next_of_the_order_by_the_same_rule():
    result = draw("seed", "words", pool(), 5, 67)
    kinds = {one.id: one.kind for one in pool()}
    used = set(result.chosen)
    following = [one for one in result.order if one not in used]
    assert next_in_order(result.order, kinds, used, technical_needed=False) == following[0]
    technical = [one for one in following if one.startswith("t")]
    assert next_in_order(result.order, kinds, used, technical_needed=True) == technical[0]
    assert next_in_order(result.order, kinds, set(result.order), technical_needed=False) is None


def test_the_commitment_is_the_seeds_hash():
    assert commitment("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


# --- scores -------------------------------------------------------------------------------------------------------


def entry(bid, *points, price=None):
    return Entry(bid, {f"s{number}": {"technology": a, "team": b} for number, (a, b) in enumerate(points)}, price)


def ranks(entries, **options):
    found = outcomes(entries, CRITERIA, **{"price_weight": 0, "trim": False, "seed": "s", **options})
    return [(row.bid, str(row.total), row.rank) for row in found]


def test_a_total_is_the_sum_of_rounded_means():
    assert ranks([entry("a", (50, 30), (51, 30), (51, 31))]) == [("a", "81.00", 1)]
    found = outcomes([entry("a", (50, 30), (51, 30), (51, 31))], CRITERIA, price_weight=0, trim=False, seed="s")[0]
    assert {key: str(value) for key, value in found.criteria.items()} == {"technology": "50.67", "team": "30.33"}


def test_halves_are_rounded_up():
    assert str(price_points(8, 1, 1)) == "0.13"
    found = outcomes([entry("a", *[(50, 30)] * 7, (51, 30))], CRITERIA, price_weight=0, trim=False, seed="s")[0]
    assert str(found.criteria["technology"]) == "50.13"


def test_extremes_are_left_out_only_by_rule_and_from_five_seats():
    assert mean([10, 50, 50, 50, 60], trim=True) == Decimal(50)
    assert mean([10, 50, 50, 50, 60], trim=False) == Decimal(44)
    assert mean([10, 50, 60, 60], trim=True) == Decimal(45)


def test_a_bid_below_a_minimum_ranks_behind_every_other():
    assert ranks([entry("low", (29, 40)), entry("fit", (31, 1))]) == [("fit", "32.00", 1), ("low", "69.00", 2)]


def test_the_lowest_price_gets_the_full_price_points():
    found = ranks([entry("dear", (50, 30), price=200), entry("cheap", (50, 30), price=150)], price_weight=10)
    assert found == [("cheap", "90.00", 1), ("dear", "87.50", 2)]


def test_an_unreadable_price_is_not_ranked_before_a_readable_one():
    assert [row[0] for row in ranks([entry("a", (60, 40)), entry("b", (40, 20), price=1)], price_weight=10)] == [
        "b",
        "a",
    ]


def test_equal_sums_are_decided_by_price_then_by_lot_and_always_the_same():
    assert [row[0] for row in ranks([entry("a", (50, 30), price=2), entry("b", (50, 30), price=1)])] == ["b", "a"]
    tied = [entry("a", (50, 30)), entry("b", (50, 30)), entry("c", (50, 30))]
    assert ranks(tied) == ranks(list(reversed(tied)))
    assert len({tuple(row[0] for row in ranks(tied, seed=str(number))) for number in range(40)}) > 1


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40)), min_size=5, max_size=5), st.booleans())
def test_a_result_does_not_depend_on_the_order_of_seats(points, trim):
    forward = outcomes([entry("a", *points)], CRITERIA, price_weight=0, trim=trim, seed="s")[0]
    backward = outcomes([entry("a", *reversed(points))], CRITERIA, price_weight=0, trim=trim, seed="s")[0]
    assert (forward.total, forward.dispersion) == (backward.total, backward.dispersion)


# --- collusion ----------------------------------------------------------------------------------------------------

PLAN = (
    "采用多源成像融合方法，在闸口边缘侧部署识别单元，通过小样本迁移适应夜间与雨雾，"
    "分两期建设并由班组参与标定与验收，形成可复制的做法。"
)


def kinds(*traces):
    return [(hint.kind, hint.bids) for hint in hints_of(traces)]


def test_nothing_in_common_gives_no_hint():
    assert kinds(Traces("a", device="1", text=PLAN, price_fen=100), Traces("b", device="2", price_fen=150)) == []


def test_a_shared_device_address_author_or_person_is_a_fact_about_exactly_those_bids():
    one = Traces("a", "d", "n", frozenset({"王编"}), people=frozenset({"王工"}))
    two = Traces("b", "d", "n", frozenset({"王编"}), people=frozenset({"王工", "李工"}))
    assert kinds(one, two, Traces("c", "e", "m")) == [
        ("device", ("a", "b")),
        ("address", ("a", "b")),
        ("author", ("a", "b")),
        ("person", ("a", "b")),
    ]


def test_nearly_the_same_text_is_seen_and_short_texts_are_not_judged():
    changed = PLAN.replace("分两期", "分三期")
    assert kinds(Traces("a", text=PLAN), Traces("b", text=changed)) == [("text", ("a", "b"))]
    assert similarity("短文", "短文") == 0.0


def test_equal_and_evenly_spaced_prices_are_seen():
    assert kinds(Traces("a", price_fen=100), Traces("b", price_fen=100)) == [("price", ("a", "b"))]
    assert kinds(*(Traces(name, price_fen=price) for name, price in (("a", 100), ("b", 130), ("c", 160)))) == [
        ("price", ("a", "b", "c"))
    ]
    assert kinds(*(Traces(name, price_fen=price) for name, price in (("a", 100), ("b", 130), ("c", 175)))) == []


def test_the_author_of_a_word_file_is_read_and_a_damaged_file_has_none():
    document, sink = Document(), io.BytesIO()
    document.core_properties.author = "同一作者"
    document.save(sink)
    assert authors_of(sink.getvalue(), "方案.docx") == frozenset({"同一作者"})
    assert authors_of(b"not a file", "方案.docx") == frozenset()
    assert authors_of(b"%PDF-broken", "方案.pdf") == frozenset()


# --- parameters and days ------------------------------------------------------------------------------------------


def test_a_sheet_survives_being_stored():
    sheet = default_parameters("M4")
    assert parameters_from(stored(sheet)) == sheet
    assert (sheet.race_maximum, sheet.maximum_duration_months) == (5, 24)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"experts": 6}, "experts"),
        ({"experts": 3}, "experts"),
        ({"publicity_working_days": 4}, "publicity_working_days"),
        ({"opening_threshold": 1}, "opening_threshold"),
        ({"race_first_payment_maximum_percent": 31}, "race_first_payment_maximum_percent"),
        ({"opening_threshold": 3, "opening_officers": 2}, "opening_threshold"),
        ({"expert_names": "always"}, "expert_names"),
    ],
)
def test_a_sheet_outside_what_law_allows_is_refused_by_name(values, field):
    with pytest.raises(InvalidInput) as refusal:
        checked(Parameters(**values))
    assert field in refusal.value.fields


def test_an_unknown_parameter_is_refused_instead_of_ignored():
    with pytest.raises(InvalidInput):
        parameters_from({"experts": 5, "expert_count": 7})


def test_months_end_where_there_is_no_corresponding_day():
    assert add_months(date(2027, 1, 31), 1) == date(2027, 2, 28)
    assert add_months(date(2028, 1, 31), 1) == date(2028, 2, 29)
    assert add_months(date(2026, 12, 15), 12) == date(2027, 12, 15)
    assert add_months(date(2027, 3, 31), -1) == date(2027, 2, 28)
    assert years_back(date(2028, 2, 29), 3) == date(2025, 2, 28)
