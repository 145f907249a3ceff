"""Characters, numbers, identifiers and JSON as they come in: what does not fit is no value, and never an error."""

import json
from typing import Any

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict
from django.test import RequestFactory

from core.entered import deepest, identifier, keepable_fields, validate_visible, whole_number, without_unkeepable
from core.forms import PageForm
from core.json_bodies import DEEPEST, LARGEST_BYTES, BodyNotReadable, BodyTooLarge, read_json
from core.pages import back_to, page_of
from core.texts import LONGEST_OF, LONGEST_TEXT, longest

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "text", ["", "²", "٣", "１", "-1", "+1", "1_0", " 1", "1.0", "9" * 5000, "1" * 10, None, "\x001"]
)
def test_what_is_no_whole_number_is_none(text):
    assert whole_number(text) is None


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("999999999", 999_999_999), (12, 12)])
def test_a_whole_number_is_read(text, number):
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", "x", "\x00", "3f2b8f0e", None, 1, [], "²" * 32])
def test_what_is_no_identifier_is_none(text):
    assert identifier(text) is None


def test_control_characters_and_surrogates_are_taken_off_and_line_ends_stay():
    assert without_unkeepable("甲\x00乙\ud800\x85\ufffe\t丙\r\n丁") == "甲乙\t丙\r\n丁"
    fields = QueryDict("a=%00b&a=c&d%01=e")
    assert dict(keepable_fields(fields).lists()) == {"a": ["b", "c"], "d": ["e"]}
    plain = QueryDict("a=b")
    assert keepable_fields(plain) is plain


@pytest.mark.parametrize("odd", ["\u200b", "\u202e", "\u2066", "\ufeff", "\u00ad", "\u3164", "\U000e0041"])
def test_a_name_with_a_character_unseen_is_refused_and_says_where(odd):
    with pytest.raises(ValidationError, match="第2个字后"):
        validate_visible(f"济南{odd}市")
    validate_visible("济南市（Jinan）—— 〇𠮷 é")


class Invitation(PageForm):
    name = forms.CharField(label="名称", max_length=20)
    letter = forms.CharField(label="正文", widget=forms.Textarea)
    call_text = forms.CharField(label="公告", widget=forms.Textarea, required=False)


def test_every_text_of_a_form_has_a_limit_and_says_it():
    given = {"name": "甲\u202e乙", "letter": "长" * (LONGEST_TEXT + 1), "call_text": "长" * (LONGEST_TEXT + 1)}
    form = Invitation(given)
    assert not form.is_valid()
    assert "看不见的" in form.errors["name"][0]
    assert form.errors["letter"] == [f"“正文”最多 {LONGEST_TEXT} 个字，现有 {LONGEST_TEXT + 1} 个字，请精简。"]
    assert "call_text" not in form.errors
    assert form.data["letter"] == given["letter"]
    assert longest("call_text") == LONGEST_OF["call_text"]


# --- JSON --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [{"a": [1, -(10**17), 1.5, None, True, "甲\n乙"]}, [], "x", 0])
def test_json_is_read(value):
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe{}",
        b"NaN",
        b"[Infinity]",
        b"1e999",
        b"[" + b"9" * 5000 + b"]",
        b'"\\u0000"',
        b'{"\\u0001": 1}',
        b'["\\ud800"]',
        '"\x80"'.encode(),
        b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
        b"[" * 200_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
)
def test_json_of_another_kind_is_refused(content):
    with pytest.raises(BodyNotReadable) as refusal:
        read_json(content)
    assert (refusal.value.status, refusal.value.code) == (400, "parse_error")


def test_json_beyond_its_size_is_refused_as_too_large():
    with pytest.raises(BodyTooLarge) as refusal:
        read_json(b" " * LARGEST_BYTES + b"1")
    assert refusal.value.status == 413


def test_depth_is_counted_without_recursion():
    nested: Any = 1
    for _level in range(50_000):
        nested = [nested]
    assert deepest(nested, 10) == 11
    assert deepest({"a": [{}]}, 10) == 3
    while isinstance(nested, list):  # taken apart here, or the interpreter does it by recursion
        nested = nested[0]


# --- pages -------------------------------------------------------------------------------------------------------


def asked(query: str) -> HttpRequest:
    return RequestFactory().get(f"/?{query}")


@pytest.mark.parametrize(
    ("query", "number", "size"),
    [
        ("", 1, 20),
        ("page=2", 2, 20),
        ("page=²", 1, 20),
        ("page=" + "9" * 5000, 1, 20),
        ("page=999999", 5, 20),
        ("page=-1", 1, 20),
        ("size=50", 1, 50),
        ("size=51", 1, 20),
        ("size=²0", 1, 20),
        ("size=" + "5" * 4000, 1, 20),
    ],
)
def test_a_page_s_number_and_size_are_used_within_limits(query, number, size):
    page = page_of(asked(query), range(100))
    assert (page.number, page.paginator.per_page) == (number, size)


@pytest.mark.parametrize(
    "target", ["", "=1+1", "desk", "0001-01-01", "https://example.org/", "//example.org", "/\\x", "\x00"]
)
def test_nobody_is_led_elsewhere_or_to_an_address_by_its_name(target):
    assert back_to(asked(""), target, "/desk/")["Location"] in ("/desk/", "/%5Cx")


def test_a_path_of_ours_is_gone_back_to():
    assert back_to(asked(""), "/scenarios/?page=2", "/desk/")["Location"] == "/scenarios/?page=2"
