"""The API's contract: one error shape, tokens with a scope, idempotency, transitions, nothing foreign (point 10)."""

import pytest
from django.conf import settings
from django.core.management import call_command
from rest_framework.test import APIClient

from accounts import services as account_services
from accounts.enums import Role
from core.models import IdempotencyRecord
from scenarios.enums import ScenarioState
from scenarios.models import Scenario
from tests.api.openapi import DescribedClient
from tests.factories import (
    make_capability,
    make_listed_capability,
    make_listed_scenario,
    make_organisation,
    make_person,
    make_pooled_scenario,
    make_published_list,
    make_scenario,
    make_submittable_scenario,
)
from vendors.models import Capability

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]


@pytest.fixture
def clerk():
    return make_person(Role.DEMAND_SUBMITTER)


def client_of(person=None) -> APIClient:
    client = DescribedClient()
    if person is not None:
        client.force_authenticate(person)
    return client


def token_client(person, scope: str) -> APIClient:
    _token, secret = account_services.token_create(name="测试", scope=scope, days=1, acting_user=person)
    client = DescribedClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def codes(response) -> list[tuple[str | None, str]]:
    return sorted((error["attr"] or "", error["code"]) for error in response.json()["errors"])


# --- reading -----------------------------------------------------------------------------------------------------


def test_anybody_reads_what_is_published_and_no_private_contact():
    scenario = make_listed_scenario(private_contact_name="王某", private_contact_phone="0531-1")
    make_scenario(title="别人的草稿")

    listing = client_of().get("/api/v1/scenarios/").json()
    one = client_of().get(f"/api/v1/scenarios/{scenario.code}/").json()

    assert [row["code"] for row in listing["results"]] == [scenario.code]
    assert one["title"] == scenario.title
    assert not {"private_contact_name", "private_contact_phone", "id", "document_version"} & set(one)


def test_the_owner_reads_its_own_private_fields_and_versions(clerk):
    scenario = make_scenario(clerk.current_organisation, private_contact_name="王某")
    one = client_of(clerk).get(f"/api/v1/scenarios/{scenario.public_id}/").json()
    assert (one["private_contact_name"], one["document_version"]) == ("王某", 1)


@pytest.mark.parametrize("key", ["2026Q4-999", "00000000-0000-0000-0000-000000000000", "nonsense", "2026Q4-1;drop"])
def test_what_is_missing_is_404_in_the_one_error_shape(key):
    response = client_of().get(f"/api/v1/scenarios/{key}/")
    assert response.status_code == 404


def test_a_foreign_draft_is_404_for_reading_and_for_every_action(clerk):
    scenario = make_scenario()
    client = client_of(clerk)
    path = f"/api/v1/scenarios/{scenario.public_id}/"

    answers = [client.get(path), client.patch(path, {"title": "改名"}, format="json")]
    for action in ("submit", "withdraw", "reopen", "suspend", "resume", "close"):
        answers.append(client.post(f"{path}{action}/", {"comment": "x"}, format="json"))
    answers.append(client.post(f"{path}review/", {"action": "pool"}, format="json"))

    assert [answer.status_code for answer in answers] == [404] * 9
    assert codes(answers[0]) == [("", "not_found")]
    assert Scenario.objects.get(pk=scenario.pk).title == "政务大厅材料智能预审"


def test_filters_take_a_branch_of_the_tree_and_a_region_with_what_lies_in_it():
    scenario = make_listed_scenario()
    for query, expected in (
        ("category=4", 1),
        ("category=4.1", 1),
        ("category=5", 0),
        ("region=370100", 1),
        ("region=370000", 1),
        ("region=370200", 0),
        ("quarter=2026Q4", 1),
        ("state=listed", 1),
    ):
        assert client_of().get(f"/api/v1/scenarios/?{query}").json()["count"] == expected, query
    assert scenario.code == "2026Q4-001"


def test_a_published_list_gives_its_frozen_items_and_an_unpublished_one_is_404():
    quarterly_list = make_published_list()

    items = client_of().get(f"/api/v1/lists/{quarterly_list.code}/items/").json()

    assert [(item["number"], item["present_state"]) for item in items] == [("2026Q4-001", "listed")]
    assert items[0]["content"]["title"] == "政务大厅材料智能预审"
    assert client_of().get("/api/v1/lists/2026Q3/").status_code == 404


def test_vendors_and_capabilities_on_the_shelf_are_public():
    capability = make_listed_capability()
    make_capability(title="别家的草稿")

    rows = client_of().get("/api/v1/capabilities/").json()["results"]
    vendor = client_of().get(f"/api/v1/vendors/{capability.vendor.public_id}/").json()

    assert [row["code"] for row in rows] == [capability.code]
    assert vendor["name"] == capability.vendor.organisation.name
    assert client_of().get("/api/v1/vendors/").json()["results"][0]["listed_count"] == 1


# --- writing -----------------------------------------------------------------------------------------------------


def test_writing_without_signing_in_is_401_and_writes_nothing():
    response = client_of().post("/api/v1/scenarios/", {"title": "数据治理"}, format="json")
    assert response.status_code == 401
    assert codes(response) == [("", "not_authenticated")]
    assert Scenario.objects.count() == 0


