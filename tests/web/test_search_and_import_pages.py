"""Search, import, matching and notice pages: state in the address, dry run before writing, bad input in words."""

import io

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.enums import OrganisationKind, Role
from core.models import ImportBatch
from core.opaque import opaque
from core.relay import drain
from matching.models import MatchRun
from notifications.models import Notification, Preference
from notifications.services import unsubscribe_token
from scenarios.models import Scenario
from search.models import SavedSearch
from tests.factories import (
    make_listed_capability,
    make_listed_scenario,
    make_organisation,
    make_person,
    make_vendor,
)
from vendors.models import Capability

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


# --- search ------------------------------------------------------------------------------------------------------


def test_results_are_marked_and_filtered_by_the_address(visitor):
    make_listed_scenario(title="加装电梯运行状态监测")
    make_listed_scenario(make_organisation(region_code="370200"), title="电梯困人救援")
    drain()
    address = reverse("search:results")
    html = visitor.get(address, {"q": "电梯"}).content.decode()
    assert html.count("<mark>电梯</mark>") >= 2
    narrowed = visitor.get(address, {"q": "电梯", "city": "370200"}).content.decode()
    assert "困人救援" in narrowed
    assert "运行状态监测" not in narrowed
    assert "城市：青岛市" in narrowed


def test_partial_answer_holds_results_only(visitor):
    html = visitor.get(reverse("search:results"), {"q": "x"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in html


def test_five_thousand_characters_are_refused_in_words(visitor):
    response = visitor.get(reverse("search:results"), {"q": "长" * 5000})
    html = response.content.decode()
    assert response.status_code == 400
    assert "检索词最多 300 个字" in html
    assert 'href="#id_q"' in html
    assert "长" * 300 in html


@pytest.mark.parametrize(
    "query",
    [
        "kind=users",
        "sort=password",
        "page=0",
        "page=1000000",
        "size=7",
        "city=%00",
        "q=%22+OR+1%3D1+--&state=*%3A*",
        "q=%3Cscript%3Ealert(1)%3C/script%3E",
    ],
)
def test_hostile_search_never_fails(visitor, query):
    response = visitor.get(f"{reverse('search:results')}?{query}")
    assert response.status_code in (200, 400)
    assert "<script>alert" not in response.content.decode()


def test_nothing_found_gives_advice(visitor):
    assert "换一个更短或更常见的说法" in visitor.get(reverse("search:results"), {"q": "量子纠缠"}).content.decode()


def test_suggestions_are_options(visitor):
    make_listed_scenario(title="加装电梯运行状态监测")
    drain()
    html = visitor.get(reverse("search:suggestions"), {"q": "加装"}).content.decode()
    assert html.strip() == '<option value="加装电梯运行状态监测"></option>'


def test_a_search_is_kept_and_forgotten(sign_in):
    client = sign_in(make_person(Role.VENDOR_STAFF))
    client.post(reverse("search:save"), {"name": "电梯类", "query": "?q=电梯&kind=scenario&city=370100"})
    kept = SavedSearch.objects.get()
    assert (kept.text, kept.filters) == ("电梯", {"city": ["370100"]})
    assert "电梯类" in client.get(reverse("search:results")).content.decode()
    client.post(reverse("search:drop", args=[kept.pk]))
    assert SavedSearch.objects.count() == 0


def test_search_without_a_name_is_not_kept(sign_in):
    client = sign_in(make_person(Role.VENDOR_STAFF))
    response = client.post(reverse("search:save"), {"name": " ", "query": "?q=电梯"}, follow=True)
    assert "没有保存" in response.content.decode()
    assert SavedSearch.objects.count() == 0


# --- import ------------------------------------------------------------------------------------------------------


def workbook(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return SimpleUploadedFile("需求表.xlsx", content.getvalue())


@pytest.fixture
def clerk(sign_in):
    return sign_in(make_person(Role.DEMAND_SUBMITTER))


def test_upload_checks_and_writes_nothing_until_confirmed(clerk):
    sheet = workbook(("需求名称", "需求内容", "预算（万元）"), ("桥梁监测", "在桥上装传感器，异常时告警。", "120"))
    checked = clerk.post(reverse("scenarios:import"), {"file": sheet})
    assert Scenario.objects.count() == 0
    html = clerk.get(checked["Location"]).content.decode()
    assert "尚未写入任何内容" in html
    assert "确认导入" in html
    done = clerk.post(checked["Location"], {"action": "confirm"})
    made = Scenario.objects.get()
    assert (made.title, made.budget_max_fen) == ("桥梁监测", 120_000_000)
    report = clerk.get(done["Location"])
    assert report.status_code == 200
    assert clerk.get(done["Location"], {"format": "csv"})["Content-Type"] == "text/csv; charset=utf-8"


def test_renamed_headings_are_mapped_by_hand(clerk):
    sheet = workbook(("事由", "详情"), ("桥梁监测", "在桥上装传感器，异常时告警。"))
    checked = clerk.post(reverse("scenarios:import"), {"file": sheet})
    html = clerk.get(checked["Location"]).content.decode()
    assert "没有可以导入的行" in html
    mapped = clerk.post(checked["Location"], {"action": "map", "column_0": "title", "column_1": "description"})
    clerk.post(mapped["Location"], {"action": "confirm"})
    assert Scenario.objects.get().title == "桥梁监测"


def test_a_file_can_be_given_up(clerk):
    checked = clerk.post(reverse("scenarios:import"), {"file": workbook(("需求名称",), ("桥梁监测",))})
    clerk.post(checked["Location"], {"action": "drop"})
    assert (Scenario.objects.count(), ImportBatch.objects.count()) == (0, 0)


def test_wrong_kind_of_file_is_refused_in_words(clerk):
    response = clerk.post(reverse("scenarios:import"), {"file": SimpleUploadedFile("表.xlsx", b"MZ not a sheet")})
    html = response.content.decode()
    assert response.status_code == 400
    assert "这个文件不能导入" in html
    assert 'href="#id_file"' in html
    assert ImportBatch.objects.count() == 0


def test_no_file_is_said(clerk):
    response = clerk.post(reverse("scenarios:import"))
    assert response.status_code == 400
    assert "请选择要导入的文件" in response.content.decode()


def test_a_checked_file_is_ones_own(clerk, sign_in):
    checked = clerk.post(reverse("scenarios:import"), {"file": workbook(("需求名称",), ("桥梁监测",))})
    other = sign_in(make_person(Role.DEMAND_SUBMITTER))
    assert other.post(checked["Location"], {"action": "confirm"}).status_code == 404
    assert Scenario.objects.count() == 0


def test_capabilities_are_imported_likewise(sign_in):
    firm = make_organisation(kind=OrganisationKind.ENTERPRISE)
    client = sign_in(make_person(Role.VENDOR_STAFF, organisation=firm))
    checked = client.post(
        reverse("vendors:import"), {"file": workbook(("能力名称", "能力说明"), ("桥梁监测", "传感器与告警。"))}
    )
    client.post(checked["Location"], {"action": "confirm"})
    assert Capability.objects.get().title == "桥梁监测"


def test_import_is_for_its_role(sign_in):
    client = sign_in(make_person(Role.LIST_EDITOR))
    for name in ("scenarios:import", "vendors:import"):
        assert client.get(reverse(name)).status_code == 403


# --- matching ----------------------------------------------------------------------------------------------------


@pytest.fixture
def pair():
    firm = make_organisation(kind=OrganisationKind.ENTERPRISE)
    capability = make_listed_capability(make_vendor(firm))
    scenario = make_listed_scenario()
    drain()
    return scenario, capability


def test_owner_sees_candidates_with_reasons_and_a_visitor_none(sign_in, visitor, pair):
    scenario, capability = pair
    address = reverse("scenarios:scenario", args=[scenario.key])
    owner = sign_in(make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner))
    html = owner.get(address).content.decode()
    assert "匹配的供给方" in html
    assert capability.title in html
    assert "文字相符" in html
    assert "匹配的供给方" not in visitor.get(address).content.decode()


def test_a_vendor_sees_its_own_place_only(sign_in, pair):
    scenario, capability = pair
    address = reverse("scenarios:scenario", args=[scenario.key])
    staff = sign_in(make_person(Role.VENDOR_STAFF, organisation=capability.vendor.organisation))
    assert "本单位与这项需求" in staff.get(address).content.decode()
    other = sign_in(make_person(Role.VENDOR_STAFF, organisation=make_organisation(kind=OrganisationKind.ENTERPRISE)))
    html = other.get(address).content.decode()
    assert "本单位与这项需求" not in html
    assert capability.title not in html


def test_run_page_repeats_the_ranking(sign_in, visitor, pair):
    scenario, _capability = pair
    owner = sign_in(make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner))
    run = MatchRun.objects.filter(scenario=scenario).latest("pk")
    address = reverse("matching:run", args=[run.public_id])
    assert owner.get(address).status_code == 200
    assert "复算结果与保存的名次、分数和等级一致" in owner.post(address).content.decode()
    assert sign_in(make_person(Role.VENDOR_STAFF)).get(address).status_code == 404


def test_owner_ranks_anew_and_a_stranger_cannot(sign_in, pair):
    scenario, _capability = pair
    address = reverse("matching:match_scenario", args=[scenario.key])
    before = MatchRun.objects.count()
    assert sign_in(make_person(Role.VENDOR_STAFF)).post(address).status_code == 403
    assert MatchRun.objects.count() == before
    sign_in(make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)).post(address)
    assert MatchRun.objects.count() == before + 1


