"""Working days by the State Council's yearly arrangement (domain.md §5.4, V09).

A year whose arrangement is not loaded fails loudly: Monday-to-Friday is never assumed.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.translation import gettext as _

from core.errors import DomainError
from core.models import WorkdayCalendar, WorkdayException

SATURDAY = 5


class CalendarMissing(DomainError):
    code = "workday_calendar_missing"
    status = 409


@dataclass(frozen=True)
class Period:
    """A period with both days counted in, the number of its working days, and the calendars it was computed by."""

    first_day: date
    last_day: date
    working_days: int
    calendar_versions: tuple[str, ...]


def _calendar(year: int) -> WorkdayCalendar:
    calendar = WorkdayCalendar.objects.filter(year=year).first()
    if calendar is None:
        raise CalendarMissing(
            _(
                "尚未载入 %(year)s 年的节假日安排，无法计算工作日。"
                "请系统管理员在国务院办公厅公布后到“工作日历”页面按通知原文载入，或运行 load_workdays %(year)s。"
            )
            % {"year": year}
        )
    return calendar


def is_working_day(day: date) -> bool:
    """Raises CalendarMissing for a year that is not loaded."""
    _calendar(day.year)
    exception = WorkdayException.objects.filter(day=day).first()
    return exception.is_workday if exception is not None else day.weekday() < SATURDAY


def period(start: date, working_days: int, *, count_start: bool = False) -> Period:
    """The period of `working_days` that begins on `start`.

    By default the day after `start` is the first counted, the conservative reading that satisfies both practices
    (domain.md §5.4); `count_start` counts `start` itself.
    """
    if working_days < 1:
        raise ValueError("a period has at least one working day")
    years: dict[int, WorkdayCalendar] = {}
    exceptions: dict[date, bool] = {}
    day = start if count_start else start + timedelta(days=1)
    counted = 0
    while True:
        if day.year not in years:
            years[day.year] = _calendar(day.year)
            exceptions |= dict(WorkdayException.objects.filter(day__year=day.year).values_list("day", "is_workday"))
        if exceptions.get(day, day.weekday() < SATURDAY):
            counted += 1
            if counted == working_days:
                break
        day += timedelta(days=1)
    versions = tuple(f"{year}v{calendar.version}" for year, calendar in sorted(years.items()))
    return Period(start, day, working_days, versions)


def working_days_between(first: date, last: date) -> int:
    """Working days from `first` to `last`, both counted."""
    for year in range(first.year, last.year + 1):
        _calendar(year)
    exceptions = dict(WorkdayException.objects.filter(day__gte=first, day__lte=last).values_list("day", "is_workday"))
    days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
    return sum(exceptions.get(day, day.weekday() < SATURDAY) for day in days)
