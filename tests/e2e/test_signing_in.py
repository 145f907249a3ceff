"""Signing in in a real browser under the strict policy: second factors, passkeys, the warning, the kept form."""

import os
import time
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from playwright.sync_api import Page, expect

from accounts import session_limits
from accounts.enums import Role
from tests.e2e.conftest import WIDTHS
from tests.factories import make_person
from tests.factories.accounts import PASSWORD

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def looked_at(page: Page, name: str) -> None:
    """With `LOOK_AT_PAGES` pointing at a folder, a picture of the page is kept there."""
    folder = os.environ.get("LOOK_AT_PAGES")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name


def newcomer(role: str):
    person = make_person(role)
    Authenticator.objects.filter(user=person).delete()
    return person


def sign_in_with_password(page: Page, person) -> None:
    page.goto("/account/login/")
    page.fill("input[name=login]", person.username)
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button")


@pytest.mark.parametrize("width", sorted(WIDTHS))
def test_a_code_generator_is_set_up_at_the_first_sign_in(open_page, width):
    person = newcomer(Role.SCIENCE_APPROVER)
    page = open_page(width=WIDTHS[width])
    sign_in_with_password(page, person)
    page.wait_for_url("**/desk/account/second-factor/")
    looked_at(page, f"second-factor-{width}")
    page.get_by_role("link", name="动态口令").click()
    page.fill("input[name=password]", PASSWORD)
    looked_at(page, f"reauthenticate-{width}")
    page.click("main form button")
    page.wait_for_url("**/2fa/totp/activate/")
    looked_at(page, f"totp-{width}")
    expect(page.locator("main img")).to_have_js_property("complete", True)
    expect(page.locator("main img")).not_to_have_js_property("naturalWidth", 0)
    secret = page.input_value("#authenticator_secret")
    page.fill("input[name=code]", format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
    page.click("main form button")
    page.wait_for_url("**/2fa/recovery-codes/")
    looked_at(page, f"recovery-codes-{width}")
    page.get_by_role("link", name="已保管好，继续").click()
    page.wait_for_url("**/desk/")
    page.goto("/account/2fa/")
    looked_at(page, f"two-factor-{width}")


def test_a_passkey_is_set_up_and_signs_in(open_page, live_server):
    """With the browser's own virtual authenticator; the packages' scripts run under script-src 'self'."""
    person = newcomer(Role.EXPERT)
    page = open_page()
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
            }
        },
    )
    at = live_server.url.replace("127.0.0.1", "localhost")
    page.goto(f"{at}/account/login/")
    page.fill("input[name=login]", person.username)
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button")
    page.get_by_role("link", name="通行密钥").click()
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button")
    page.wait_for_url("**/2fa/webauthn/add/")
    looked_at(page, "passkey-add")
    page.click("#mfa_webauthn_add")
    page.wait_for_url("**/2fa/recovery-codes/")
    page.get_by_role("link", name="已保管好，继续").click()
    page.wait_for_url("**/desk/")

    page.get_by_role("button", name="退出").first.click()
    page.goto(f"{at}/account/login/")
    page.fill("input[name=login]", person.username)
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button")
    page.wait_for_url("**/2fa/authenticate/")
    looked_at(page, "authenticate")
    page.click("#mfa_webauthn_authenticate")
    page.wait_for_url("**/desk/")
    expect(page.locator("h1")).to_have_text("工作台")


def left_alone(person, seconds: int) -> None:
    session = SessionStore(UserSession.objects.get(user=person).session_key)
    session[session_limits.SEEN_AT] = session_limits.moment_now() - seconds
    session.save()


@pytest.mark.parametrize("width", sorted(WIDTHS))
def test_the_browser_warns_and_one_click_stays(open_page, settings, width):
    settings.SESSION_IDLE_SECONDS = settings.SESSION_IDLE_SECONDS_SHORT = 123
    person = make_person(Role.DEMAND_SUBMITTER)
    page = open_page(person, width=WIDTHS[width])
    page.goto("/desk/organisations/new/")
    page.fill("input[name=name]", "写到一半的名称")
    warning = page.locator("#session-warning")
    warning.wait_for(state="visible")
    assert warning.get_attribute("aria-live") == "assertive"
    expect(warning).to_contain_text("后过期")
    expect(warning.get_by_text("继续使用")).to_be_focused()
    looked_at(page, f"session-warning-{width}")
    page.keyboard.press("Enter")
    warning.wait_for(state="hidden")
    expect(page.locator("input[name=name]")).to_have_value("写到一半的名称")
    kept = SessionStore(UserSession.objects.get(user=person).session_key)
    assert session_limits.moment_now() - kept[session_limits.SEEN_AT] < 60


@pytest.mark.parametrize("scripts", [True, False])
def test_what_was_typed_comes_back_after_the_session_ended(open_page, scripts):
    person = make_person(Role.DEMAND_SUBMITTER)
    page = open_page(person, scripts=scripts)
    page.goto("/desk/account/tokens/")
    page.fill("input[name=name]", "统计系统接口")
    left_alone(person, 3600)
    page.click("main form.form button")
    page.wait_for_url("**/account/login/**")
    page.fill("input[name=login]", person.username)
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button")
    page.wait_for_url("**/desk/account/kept-form/")
    expect(page.locator("main")).to_contain_text("统计系统接口")
    looked_at(page, f"kept-form-{scripts}")
    page.get_by_role("button", name="继续提交").click()
    page.wait_for_url("**/desk/account/tokens/")
    expect(page.locator("main")).to_contain_text("令牌已生成")
    assert person.access_tokens.get().name == "统计系统接口"