def test_recommended_demand_is_shown_and_dismissed(sign_in, pair):
    scenario, capability = pair
    client = sign_in(make_person(Role.VENDOR_STAFF, organisation=capability.vendor.organisation))
    address = reverse("matching:recommended")
    html = client.get(address).content.decode()
    assert scenario.title in html
    recommendation = capability.vendor.recommendations.get(scenario=scenario)
    client.post(reverse("matching:dismiss", args=[recommendation.public_id]))
    assert scenario.title not in client.get(address).content.decode()


def test_progress_of_a_list_is_for_those_who_work_with_lists(sign_in, visitor, pair):
    scenario, _capability = pair
    code = scenario.list_items.get().quarterly_list.code
    editor = sign_in(make_person(Role.LIST_EDITOR))
    assert "100%" in editor.get(reverse("matching:list_progress", args=[code])).content.decode()
    assert (
        sign_in(make_person(Role.VENDOR_STAFF)).get(reverse("matching:list_progress", args=[code])).status_code == 404
    )


# --- notices -----------------------------------------------------------------------------------------------------


@pytest.fixture
def told():
    person = make_person(Role.DEMAND_SUBMITTER)
    notice = Notification.objects.create(
        recipient=person, topic="x", group="result", title="审核入库：桥梁监测", key="k1", url_name="scenarios:own"
    )
    return person, notice


