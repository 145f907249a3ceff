"""Dates as agencies write them → a moment in Beijing time, to the hour where the source says so.

`parse_moment` knows what it was told: "2026年3月" is a month, not the first of March.
"""

import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from django.utils.translation import gettext as _

from core.clock import BEIJING, today
from core.errors import DomainError
from core.quarters import Quarter


class Precision(StrEnum):
    MINUTE = "minute"
    DAY = "day"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    NONE = "none"


class UnreadableMoment(DomainError):
    """The text is not a date; the message says why and what to write instead."""

    code = "unreadable_date"


@dataclass(frozen=True)
class Moment:
    """A written date. `first_day`/`last_day` bound the period it names; `at` is set only if a time of day was given."""

    text: str
    precision: Precision
    first_day: date | None = None
    last_day: date | None = None
    at: datetime | None = None
    warning: str = ""

    @property
    def end_of_period(self) -> datetime | None:
        """The last minute it can mean: the time given, or 23:59 of the last day (民法典 203: a day ends at 24:00)."""
        if self.at is not None:
            return self.at
        return datetime.combine(self.last_day, time(23, 59), BEIJING) if self.last_day else None


EARLIEST_YEAR, LATEST_YEAR = 1990, 2100
_EXCEL_EPOCH = date(1899, 12, 30)
_OPEN = re.compile(r"^(?:长期(?:有效)?|长期征集|待定|不限|无|暂无|另行通知|尽快|面议|/|-+|—+|常年)$")
_TIME = (
    r"(?:\s*[T ]?\s*(?P<half>上午|下午|晚上|晚|中午|早上)?"
    r"\s*(?P<hour>\d{1,2})\s*(?:[::时点])\s*(?:(?P<minute>\d{1,2})\s*分?|(?P<thirty>半))?"
    r"(?:\s*:\s*(?P<second>\d{1,2})(?:\.\d+)?|\d{1,2}秒)?"
    r"\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?)"
)
_DAY = re.compile(
    rf"^(?P<year>\d{{4}}|\d{{2}}(?=年))\s*[-/.年]\s*(?P<month>\d{{1,2}})\s*[-/.月]\s*(?P<day>\d{{1,2}})\s*[日号]?{_TIME}?整?$"
)
_COMPACT_DAY = re.compile(r"^(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})$")
_MONTH = re.compile(r"^(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*月?(?:份)?(?:底|末)?$")
_MONTH_ONLY = re.compile(r"^(?P<month>\d{1,2})\s*月(?:份|底|末)?$")
_DAY_ONLY = re.compile(rf"^(?P<month>\d{{1,2}})\s*月\s*(?P<day>\d{{1,2}})\s*[日号]{_TIME}?$")
_QUARTER = re.compile(r"^(?:(?P<year>\d{4})\s*年?\s*[-/]?\s*)?(?:第)?(?:q|Q)?(?P<number>[一二三四1-4])\s*(?:季度|季)?$")
_QUARTER_CODE = re.compile(r"^(?P<year>\d{4})\s*年?\s*[Qq](?P<number>[1-4])$")
_HALF_YEAR = re.compile(r"^(?P<year>\d{4})\s*年\s*(?P<half>上|下)半年$")
_YEAR = re.compile(r"^(?P<year>\d{4})\s*年?(?:底|末|度|内|全年)*$")
_CHINESE_MONTHS = {"十二": "12", "十一": "11", "十": "10"} | {
    letter: str(value) for value, letter in enumerate("一二三四五六七八九", start=1)
}
_CHINESE_MONTH = re.compile("(" + "|".join(_CHINESE_MONTHS) + ")(?=月)")
_SERIAL = re.compile(r"^\d{5}(?:\.\d+)?$")
_TRAILING = re.compile(r"(?:\(?北京时间\)?|之?前|以前|前完成|止|截止|左右|完成)$")


def _refuse(text: str, reason: str) -> UnreadableMoment:
    shown = text if len(text) <= 30 else text[:30] + "…"
    return UnreadableMoment(
        _("“%(text)s”不是可以识别的日期：%(reason)s。请写成“2026-03-05 17:00”“2026年3月5日17时”或“2026年一季度”。")
        % {"text": shown, "reason": reason}
    )


def _checked_year(year: int, text: str) -> int:
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        raise _refuse(text, _("年份超出范围"))
    return year


def _day(year: int, month: int, day: int, text: str) -> date:
    try:
        return date(_checked_year(year, text), month, day)
    except ValueError as error:
        raise _refuse(text, _("没有这一天")) from error


def _time_of(match: re.Match[str], text: str) -> time | None:
    """The time of day in a match; 24:00 is told apart by the caller through hour 24 → 23:59."""
    if match["hour"] is None:
        return None
    hour, minute = int(match["hour"]), 30 if match["thirty"] else int(match["minute"] or 0)
    if match["half"] in ("下午", "晚上", "晚") and hour < 12:
        hour += 12
    if hour == 24 and minute == 0:
        return time(23, 59)
    if hour > 23 or minute > 59:
        raise _refuse(text, _("时间超出范围"))
    return time(hour, minute)


