"""A session left alone ends on the server; nothing typed is lost by it (issue 11, H4)."""

from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts import kept_forms, session_limits
from accounts.enums import ADMINISTRATOR_ROLES, Role
from accounts.models import AccessToken, Organisation
from core.models import AuditEntry
from tests.factories import make_person
from tests.factories.accounts import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

SHORT = {*ADMINISTRATOR_ROLES, Role.EXPERT}


def left_alone(client: Client, seconds: int, *, since_sign_in: int = 0) -> None:
    """As if nobody had touched it for so long."""
    session = SessionStore(client.cookies["sessionid"].value)
    session[session_limits.SEEN_AT] = session_limits.moment_now() - seconds
    if since_sign_in:
        session[session_limits.SIGNED_IN_AT] = session_limits.moment_now() - since_sign_in
    session.save()


def opens(client: Client) -> bool:
    return client.get(reverse("accounts:profile")).status_code == 200


@pytest.mark.parametrize("role", Role.values)
def test_half_an_hour_or_a_quarter_for_administrators_and_experts(sign_in, role):
    limit = 900 if role in SHORT else 1800
    client = sign_in(make_person(role))
    assert opens(client)
    left_alone(client, limit - 30)
    assert opens(client)
    left_alone(client, limit + 1)
    assert not opens(client)
    assert AuditEntry.objects.filter(action="accounts.session.lapse").count() == 1


def test_reading_prolongs_asking_how_long_is_left_does_not_and_staying_does(sign_in):
    client = sign_in(make_person(Role.DEMAND_SUBMITTER))
    opens(client)
    left_alone(client, 1700)
    assert client.get(reverse("accounts:session")).json()["seconds"] == pytest.approx(100, abs=2)
    assert client.get(reverse("accounts:session")).json()["seconds"] == pytest.approx(100, abs=2)
    assert client.post(reverse("accounts:stay")).json()["seconds"] == pytest.approx(1800, abs=2)
    left_alone(client, 1700)
    opens(client)
    assert client.get(reverse("accounts:session")).json()["seconds"] == pytest.approx(1800, abs=2)


def test_twelve_hours_are_the_end_however_busy(sign_in):
    client = sign_in(make_person(Role.DEMAND_SUBMITTER))
    left_alone(client, 0, since_sign_in=12 * 3600 - 60)
    assert opens(client)
    assert client.post(reverse("accounts:stay")).json()["seconds"] == pytest.approx(60, abs=2)
    left_alone(client, 0, since_sign_in=12 * 3600)
    assert not opens(client)


def test_every_signed_in_page_warns_in_the_browser(sign_in):
    page = sign_in(make_person(Role.EXPERT)).get(reverse("desk")).content.decode()
    assert 'data-idle="900"' in page
    assert 'aria-live="assertive"' in page
    assert reverse("accounts:stay") in page
    assert "session.js" in page


VALUES = {"title": "夜间识别", "background": "第一行\n第二行 <b>&", "chosen": ["a", "b"], "password": "never kept"}


def sign_in_again(client: Client, person: Any, target: str) -> Any:
    return client.post(reverse("account_login"), {"login": person.username, "password": PASSWORD, "next": target})


def test_a_form_posted_after_the_end_comes_back_filled_after_signing_in_again(sign_in):
    person = make_person(Role.DEMAND_SUBMITTER)
    client = sign_in(person)
    opens(client)
    left_alone(client, 3600)
    where = reverse("accounts:register")

    turned_away = client.post(where, VALUES, headers={"Referer": f"http://testserver{where}"})
    assert turned_away["Location"] == f"{reverse('account_login')}?next=%2Fdesk%2Faccount%2Fkept-form%2F"
    back = sign_in_again(client, person, reverse("accounts:kept_form"))
    page = client.get(back["Location"])
    kept = page.context["kept"]
    assert (kept.action, kept.page) == (where, where)
    assert kept.fields == [
        ("title", "夜间识别"),
        ("background", "第一行\n第二行 <b>&"),
        ("chosen", "a"),
        ("chosen", "b"),
    ]
    html = page.content.decode()
    assert 'value="第一行\n第二行 &lt;b&gt;&amp;"' in html
    assert "never kept" not in html


