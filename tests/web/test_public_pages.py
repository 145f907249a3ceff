"""What everybody may read: status, markup rules of the strict policy, query counts, filters, downloads."""

import io
import re

import openpyxl
import pytest
from django.test import Client
from django.urls import reverse

from accounts.enums import Role
from core.quarters import Quarter
from scenarios import services
from scenarios.enums import ScenarioState
from tests.factories import (
    make_erratum,
    make_listed_capability,
    make_listed_scenario,
    make_organisation,
    make_person,
    make_pooled_scenario,
    make_published_list,
    make_scenario,
    make_vendor,
)

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]

#: The page budget of issue 3: a list page with twenty rows.
LIST_PAGE_QUERIES = 15

PLAIN_PAGES = (
    "home",
    "about",
    "site_map",
    "styleguide",
    "matching:method",
    "challenges:proofs",
    "scenarios:lists",
    "scenarios:catalogue",
    "vendors:catalogue",
    "vendors:vendors",
    "search:results",
    "account_login",
    "account_signup",
    "account_reset_password",
)


def offences(html: str) -> list[str]:
    """Markup that the content security policy would block, or that leaves the site."""
    return (
        re.findall(r"<[^>]+\sstyle=[^>]*>", html)
        + re.findall(r"<[^>]+\son[a-z]+=[^>]*>", html)
        + re.findall(r"<script(?![^>]*\ssrc=)[^>]*>", html)
        + re.findall(r"<style[^>]*>", html)
        + re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*"', html)
    )


@pytest.mark.parametrize("name", PLAIN_PAGES)
def test_page_opens_for_a_visitor_and_obeys_the_policy(visitor, name):
    response = visitor.get(reverse(name))
    html = response.content.decode()
    assert response.status_code == 200
    assert offences(html) == []
    assert '<html lang="zh-CN"' in html
    assert html.count("<h1") == 1
    assert 'href="#main"' in html
    assert "script-src 'self'" in response["Content-Security-Policy"]


def test_pages_of_a_published_list_open_for_a_visitor(visitor):
    quarterly_list = make_published_list()
    item = quarterly_list.items.get()
    for address in (
        reverse("scenarios:list", args=[quarterly_list.code]),
        reverse("scenarios:list_print", args=[quarterly_list.code]),
        reverse("scenarios:scenario", args=[item.number]),
    ):
        response = visitor.get(address)
        assert response.status_code == 200
        assert item.content["title"] in response.content.decode()
        assert offences(response.content.decode()) == []


def test_permanent_addresses_are_codes(visitor):
    quarterly_list = make_published_list(quarter=Quarter(2026, 4))
    assert reverse("scenarios:list", args=[quarterly_list.code]) == "/lists/2026Q4/"
    assert reverse("scenarios:scenario", args=[quarterly_list.items.get().number]) == "/scenarios/2026Q4-001/"


@pytest.mark.parametrize("code", ["2031Q1", "2026Q9", "nonsense", "2026Q4-99"])
def test_unknown_list_is_not_found(visitor, code):
    response = visitor.get(f"/lists/{code}/")
    assert response.status_code == 404
    assert "没有找到" in response.content.decode()


def test_draft_is_not_found_for_a_visitor_and_for_another_unit(visitor, sign_in):
    draft = make_scenario()
    address = reverse("scenarios:scenario", args=[draft.key])
    assert visitor.get(address).status_code == 404
    assert sign_in(make_person(Role.DEMAND_SUBMITTER)).get(address).status_code == 404


def test_list_in_the_making_is_not_found_for_a_visitor(visitor):
    editor = make_person(Role.LIST_EDITOR)
    services.list_create(quarter=Quarter(2026, 4), acting_user=editor)
    assert visitor.get("/lists/2026Q4/").status_code == 404