def test_a_draft_is_created_changed_and_submitted(clerk):
    client = client_of(clerk)
    ready = make_submittable_scenario(clerk.current_organisation, title="另一项")
    created = client.post(
        "/api/v1/scenarios/",
        {"title": "数据治理", "category": "4.2.1", "region": "370100", "budget_text": "30万元", "tags": ["数据治理"]},
        format="json",
    )
    path = f"/api/v1/scenarios/{created.json()['public_id']}/"
    changed = client.patch(path, {"pain_point": "口径不一", "expected_version": 1}, format="json")
    stale = client.patch(path, {"pain_point": "晚到的", "expected_version": 1}, format="json")
    submitted = client.post(f"/api/v1/scenarios/{ready.public_id}/submit/")

    assert (created.status_code, created.json()["budget_max_fen"], created.json()["tags"]) == (
        201,
        30_000_000,
        ["数据治理"],
    )
    assert (changed.status_code, changed.json()["document_version"]) == (200, 2)
    assert (stale.status_code, codes(stale)) == (409, [("", "edit_conflict")])
    assert (submitted.status_code, submitted.json()["state"]) == (200, "submitted")


def test_wrong_values_are_named_field_by_field_with_400(clerk):
    response = client_of(clerk).post(
        "/api/v1/scenarios/",
        {"title": "长" * 201, "category": "99", "region": "999999", "scenario_type": "gift", "needed_by": "明天"},
        format="json",
    )
    assert response.status_code == 400
    assert codes(response) == [
        ("category", "does_not_exist"),
        ("needed_by", "invalid"),
        ("region", "does_not_exist"),
        ("scenario_type", "invalid_choice"),
        ("title", "max_length"),
    ]
    assert Scenario.objects.count() == 0


def test_an_incomplete_submission_is_409_with_every_reason_at_its_field(clerk):
    scenario = make_scenario(clerk.current_organisation)
    response = client_of(clerk).post(f"/api/v1/scenarios/{scenario.public_id}/submit/")

    assert response.status_code == 409
    assert ("description", "required") in codes(response)
    assert ("no_state_secret", "secrecy_statement_missing") in codes(response)
    assert Scenario.objects.get(pk=scenario.pk).state == ScenarioState.DRAFT


def test_an_action_the_state_does_not_allow_is_409(clerk):
    scenario = make_listed_scenario(clerk.current_organisation)
    response = client_of(clerk).post(f"/api/v1/scenarios/{scenario.code}/submit/")
    assert (response.status_code, codes(response)) == (409, [("", "illegal_transition")])


def test_an_action_the_role_does_not_allow_is_403():
    scenario = make_listed_scenario()
    response = client_of(make_person(Role.VENDOR_STAFF)).post(
        f"/api/v1/scenarios/{scenario.code}/suspend/", {"comment": "x"}, format="json"
    )
    assert (response.status_code, codes(response)) == (403, [("", "not_permitted")])
    assert Scenario.objects.get(pk=scenario.pk).state == ScenarioState.LISTED


def test_a_list_is_made_approved_and_published_through_the_api():
    editor, approver = make_person(Role.LIST_EDITOR), make_person(Role.LIST_APPROVER)
    scenario = make_pooled_scenario()
    made = client_of(editor).post("/api/v1/lists/", {"quarter": "2026Q4"}, format="json")
    path = f"/api/v1/lists/{made.json()['code']}/"
    added = client_of(editor).post(f"{path}items/", {"scenarios": [str(scenario.public_id)]}, format="json")
    for step in ("freeze", "send-to-approval"):
        assert client_of(editor).post(f"{path}steps/{step}/").status_code == 200
    refused = client_of(approver).post(f"{path}steps/approve/", {}, format="json")
    approved = client_of(approver).post(f"{path}steps/approve/", {"secrecy_reviewer_name": "李保密"}, format="json")
    published = client_of(approver).post(f"{path}steps/publish/")
    unknown = client_of(approver).post(f"{path}steps/burn/")

    assert (made.status_code, added.status_code, len(added.json())) == (201, 201, 1)
    assert (refused.status_code, codes(refused)) == (409, [("secrecy_reviewer_name", "secrecy_reviewer_missing")])
    assert (approved.json()["state"], published.json()["state"]) == ("approved", "published")
    assert unknown.status_code == 404


def test_a_capability_goes_from_draft_to_the_shelf_through_the_api():
    staff, city = make_person(Role.VENDOR_STAFF), make_person(Role.FIRST_REVIEWER)
    client = client_of(staff)
    created = client.post(
        "/api/v1/capabilities/",
        {
            "title": "数据治理服务",
            "description": "梳理数据资源目录，制定标准，清洗历史数据，交付可持续维护的治理体系。",
            "category": "4.2.1",
            "serves_whole_province": True,
        },
        format="json",
    )
    path = f"/api/v1/capabilities/{created.json()['public_id']}/"
    submitted = client.post(f"{path}submit/")
    own = client.post(f"{path}verify/", {}, format="json")
    verified = client_of(city).post(f"{path}verify/", {"comment": "材料齐全"}, format="json")

    assert (created.status_code, submitted.json()["state"]) == (201, "submitted")
    assert own.status_code == 403
    assert (verified.status_code, verified.json()["state"]) == (200, "listed")
    assert Capability.objects.get().code == verified.json()["code"]


