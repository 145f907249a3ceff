"""What the sign-in packages say is Chinese, names its field, and tells whom to turn to (issue 12, row 24)."""

import re
from pathlib import Path

import allauth
import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core import mail
from django.template.loader import render_to_string
from django.test import Client, override_settings
from django.urls import reverse
from django.utils.module_loading import import_string

from accounts.enums import Role
from accounts.forms import InOurWords
from core.clock import now
from tests.factories import make_person
from tests.factories.accounts import PASSWORD, second_factor_code

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

TEMPLATES = Path(allauth.__file__).parent / "templates"
MAILS = sorted(
    str(path.relative_to(TEMPLATES))
    for folder in ("account", "mfa")
    for path in (TEMPLATES / folder / "email").glob("*.txt")
    if not path.name.startswith("base_")
)
#: Three words of Latin letters in a row are a sentence that nobody translated; so is a greeting.
ENGLISH = re.compile(r"[A-Za-z]{2,}(?:[ ,'’]+[A-Za-z]{2,}){2,}|\b(?:Hello|Thank|Please|Click)\b")
ADDRESS = "https://marketplace.example/account/x/"
CONTACT = {**settings.SITE_IDENTITY, "contact": "0531-86000000（工作日）"}


def context() -> dict[str, object]:
    return {
        "user": make_person(username="zhangsan"),
        "current_site": {"name": "供需对接平台", "domain": "marketplace.example"},
        "contact": "0531-86000000",
        "username": "zhangsan",
        "email": "a@example.org",
        "from_email": "a@example.org",
        "to_email": "b@example.org",
        "deleted_email": "a@example.org",
        "code": "123456",
        "ip": "10.0.0.1",
        "user_agent": "浏览器",
        "timestamp": now(),
    } | dict.fromkeys(("activate_url", "password_reset_url", "signup_url", "password_reset_url"), ADDRESS)


def test_the_packages_have_the_mails_we_know_of():
    assert len(MAILS) == 36


@pytest.mark.parametrize("template", MAILS)
def test_no_mail_of_the_packages_holds_an_english_sentence(template):
    text = render_to_string(template, context())
    assert ENGLISH.findall(text) == []
    assert not text.strip().isascii()
    if template.endswith("_message.txt"):
        assert text.startswith("您好：")
        assert "供需对接平台\nmarketplace.example" in text
        assert "联系方式：0531-86000000" in text


def test_the_search_for_english_finds_what_was_sent_before():
    assert ENGLISH.findall("来自127.0.0.1:8101的 Hello!")
    assert ENGLISH.findall("This password is too short. It must contain at least 12 characters.")
    assert ENGLISH.findall("请打开 PDF，按 ASVS 5.0.0 L1 核对 IP 地址 10.0.0.1") == []


@override_settings(SITE_IDENTITY=CONTACT)
def test_signing_up_and_forgetting_a_password_send_mails_in_chinese():
    known = make_person()
    person = {"username": "wangwu", "email": "w@example.org", "password1": "correct-horse-battery"}
    Client().post(reverse("account_signup"), person | {"password2": "correct-horse-battery"})
    again = {"username": "other", "email": known.email, "password2": "correct-horse-battery"}
    Client().post(reverse("account_signup"), person | again)
    for address in (known.email, "nobody@example.org"):
        Client().post(reverse("account_reset_password"), {"email": address})
    assert [message.subject for message in mail.outbox] == [
        "请确认您的邮箱",
        "这个邮箱已经有账号",
        "重设密码",
        "没有用这个邮箱的账号",
    ]
    for message in mail.outbox:
        assert ENGLISH.findall(message.body) == []
        assert "联系方式：0531-86000000（工作日）" in message.body


# --- forms -------------------------------------------------------------------------------------------------------

FORMS = settings.ACCOUNT_FORMS | {f"mfa_{name}": path for name, path in settings.MFA_FORMS.items()}


