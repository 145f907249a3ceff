"""The main job in a browser: a clerk's demand is reviewed, listed, published, and a vendor sees it with reasons."""

import io
import re

import pytest
from django.core.management import call_command
from playwright.sync_api import expect

from accounts.enums import OrganisationKind, Role
from core.relay import drain
from scenarios.enums import ScenarioState
from scenarios.models import Scenario
from tests.factories import make_listed_capability, make_organisation, make_person, make_scenario, make_vendor
from tests.factories.accounts import PASSWORD

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

NEED = {
    "pain_point": "全区四百台加装电梯分属多家维保单位，困人后平均二十六分钟才知道是哪一台。",
    "description": "在轿厢加装传感器，监测平层、开关门和振动，困人时自动派单到最近的维保人员。",
    "target_indicators": "困人报警到派单缩短到三分钟以内，误报率低于百分之二。",
}


def test_demand_goes_from_draft_to_publication_and_reaches_a_vendor(open_page):
    firm = make_organisation("示例云岭科技有限公司", kind=OrganisationKind.ENTERPRISE)
    make_listed_capability(
        make_vendor(firm),
        title="电梯运行状态监测与困人自动派单",
        description="在轿顶加装振动和平层传感器，困人后三十秒内派单到最近的维保人员，已在多个区县运行。",
    )
    bureau = make_organisation("省示例大数据局", region_code="370000")
    clerk = open_page(make_person(Role.DEMAND_SUBMITTER, organisation=make_organisation("示例区住建局")))

    # A draft, section by section.
    clerk.goto("/desk/scenarios/new/")
    clerk.fill("input[name=title]", "加装电梯运行状态监测")
    clerk.click("button:text('建立草稿')")
    clerk.click(".task-list >> text=基本情况")
    clerk.select_option("select[name=category]", index=3)
    clerk.click("text=保存，下一节")
    for name, text in NEED.items():
        clerk.fill(f"textarea[name={name}]", text)
    clerk.click("text=保存，下一节")
    clerk.wait_for_url("**/edit/conditions/")
    clerk.goto(re.sub(r"edit/\w+/", "edit/contact/", clerk.url))
    clerk.fill("input[name=public_contact_office]", "房屋管理科")
    clerk.fill("input[name=public_contact_phone]", "0531-66600001")
    clerk.check("input[name=no_state_secret]")
    clerk.click("text=保存并返回")
    clerk.click("text=核对并提交")
    clerk.click("text=确认提交")
    expect(clerk.locator(".confirmation h1")).to_have_text("需求已提交")

    # Two reviews by two people.
    scenario = Scenario.objects.get()
    city = open_page(make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370100")))
    city.goto("/desk/reviews/")
    city.click("text=加装电梯运行状态监测")
    city.fill("textarea[name=comment]", "情况属实。")
    city.click("button:text('初审通过')")
    city.wait_for_url("**/desk/reviews/")
    province = open_page(make_person(Role.PROVINCIAL_REVIEWER, organisation=bureau))
    province.goto(f"/desk/reviews/{scenario.key}/")
    province.click("button:text('审核入库')")
    expect(province.locator("#error-summary")).to_be_focused()
    province.check("input[name=secrecy_reviewed]")
    province.click("button:text('审核入库')")
    province.wait_for_url("**/desk/reviews/")
    scenario.refresh_from_db()
    assert scenario.state == ScenarioState.POOLED

    # The list: edited by one, approved and published by another.
    editor = open_page(make_person(Role.LIST_EDITOR, organisation=bureau))
    editor.on("dialog", lambda dialog: dialog.accept())
    editor.goto("/desk/lists/")
    editor.click("main button:text('建立清单')")
    editor.check("input[name=scenario]")
    expect(editor.locator("[data-selected-count]")).to_have_text("1")
    editor.click("button:text('列入清单')")
    editor.click("button:text('冻结')")
    editor.click("button:text('送审')")
    expect(editor.locator("button:text('送审')")).to_have_count(0)
    code = editor.url.rstrip("/").rsplit("/", 1)[-1]
    approver = open_page(make_person(Role.LIST_APPROVER, organisation=bureau))
    approver.on("dialog", lambda dialog: dialog.accept())
    approver.goto(f"/desk/lists/{code}/")
    approver.fill("input[name=secrecy_reviewer_name]", "李保密")
    approver.click("main button:text-is('批准')")
    approver.click("main button:text-is('发布')")
    expect(approver.locator("main .badge").first).to_have_text("已发布")

    # Everything that follows from the publication, as the relay would do it.
    drain()

    visitor = open_page()
    visitor.goto(f"/lists/{code}/")
    visitor.click("text=加装电梯运行状态监测")
    expect(visitor.locator("main")).to_contain_text("房屋管理科")
    vendor = open_page(make_person(Role.VENDOR_STAFF, organisation=firm))
    vendor.goto("/desk/recommended/")
    expect(vendor.locator(".candidate").first).to_contain_text("加装电梯运行状态监测")
    expect(vendor.locator(".reasons").first).to_contain_text("文字相符")
    clerk.goto(f"/scenarios/{code}-001/")
    expect(clerk.locator(".candidates")).to_contain_text("示例云岭科技有限公司")


def test_draft_saves_itself_and_says_when(open_page):
    owner = make_organisation()
    draft = make_scenario(owner, title="草稿")
    page = open_page(make_person(Role.DEMAND_SUBMITTER, organisation=owner))
    page.goto(f"/desk/scenarios/{draft.key}/edit/need/")
    page.fill("textarea[name=description]", "写到一半的内容")
    page.focus("textarea[name=target_indicators]")
    expect(page.locator("[data-save-state]")).to_have_text(re.compile(r"^已于 \d\d:\d\d:\d\d 保存$"))
    draft.refresh_from_db()
    assert draft.description == "写到一半的内容"


def test_conflict_is_shown_and_nothing_is_overwritten(open_page):
    owner = make_organisation()
    draft = make_scenario(owner, title="草稿")
    first = open_page(make_person(Role.DEMAND_SUBMITTER, organisation=owner))
    second = open_page(make_person(Role.DEMAND_SUBMITTER, organisation=owner))
    for page in (first, second):
        page.goto(f"/desk/scenarios/{draft.key}/edit/need/")
    first.fill("textarea[name=description]", "甲写的")
    first.focus("textarea[name=target_indicators]")
    expect(first.locator("[data-save-state]")).to_contain_text("保存")
    expect(first.locator("[data-save-state][data-state=saved]")).to_have_count(1)
    second.fill("textarea[name=description]", "乙写的")
    second.focus("textarea[name=target_indicators]")
    expect(second.locator("[data-save-state]")).to_contain_text("已被他人修改")
    expect(second.locator("textarea[name=description]")).to_have_value("乙写的")
    draft.refresh_from_db()
    assert draft.description == "甲写的"


def test_leaving_with_unsaved_words_asks_first(open_page):
    page = open_page(make_person(Role.DEMAND_SUBMITTER))
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto("/desk/scenarios/new/")
    page.fill("input[name=title]", "还没有保存")
    page.goto("/desk/")
    assert asked == ["beforeunload"]


def test_reading_and_saving_work_without_scripts(open_page):
    owner = make_organisation()
    draft = make_scenario(owner, title="草稿")
    page = open_page(make_person(Role.DEMAND_SUBMITTER, organisation=owner), scripts=False)
    page.goto(f"/desk/scenarios/{draft.key}/edit/need/")
    page.fill("textarea[name=description]", "没有脚本也能保存")
    page.click("text=保存并返回")
    page.wait_for_url(f"**/desk/scenarios/{draft.key}/")
    draft.refresh_from_db()
    assert draft.description == "没有脚本也能保存"
    page.click("button:text('大字')")
    expect(page.locator("html")).to_have_attribute("data-text", "large")


def test_keyboard_alone_reaches_the_content_and_submits(open_page):
    page = open_page(make_person(Role.DEMAND_SUBMITTER))
    page.goto("/desk/scenarios/new/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    page.keyboard.press("Enter")
    for _press in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "title":
            break
    page.keyboard.type("只用键盘填报")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("只用键盘填报")


def test_facets_narrow_in_place_and_the_address_follows(open_page):
    make_listed_capability(title="电梯监测")
    drain()
    call_command("reindex", stdout=io.StringIO())
    page = open_page()
    page.goto("/search/?q=电梯&kind=capability")
    page.click(".facet a >> nth=0")
    page.wait_for_url(re.compile(r"[?&]city="))
    expect(page.locator(".chips .chip")).to_have_count(1)
    page.reload()
    expect(page.locator(".chips .chip")).to_have_count(1)


def test_typed_words_outlive_an_expired_session(open_page):
    person = make_person(Role.DEMAND_SUBMITTER)
    page = open_page(person)
    page.goto("/desk/scenarios/new/")
    page.fill("input[name=title]", "写了很久的名称")
    page.check("input[value=joint]")
    page.context.clear_cookies(name="sessionid")
    page.click("button:text('建立草稿')")
    page.wait_for_url("**/account/login/**")
    page.fill("input[name=login]", person.username)
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button")
    page.wait_for_url("**/desk/account/kept-form/")
    expect(page.locator("main")).to_contain_text("写了很久的名称")
    page.click("text=回到原页面")
    page.click("text=恢复填写的内容")
    expect(page.locator("input[name=title]")).to_have_value("写了很久的名称")
    expect(page.locator("input[value=joint]")).to_be_checked()
    page.go_back()
    page.click("button:text('继续提交')")
    expect(page.locator("h1")).to_have_text("写了很久的名称")
