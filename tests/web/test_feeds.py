"""Feeds: what everybody may read, in the order it happened, and nothing of what is sealed."""

from datetime import timedelta
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.urls import reverse

from accounts.enums import Role
from challenges.enums import EnvelopeKind
from challenges.services import bids, clarification, decision
from core.clock import frozen
from core.feeds import LONGEST_FEED, FeedEntry, newest
from scenarios.models import QuarterlyList
from scenarios.services import list_create
from search import indexing
from tests.factories import challenges as make
from tests.factories import make_erratum, make_listed_scenario, make_person, make_pooled_scenario, make_published_list

pytestmark = [pytest.mark.django_db, pytest.mark.integration]
ATOM = "{http://www.w3.org/2005/Atom}"


def entries(client: Client, address: str) -> list[tuple[str, str, str]]:
    """Title, path and text of each entry."""
    answer = client.get(address)
    assert answer.status_code == 200, answer.content.decode()[:500]
    assert answer["Content-Type"] == "application/atom+xml; charset=utf-8"
    found = []
    for entry in ElementTree.fromstring(answer.content).iter(f"{ATOM}entry"):
        link = entry.find(f"{ATOM}link").get("href")
        assert entry.findtext(f"{ATOM}id") == link
        found.append(
            (
                entry.findtext(f"{ATOM}title"),
                link.removeprefix("http://testserver"),
                entry.findtext(f"{ATOM}summary", ""),
            )
        )
    return found


def test_lists_and_their_corrections_are_told_and_a_list_in_preparation_is_not(clock, client):
    editor = make_person(Role.LIST_EDITOR)
    first = make_published_list([make_pooled_scenario(), make_pooled_scenario()], editor=editor)
    with frozen(clock + timedelta(days=2)):
        second = make_published_list(editor=editor)
    item = first.items.order_by("number").first()
    with frozen(clock + timedelta(days=3)):
        erratum = make_erratum(
            first,
            editor,
            item_id=item.pk,
            field="public_contact_phone",
            corrected_text="0531-66600009",
            reason="电话<变更>",
        )
        list_create(quarter=first.quarter, acting_user=editor)
    assert entries(client, reverse("scenarios:feed")) == [
        (
            f"{first.title} 勘误 1",
            f"/lists/{first.code}/#erratum-{erratum.pk}",
            f"<p>条目 {item.number}：更正为：0531-66600009<br>更正原因：电话&lt;变更&gt;</p>",
        ),
        (second.title, f"/lists/{second.code}/", "<p>共 1 项需求。</p>"),
        (first.title, f"/lists/{first.code}/", "<p>共 2 项需求。</p>"),
    ]


def test_the_pages_an_entry_leads_to_have_the_places_it_names(clock, client):
    editor = make_person(Role.LIST_EDITOR)
    quarterly_list = make_published_list(editor=editor)
    make_erratum(quarterly_list, editor, corrected_text="附件二作废", reason="重复")
    path, _mark, place = entries(client, reverse("scenarios:feed"))[0][1].partition("#")
    assert f'id="{place}"' in client.get(path).content.decode()


def test_what_xml_cannot_hold_does_not_break_a_feed(clock, client):
    quarterly_list = make_published_list()
    QuarterlyList.objects.filter(pk=quarterly_list.pk).update(title="清单\x0b一\x1f & <二>")
    assert [title for title, _path, _text in entries(client, reverse("scenarios:feed"))] == ["清单一 & <二>"]