def test_notice_is_counted_opened_and_then_read(sign_in, told):
    person, notice = told
    client = sign_in(person)
    assert '<span class="unread">1</span>' in client.get(reverse("desk")).content.decode()
    response = client.post(reverse("notifications:open", args=[opaque(notice)]))
    assert response["Location"] == reverse("scenarios:own")
    assert 'class="unread"' not in client.get(reverse("desk")).content.decode()


def test_somebody_elses_notice_is_not_found(sign_in, told):
    _person, notice = told
    assert sign_in(make_person()).post(reverse("notifications:open", args=[opaque(notice)])).status_code == 404
    notice.refresh_from_db()
    assert notice.read_at is None


def test_mail_is_switched_off_by_group_on_the_settings_page(sign_in, told):
    person, _notice = told
    client = sign_in(person)
    client.post(reverse("notifications:preferences"), {"mail": ["todo", "list", "recommendation", "operation"]})
    assert [(row.group, row.mail) for row in Preference.objects.all()] == [("result", False)]


def test_unsubscribing_needs_a_press_and_a_true_token(visitor, told):
    person, _notice = told
    address = reverse("notifications:unsubscribe", args=[unsubscribe_token(person.pk, "result")])
    assert "确认退订" in visitor.get(address).content.decode()
    assert Preference.objects.count() == 0
    assert "已退订" in visitor.post(address).content.decode()
    assert Preference.objects.get().mail is False
    assert visitor.post(reverse("notifications:unsubscribe", args=["forged"])).status_code == 400
