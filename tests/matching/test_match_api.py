"""Matches through the API: reasons that add up, frozen, replayable, and nothing for those not entitled."""

import pytest
from rest_framework.test import APIClient

from accounts.enums import Role
from core import relay
from matching.models import MatchRun
from scenarios.models import Scenario
from search import indexing
from tests.factories import make_listed_capability, make_listed_scenario, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.engine, pytest.mark.usefixtures("clock")]


def client_of(person=None) -> APIClient:
    client = APIClient()
    if person is not None:
        client.force_authenticate(person)
    return client


@pytest.fixture
def demand(index_folder) -> Scenario:
    indexing.heal()
    make_listed_capability()
    make_listed_capability(
        title="水下鱼群识别", description="用水下摄像识别网箱鱼群的活动与异常死亡，给养殖户发送投喂建议。"
    )
    scenario = make_listed_scenario()
    relay.drain()
    return scenario


def test_the_owner_reads_ranked_candidates_whose_shares_add_up_to_the_score(demand):
    owner = make_person(Role.DEMAND_SUBMITTER, organisation=demand.owner)
    answer = client_of(owner).get(f"/api/v1/scenarios/{demand.code}/matches/").json()

    assert [place["title"] for place in answer["ranked"]][0] == "政务材料智能预审系统"
    for place in answer["ranked"]:
        assert sum(reason["share"] for reason in place["reasons"]) == pytest.approx(place["score"], abs=0.11)
    assert answer["compared"] == 2


@pytest.mark.parametrize("role", [None, Role.VENDOR_STAFF, Role.DEMAND_SUBMITTER, Role.SYSTEM_ADMINISTRATOR])
def test_others_do_not_learn_who_was_ranked(demand, role):
    response = client_of(make_person(role) if role else None).get(f"/api/v1/scenarios/{demand.code}/matches/")
    assert response.status_code == (404 if role else 401)


def test_matching_anew_is_a_new_run_and_the_old_one_stays(demand):
    owner = make_person(Role.DEMAND_SUBMITTER, organisation=demand.owner)
    before = list(MatchRun.objects.filter(scenario=demand).values_list("pk", flat=True))

    response = client_of(owner).post(f"/api/v1/scenarios/{demand.code}/matches/")

    assert response.status_code == 201
    runs = list(MatchRun.objects.filter(scenario=demand).order_by("pk").values_list("pk", flat=True))
    assert runs[:-1] == before
    assert len(runs) == len(before) + 1


def test_a_run_is_replayed_with_the_same_order(demand):
    owner = make_person(Role.DEMAND_SUBMITTER, organisation=demand.owner)
    run = client_of(owner).get(f"/api/v1/scenarios/{demand.code}/matches/").json()
    answer = client_of(owner).post(f"/api/v1/match-runs/{run['id']}/replay/").json()
    assert answer == {"reproduced": True, "differences": []}


def test_a_vendor_reads_what_is_recommended_to_it_with_reasons(demand):
    vendor = MatchRun.objects.filter(scenario=demand).first().candidates.get(rank=1).capability.vendor
    staff = make_person(Role.VENDOR_STAFF, organisation=vendor.organisation)
    rows = client_of(staff).get("/api/v1/recommendations/?top=5").json()
    assert [(row["scenario"], row["capability"]) for row in rows] == [(demand.code, vendor.capabilities.get().code)]
    assert rows[0]["reasons"]
