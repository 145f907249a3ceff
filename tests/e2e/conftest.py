"""A real browser: Debian's Chromium driven by playwright. Skipped with a reason where there is none, never under CI."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from accounts.second_factor import is_set_up
from tests.factories.accounts import PASSWORD, second_factor_code

WIDTHS = {"desktop": 1280, "phone": 360}


def sign_in_on(page: Page, user: Any) -> None:
    """Name, password and, for who has a second factor, a code of it, as a person types them."""
    page.fill("input[name=login]", user.username)
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button")
    if is_set_up(user):
        page.wait_for_url("**/account/2fa/authenticate/**")
        page.fill("input[name=code]", second_factor_code(user))
        page.click("main form button")


@pytest.fixture
def open_page(browser: Browser, live_server: Any, reference_data: None) -> Iterator[Callable[..., Page]]:
    """`open_page(user=…, width=…, scripts=…)` gives a page of its own context; what the console complains of fails."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(user: Any = None, *, width: int = WIDTHS["desktop"], scripts: bool = True, **options: Any) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 900},
            java_script_enabled=scripts,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            **options,
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if "Content Security Policy" in message.text else None,
        )
        if user is not None:
            page.goto("/account/login/")
            sign_in_on(page, user)
            page.wait_for_url("**/desk/**")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
