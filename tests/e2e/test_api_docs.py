"""The API's page opens under our content security policy, with its operations to be read (the fixture fails on any
complaint of the browser about the policy)."""

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("scripts", [True, False])
def test_operations_are_read_without_a_violation(open_page, scripts):
    page = open_page(scripts=scripts)
    page.goto("/about/")
    page.click("footer >> text=开放接口")
    operation = page.locator("details#scenarios_create")
    operation.locator("summary").click()
    expect(operation.locator("td", has_text="请求体").first).to_be_visible()
    expect(page.locator("details.operation").nth(30)).to_be_attached()
