"""Every text that somebody can write has a limit at its entrance, and every name refuses characters unseen."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.core.validators import MaxLengthValidator
from django.test import RequestFactory, override_settings
from rest_framework import serializers
from rest_framework.test import APIClient

from accounts.enums import Role
from core.entered import validate_visible
from core.errors import InvalidInput
from core.forms import PageForm, name_the_remedy
from core.json_bodies import LARGEST_BYTES
from core.texts import LONGEST_TEXT
from marketplace.operations_views import comes_from_monitoring
from marketplace.proxies import ClientAddressMiddleware
from scenarios import services
from scenarios.models import Scenario
from tests.factories import make_person, make_scenario

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

APPS = ("accounts", "challenges", "scenarios", "vendors", "search", "matching", "notifications", "core", "marketplace")
#: Typed into nothing: they only describe answers, or read a page's own hidden values.
ANSWERS = ("core.api.schema",)


def classes_of(base: type) -> Iterator[type[Any]]:
    for app in APPS:
        package = importlib.import_module(app)
        for info in pkgutil.walk_packages(package.__path__, f"{app}."):
            if any(
                part in info.name for part in (".migrations", ".management", ".settings", "web_server", "text_process")
            ):
                continue
            for _name, found in inspect.getmembers(importlib.import_module(info.name), inspect.isclass):
                if issubclass(found, base) and found.__module__ == info.name and info.name not in ANSWERS:
                    yield found


@pytest.mark.parametrize("form", sorted(classes_of(forms.BaseForm), key=str), ids=lambda form: form.__name__)
def test_every_text_of_every_form_has_a_limit_and_every_line_is_visible(form):
    """The limits are put on by what every form of ours calls when it is made (`name_the_remedy`)."""
    source = inspect.getsource(form) + "".join(
        inspect.getsource(one) for one in form.__mro__ if one.__module__ in _OURS
    )
    assert issubclass(form, PageForm) or "input_attributes(self)" in source or "name_the_remedy(self)" in source
    made = forms.Form()
    made.fields = dict(form.base_fields)
    name_the_remedy(made)
    for name, field in made.fields.items():
        if isinstance(field, forms.CharField) and not isinstance(field.widget, forms.PasswordInput):
            limits = [rule for rule in field.validators if isinstance(rule, MaxLengthValidator)]
            assert limits, name
            if isinstance(field.widget, forms.TextInput):
                assert validate_visible in field.validators, name


_OURS = {f"{app}.forms" for app in APPS} | {"matching.engagement_views"}


@pytest.mark.parametrize(
    "serializer",
    sorted((one for one in classes_of(serializers.BaseSerializer) if "Write" in one.__name__ or "Create" in one.__name__
            or "Review" in one.__name__ or "Comment" in one.__name__ or "Step" in one.__name__), key=str),
    ids=lambda one: one.__name__,
)  # fmt: skip
def test_every_text_that_the_api_takes_has_a_limit(serializer):
    for name, field in serializer().fields.items():
        if not field.read_only and isinstance(field, serializers.CharField):
            assert field.max_length is not None, name
        if not field.read_only and isinstance(field, serializers.ListField):
            assert field.max_length is not None, name


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"title": "供热\u202e场景"}, "看不见的"),
        ({"title": "供热\u200b场景"}, "看不见的"),
        ({"title": "长" * 201}, "最多 200 个字"),
        ({"description": "长" * (LONGEST_TEXT + 1)}, f"最多 {LONGEST_TEXT} 个字"),
    ],
)
def test_a_service_refuses_it_whatever_the_entrance_and_changes_nothing(values, words):
    clerk = make_person(Role.DEMAND_SUBMITTER)
    scenario = make_scenario(clerk.current_organisation)
    with pytest.raises(InvalidInput) as refusal:
        services.scenario_save(scenario_id=scenario.pk, acting_user=clerk, values=values)
    assert words in refusal.value.fields[next(iter(values))][0]
    assert Scenario.objects.get(pk=scenario.pk).title == scenario.title


# --- the API's bodies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"title": "\\u0000"}', 400, "parse_error"),
        (b'{"title": "\\ud800"}', 400, "parse_error"),
        (b"[" * 100_000, 400, "parse_error"),
        (b'{"title": ' + b"9" * 5000 + b"}", 400, "parse_error"),
        (b'{"title": "' + b"x" * LARGEST_BYTES + b'"}', 413, "body_too_large"),
        (b'{"title": "a", "deadline_at": "0001-01-01T00:00:00+14:00"}', 400, "overflow"),
        (b'{"title": "a", "deadline_at": "1066-01-01T00:00"}', 400, "year_out_of_range"),
        (b'{"title": "a", "deadline_at": "0001-01-01"}', 400, "overflow"),
    ],
    ids=["nul", "surrogate", "deep", "digits", "large", "no-moment", "year", "first-day"],
)
def test_a_body_that_cannot_be_kept_is_refused_in_the_api_s_shape(body, status, code):
    client = APIClient()
    client.force_authenticate(make_person(Role.DEMAND_SUBMITTER))
    answer = client.generic("POST", "/api/v1/scenarios/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
    assert Scenario.objects.count() == 0


def test_control_characters_do_not_reach_a_page_or_the_database(visitor):
    assert visitor.get("/scenarios/?q=%00%01a").status_code == 200
    assert visitor.get("/scenarios/%00/").status_code == 404
    answer = visitor.get("/api/v1/scenarios/%00%00%00%00%00%00/matches/")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "not_found")


@pytest.mark.parametrize("charset", ["idna", "base64", "rot13", "utf-16", "utf-7"])
def test_a_request_s_charset_is_utf_8_whatever_it_says(visitor, charset):
    answer = visitor.generic("GET", "/scenarios/?q=%E4%BE%9B%E7%83%AD", b"", f"text/plain; charset={charset}")
    assert (answer.status_code, 'value="供热"' in answer.content.decode()) == (200, True)


def test_a_cookie_with_nul_is_no_cookie(visitor):
    visitor.cookies["sessionid"] = "an\x00other" * 3
    assert visitor.get("/").status_code == 200
    assert visitor.get("/desk/").status_code == 302


# --- who asks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address", "monitoring"),
    [
        (0, "", "127.0.0.1", True),
        (0, "203.0.113.7", "127.0.0.1", False),
        (1, "203.0.113.7", "203.0.113.7", False),
        (1, "127.0.0.1, 203.0.113.7", "203.0.113.7", False),
    ],
)
def test_what_a_visitor_writes_about_their_address_is_believed_from_own_proxies_only(
    trusted, forwarded, address, monitoring
):
    """In the embedded profile too: no limit or lockout counts a name that the visitor chose."""
    seen: list[Any] = []

    def view(request: Any) -> None:
        seen.extend(
            [request.META["REMOTE_ADDR"], "HTTP_X_FORWARDED_FOR" in request.META, comes_from_monitoring(request)]
        )

    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    with override_settings(TRUSTED_PROXIES=trusted):
        ClientAddressMiddleware(view)(RequestFactory().get("/", REMOTE_ADDR="127.0.0.1", **headers))
    assert seen == [address, False, monitoring]