def test_list_page_costs_the_same_for_one_and_three_rows(visitor, django_assert_max_num_queries):
    one = make_published_list([make_pooled_scenario()])
    three = make_published_list([make_pooled_scenario(title=f"需求{number}") for number in range(3)])
    counts = []
    for quarterly_list in (one, three):
        with django_assert_max_num_queries(LIST_PAGE_QUERIES) as captured:
            visitor.get(reverse("scenarios:list", args=[quarterly_list.code]))
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_list_page_of_twenty_rows_keeps_the_budget_for_somebody_signed_in(sign_in, django_assert_max_num_queries):
    owner = make_organisation()
    quarterly_list = make_published_list([make_pooled_scenario(owner, title=f"需求{number}") for number in range(20)])
    client = sign_in(make_person(Role.LIST_EDITOR))
    with django_assert_max_num_queries(LIST_PAGE_QUERIES):
        response = client.get(reverse("scenarios:list", args=[quarterly_list.code]))
    assert response.content.decode().count('<th scope="row"') == 20


@pytest.mark.parametrize("name", ["scenarios:catalogue", "vendors:catalogue", "vendors:vendors", "home"])
def test_catalogues_cost_the_same_for_one_and_three_rows(visitor, django_assert_max_num_queries, name):
    def add(number: int) -> None:
        make_listed_scenario(title=f"需求{number}")
        make_listed_capability(title=f"能力{number}")

    counts = []
    for wanted in (1, 3):
        for number in range(wanted - len(counts) * 1):
            add(number * 10 + wanted)
        with django_assert_max_num_queries(20) as captured:
            visitor.get(reverse(name))
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_erratum_stands_beside_the_original(visitor):
    editor = make_person(Role.LIST_EDITOR, organisation=make_organisation(region_code="370000"))
    quarterly_list = make_published_list(editor=editor)
    item = quarterly_list.items.get()
    make_erratum(
        quarterly_list,
        editor,
        corrected_text="0531-66600009",
        reason="号码印错",
        item_id=item.pk,
        field="public_contact_phone",
    )
    html = visitor.get(reverse("scenarios:list", args=[quarterly_list.code])).content.decode()
    assert "勘误1" in html
    assert "<del>0531-66600001</del>" in html
    assert "<ins>0531-66600009</ins>" in html


def test_live_status_is_apart_from_the_frozen_text(visitor):
    quarterly_list = make_published_list()
    scenario = quarterly_list.items.get().scenario
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)
    services.scenario_act(scenario_id=scenario.pk, action="close", acting_user=clerk, comment="已自行解决")
    html = visitor.get(reverse("scenarios:list", args=[quarterly_list.code])).content.decode()
    assert "已结束" in html
    assert scenario.title in html


def test_private_contact_never_reaches_a_visitor(visitor):
    scenario = make_listed_scenario(private_contact_name="王不公开", private_contact_phone="0531-00000001")
    html = visitor.get(reverse("scenarios:scenario", args=[scenario.key])).content.decode()
    assert "王不公开" not in html
    assert "0531-00000001" not in html


def test_filters_of_a_list_narrow_and_can_be_taken_back(visitor):
    first = make_pooled_scenario(title="桥梁监测")
    second = make_pooled_scenario(make_organisation(region_code="370200"), title="港口识别")
    quarterly_list = make_published_list([first, second])
    address = reverse("scenarios:list", args=[quarterly_list.code])
    html = visitor.get(address, {"city": "青岛市"}).content.decode()
    assert "港口识别" in html
    assert "桥梁监测" not in html
    assert "符合条件 1 项，全部 2 项" in html
    html = visitor.get(address, {"q": "没有这个词"}).content.decode()
    assert "没有符合条件的条目" in html


def test_catalogue_filters_by_type_city_and_words(visitor):
    make_listed_scenario(title="桥梁监测")
    make_listed_scenario(make_organisation(region_code="370200"), title="港口识别")
    address = reverse("scenarios:catalogue")
    assert visitor.get(address, {"city": "370200"}).context["page"].paginator.count == 1
    assert visitor.get(address, {"q": "桥梁"}).context["page"].paginator.count == 1
    assert visitor.get(address, {"type": "validation"}).context["page"].paginator.count == 2
    assert visitor.get(address, {"state": ScenarioState.EXPIRED}).context["page"].paginator.count == 0