@pytest.mark.parametrize("name", sorted(FORMS))
def test_every_form_of_the_packages_is_in_our_words(name):
    form = import_string(FORMS[name])
    assert issubclass(form, InOurWords)
    assert all(str(label) for label in form.labels.values())
    assert not any(str(label).isascii() for label in form.labels.values())


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("account_login", ["请填写“用户名或邮箱”。", "请填写“密码”。"]),
        ("account_signup", ["请填写“用户名”。", "请填写“邮箱”。", "请填写“密码”。", "请填写“密码（再输一次）”。"]),
        ("account_reset_password", ["请填写“邮箱”。"]),
    ],
)
def test_an_empty_form_names_each_field_once(page, told):
    html = Client().post(reverse(page), {}).content.decode()
    assert "该字段是必填项" not in html
    summary = re.findall(r'<a href="#id_\w+">([^<]+)</a>', html)
    assert summary == told


def test_the_pages_of_ones_own_account_name_their_fields(sign_in):
    client = sign_in(make_person())
    for page, told in (
        ("account_change_password", ["请填写“当前密码”。", "请填写“新密码”。", "请填写“新密码（再输一次）”。"]),
        ("account_email", ["请填写“邮箱”。"]),
    ):
        html = client.post(reverse(page), {"action_add": ""}).content.decode()
        assert [text for text in told if text not in html] == []
        assert "该字段是必填项" not in html


def words_shown(html: str) -> str:
    """What a page shows to people, without its markup and what they wrote themselves."""
    body = re.sub(r"<(script|style)[^>]*>.*?</\1>", " ", html.partition("<main")[2].partition("</main>")[0], flags=re.S)
    return re.sub(r"<[^>]+>|\S+@\S+", " ", body)


OWN_PAGES = (
    "account_change_password",
    "account_email",
    "usersessions_list",
    "mfa_index",
    "mfa_list_webauthn",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "account_logout",
)


@pytest.mark.parametrize("page", OWN_PAGES)
def test_the_pages_of_ones_own_account_hold_no_english(page):
    person = make_person(Role.LIST_EDITOR)
    Authenticator.objects.create(user=person, type=Authenticator.Type.WEBAUTHN, data={"name": "办公电脑"})
    client = Client(headers={"User-Agent": "浏览器"})
    client.post(reverse("account_login"), {"login": person.username, "password": PASSWORD})
    client.post(reverse("mfa_authenticate"), {"code": second_factor_code(person)})
    answer = client.get(reverse(page), follow=True)
    assert answer.status_code == 200
    shown = words_shown(answer.content.decode())
    assert re.search(r"[\u4e00-\u9fff]{4}", shown)
    assert re.findall(r"[A-Za-z]{3,}\.?(?: +[A-Za-z]{2,})+|\b[A-Z][a-z]{3,}\b", shown) == []


# --- whom to turn to ---------------------------------------------------------------------------------------------

PAGES = ("account_reset_password", "account_reset_password_done", "account_email_verification_sent")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_says_whom_to_turn_to_says_how(page):
    with override_settings(SITE_IDENTITY=CONTACT):
        told = Client().get(reverse(page)).content.decode()
    untold = Client().get(reverse(page)).content.decode()
    assert "仍有问题请联系：0531-86000000（工作日）。" in told
    assert "联系我们" not in told + untold
    assert "仍有问题请告知本单位的机构管理员。" in untold


@override_settings(SITE_IDENTITY=CONTACT)
def test_the_footer_and_the_pages_of_errors_have_the_contact():
    assert "联系方式：0531-86000000（工作日）" in Client().get("/about/").content.decode()
    assert "联系方式：0531-86000000（工作日）" in Client().get("/nothing-here/").content.decode()
    for page in ("500.html", "503.html"):
        html = render_to_string(page, {"error": {"message": "暂停"}, "contact": CONTACT["contact"]})
        assert "联系方式：0531-86000000（工作日）" in html
