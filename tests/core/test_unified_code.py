"""统一社会信用代码: the vectors of domain.md §8.2 and the bugs of §5.1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import unified_code

pytestmark = pytest.mark.unit

VALID = [
    "914403001922038216",
    "9144030071526726XG",
    "91330100799655058B",
    "91110000802100433B",
    "91370200163562681G",
    "91370199MA3TEXT0XB",
    "11370099MB2TEXT1XB",
    "1237029949TEXT023E",
    "52370099MJETEXT37T",
    "5137009950TEXT0441",
]


@pytest.mark.parametrize("code", VALID)
def test_valid_codes_have_no_problem(code):
    assert unified_code.problem_with(code) == ""
    assert unified_code.is_valid(code)


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("91370200165362681G", "校验位不符"),  # transposition
        ("91370199MA3TEXT00H", "主体标识码"),  # outer check right, inner wrong
        ("9137020016356268lG", "校验位不符"),  # letter l for digit 1
        ("91370200162562681O", "“O”"),  # illegal letter
        ("91370200163562681O", "“O”"),
        ("370200018012345", "15位的旧注册号"),
        ("", "18位，现在是0位"),
        ("91370200163562681", "现在是17位"),
        ("91370200163562681GG", "现在是19位"),
        ("９１３７０２００１６３５６２６８中G"[:18], "“中”"),
        ("91A70200163562681G", "前8位"),
    ],
)
def test_invalid_codes_are_told_why(code, part):
    assert part in unified_code.problem_with(code)


@pytest.mark.parametrize(
    "written",
    [
        "91370200163562681g",
        "９１３７０２００１６３５６２６８１Ｇ",
        " 9137 0200 1635 6268 1G ",
        "91370200-16356268-1G\u200b",
    ],
)
def test_width_case_and_spaces_are_normalised(written):
    assert unified_code.normalise(written) == "91370200163562681G"
    assert unified_code.is_valid(written)


@pytest.mark.parametrize(
    ("code", "kind", "category"),
    [
        ("91370200163562681G", "enterprise", "企业"),
        ("11370099MB2TEXT1XB", "agency", "机关"),
        ("1237029949TEXT023E", "institution", "事业单位"),
        ("52370099MJETEXT37T", "association", "民办非企业单位"),
        ("5137009950TEXT0441", "association", "社会团体"),
        ("Y1370099MJETEXT37T", "", ""),
    ],
)
def test_the_first_two_characters_tell_the_kind(code, kind, category):
    assert unified_code.kind_of(code) == kind
    assert unified_code.category_of(code) == category


@given(
    category=st.sampled_from(sorted(unified_code.CATEGORIES)),
    region=st.integers(110000, 659999),
    number=st.integers(0, 999_999),
)
def test_fictional_codes_are_valid(category, region, number):
    assert unified_code.is_valid(unified_code.fictional_code(category, str(region), number))


@given(code=st.sampled_from(VALID), position=st.integers(0, 17), letter=st.sampled_from(unified_code.ALPHABET))
def test_any_single_slip_is_noticed(code, position, letter):
    changed = code[:position] + letter + code[position + 1 :]
    assert unified_code.is_valid(changed) == (changed == code)


@given(text=st.text(max_size=40))
def test_any_text_gets_an_answer(text):
    assert isinstance(unified_code.problem_with(text), str)
    assert unified_code.normalise(unified_code.normalise(text)) == unified_code.normalise(text)


@pytest.mark.parametrize(
    ("category", "region", "number"), [("99", "370100", 1), ("91", "3701", 1), ("91", "370100", -1)]
)
def test_fictional_code_refuses_what_it_cannot_make(category, region, number):
    with pytest.raises(ValueError, match="no fictional code"):
        unified_code.fictional_code(category, region, number)
