"""Amounts as agencies write them → integer fen, and back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.enums import AmountUnit
from core.money import LARGEST_FEN, Amount, UnreadableAmount, format_fen, format_range, parse_amount

pytestmark = pytest.mark.unit
WAN = 1_000_000


@pytest.mark.parametrize(
    ("text", "minimum", "maximum", "unit"),
    [
        ("120万元", 120 * WAN, 120 * WAN, "wan"),
        ("27.5万", 27_500_000, 27_500_000, "wan"),
        ("33.46866万元", 33_468_660, 33_468_660, "wan"),
        ("1.2亿元", 12_000 * WAN, 12_000 * WAN, "wan"),
        ("3百万元", 300 * WAN, 300 * WAN, "wan"),
        ("370000元", 37_000_000, 37_000_000, "yuan"),
        ("17,502,246元", 1_750_224_600, 1_750_224_600, "yuan"),
        ("53962.27元", 5_396_227, 5_396_227, "yuan"),
        ("¥ 8,000.00", 800_000, 800_000, "yuan"),
        ("人民币贰佰万元整", 200 * WAN, 200 * WAN, "wan"),
        ("一百二十万元", 120 * WAN, 120 * WAN, "wan"),
        ("１２０万元", 120 * WAN, 120 * WAN, "wan"),
        ("10-50万元", 10 * WAN, 50 * WAN, "wan"),
        ("10万元至50万元", 10 * WAN, 50 * WAN, "wan"),
        ("10～50 万元", 10 * WAN, 50 * WAN, "wan"),
        ("5000元—1万元", 500_000, WAN, "wan"),
        ("8000-1万元", 800_000, WAN, "wan"),
        ("0.5到1亿元", 5_000 * WAN, 10_000 * WAN, "wan"),
        ("不超过80万元", None, 80 * WAN, "wan"),
        ("最高限价：100万元", None, 100 * WAN, "wan"),
        ("≤60万元", None, 60 * WAN, "wan"),
        ("60万元以内", None, 60 * WAN, "wan"),
        ("50万元以上", 50 * WAN, None, "wan"),
        ("不低于50万元", 50 * WAN, None, "wan"),
        ("3万元起", 3 * WAN, None, "wan"),
        ("约200万元", 200 * WAN, 200 * WAN, "wan"),
        ("预计200万元左右", 200 * WAN, 200 * WAN, "wan"),
        ("236700元（含增值税）", 23_670_000, 23_670_000, "yuan"),
        ("120万元。", 120 * WAN, 120 * WAN, "wan"),
    ],
)
def test_written_amounts_are_understood(text, minimum, maximum, unit):
    amount = parse_amount(text)
    assert (amount.minimum_fen, amount.maximum_fen, amount.unit, amount.text) == (minimum, maximum, unit, text)
    assert not amount.negotiable


@pytest.mark.parametrize("text", ["面议", "待定", "无", "暂无", "/", "—", "另行商定", "（面议）"])
def test_negotiable_amounts_have_no_bounds(text):
    assert parse_amount(text, "万元") == Amount(None, None, AmountUnit.WAN, text, negotiable=True)


@pytest.mark.parametrize("text", [None, "", "  "])
def test_an_empty_cell_states_nothing(text):
    assert parse_amount(text) == Amount(None, None, AmountUnit.YUAN, "")


def test_a_bare_number_takes_the_unit_of_the_heading():
    assert parse_amount("120", "万元") == Amount(120 * WAN, 120 * WAN, AmountUnit.WAN, "120")
    assert parse_amount("120", "元") == Amount(12_000, 12_000, AmountUnit.YUAN, "120")
    assert parse_amount(120, AmountUnit.WAN).maximum_fen == 120 * WAN
    assert parse_amount(27.5, "万元") == Amount(27_500_000, 27_500_000, AmountUnit.WAN, "27.5")
    assert parse_amount(Decimal("0.1"), "亿元").maximum_fen == 1_000 * WAN
    assert parse_amount("10-50", "万元").minimum_fen == 10 * WAN


def test_a_written_unit_wins_over_the_heading():
    assert parse_amount("370000元", "万元") == Amount(37_000_000, 37_000_000, AmountUnit.YUAN, "370000元")


def test_a_bare_number_without_a_heading_unit_is_yuan_with_a_warning():
    amount = parse_amount("370000")
    assert amount.maximum_fen == 37_000_000
    assert amount.warnings == ("没有写单位，按“元”理解。",)


def test_zero_means_negotiable_as_on_public_platforms():
    amount = parse_amount("0", "万元")
    assert (amount.minimum_fen, amount.maximum_fen, amount.negotiable) == (None, None, True)
    assert amount.warnings == ("金额为0，按面议处理。",)


def test_less_than_a_fen_is_rounded_half_up_with_a_warning():
    amount = parse_amount("1940778.7650元")
    assert amount.maximum_fen == 194_077_877
    assert amount.warnings == ("金额精确到分以下，已四舍五入到分。",)


def test_a_unit_price_is_kept_and_named():
    amount = parse_amount("3万元/年")
    assert amount.maximum_fen == 3 * WAN
    assert "单价" in amount.warnings[0]


def test_several_amounts_are_not_guessed_at():
    text = "擂主奖励10万元；一等奖每支队伍各1万元；二等奖各0.5万元。"
    amount = parse_amount(text)
    assert (amount.minimum_fen, amount.maximum_fen, amount.text) == (None, None, text)
    assert "多个金额" in amount.warnings[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("=SUM(A1:A9)", "公式"),
        ("#REF!", "公式"),
        ("@cmd", "公式"),
        ("-5万元", "不能为负"),
        ("85%", "比例"),
        ("下浮10%", "比例"),
        ("20万美元", "人民币"),
        ("$300", "人民币"),
        ("若干", "没有数字"),
        ("50-10万元", "下限大于上限"),
        ("12a万元", "无法识别"),
        ("1,23,4元", "无法识别"),
        ("99999999999亿元", "数额过大"),
        ("1" * 501, "文字过长"),
    ],
)
def test_nonsense_is_refused_with_the_reason(text, reason):
    with pytest.raises(UnreadableAmount) as caught:
        parse_amount(text, "万元")
    assert reason in caught.value.message
    assert caught.value.code == "unreadable_amount"


def test_an_unknown_default_unit_is_a_programming_error():
    with pytest.raises(ValueError, match="not a unit of money"):
        parse_amount("5", "斤")


@pytest.mark.parametrize(
    ("fen", "unit", "text"),
    [
        (120 * WAN, "wan", "120万元"),
        (27_500_000, "wan", "27.5万元"),
        (1_750_224_600, "yuan", "17,502,246元"),
        (5_396_227, "yuan", "53,962.27元"),
        (1_024_840_000, "wan", "1,024.84万元"),
        (100 * WAN, "wan", "100万元"),
        (0, "yuan", "0元"),
        (None, "wan", ""),
    ],
)
def test_fen_are_shown_as_the_source_wrote_them(fen, unit, text):
    assert format_fen(fen, unit) == text


def test_ranges_are_shown_with_both_bounds():
    assert format_range(10 * WAN, 50 * WAN) == "10万元至50万元"
    assert format_range(50 * WAN, 50 * WAN) == "50万元"
    assert format_range(None, 50 * WAN) == "不超过50万元"
    assert format_range(50 * WAN, None) == "50万元以上"
    assert format_range(None, None) == ""


@given(fen=st.integers(1, LARGEST_FEN), unit=st.sampled_from(AmountUnit))
def test_what_is_shown_reads_back_exactly(fen, unit):
    assert parse_amount(format_fen(fen, unit)).maximum_fen == fen


@given(low=st.integers(1, 10**9), high=st.integers(1, 10**9))
def test_ranges_read_back_exactly(low, high):
    low, high = sorted([low, high])
    amount = parse_amount(format_range(low, high, AmountUnit.YUAN))
    assert (amount.minimum_fen, amount.maximum_fen) == (low, high)


@given(text=st.text(max_size=60) | st.text("0123456789.,-~至万亿元约不超过以上（）", max_size=20))
def test_any_text_gives_an_amount_or_a_reason(text):
    try:
        amount = parse_amount(text, "万元")
    except UnreadableAmount:
        return
    if amount.minimum_fen is not None and amount.maximum_fen is not None:
        assert 0 <= amount.minimum_fen <= amount.maximum_fen
