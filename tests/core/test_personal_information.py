"""Personal numbers are found by their check rules; office numbers and official codes pass (V18)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import frozen
from core.personal_information import Finding, PersonalNumber, masked, passes_luhn, scan

pytestmark = pytest.mark.unit

#: Made up for this test: a valid check digit over an unused division code.
IDENTITY = "370199199003074514"


def _with_check(body: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))
    return body + "10X98765432"[total % 11]


IDENTITY = _with_check("37019919900307451")
CARD = "6222020200112233440"


def _card() -> str:
    body = "622202020011223344"
    return next(body + str(digit) for digit in range(10) if passes_luhn(body + str(digit)))


def test_an_identity_number_is_found_with_its_place_and_masked():
    text = f"联系人证件号{IDENTITY}，请核对"
    assert scan(text) == [
        Finding(PersonalNumber.RESIDENT_IDENTITY, 6, 24, f"370{'*' * 13}{IDENTITY[-2:]}"),
    ]
    assert "第7个字处有疑似身份证号码" in scan(text)[0].message
    assert IDENTITY not in scan(text)[0].message


def test_an_identity_number_with_a_wrong_check_or_day_passes():
    wrong = IDENTITY[:-1] + ("0" if IDENTITY[-1] != "0" else "1")
    assert scan(wrong) == []
    assert scan(_with_check("37019919901332451")) == []
    with frozen(datetime(1980, 1, 1, tzinfo=UTC)):
        assert scan(IDENTITY) == []


@pytest.mark.parametrize(
    "written", ["13812345678", "138 1234 5678", "138-1234-5678", "+8613812345678"[3:], "１３８１２３４５６７８"]
)
def test_mobile_numbers_are_found_however_they_are_spaced(written):
    findings = scan(f"请拨打{written}咨询")
    assert [(finding.kind, finding.start, finding.masked) for finding in findings] == [
        (PersonalNumber.MOBILE, 3, "138******78")
    ]


def test_a_bank_card_is_found_by_luhn():
    card = _card()
    assert [(finding.kind, finding.masked) for finding in scan(f"账号：{card}")] == [
        (PersonalNumber.BANK_CARD, f"{card[:4]}{'*' * 11}{card[-4:]}")
    ]
    other = card[:-1] + str((int(card[-1]) + 1) % 10)
    assert scan(f"账号：{other}") == []


@pytest.mark.parametrize(
    "text",
    [
        "0531-86912345",
        "（0532）8591 2345转801",
        "400-123-4567",
        "12345政务服务便民热线",
        "项目编号 GC2025JC07145，预算17,502,246元",
        "914403001922038216",
        "91370200163562681G",
        "52370099MJETEXT37T",
        "合同号 2026112400012345",
        "0000000000000000",
        "圆周率3.13812345678901",
        "",
        None,
    ],
)
def test_office_and_official_numbers_pass(text):
    assert scan(text) == []


def test_several_findings_come_in_order_and_do_not_overlap():
    text = f"手机13912345678，证件{IDENTITY}，卡{_card()}"
    assert [finding.kind for finding in scan(text)] == [
        PersonalNumber.MOBILE,
        PersonalNumber.RESIDENT_IDENTITY,
        PersonalNumber.BANK_CARD,
    ]


def test_masking_keeps_the_rest_of_the_text():
    assert masked("甲13912345678乙") == "甲139******78乙"
    assert masked("没有") == "没有"


@given(text=st.text(max_size=80) | st.text("0123456789Xx -中１２３", max_size=60))
def test_positions_always_lie_inside_the_text(text):
    findings = scan(text)
    for finding in findings:
        assert 0 <= finding.start < finding.end <= len(text)
    for first, second in zip(findings, findings[1:], strict=False):
        assert first.end <= second.start