def _of_day(day: date, at: time | None, text: str, zone: str | None = None) -> Moment:
    if at is None:
        return Moment(text, Precision.DAY, day, day)
    moment = datetime.combine(day, at, BEIJING)
    if zone:
        # An explicit zone is honoured; everything else is Beijing time.
        moment = datetime.fromisoformat(f"{day}T{at}{'+00:00' if zone == 'Z' else zone}").astimezone(BEIJING)
    return Moment(text, Precision.MINUTE, moment.date(), moment.date(), moment)


def _of_month(year: int, month: int, text: str, warning: str = "") -> Moment:
    first = _day(year, month, 1, text)
    return Moment(text, Precision.MONTH, first, first.replace(day=monthrange(year, month)[1]), warning=warning)


def _of_quarter(year: int, number: str, text: str, warning: str = "") -> Moment:
    quarter = Quarter(_checked_year(year, text), "一二三四".find(number) + 1 or int(number))
    return Moment(text, Precision.QUARTER, quarter.first_day, quarter.last_day, warning=warning)


def _of_serial(value: float, text: str) -> Moment:
    """An Excel date serial: days since 1899-12-30, the fraction is the time of day."""
    days, fraction = divmod(value, 1)
    day = _EXCEL_EPOCH + timedelta(days=int(days))
    _checked_year(day.year, text)
    minutes = round(fraction * 24 * 60)
    if minutes == 0:
        return Moment(text, Precision.DAY, day, day)
    return _of_day(day, time(minutes // 60 % 24, minutes % 60), text)


def parse_moment(value: object, *, assume_year: int | None = None) -> Moment:
    """Read a date, month, quarter or year, with or without the hour; times are Beijing time.

    `assume_year` completes "3月" and "二季度" (with a warning); without it the current year does. "长期", "待定" and an
    empty cell give `Precision.NONE`. Raises UnreadableMoment for anything else, also for days that do not exist.
    """
    if isinstance(value, datetime):
        local = value.astimezone(BEIJING) if value.tzinfo else value.replace(tzinfo=BEIJING)
        text = f"{local:%Y-%m-%d %H:%M}"
        _checked_year(local.year, text)
        at_midnight = local.time() == time(0)
        return _of_day(local.date(), None if at_midnight else local.time().replace(second=0, microsecond=0), text)
    if isinstance(value, date):
        return _of_day(_day(value.year, value.month, value.day, str(value)), None, value.isoformat())
    original = "" if value is None else str(value).strip()
    if not original:
        return Moment("", Precision.NONE)
    if len(original) > 200:
        raise _refuse(original, _("文字过长"))
    text = unicodedata.normalize("NFKC", original).strip()
    while (shorter := _TRAILING.sub("", text).strip()) != text and shorter:
        text = shorter
    if _OPEN.match(text):
        return Moment(original, Precision.NONE)
    text = _CHINESE_MONTH.sub(lambda match: _CHINESE_MONTHS[match[0]], text)
    if _SERIAL.match(text):
        return _of_serial(float(text), original)
    if match := _DAY.match(text):
        year = int(match["year"]) + (2000 if len(match["year"]) == 2 else 0)
        day = _day(year, int(match["month"]), int(match["day"]), original)
        return _of_day(day, _time_of(match, original), original, match["zone"])
    if match := _COMPACT_DAY.match(text):
        return _of_day(_day(int(match["year"]), int(match["month"]), int(match["day"]), original), None, original)
    if match := _MONTH.match(text):
        return _of_month(int(match["year"]), int(match["month"]), original)
    year = assume_year or today().year
    assumed = _("没有写年份，按%d年理解。") % year
    if match := _DAY_ONLY.match(text):
        moment = _of_day(
            _day(year, int(match["month"]), int(match["day"]), original), _time_of(match, original), original
        )
        return Moment(original, moment.precision, moment.first_day, moment.last_day, moment.at, assumed)
    if match := _MONTH_ONLY.match(text):
        return _of_month(year, int(match["month"]), original, assumed)
    if match := _QUARTER_CODE.match(text):
        return _of_quarter(int(match["year"]), match["number"], original)
    if (match := _QUARTER.match(text)) and ("季" in text or text.lower().startswith("q")):
        if match["year"]:
            return _of_quarter(int(match["year"]), match["number"], original)
        return _of_quarter(year, match["number"], original, assumed)
    if match := _HALF_YEAR.match(text):
        year = _checked_year(int(match["year"]), original)
        first, last = ((1, 1), (6, 30)) if match["half"] == "上" else ((7, 1), (12, 31))
        return Moment(original, Precision.YEAR, date(year, *first), date(year, *last))
    if match := _YEAR.match(text):
        year = _checked_year(int(match["year"]), original)
        return Moment(original, Precision.YEAR, date(year, 1, 1), date(year, 12, 31))
    raise _refuse(original, _("写法无法识别"))
