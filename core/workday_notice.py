"""The State Council's notice of a year's holidays, read from its own words (国办发明电 “部分节假日安排的通知”).

What is read is shown before it is loaded, and everything that does not add up is told: a day whose weekday is not what
the notice says belongs to another year, a count that differs was read wrongly, a holiday that is missing was left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.utils.translation import gettext as _

#: Holidays of 全国年节及纪念日放假办法; a notice that leaves one out is not the whole notice.
FESTIVALS = ("元旦", "春节", "清明节", "劳动节", "端午节", "中秋节", "国庆节")
WEEKDAYS = "一二三四五六日"
SATURDAY = 5
#: No holiday of a notice is longer; a range beyond it was misread.
LONGEST_RANGE = 16
_HEAD = re.compile(r"^\s*(?:[一二三四五六七八九十]+\s*[、.．]|\d+\s*[、.．])?\s*([^：:，。]{2,20})[：:]")
_DAY = re.compile(r"(?:(\d{4})年)?(?:(\d{1,2})月)?(\d{1,2})日(?:[（(]([^）)]*)[）)])?")
_WEEKDAY = re.compile(r"(?:周|星期)([一二三四五六日天])")
_RANGE = re.compile(r"\s*(?:至|到|—|－|-|~|～)\s*")
_COUNT = re.compile(r"共\s*(\d{1,2})\s*天|放假\s*(\d{1,2})\s*天")


@dataclass(frozen=True)
class SpecialDay:
    """A day that differs from Monday-to-Friday."""

    day: date
    is_workday: bool
    label: str


@dataclass
class Reading:
    """What a notice says about a year, and what stands against believing it."""

    year: int
    days: list[SpecialDay] = field(default_factory=list)
    #: Holiday → its days off, weekends among them, as the notice counts.
    festivals: dict[str, list[date]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_notice(text: str, year: int) -> Reading:
    """Read the arrangement of `year`. `problems` is empty when everything was understood and adds up."""
    reading = Reading(year)
    off: dict[date, str] = {}
    worked: dict[date, str] = {}
    for name, body in _sections(text):
        days_off: list[date] = []
        for sentence in re.split(r"[。；;\n]", body):
            if "上班" in sentence:
                worked |= dict.fromkeys(_days(sentence, reading), name)
            elif "放假" in sentence:
                days = list(_days(sentence, reading))
                _compare_count(sentence, days, name, reading)
                days_off += days
        reading.festivals[name] = days_off
        off |= dict.fromkeys(days_off, name)
    for day in sorted(off.keys() & worked.keys()):
        reading.problems.append(_("%s 既写了放假又写了上班。") % day)
    missing = [name for name in FESTIVALS if not any(name in told and days for told, days in reading.festivals.items())]
    if missing:
        reading.problems.append(_("没有读到：%s。请粘贴通知中的全部假期安排。") % "、".join(missing))
    named = [(day, False, name) for day, name in off.items()] + [(day, True, name) for day, name in worked.items()]
    reading.days = [
        SpecialDay(day, works, name)
        for day, works, name in sorted(named)
        # A weekend that is free and a weekday that is worked are no exception; the turn of the year is another's.
        if day.year == year and works != (day.weekday() < SATURDAY)
    ]
    return reading


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """(holiday, its sentences) for every paragraph that begins with a holiday's name and a colon."""
    name, body = "", ""
    for line in text.splitlines():
        head = _HEAD.match(line)
        if head and any(festival in head[1] for festival in FESTIVALS):
            if name:
                yield name, body
            name, body = head[1].strip(), line[head.end() :]
        elif name and line.strip():
            body += "\n" + line
    if name:
        yield name, body


def _days(sentence: str, reading: Reading) -> Iterator[date]:
    """Every day a sentence names, ranges filled; a month that is not repeated is the one before."""
    month = previous = None
    end_of_last = 0
    for found in _DAY.finditer(sentence):
        month = int(found[2]) if found[2] else month
        if month is None:
            reading.problems.append(_("“%s”没有写月份。") % found[0])
            continue
        day = _day(int(found[1] or 0), month, int(found[3]), previous, reading, found[0])
        if day is None:
            continue
        told = _WEEKDAY.search(found[4] or "")
        if told and WEEKDAYS.index(told[1].replace("天", "日")) != day.weekday():
            reading.problems.append(
                _("“%(words)s”与 %(year)d 年不符：%(day)s 是周%(weekday)s。请核对年份。")
                % {"words": found[0], "year": reading.year, "day": day, "weekday": WEEKDAYS[day.weekday()]}
            )
        if previous is not None and _RANGE.fullmatch(sentence[end_of_last : found.start()]):
            length = (day - previous).days
            if not 0 < length <= LONGEST_RANGE:
                reading.problems.append(_("“%s”不是一段连续的日子。") % sentence[: found.end()].strip())
                continue
            yield from (previous + timedelta(days=offset) for offset in range(1, length))
        yield day
        previous, end_of_last = day, found.end()


def _day(year: int, month: int, number: int, previous: date | None, reading: Reading, words: str) -> date | None:
    """A year that is not written is the notice's own, or that of the day before it."""
    try:
        return date(year or (previous.year if previous else reading.year), month, number)
    except ValueError:
        reading.problems.append(_("“%s”不是日期。") % words)
        return None


def _compare_count(sentence: str, days: list[date], name: str, reading: Reading) -> None:
    told = _COUNT.search(sentence)
    number = int(told[1] or told[2]) if told else len(days)
    if number != len(days):
        reading.problems.append(
            _("%(name)s：通知写明放假 %(told)d 天，读到 %(found)d 天。")
            % {"name": name, "told": number, "found": len(days)}
        )
