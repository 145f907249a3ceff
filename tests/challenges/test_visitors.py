"""A visitor finds the main step of an open challenge at its top, and comes back to where it was left."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from core.clock import frozen
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def published(clock):
    stage = make.make_stage(expert_count=0)
    return stage, make.make_open_challenge(stage, eligibility_conditions="近三年承担过同类项目。")


def links(page):
    """{label: address} of every link, as a reader sees the labels."""
    found = re.findall(r'<a [^>]*href="([^"]+)"[^>]*>(.*?)</a>', page, re.DOTALL)
    return {re.sub(r"<[^>]+>", "", label).strip(): unescape(address) for address, label in found}


def next_of(address):
    return parse_qs(urlsplit(address).query)["next"]


def test_a_visitor_signs_in_to_bid_or_ask_and_is_back_at_the_same_place(published, client):
    _stage, challenge = published
    page = reverse("challenges:challenge", args=[challenge.code])
    shown = links(client.get(page).content.decode())
    assert next_of(shown["登录后揭榜"]) == [page]
    assert next_of(shown["登录后提问"]) == [f"{page}#questions-title"]
    entrance = client.get(shown["登录后提问"]).content.decode()
    assert f'name="next" value="{page}#questions-title"' in entrance


def test_the_page_says_for_whom_and_until_when(published, client):
    _stage, challenge = published
    text = client.get(reverse("challenges:challenge", args=[challenge.code])).content.decode()
    assert all(words in text for words in ("谁可以揭榜", "对揭榜方的条件", "到什么时候", "还有 30 天"))


def test_who_is_signed_in_is_not_asked_to_sign_in(published, client):
    _stage, challenge = published
    client.force_login(make.make_bidder())
    shown = links(client.get(reverse("challenges:challenge", args=[challenge.code])).content.decode())
    assert "我要揭榜" in shown
    assert not [label for label in shown if label.startswith("登录后")]


def test_a_question_is_offered_only_while_one_is_taken(published, client):
    _stage, challenge = published
    page = reverse("challenges:challenge", args=[challenge.code])
    bidder = make.make_bidder()
    with frozen(challenge.question_deadline_at + timedelta(seconds=1)):
        assert "登录后提问" not in links(client.get(page).content.decode())
        client.force_login(bidder)
        assert "提问" not in links(client.get(page).content.decode())
    with frozen(challenge.question_deadline_at - timedelta(seconds=1)):
        client.force_login(bidder)
        assert "提问" in links(client.get(page).content.decode())


def test_after_the_deadline_nothing_is_offered(published, client):
    _stage, challenge = published
    with frozen(make.after_deadline(challenge)):
        text = client.get(reverse("challenges:challenge", args=[challenge.code])).content.decode()
    assert ("登录后揭榜" in text, "谁可以揭榜" in text) == (False, False)


def test_a_call_for_needs_leads_its_visitors_too(published, client):
    _stage, challenge = published
    page = reverse("challenges:programme", args=[challenge.programme.public_id])
    assert next_of(links(client.get(page).content.decode())["登录后填报技术需求"]) == [page]
