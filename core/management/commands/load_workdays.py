"""`manage.py load_workdays YEAR…`: the State Council's arrangement of a year, from the maintained package."""

import argparse
from datetime import date, timedelta
from typing import Any

import chinese_calendar
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from core.models import WorkdayCalendar
from core.workday_calendars import calendar_load
from core.workday_notice import SpecialDay

SATURDAY = 5


def arrangement_of(year: int) -> list[tuple[date, bool, str]]:
    """Days of `year` that differ from Monday-to-Friday. Raises NotImplementedError for an unpublished year."""
    days = (date(year, 1, 1) + timedelta(days=offset) for offset in range(366))
    exceptions = []
    for day in days:
        if day.year != year:
            continue
        works = chinese_calendar.is_workday(day)
        if works != (day.weekday() < SATURDAY):
            _on_holiday, name = chinese_calendar.get_holiday_detail(day)
            exceptions.append((day, works, str(name or "")))
    return exceptions


class Command(BaseCommand):
    help = "载入某一年的节假日与调休安排。例：manage.py load_workdays 2025 2026"

    def create_parser(self, *args: Any, **options: Any) -> CommandParser:
        return super().create_parser(*args, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("years", nargs="+", type=int, help="年份")

    def handle(self, *args: Any, **options: Any) -> None:
        for year in options["years"]:
            try:
                exceptions = arrangement_of(year)
            except NotImplementedError as error:
                raise CommandError(
                    _(
                        "%d 年的节假日安排尚未收录。"
                        "国务院办公厅公布后请升级 chinesecalendar，或由系统管理员在“工作日历”页面按通知原文载入。"
                    )
                    % year,
                    returncode=2,
                ) from error
            if not WorkdayCalendar.objects.filter(year=year).exists():
                calendar_load(
                    year=year,
                    days=[SpecialDay(day, works, label) for day, works, label in exceptions],
                    source="国务院办公厅节假日安排（chinesecalendar）",
                )
            calendar = WorkdayCalendar.objects.get(year=year)
            self.stdout.write(
                _("%(year)d 年：%(count)d 个特殊日") % {"year": year, "count": calendar.exceptions.count()}
            )
