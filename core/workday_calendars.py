"""A year's arrangement of working days is loaded, and its absence is told in time.

The State Council publishes next year's arrangement in November. Without it every period that reaches into next year
stops with CalendarMissing, at the latest ten working days before the year ends; so people are told from 1 November on.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from core import audit, outbox
from core.clock import today
from core.errors import DomainError, InvalidInput
from core.events import WorkdaysMissing
from core.models import WorkdayCalendar, WorkdayException
from core.workday_notice import SpecialDay

#: From the first of this month on next year's arrangement is awaited.
AWAITED_FROM_MONTH = 11
LABEL_LENGTH = 40


def years_missing(day: date | None = None) -> list[int]:
    """The years whose working days should be there on `day` (today) and are not: this one, from November the next."""
    moment = day or today()
    wanted = [moment.year, moment.year + 1] if moment.month >= AWAITED_FROM_MONTH else [moment.year]
    known = set(WorkdayCalendar.objects.filter(year__in=wanted).values_list("year", flat=True))
    return [year for year in wanted if year not in known]


def missing_tell() -> dict[str, int]:
    """Say once a week which years are missing; the notice is one per week however often this runs."""
    missing = years_missing()
    moment = today().isocalendar()
    for year in missing:
        with transaction.atomic():
            outbox.publish(WorkdaysMissing(year=year, week=f"{moment.year}W{moment.week:02d}"))
    return {"missing": len(missing)}


@transaction.atomic
def calendar_load(*, year: int, days: Iterable[SpecialDay], source: str, acting_user: Any = None) -> WorkdayCalendar:
    """Load a year that is not there yet. Whose affair this is, the caller has asked; a person's doing is in the trail.

    Raises DomainError for a year that is loaded (periods were computed by it: it is corrected day by day in the code
    tables), InvalidInput for a day of another year.
    """
    special = list(days)
    strange = [one.day for one in special if one.day.year != year]
    if strange:
        raise InvalidInput({"text": [_("%(day)s 不在 %(year)d 年内。") % {"day": strange[0], "year": year}]})
    if WorkdayCalendar.objects.select_for_update().filter(year=year).exists():
        raise DomainError(
            _("%d 年的节假日安排已经载入。如有调整，请在后台“工作日历”中逐日修改。") % year, code="calendar_loaded"
        )
    calendar = WorkdayCalendar.objects.create(year=year, source=source)
    WorkdayException.objects.bulk_create(
        [
            WorkdayException(calendar=calendar, day=one.day, is_workday=one.is_workday, label=one.label[:LABEL_LENGTH])
            for one in special
        ]
    )
    if acting_user is not None:
        detail = {"year": year, "days": len(special), "source": source}
        audit.record(acting_user, "core.workdays.load", calendar, detail)
    return calendar
