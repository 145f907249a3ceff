"""Reviewers, editors and approvers: queues, decisions, every step of a list through its pages."""

import re

import pytest
from django.urls import reverse

from accounts.enums import Role
from core.quarters import Quarter
from scenarios import services
from scenarios.enums import QuarterlyListState, ScenarioState
from scenarios.models import Erratum, ErratumDraft, QuarterlyList, ScenarioReview
from tests.factories import (
    make_organisation,
    make_person,
    make_pooled_scenario,
    make_published_list,
    make_submittable_scenario,
)

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]


@pytest.fixture
def submitted():
    scenario = make_submittable_scenario()
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)
    return services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)


@pytest.fixture
def city(sign_in):
    return sign_in(make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370100")))


@pytest.fixture
def bureau():
    return make_organisation(region_code="370000")


@pytest.fixture
def editor(sign_in, bureau):
    return sign_in(make_person(Role.LIST_EDITOR, organisation=bureau))


@pytest.fixture
def approver(sign_in, bureau):
    return sign_in(make_person(Role.LIST_APPROVER, organisation=bureau))


def test_queue_shows_what_waits_for_this_reviewer_only(city, sign_in, submitted):
    assert submitted.title in city.get(reverse("scenarios:review_queue")).content.decode()
    elsewhere = sign_in(make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370200")))
    assert "没有等待审核的需求" in elsewhere.get(reverse("scenarios:review_queue")).content.decode()


def test_queue_is_for_reviewers(sign_in):
    assert sign_in(make_person(Role.VENDOR_STAFF)).get(reverse("scenarios:review_queue")).status_code == 403


def test_queue_costs_the_same_for_one_and_three_rows(city, submitted, django_assert_max_num_queries):
    with django_assert_max_num_queries(18) as one:
        city.get(reverse("scenarios:review_queue"))
    for number in range(2):
        scenario = make_submittable_scenario(title=f"另一项{number}")
        clerk = make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)
        services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    with django_assert_max_num_queries(18) as three:
        city.get(reverse("scenarios:review_queue"))
    assert len(one) == len(three)


def test_reviewer_passes_a_demand(city, submitted):
    address = reverse("scenarios:review", args=[submitted.key])
    assert city.get(address).status_code == 200
    city.post(address, {"action": "pass_first", "content_version": submitted.content_version, "comment": "属实"})
    submitted.refresh_from_db()
    assert submitted.state == ScenarioState.FIRST_PASSED
    assert ScenarioReview.objects.get().comment == "属实"


def test_all_defects_are_returned_at_once(city, submitted):
    city.post(
        reverse("scenarios:review", args=[submitted.key]),
        {
            "action": "return_first",
            "content_version": submitted.content_version,
            "defect_target_indicators": "指标没有现状值",
            "defect_general": "请补充现场照片",
        },
    )
    submitted.refresh_from_db()
    review = ScenarioReview.objects.get()
    assert submitted.state == ScenarioState.SUPPLEMENT
    assert {(row["field"], row["reason"]) for row in review.defects} == {
        ("target_indicators", "指标没有现状值"),
        ("general", "请补充现场照片"),
    }


def test_return_without_defects_is_refused_and_keeps_the_comment(city, submitted):
    response = city.post(
        reverse("scenarios:review", args=[submitted.key]),
        {"action": "return_first", "content_version": submitted.content_version, "comment": "请完善"},
    )
    html = response.content.decode()
    submitted.refresh_from_db()
    assert response.status_code == 409
    assert "请逐条写明需要补充或修改的内容" in html
    assert ">请完善</textarea>" in html
    assert submitted.state == ScenarioState.SUBMITTED
    assert ScenarioReview.objects.count() == 0


def test_pooling_without_secrecy_review_is_refused(sign_in, submitted, city):
    city.post(
        reverse("scenarios:review", args=[submitted.key]),
        {"action": "pass_first", "content_version": submitted.content_version},
    )
    province = sign_in(make_person(Role.PROVINCIAL_REVIEWER))
    address = reverse("scenarios:review", args=[submitted.key])
    response = province.post(address, {"action": "pool", "content_version": submitted.content_version})
    submitted.refresh_from_db()
    assert response.status_code == 409
    assert 'href="#id_secrecy_reviewed"' in response.content.decode()
    assert submitted.state == ScenarioState.FIRST_PASSED
    province.post(address, {"action": "pool", "content_version": submitted.content_version, "secrecy_reviewed": "on"})
    submitted.refresh_from_db()
    assert submitted.state == ScenarioState.POOLED


def test_nobody_reviews_their_own_units_demand(sign_in, submitted):
    own = sign_in(make_person(Role.FIRST_REVIEWER, organisation=submitted.owner))
    address = reverse("scenarios:review", args=[submitted.key])
    own.post(address, {"action": "pass_first", "content_version": submitted.content_version})
    submitted.refresh_from_db()
    assert submitted.state == ScenarioState.SUBMITTED


def test_a_list_goes_from_collecting_to_publication_through_its_pages(editor, approver, visitor):
    scenario = make_pooled_scenario()
    editor.post(reverse("scenarios:working_lists"), {"quarter": "2026Q4", "title": "", "foreword": "发布说明。"})
    page = reverse("scenarios:edit_list", args=["2026Q4"])
    assert scenario.title in editor.get(page).content.decode()
    editor.post(reverse("scenarios:list_add", args=["2026Q4"]), {"scenario": [scenario.pk]})
    for action in ("freeze", "send_to_approval"):
        editor.post(reverse("scenarios:list_step", args=["2026Q4", action]))
    approver.post(
        reverse("scenarios:list_step", args=["2026Q4", "approve"]),
        {"secrecy_reviewer_name": "李保密", "comment": "同意"},
    )
    approver.post(reverse("scenarios:list_step", args=["2026Q4", "publish"]))
    made = QuarterlyList.objects.get()
    assert made.state == QuarterlyListState.PUBLISHED
    assert made.foreword == "发布说明。"
    assert visitor.get("/scenarios/2026Q4-001/").status_code == 200


def test_empty_list_cannot_be_frozen(editor):
    editor.post(reverse("scenarios:working_lists"), {"quarter": "2026Q4"})
    response = editor.post(reverse("scenarios:list_step", args=["2026Q4", "freeze"]))
    assert response.status_code == 409
    assert "清单中还没有需求" in response.content.decode()
    assert QuarterlyList.objects.get().state == QuarterlyListState.COLLECTING


def test_items_change_places_and_leave(editor, bureau):
    first, second = make_pooled_scenario(title="甲"), make_pooled_scenario(title="乙")
    editor.post(reverse("scenarios:working_lists"), {"quarter": "2026Q4"})
    editor.post(reverse("scenarios:list_add", args=["2026Q4"]), {"scenario": [first.pk, second.pk]})
    items = list(QuarterlyList.objects.get().items.order_by("sequence"))
    editor.post(reverse("scenarios:list_move", args=["2026Q4", items[1].pk, "up"]))
    titles = [item.scenario.title for item in QuarterlyList.objects.get().items.order_by("sequence")]
    assert titles == ["乙", "甲"]
    editor.post(reverse("scenarios:list_remove", args=["2026Q4", items[0].pk]))
    assert [item.scenario.title for item in QuarterlyList.objects.get().items.all()] == ["乙"]


def test_adding_nothing_is_said(editor):
    editor.post(reverse("scenarios:working_lists"), {"quarter": "2026Q4"})
    response = editor.post(reverse("scenarios:list_add", args=["2026Q4"]), follow=True)
    assert "没有选择需求" in response.content.decode()


def test_editor_cannot_approve(editor):
    scenario = make_pooled_scenario()
    editor.post(reverse("scenarios:working_lists"), {"quarter": "2026Q4"})
    editor.post(reverse("scenarios:list_add", args=["2026Q4"]), {"scenario": [scenario.pk]})
    for action in ("freeze", "send_to_approval"):
        editor.post(reverse("scenarios:list_step", args=["2026Q4", action]))
    editor.post(reverse("scenarios:list_step", args=["2026Q4", "approve"]), {"secrecy_reviewer_name": "自己"})
    assert QuarterlyList.objects.get().state == QuarterlyListState.IN_REVIEW


def test_approval_without_secrecy_reviewer_is_refused_and_keeps_the_comment(editor, approver):
    scenario = make_pooled_scenario()
    editor.post(reverse("scenarios:working_lists"), {"quarter": "2026Q4"})
    editor.post(reverse("scenarios:list_add", args=["2026Q4"]), {"scenario": [scenario.pk]})
    for action in ("freeze", "send_to_approval"):
        editor.post(reverse("scenarios:list_step", args=["2026Q4", action]))
    response = approver.post(reverse("scenarios:list_step", args=["2026Q4", "approve"]), {"comment": "同意发布"})
    html = response.content.decode()
    assert response.status_code == 400
    assert 'href="#id_secrecy_reviewer_name"' in html
    assert "同意发布" in html
    assert QuarterlyList.objects.get().state == QuarterlyListState.IN_REVIEW


def test_list_pages_are_for_those_who_make_lists(sign_in):
    client = sign_in(make_person(Role.DEMAND_SUBMITTER))
    for name in ("scenarios:working_lists", "scenarios:pool"):
        assert client.get(reverse(name)).status_code == 403
    assert client.post(reverse("scenarios:working_lists"), {"quarter": "2026Q4"}).status_code == 403
    assert QuarterlyList.objects.count() == 0


def test_erratum_is_prepared_on_the_page(sign_in, bureau):
    person = make_person(Role.LIST_EDITOR, organisation=bureau)
    quarterly_list = make_published_list(quarter=Quarter(2026, 4), editor=person)
    item = quarterly_list.items.get()
    client = sign_in(person)
    address = reverse("scenarios:list_erratum", args=[quarterly_list.code])
    refused = client.post(address, {"item": item.pk, "field": "title", "corrected_text": "更正后的名称", "reason": ""})
    assert refused.status_code == 400
    assert "更正后的名称" in refused.content.decode()
    assert ErratumDraft.objects.count() == 0
    client.post(address, {"item": item.pk, "field": "title", "corrected_text": "更正后的名称", "reason": "漏字"})
    assert ErratumDraft.objects.get().original_text == item.content["title"]
    assert Erratum.objects.count() == 0


def test_pool_costs_the_same_for_one_and_three_rows(editor, django_assert_max_num_queries):
    make_pooled_scenario()
    with django_assert_max_num_queries(15) as one:
        editor.get(reverse("scenarios:pool"))
    make_pooled_scenario(title="乙")
    make_pooled_scenario(title="丙")
    with django_assert_max_num_queries(15) as three:
        editor.get(reverse("scenarios:pool"))
    assert len(one) == len(three)


def test_refusing_a_demand_asks_first_and_looks_unlike_returning_it(sign_in):
    """One click beside 退回补充 ended a demand (found by walking)."""
    scenario = make_submittable_scenario(make_organisation(region_code="370100"))
    scenario.state = "submitted"
    scenario.save(update_fields=["state"])
    city = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370100"))
    html = sign_in(city).get(reverse("scenarios:review", args=[scenario.key])).content.decode()
    buttons = re.findall(r'<button class="button ([^"]*)" name="action"\s+value="(\w+)"( data-confirm)?', html)
    assert {name: (tone.strip(), bool(asked)) for tone, name, asked in buttons} == {
        "pass_first": ("button-primary", False),
        "return_first": ("", False),
        "reject_first": ("button-danger", True),
    }