# --- tokens and idempotency --------------------------------------------------------------------------------------


def test_a_reading_token_reads_and_may_not_write(clerk):
    scenario = make_scenario(clerk.current_organisation)
    client = token_client(clerk, "read")

    assert client.get(f"/api/v1/scenarios/{scenario.public_id}/").status_code == 200
    refused = client.post("/api/v1/scenarios/", {"title": "数据治理"}, format="json")

    assert (refused.status_code, codes(refused)) == (403, [("", "permission_denied")])
    assert Scenario.objects.count() == 1


def test_a_writing_token_writes_for_the_organisation_it_was_made_for(clerk):
    response = token_client(clerk, "write").post("/api/v1/scenarios/", {"title": "数据治理"}, format="json")
    assert response.status_code == 201
    assert Scenario.objects.get().owner == clerk.current_organisation


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "Bearer a b c"])
def test_a_wrong_token_is_401_even_for_public_things(header):
    client = DescribedClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    response = client.get("/api/v1/scenarios/")
    assert (response.status_code, codes(response)) == (401, [("", "token_invalid")])


def test_the_same_idempotency_key_gives_the_same_answer_and_one_draft(clerk):
    client = client_of(clerk)
    first = client.post("/api/v1/scenarios/", {"title": "甲"}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    again = client.post("/api/v1/scenarios/", {"title": "甲"}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    other = client.post("/api/v1/scenarios/", {"title": "乙"}, format="json", HTTP_IDEMPOTENCY_KEY="k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["public_id"] == first.json()["public_id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, codes(other)) == (409, [("", "idempotency_key_reused")])
    assert Scenario.objects.count() == 1


def test_a_refused_request_does_not_use_up_its_key(clerk):
    client = client_of(clerk)
    refused = client.post("/api/v1/scenarios/", {"title": " "}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert refused.status_code == 400
    assert IdempotencyRecord.objects.count() == 0
    accepted = client.post("/api/v1/scenarios/", {"title": "甲"}, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert accepted.status_code == 201


def test_too_many_requests_are_429_in_the_same_shape():
    client = client_of()
    statuses = {client.get("/api/v1/lists/").status_code for _request in range(121)}
    last = client.get("/api/v1/lists/")
    assert statuses == {200, 429}
    assert codes(last) == [("", "throttled")]
    assert int(last.headers["Retry-After"]) > 0


def test_broken_json_is_400_with_a_code(clerk):
    response = client_of(clerk).post("/api/v1/scenarios/", "{not json", content_type="application/json")
    assert (response.status_code, codes(response)) == (400, [("", "parse_error")])


# --- search ------------------------------------------------------------------------------------------------------


def test_search_answers_in_the_one_shape_and_says_when_it_is_degraded():
    response = client_of().get("/api/v1/search/", {"q": "数据治理", "kind": "scenario"})
    assert response.status_code == 200
    assert set(response.json()) == {
        "kind",
        "text",
        "sort",
        "total",
        "page",
        "pages",
        "page_size",
        "degraded",
        "relaxed",
        "facets",
        "items",
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"q": "长" * 5000}, "q"),
        ({"kind": "people"}, "kind"),
        ({"sort": "random"}, "sort"),
        ({"page": "0"}, "page"),
        ({"page_size": "1000"}, "page_size"),
    ],
)
def test_a_search_that_cannot_be_answered_is_400_and_names_the_field(query, field):
    response = client_of().get("/api/v1/search/", query)
    assert (response.status_code, codes(response)) == (400, [(field, "invalid_input")])


@pytest.mark.parametrize(
    "text", ['"(][)AND OR NOT"', "a:b^3~*?", "'; DROP TABLE x;--", "\x00\u202e\ufeff", "%%%", "../../etc"]
)
def test_a_hostile_query_is_only_text(text):
    assert client_of().get("/api/v1/search/", {"q": text}).status_code == 200


def test_the_committed_schema_is_what_the_code_describes(tmp_path):
    written = tmp_path / "schema.yml"
    call_command("spectacular", file=str(written), validate=True, fail_on_warn=True)
    committed = (settings.PROJECT_ROOT / "docs" / "api" / "schema.yml").read_text(encoding="utf-8")
    assert written.read_text(encoding="utf-8") == committed, "run `make schema`"


def test_a_citys_code_finds_its_districts_and_not_a_neighbour_that_begins_alike(client):
    """371000 威海 and 371100 日照 share three digits."""
    weihai = make_listed_scenario(make_organisation(region_code="371000"))
    make_listed_scenario(make_organisation(region_code="371100"))
    found = client.get("/api/v1/scenarios/?region=371000").json()["results"]
    assert [row["code"] for row in found] == [weihai.code]
    assert len(client.get("/api/v1/scenarios/?region=370000").json()["results"]) == 2
    assert client.get("/api/v1/scenarios/?region=999999").json()["results"] == []
