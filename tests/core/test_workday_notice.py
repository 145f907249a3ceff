"""A year's arrangement from the notice's own words, and its absence told in time (issue 12, row 20)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse

from accounts.enums import Role
from core import relay
from core.clock import frozen
from core.errors import DomainError, InvalidInput
from core.management.commands.load_workdays import arrangement_of
from core.models import AuditEntry, WorkdayCalendar, WorkdayException
from core.workday_calendars import calendar_load, missing_tell, years_missing
from core.workday_notice import SpecialDay, read_notice
from core.working_days import period
from marketplace import operations
from notifications.models import Notification
from tests.factories import make_person
from tests.web.conftest import sign_in

__all__ = ["sign_in"]
pytestmark = [pytest.mark.django_db, pytest.mark.integration]

NOTICE_2026 = """国务院办公厅关于2026年部分节假日安排的通知
各省、自治区、直辖市人民政府，国务院各部委、各直属机构：
经国务院批准，现将2026年元旦、春节、清明节、劳动节、端午节、中秋节和国庆节放假调休日期的具体安排通知如下。
一、元旦：1月1日（周四）至3日（周六）放假调休，共3天。1月4日（周日）上班。
二、春节：2月15日（农历腊月二十八、周日）至23日（农历正月初七、周一）放假调休，共9天。2月14日（周六）、2月28日（周六）上班。
三、清明节：4月4日（周六）至6日（周一）放假，共3天。
四、劳动节：5月1日（周五）至5日（周二）放假调休，共5天。5月9日（周六）上班。
五、端午节：6月19日（周五）至21日（周日）放假，共3天。
六、中秋节：9月25日（周五）至27日（周日）放假，共3天。
七、国庆节：10月1日（周四）至7日（周三）放假调休，共7天。9月20日（周日）、10月10日（周六）上班。
节假日期间，各地区、各部门要妥善安排好值班和安全、保卫、疫情防控等工作。"""
NOTICE_2024 = """一、元旦：1月1日放假，与周末连休。
二、春节：2月10日至17日放假调休，共8天。2月4日（星期日）、2月18日（星期日）上班。鼓励各单位结合带薪年休假等制度落实，安排职工在除夕（2月9日）休息。
三、清明节：4月4日至6日放假调休，共3天。4月7日（星期日）上班。
四、劳动节：5月1日至5日放假调休，共5天。4月28日（星期日）、5月11日（星期六）上班。
五、端午节：6月10日放假，与周末连休。
六、中秋节：9月15日至17日放假调休，共3天。9月14日（星期六）上班。
七、国庆节：10月1日至7日放假调休，共7天。9月29日（星期日）、10月12日（星期六）上班。"""
NOTICE_2023 = """一、元旦：2022年12月31日至2023年1月2日放假调休，共3天。
二、春节：1月21日至27日放假调休，共7天。1月28日（星期六）、1月29日（星期日）上班。
三、清明节：4月5日放假，共1天。
四、劳动节：4月29日至5月3日放假调休，共5天。4月23日（星期日）、5月6日（星期六）上班。
五、端午节：6月22日至24日放假调休，共3天。6月25日（星期日）上班。
六、中秋节、国庆节：9月29日至10月6日放假调休，共8天。10月7日（星期六）、10月8日（星期日）上班。"""


@pytest.mark.parametrize(("year", "text"), [(2023, NOTICE_2023), (2024, NOTICE_2024), (2026, NOTICE_2026)])
def test_a_real_notice_gives_what_the_maintained_package_gives(year, text):
    reading = read_notice(text, year)
    assert reading.problems == []
    assert [(one.day, one.is_workday) for one in reading.days] == [
        (day, works) for day, works, _label in arrangement_of(year)
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("共9天", "共8天"), "春节：通知写明放假 8 天，读到 9 天。"),
        (("1月4日（周日）", "1月4日（周六）"), "“1月4日（周六）”与 2026 年不符：2026-01-04 是周日。请核对年份。"),
        (
            ("六、中秋节：9月25日（周五）至27日（周日）放假，共3天。\n", ""),
            "没有读到：中秋节。请粘贴通知中的全部假期安排。",
        ),
        (("6月19日（周五）", "6月31日"), "“6月31日”不是日期。"),
        (("1月4日（周日）上班", "1月2日（周五）上班"), "2026-01-02 既写了放假又写了上班。"),
        (
            ("5月1日（周五）至5日（周二）", "5月1日（周五）至1日（周五）"),
            "“5月1日（周五）至1日（周五）”不是一段连续的日子。",
        ),
    ],
)
def test_what_does_not_add_up_is_told(change, problem):
    assert change[0] in NOTICE_2026
    assert problem in read_notice(NOTICE_2026.replace(*change), 2026).problems


def test_another_years_notice_is_recognised_by_its_weekdays():
    assert read_notice(NOTICE_2026, 2027).problems[0].endswith("请核对年份。")


@pytest.mark.parametrize("text", ["", "春节", "一、春节：放假。", "元旦：32日放假", "二、春节：9" * 500])
def test_what_is_no_notice_gives_no_days_and_says_so(text):
    reading = read_notice(text, 2027)
    assert reading.days == []
    assert any(problem.startswith("没有读到") for problem in reading.problems)


def test_a_loaded_year_carries_periods_and_is_loaded_once():
    reading = read_notice(NOTICE_2026, 2026)
    WorkdayCalendar.objects.filter(year=2026).delete()
    person = make_person(Role.SYSTEM_ADMINISTRATOR)
    calendar_load(year=2026, days=reading.days, source="国办发明电〔2025〕7号", acting_user=person)
    assert period(date(2026, 9, 30), 5).last_day == date(2026, 10, 13)
    assert list(AuditEntry.objects.values_list("action", "actor_id")) == [("core.workdays.load", person.pk)]

    before = WorkdayException.objects.count()
    with pytest.raises(DomainError) as refusal:
        calendar_load(year=2026, days=reading.days, source="又一次")
    assert refusal.value.code == "calendar_loaded"
    with pytest.raises(InvalidInput):
        calendar_load(year=2027, days=[SpecialDay(date(2026, 1, 1), False, "元旦")], source="错年")
    assert WorkdayException.objects.count() == before


# --- told in time ------------------------------------------------------------------------------------------------


def test_next_year_is_awaited_from_november_on():
    assert years_missing(date(2026, 10, 31)) == []
    assert years_missing(date(2026, 11, 1)) == [2027]
    assert years_missing(date(2027, 1, 1)) == [2027]
    WorkdayCalendar.objects.create(year=2027, source="试")
    assert (years_missing(date(2026, 12, 31)), years_missing(date(2027, 6, 1))) == ([], [])


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 4, tzinfo=UTC)


def test_operators_and_system_administrators_are_told_once_a_week_until_it_is_loaded():
    people = [make_person(Role.OPERATOR), make_person(Role.SYSTEM_ADMINISTRATOR)]
    other = make_person(Role.LIST_EDITOR)
    # Monday 2 November and the days after it: 14 days are two weeks.
    for offset in range(-2, 14):
        with frozen(at(11, 2) + timedelta(days=offset)):
            missing_tell()
            relay.drain()
    told = Notification.objects.filter(topic="workdays.missing")
    # Sunday 1 November belongs to a week of its own.
    assert [told.filter(recipient=person).count() for person in (*people, other)] == [3, 3, 0]
    assert "2027 年的节假日安排还没有载入" in told.first().body

    WorkdayCalendar.objects.create(year=2027, source="试")
    with frozen(at(11, 17)):
        assert missing_tell() == {"missing": 0}
        relay.drain()
    assert told.count() == 6


def test_the_operators_page_and_statusz_say_it(client):
    client.force_login(make_person(Role.OPERATOR))
    with frozen(at(10, 31)):
        assert operations.report()["workdays"]["missing"] == []
    with frozen(at(11, 1)):
        part = operations.report()["workdays"]
        assert (part["status"], part["missing"], operations.page()["years_missing"]) == ("degraded", [2027], [2027])
    WorkdayCalendar.objects.all().delete()
    assert "年的节假日安排：跨入该年的期限算不出来" in client.get(reverse("operations")).content.decode()


# --- the page ----------------------------------------------------------------------------------------------------


def test_the_page_previews_and_loads_what_was_previewed(sign_in):
    WorkdayCalendar.objects.filter(year=2026).delete()
    client = sign_in(make_person(Role.SYSTEM_ADMINISTRATOR))
    given = {"year": "2026", "source": "国办发明电〔2025〕7号", "text": NOTICE_2026}

    preview = client.post(reverse("workdays"), given | {"step": "preview"}).content.decode()
    assert "2026-10-10" in preview
    assert 'value="load"' in preview
    assert not WorkdayCalendar.objects.filter(year=2026).exists()

    client.post(reverse("workdays"), given | {"step": "load"})
    loaded = WorkdayCalendar.objects.get(year=2026)
    assert loaded.source == "国办发明电〔2025〕7号"
    assert loaded.exceptions.count() == len(arrangement_of(2026))


def test_a_notice_with_a_fault_is_not_loaded_even_when_asked(sign_in):
    client = sign_in(make_person(Role.SYSTEM_ADMINISTRATOR))
    given = {"year": "2027", "source": "某通知", "text": NOTICE_2026, "step": "load"}
    answer = client.post(reverse("workdays"), given)
    assert answer.status_code == 400
    assert "请核对年份" in answer.content.decode()
    assert not WorkdayCalendar.objects.filter(year=2027).exists()


def test_operators_look_and_others_do_not(sign_in):
    page = reverse("workdays")
    operator = sign_in(make_person(Role.OPERATOR))
    assert "通知原文" not in operator.get(page).content.decode()
    answers = [operator.post(page, {}), sign_in(make_person(Role.LIST_EDITOR)).get(page)]
    assert [answer.status_code for answer in answers] == [403, 403]


def test_the_command_loads_as_before(capsys):
    WorkdayCalendar.objects.filter(year=2025).delete()
    call_command("load_workdays", "2025")
    call_command("load_workdays", "2025")
    assert WorkdayCalendar.objects.get(year=2025).exceptions.count() == len(arrangement_of(2025))
