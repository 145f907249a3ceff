"""The public API of 揭榜挂帅: what is published, never a word about bids."""

import pytest

from challenges.models import Challenge
from challenges.services import clarification
from core.clock import frozen
from tests.factories import challenges as make

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def challenge(clock):
    stage = make.make_stage(expert_count=0)
    found = make.make_open_challenge(stage)
    make.hand_in(found, make.make_bidder("不可提及公司"))
    question = clarification.question_ask(challenge_id=found.pk, acting_user=make.make_bidder("提问公司"), text="问？")
    clarification.question_answer(question_public_id=question.public_id, acting_user=stage.handler, answer="答。")
    return found


def test_everybody_reads_a_published_challenge_and_nothing_of_its_bids(challenge, client):
    listed = client.get("/api/v1/challenges/").json()["results"]
    one = client.get(f"/api/v1/challenges/{challenge.code}/").json()
    assert [row["code"] for row in listed] == [challenge.code]
    assert (one["state"], one["indicators"][0]["name"], one["criteria"][0]["weight"]) == ("published", "雨雾识别率", 60)
    assert not {"bids", "bid_count", "followers", "applicants"} & set(one)
    for path in ("", "versions/", "questions/"):
        answer = client.get(f"/api/v1/challenges/{challenge.code}/{path}")
        assert answer.status_code == 200
        assert "公司" not in answer.content.decode().replace(str(challenge.demander), "")


def test_a_challenge_read_after_its_deadline_is_closed(challenge, client):
    with frozen(make.after_deadline(challenge)):
        assert client.get(f"/api/v1/challenges/{challenge.code}/").json()["state"] == "closed"


def test_a_directed_commission_is_not_listed_and_not_found(challenge, client):
    Challenge.objects.filter(pk=challenge.pk).update(selection_method="directed")
    assert client.get("/api/v1/challenges/").json()["results"] == []
    answer = client.get(f"/api/v1/challenges/{challenge.code}/")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "not_found")


def test_lists_publicities_and_results_are_there(challenge, client):
    lists = client.get("/api/v1/annual-lists/").json()["results"]
    assert [row["code"] for row in lists] == ["2026-1"]
    assert client.get("/api/v1/annual-lists/2026-1/").json()["parameters"]["publicity_working_days"] == 5
    assert client.get("/api/v1/publicities/").json()["results"] == []
    assert client.get("/api/v1/results/").json()["results"] == []
    assert client.get("/api/v1/challenges/?annual_list=2026-1").json()["results"][0]["code"] == challenge.code
    assert client.get("/api/v1/challenges/?annual_list=x").json()["results"] == []
