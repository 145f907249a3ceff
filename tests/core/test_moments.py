"""Dates to the hour, months, quarters: what was written and no more; times are Beijing time."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import BEIJING, frozen
from core.moments import Moment, Precision, UnreadableMoment, parse_moment

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-05 17:00", (2026, 3, 5, 17, 0)),
        ("2026年3月5日17时", (2026, 3, 5, 17, 0)),
        ("2026年3月5日 下午5点", (2026, 3, 5, 17, 0)),
        ("2026年03月05日09时30分", (2026, 3, 5, 9, 30)),
        ("2026年3月5日上午9点半", (2026, 3, 5, 9, 30)),
        ("2026/3/5 9:30", (2026, 3, 5, 9, 30)),
        ("2026.3.5 17:00:00", (2026, 3, 5, 17, 0)),
        ("2026-03-05T17:00:00", (2026, 3, 5, 17, 0)),
        ("2026-03-05T09:00:00Z", (2026, 3, 5, 17, 0)),
        ("2026-03-05T10:00:00+09:00", (2026, 3, 5, 9, 0)),
        ("2026年3月5日24时", (2026, 3, 5, 23, 59)),
        ("２０２６年３月５日１７：００", (2026, 3, 5, 17, 0)),
        ("2026年3月5日17:00（北京时间）", (2026, 3, 5, 17, 0)),
        ("46086.708333", (2026, 3, 5, 17, 0)),
        (datetime(2026, 3, 5, 17, 0), (2026, 3, 5, 17, 0)),
        (datetime(2026, 3, 5, 9, 0, tzinfo=UTC), (2026, 3, 5, 17, 0)),
    ],
)
def test_the_hour_is_kept(text, at):
    moment = parse_moment(text)
    assert moment.at == datetime(*at, tzinfo=BEIJING)
    assert moment.precision is Precision.MINUTE
    assert moment.end_of_period == moment.at


@pytest.mark.parametrize(
    ("text", "precision", "first", "last"),
    [
        ("2026-03-05", Precision.DAY, (2026, 3, 5), (2026, 3, 5)),
        ("2026/3/5", Precision.DAY, (2026, 3, 5), (2026, 3, 5)),
        ("2026年3月5日前", Precision.DAY, (2026, 3, 5), (2026, 3, 5)),
        ("20260305", Precision.DAY, (2026, 3, 5), (2026, 3, 5)),
        ("46086", Precision.DAY, (2026, 3, 5), (2026, 3, 5)),
        (46086, Precision.DAY, (2026, 3, 5), (2026, 3, 5)),
        (date(2026, 3, 5), Precision.DAY, (2026, 3, 5), (2026, 3, 5)),
        (datetime(2026, 3, 5), Precision.DAY, (2026, 3, 5), (2026, 3, 5)),
        ("2026年03月", Precision.MONTH, (2026, 3, 1), (2026, 3, 31)),
        ("2026年2月底前", Precision.MONTH, (2026, 2, 1), (2026, 2, 28)),
        ("2026-12", Precision.MONTH, (2026, 12, 1), (2026, 12, 31)),
        ("2026年十二月", Precision.MONTH, (2026, 12, 1), (2026, 12, 31)),
        ("2026年一季度", Precision.QUARTER, (2026, 1, 1), (2026, 3, 31)),
        ("2026年第四季度", Precision.QUARTER, (2026, 10, 1), (2026, 12, 31)),
        ("2026Q2", Precision.QUARTER, (2026, 4, 1), (2026, 6, 30)),
        ("2026年上半年", Precision.YEAR, (2026, 1, 1), (2026, 6, 30)),
        ("2026年底", Precision.YEAR, (2026, 1, 1), (2026, 12, 31)),
        ("2026", Precision.YEAR, (2026, 1, 1), (2026, 12, 31)),
    ],
)
def test_days_months_and_quarters_are_periods(text, precision, first, last):
    moment = parse_moment(text)
    assert (moment.precision, moment.first_day, moment.last_day) == (precision, date(*first), date(*last))
    assert moment.at is None
    assert moment.warning == ""


def test_a_day_ends_at_its_last_minute_in_beijing():
    assert parse_moment("2026-03-05").end_of_period == datetime(2026, 3, 5, 15, 59, tzinfo=UTC)


def test_a_missing_year_is_assumed_and_said():
    assert parse_moment("3月", assume_year=2026) == Moment(
        "3月", Precision.MONTH, date(2026, 3, 1), date(2026, 3, 31), warning="没有写年份，按2026年理解。"
    )
    with frozen(datetime(2025, 12, 31, 17, 0, tzinfo=UTC)):  # already 2026 in Beijing
        assert parse_moment("二季度").first_day == date(2026, 4, 1)
        assert parse_moment("3月5日17时").at == datetime(2026, 3, 5, 17, tzinfo=BEIJING)


@pytest.mark.parametrize("text", ["", None, "长期", "待定", "/", "长期有效"])
def test_open_dates_are_none(text):
    moment = parse_moment(text)
    assert (moment.precision, moment.first_day, moment.end_of_period) == (Precision.NONE, None, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-02-30", "没有这一天"),
        ("2026年13月", "没有这一天"),
        ("2026-03-05 25:00", "时间超出范围"),
        ("1066-10-14", "年份超出范围"),
        ("99999", "年份超出范围"),
        ("合同签订后30天", "写法无法识别"),
        ("=TODAY()", "写法无法识别"),
        ("2" * 300, "文字过长"),
    ],
)
def test_what_is_no_date_is_refused_with_the_reason(text, reason):
    with pytest.raises(UnreadableMoment) as caught:
        parse_moment(text)
    assert reason in caught.value.message


@given(text=st.text(max_size=40) | st.text("0123456789年月日时-/:. 季度一", max_size=20))
def test_any_text_gives_a_moment_or_a_reason(text):
    try:
        moment = parse_moment(text)
    except UnreadableMoment:
        return
    assert moment.first_day is None or moment.first_day <= moment.last_day