def test_a_challenges_feed_holds_the_root_at_the_deadline_and_nothing_of_the_bids(clock, client):
    stage = make.make_stage(expert_count=0)
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder("密封投标公司"))
    address = reverse("challenges:challenge_feed", args=[challenge.code])
    page = f"/challenges/{challenge.code}/"
    with frozen(clock + timedelta(days=1)):
        clarification.challenge_clarify(
            challenge_id=challenge.pk, acting_user=stage.handler, values={}, reason="补充背景材料。", material=False
        )
    published = [("第 2 版", f"{page}#version-2", "<p>补充背景材料。</p>"), ("发榜", f"{page}#version-1", "")]
    assert entries(client, address) == published

    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        closed = entries(client, address)
        body = client.get(address).content.decode()
        overview = entries(client, reverse("challenges:feed"))
        text = client.get(page).content.decode()
    challenge.refresh_from_db()
    assert [closed[0][:2], *closed[1:]] == [(f"{challenge.code} 揭榜截止，标书封存", f"{page}#frozen"), *published]
    assert challenge.freeze["body"]["root"] in closed[0][2]
    assert overview == [
        closed[0],
        (challenge.annual_list.title, f"/challenges/lists/{challenge.annual_list.code}/", ""),
    ]
    assert "密封投标公司" not in body
    for _title, path, _text in closed[:2]:
        assert f'id="{path.partition("#")[2]}"' in text


def test_a_challenges_feed_goes_on_to_its_opening_its_publicity_and_its_award(clock, client):
    stage = make.make_stage()
    challenge = make.make_open_challenge(stage)
    make.hand_in(challenge, make.make_bidder("甲公司"))
    address = reverse("challenges:challenge_feed", args=[challenge.code])
    moment = make.after_deadline(challenge)
    with frozen(moment):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        make.review_bids(stage, challenge)
        decision.publicity_start(
            challenge_id=make.decide(stage, challenge, [make.winner(challenge.bids.get())]).challenge_id,
            acting_user=stage.approver,
        )
    with frozen(moment + timedelta(days=8)):
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        told = entries(client, address)
    assert sorted(title for title, _path, _text in told) == sorted(
        [
            "定榜",
            f"公示：{challenge}",
            "已开启：技术标书",
            "已开启：报价",
            f"{challenge.code} 揭榜截止，标书封存",
            "发榜",
        ]
    )
    assert told[0][0] == "定榜"
    assert told[-1][0] == "发榜"
    assert len({path for _title, path, _text in told}) == len(told)


def test_a_need_not_yet_on_a_list_has_no_feed_not_even_for_its_owner(clock, client):
    stage = make.make_stage(expert_count=0)
    need = make.make_selected_challenge(stage, make.make_programme(stage))
    client.force_login(stage.clerk)
    assert client.get(reverse("challenges:challenge", args=[need.public_id])).status_code == 200
    assert client.get(reverse("challenges:challenge_feed", args=[need.public_id])).status_code == 404


def test_a_search_can_be_followed_and_shows_only_what_is_public(clock, client):
    indexing.heal()
    with frozen(clock - timedelta(days=1)):
        older = make_listed_scenario(title="海洋牧场水质监测")
    newer = make_listed_scenario(title="海洋牧场巡检机器人")
    pooled = make_pooled_scenario(newer.owner, title="海洋牧场预警")
    make_listed_scenario(title="电梯困人自动派单")
    for name in ("scenario", "scenario_match"):
        indexing.rebuild(name)
    client.force_login(make_person(Role.DEMAND_SUBMITTER, organisation=pooled.owner))
    found = entries(client, f"{reverse('search:feed')}?q=海洋牧场&kind=scenario&sort=relevance&page=7")
    assert [(title, path) for title, path, _text in found] == [
        (row.title, reverse("scenarios:scenario", args=[row.key])) for row in (newer, older)
    ]
    assert entries(client, f"{reverse('search:feed')}?q=电梯鲸鱼") == []
    answer = client.get(f"{reverse('search:feed')}?q=海洋&kind=scenario")
    links = {link.get("rel"): link.get("href") for link in ElementTree.fromstring(answer.content).iter(f"{ATOM}link")}
    assert links["self"] == "http://testserver/search/feed.atom?q=%E6%B5%B7%E6%B4%8B&kind=scenario"


def test_a_search_that_cannot_be_answered_has_no_feed(clock, client):
    answer = client.get(reverse("search:feed"), {"kind": "weather"})
    assert answer.status_code == 400
    assert "weather" in answer.content.decode()


def test_a_feed_ends_after_its_newest_entries(clock):
    rows = [FeedEntry(str(number), f"/{number}", clock + timedelta(hours=number)) for number in range(60)]
    assert [row.title for row in newest(rows)] == [str(number) for number in range(59, 59 - LONGEST_FEED, -1)]