@pytest.mark.parametrize(
    ("name", "values", "status"),
    [
        ("accounts:register", {"name": "港口软件公司"}, 400),
        ("accounts:tokens", {"name": "统计系统", "scope": "read", "days": "30"}, 200),
        ("accounts:switch", {"organisation": "nonsense"}, 404),
    ],
)
def test_the_kept_form_sent_again_does_what_it_would_have_done(sign_in, name, values, status):
    """Right: it is done. Wrong: the form comes back with the fault and everything that was typed."""
    person = make_person(Role.DEMAND_SUBMITTER)
    client = sign_in(person)
    opens(client)
    left_alone(client, 3600)
    client.post(reverse(name), values)
    assert (AccessToken.objects.count(), Organisation.objects.count()) == (0, 1)
    sign_in_again(client, person, reverse("accounts:kept_form"))
    kept = client.get(reverse("accounts:kept_form")).context["kept"]
    answer = client.post(kept.action, dict(kept.fields))
    assert answer.status_code == status
    if status != 404:
        assert next(iter(values.values())) in answer.content.decode()
    assert AccessToken.objects.count() == (1 if status == 200 else 0)
    assert kept.action == reverse(name)
    assert dict(kept.fields) == values


def test_only_its_owner_gets_it_back(sign_in):
    owner, other = make_person(Role.DEMAND_SUBMITTER), make_person(Role.DEMAND_SUBMITTER)
    client = sign_in(owner)
    opens(client)
    left_alone(client, 3600)
    client.post(reverse("accounts:register"), VALUES)
    sign_in_again(client, other, reverse("accounts:kept_form"))
    page = client.get(reverse("accounts:kept_form"))
    assert page.context["kept"] is None
    assert "夜间识别" not in page.content.decode()


def test_a_session_that_ended_elsewhere_keeps_the_form_for_the_owner_of_the_browser(sign_in):
    person = make_person(Role.DEMAND_SUBMITTER)
    client = sign_in(person)
    opens(client)
    SessionStore(client.cookies["sessionid"].value).delete()
    client.post(reverse("accounts:register"), VALUES)
    sign_in_again(client, person, reverse("accounts:kept_form"))
    assert client.get(reverse("accounts:kept_form")).context["kept"].fields[0] == ("title", "夜间识别")


def test_a_strangers_post_is_not_kept(visitor):
    assert visitor.post(reverse("accounts:register"), VALUES).status_code == 302
    assert kept_forms.SESSION_KEY not in visitor.session


def test_a_form_without_its_secret_is_not_kept():
    person = make_person(Role.DEMAND_SUBMITTER)
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    opens(client)
    left_alone(client, 3600)
    assert client.post(reverse("accounts:register"), VALUES).status_code == 403
    assert kept_forms.SESSION_KEY not in client.session


def test_files_are_named_to_be_chosen_again_and_what_is_too_long_is_not_kept(sign_in):
    person = make_person(Role.DEMAND_SUBMITTER)
    client = sign_in(person)
    opens(client)
    left_alone(client, 3600)
    upload = SimpleUploadedFile("方案.pdf", b"%PDF-1.4", content_type="application/pdf")
    client.post(reverse("accounts:register"), {"title": "夜间识别", "file": upload})
    assert client.session[kept_forms.SESSION_KEY]["files"] == ["方案.pdf"]

    client = sign_in(person)
    opens(client)
    left_alone(client, 3600)
    client.post(reverse("accounts:register"), {"title": "长" * (kept_forms.LONGEST + 1)})
    assert kept_forms.SESSION_KEY not in client.session


def test_thrown_away_it_is_gone(sign_in):
    person = make_person(Role.DEMAND_SUBMITTER)
    client = sign_in(person)
    opens(client)
    left_alone(client, 3600)
    client.post(reverse("accounts:register"), VALUES)
    sign_in_again(client, person, reverse("accounts:kept_form"))
    client.post(reverse("accounts:kept_form"))
    assert kept_forms.SESSION_KEY not in client.session


@pytest.mark.parametrize("origin", [None, "null", "https://elsewhere.example"])
def test_what_another_site_posts_is_kept_for_nobody(origin):
    """Only a form that the browser says is ours comes back after signing in."""
    person = make_person(Role.DEMAND_SUBMITTER)
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    headers = {"origin": origin} if origin else {}
    answer = client.post("/desk/scenarios/new/", {"title": "别处塞进来的内容"}, headers=headers)
    assert answer.status_code == 403
    assert "别处塞进来的内容" not in client.get("/desk/account/kept-form/", follow=True).content.decode()
