"""Working days: real notices and computed ends of domain.md §8.1."""

from datetime import date

import pytest
from django.core.management import call_command

from core.management.commands.load_workdays import arrangement_of
from core.models import WorkdayCalendar
from core.working_days import CalendarMissing, is_working_day, period, working_days_between

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def all_years():
    call_command("load_workdays", "2018", "2023", "2024", verbosity=0)


@pytest.mark.parametrize(
    ("first", "last", "including_first"),
    [
        (date(2023, 4, 27), date(2023, 5, 6), 5),
        (date(2024, 6, 28), date(2024, 7, 4), 5),
        (date(2018, 4, 27), date(2018, 5, 4), 5),
        (date(2023, 10, 27), date(2023, 11, 3), 6),
        (date(2023, 2, 20), date(2023, 2, 26), 5),
    ],
)
def test_real_notices_count_make_up_weekends_and_holidays(all_years, first, last, including_first):
    assert working_days_between(first, last) == including_first


@pytest.mark.parametrize(
    ("start", "counted", "not_counted"),
    [
        (date(2025, 9, 28), date(2025, 10, 10), date(2025, 10, 11)),
        (date(2025, 1, 24), date(2025, 2, 6), date(2025, 2, 7)),
        (date(2025, 4, 30), date(2025, 5, 9), date(2025, 5, 12)),
        (date(2026, 2, 13), date(2026, 2, 26), date(2026, 2, 27)),
        (date(2026, 9, 18), date(2026, 9, 23), date(2026, 9, 24)),
        (date(2026, 9, 30), date(2026, 10, 12), date(2026, 10, 13)),
        (date(2024, 2, 8), date(2024, 2, 20), date(2024, 2, 21)),
    ],
)
def test_five_working_days_end_as_the_vectors_say(all_years, start, counted, not_counted):
    assert period(start, 5, count_start=True).last_day == counted
    assert period(start, 5).last_day == not_counted


def test_a_period_into_a_year_without_an_arrangement_fails_loudly_and_says_what_to_do():
    with pytest.raises(CalendarMissing) as refusal:
        period(date(2026, 12, 30), 5)

    assert "2027" in refusal.value.message
    assert "load_workdays 2027" in refusal.value.message


def test_a_single_day_of_a_missing_year_fails_too():
    with pytest.raises(CalendarMissing):
        is_working_day(date(2027, 3, 1))


def test_the_package_refuses_an_unpublished_year_so_nothing_is_invented():
    with pytest.raises(NotImplementedError):
        arrangement_of(2027)
    assert not WorkdayCalendar.objects.filter(year=2027).exists()


def test_a_period_names_the_calendars_it_was_computed_by():
    assert period(date(2025, 12, 30), 5).calendar_versions == ("2025v1", "2026v1")
