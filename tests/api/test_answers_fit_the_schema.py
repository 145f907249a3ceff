"""Every GET operation's answer fits its description, for a visitor and for somebody entitled (issue 12, row 25)."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.test import APIClient

from accounts.enums import Role
from challenges.enums import EnvelopeKind
from challenges.models import Award, Project, Publicity
from challenges.services import bids, clarification, decision
from core import relay
from core.clock import frozen, now
from matching import services as matching_services
from search import indexing
from tests.api.openapi import described_for, faults_of, get_operations
from tests.factories import challenges as make
from tests.factories import (
    make_listed_capability,
    make_listed_scenario,
    make_person,
    make_published_list,
    make_scenario,
)
from vendors.models import CapabilityMember, Credential, DeliveredCase

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def index_folder(settings, tmp_path):
    settings.SEARCH_URL = f"embedded://{tmp_path / 'search'}"
    settings.MEDIA_ROOT = str(tmp_path / "media")


@pytest.fixture
def decided(clock, index_folder):
    """A challenge with a question, a clarification, a 公示 and a published result."""
    stage = make.make_stage()
    challenge = make.make_published_challenge(stage)
    bidder = make.make_bidder("甲公司")
    question = clarification.question_ask(challenge_id=challenge.pk, acting_user=bidder, text="数据由谁提供？")
    clarification.question_answer(question_public_id=question.public_id, acting_user=stage.handler, answer="需求单位。")
    make.hand_in(challenge, bidder)
    with frozen(make.after_deadline(challenge)):
        bids.challenges_freeze_due()
        challenge.refresh_from_db()
        make.open_envelopes(stage, challenge, EnvelopeKind.TECHNICAL)
        make.pass_formal_check(stage, challenge)
        make.review_bids(stage, challenge)
        make.decide(stage, challenge, [make.winner(challenge.bids.get())])
        decision.publicity_start(challenge_id=challenge.pk, acting_user=stage.approver)
    with frozen(make.after_deadline(challenge) + timedelta(days=15)):
        decision.challenge_award(challenge_id=challenge.pk, acting_user=stage.approver)
        project = make.contract(stage, Award.objects.get(), bidder, starts_on=date(2026, 12, 31))
    result = {"result_title": "成果", "result_text": "说明", "grade": "excellent", "result_published_at": now()}
    Project.objects.filter(pk=project.pk).update(**result)
    challenge.refresh_from_db()
    return challenge


@pytest.fixture
def market(index_folder):
    """Demands and capabilities with everything filled and with everything left out; a list; a match."""
    indexing.heal()
    capability = make_listed_capability()
    CapabilityMember.objects.create(capability=capability, name="成员单位", contribution="数据")
    Credential.objects.create(vendor=capability.vendor, kind="certificate", name="资质")
    DeliveredCase.objects.create(capability=capability, title="案例", customer="某市")
    scenario = make_listed_scenario()
    make_scenario(scenario.owner, title="只有题目", category=None, region=None, industry=None)
    published = make_published_list()
    relay.drain()
    matching_services.match_scenario(scenario_id=scenario.pk, acting_user=owner_of(scenario))
    return scenario, capability, published


def owner_of(scenario):
    return make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)


def read(person, address):
    client = APIClient()
    if not isinstance(person, AnonymousUser):
        client.force_authenticate(person)
    return client.get(address)


def test_every_answer_fits_its_description(decided, market):
    scenario, capability, published = market
    owner, seller = owner_of(scenario), make_person(Role.VENDOR_STAFF, organisation=capability.vendor.organisation)
    #: Path → what stands in it, and somebody entitled beside everybody.
    walked = {
        "/api/v1/annual-lists/": ({}, owner),
        "/api/v1/annual-lists/{code}/": ({"code": decided.annual_list.code}, owner),
        "/api/v1/capabilities/": ({}, seller),
        "/api/v1/capabilities/{key}/": ({"key": capability.key}, seller),
        "/api/v1/capabilities/{key}/matches/": ({"key": capability.key}, seller),
        "/api/v1/challenges/": ({}, owner),
        "/api/v1/challenges/{code}/": ({"code": decided.code}, owner),
        "/api/v1/challenges/{code}/questions/": ({"code": decided.code}, owner),
        "/api/v1/challenges/{code}/versions/": ({"code": decided.code}, owner),
        "/api/v1/lists/": ({}, owner),
        "/api/v1/lists/{code}/": ({"code": published.code}, owner),
        "/api/v1/lists/{code}/items/": ({"code": published.code}, owner),
        "/api/v1/publicities/": ({}, owner),
        "/api/v1/recommendations/": ({}, seller),
        "/api/v1/results/": ({}, owner),
        "/api/v1/scenarios/": ({}, owner),
        "/api/v1/scenarios/{key}/": ({"key": scenario.key}, owner),
        "/api/v1/scenarios/{key}/matches/": ({"key": scenario.key}, owner),
        "/api/v1/search/": ({}, owner),
        "/api/v1/search/suggestions/": ({}, owner),
        "/api/v1/vendors/": ({}, seller),
        "/api/v1/vendors/{public_id}/": ({"public_id": capability.vendor.public_id}, seller),
    }
    operations = get_operations()
    assert set(walked) == set(operations)
    assert Publicity.objects.exists()
    faults, empty = {}, []
    for path, (values, entitled) in walked.items():
        for person in (AnonymousUser(), entitled):
            answer = read(person, path.format(**values) + ("?q=政务" if "search" in path else ""))
            body = answer.json()
            if person is entitled:
                assert answer.status_code == 200, path
                rows = body.get("results", body.get("items", body)) if isinstance(body, dict) else body
                if not rows:
                    empty.append(path)
            found = faults_of(operations[path], answer.status_code, body)
            if found:
                faults[f"{path} {'visitor' if person is not entitled else 'entitled'}"] = found
    assert (faults, empty) == ({}, [])


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"public_id": "x", "text": "问", "answer": "答"}, "'answered_at' is a required property"),
        ({"public_id": "x", "text": None, "answer": "答", "answered_at": None}, "None is not of type 'string'"),
        ({"public_id": "x", "text": "问", "answer": "答", "answered_at": None, "asker": 1}, "('asker' was unexpected)"),
    ],
)
def test_the_comparison_sees_what_is_missing_null_or_not_described(body, fault):
    operation = described_for("GET", "/api/v1/challenges/JB2026-001/questions/")
    assert any(fault in found for found in faults_of(operation, 200, [body]))


def test_an_undescribed_status_is_a_fault_and_an_unknown_address_is_nobodys():
    assert faults_of(described_for("GET", "/api/v1/lists/"), 418, {}) == ["status 418 is not described"]
    assert described_for("GET", "/api/v1/nothing/") is None
    assert described_for("DELETE", "/api/v1/lists/") is None
