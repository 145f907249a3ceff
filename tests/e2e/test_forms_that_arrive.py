"""What a person typed arrives, from a page without a session and from one whose session ended in another window."""

import pytest
from playwright.sync_api import expect

from accounts.enums import OrganisationKind, Role
from tests.e2e.conftest import sign_in_on
from tests.factories import make_listed_capability, make_organisation, make_person, make_scenario, make_vendor
from vendors import confirmations, services
from vendors.models import DeliveredCase

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def test_a_customer_confirms_a_case_by_the_mailed_link(open_page, reference_data):
    """A page under "no-referrer" posts with the origin "null": its own form was refused."""
    firm = make_organisation("案例公司", kind=OrganisationKind.ENTERPRISE)
    staff = make_person(Role.VENDOR_STAFF, organisation=firm)
    capability = make_listed_capability(make_vendor(firm))
    case = services.case_save(capability_id=capability.pk, acting_user=staff, title="某桥监测", customer="示例公路局")
    asked = confirmations.confirmation_ask(case_id=case.pk, acting_user=staff, address="office@customer.example.cn")
    page = open_page()
    page.goto(f"/cases/{confirmations.link_token(asked)}/")
    page.check("input[name=answer][value=confirm]")
    page.fill("input[name=name]", "李工，养护科")
    page.click("button:text('提交答复')")
    expect(page.locator(".notice-success")).to_contain_text("已确认属实")
    assert DeliveredCase.objects.get(pk=case.pk).confirmation == "confirmed"


@pytest.mark.parametrize("again", [False, True], ids=["signed out", "signed in anew"])
def test_what_was_typed_outlives_signing_out_in_another_window(open_page, reference_data, again):
    owner = make_organisation()
    person = make_person(Role.DEMAND_SUBMITTER, organisation=owner)
    draft = make_scenario(owner, title="草稿")
    page = open_page(person)
    page.goto(f"/desk/scenarios/{draft.key}/edit/need/")
    other = page.context.new_page()
    other.goto("/desk/")
    other.get_by_role("button", name="退出").first.click()
    expect(other.get_by_role("link", name="登录").first).to_be_visible()
    if again:
        other.goto("/account/login/")
        sign_in_on(other, person)
        other.wait_for_url("**/desk/**")
    page.fill("textarea[name=description]", "另一个窗口退出以后写的")
    page.click("text=保存并返回")
    if not again:
        page.wait_for_url("**/account/login/**")
        sign_in_on(page, person)
    page.wait_for_url("**/desk/account/kept-form/")
    expect(page.locator("main")).to_contain_text("另一个窗口退出以后写的")
    page.click("button:text('继续提交')")
    page.wait_for_url(f"**/desk/scenarios/{draft.key}/")
    draft.refresh_from_db()
    assert draft.description == "另一个窗口退出以后写的"