@pytest.mark.parametrize(
    "query",
    [
        "page=-1",
        "page=99999999999999999999",
        "page=x&size=7",
        "city=%27%3B+DROP+TABLE&field=%00&type=<script>",
        "sort=..%2F..%2Fetc&state=%F0%9F%92%A9",
    ],
)
def test_hostile_query_gives_a_plain_page(visitor, query):
    make_listed_scenario()
    for name in ("scenarios:catalogue", "vendors:catalogue", "vendors:vendors"):
        response = visitor.get(f"{reverse(name)}?{query}")
        assert response.status_code == 200
        assert "<script>" not in response.content.decode().replace("<script ", "")


def test_excel_download_holds_the_frozen_items(visitor):
    quarterly_list = make_published_list()
    item = quarterly_list.items.get()
    response = visitor.get(reverse("scenarios:list_download", args=[quarterly_list.code, "xlsx"]))
    sheet = openpyxl.load_workbook(io.BytesIO(response.content)).active
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0][0] == quarterly_list.title
    assert rows[1][:3] == ("编号", "需求名称", "需求单位")
    assert rows[2][:2] == (item.number, item.content["title"])
    assert "2026Q4.xlsx" in response["Content-Disposition"]


def test_csv_download_makes_formulas_harmless(visitor):
    scenario = make_pooled_scenario(title="=HYPERLINK(1)")
    quarterly_list = make_published_list([scenario])
    text = visitor.get(reverse("scenarios:list_download", args=[quarterly_list.code, "csv"])).content.decode(
        "utf-8-sig"
    )
    assert "'=HYPERLINK(1)" in text


def test_unknown_download_form_is_not_found(visitor):
    quarterly_list = make_published_list()
    assert visitor.get(reverse("scenarios:list_download", args=[quarterly_list.code, "exe"])).status_code == 404


def test_capability_and_vendor_pages_open_for_a_visitor(visitor):
    capability = make_listed_capability()
    for address in (
        reverse("vendors:capability", args=[capability.key]),
        reverse("vendors:vendor", args=[capability.vendor.public_id]),
    ):
        response = visitor.get(address)
        assert response.status_code == 200
        assert capability.title in response.content.decode()
        assert offences(response.content.decode()) == []


def test_vendor_of_an_unverified_organisation_is_not_found(visitor):
    vendor = make_vendor(make_organisation(kind="enterprise", state="unverified"))
    assert visitor.get(reverse("vendors:vendor", args=[vendor.public_id])).status_code == 404


def test_aids_are_kept_in_a_cookie_without_scripts(visitor):
    response = visitor.post(reverse("accessibility"), {"option": "text", "next": "/about/"})
    assert response.status_code == 302
    assert response["Location"] == "/about/"
    assert 'data-text="large"' in visitor.get("/about/").content.decode()
    visitor.post(reverse("accessibility"), {"option": "text", "next": "/"})
    assert "data-text" not in visitor.get("/about/").content.decode()


def test_aids_never_lead_to_another_site(visitor):
    response = visitor.post(reverse("accessibility"), {"option": "contrast", "next": "https://elsewhere.example/"})
    assert response["Location"] == "/"


def test_unknown_address_says_what_to_do(visitor):
    response = visitor.get("/no/such/page/")
    assert response.status_code == 404
    assert "没有找到这个页面" in response.content.decode()


def test_old_form_says_that_nothing_was_stored():
    response = Client(enforce_csrf_checks=True).post(reverse("accessibility"), {"option": "text"})
    assert response.status_code == 403
    assert "页面已过期，内容没有提交" in response.content.decode()


def test_sign_in_pages_speak_the_products_language(visitor):
    html = visitor.get(reverse("account_login")).content.decode()
    assert "用户名或邮箱" in html
    assert 'class="utility"' in html
