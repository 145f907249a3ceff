"""What was sent back keeps its place: the clerk is led to the field, the reviewer sees what was changed since."""

import pytest
from django.urls import reverse

from accounts.enums import Role
from scenarios import services
from tests.factories import make_organisation, make_person, make_submittable_scenario

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]

DEFECTS = [
    {"field": "target_indicators", "reason": "指标没有现状值。"},
    {"field": "acceptance_method", "reason": "没有写由谁验收。"},
    {"field": "general", "reason": "请附现场照片。"},
]


@pytest.fixture
def clerk():
    return make_person(Role.DEMAND_SUBMITTER, organisation=make_organisation("历城示范局"))


@pytest.fixture
def reviewer():
    return make_person(Role.FIRST_REVIEWER, organisation=make_organisation("济南示范局"))


@pytest.fixture
def returned(clerk, reviewer):
    scenario = make_submittable_scenario(clerk.current_organisation)
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    services.scenario_review(
        scenario_id=scenario.pk, action="return_first", acting_user=reviewer, comment="请补齐。", defects=DEFECTS
    )
    scenario.refresh_from_db()
    return scenario


def test_each_defect_leads_to_its_field(returned, clerk, sign_in):
    desk = sign_in(clerk)
    page = desk.get(reverse("scenarios:tasks", args=[returned.key])).content.decode()
    for section, field, label in (
        ("need", "target_indicators", "预期目标与指标"),
        ("conditions", "acceptance_method", "验收方式"),
    ):
        address = reverse("scenarios:edit", args=[returned.key, section])
        assert f'<a href="{address}#id_{field}">{label}</a>' in page
        form = desk.get(address).content.decode()
        assert f'id="id_{field}"' in form
        assert "审核人指出本节的问题" in form
    assert "请附现场照片。" in page
    elsewhere = desk.get(reverse("scenarios:edit", args=[returned.key, "contact"])).content.decode()
    assert "审核人指出本节的问题" not in elsewhere


def test_the_second_look_shows_what_was_changed_and_what_was_not(returned, clerk, reviewer, sign_in):
    services.scenario_save(
        scenario_id=returned.pk,
        acting_user=clerk,
        values={"target_indicators": "办理时长由三天缩短到四小时。", "funding_nature": "own", "budget_text": "60万元"},
    )
    services.scenario_submit(scenario_id=returned.pk, acting_user=clerk)
    page = sign_in(reviewer).get(reverse("scenarios:review", args=[returned.key]))
    since = page.context["since"]
    assert [(change.field, change.before, change.after, change.asked) for change in since.changed] == [
        (
            "target_indicators",
            "平均办理时长由三天缩短到一天，材料一次通过率达到百分之九十。",
            "办理时长由三天缩短到四小时。",
            ("指标没有现状值。",),
        ),
        ("funding_nature", "开放场景（无资金）", "自筹资金", ()),
        ("budget_text", "", "60万元", ()),
    ]
    assert [defect.field for defect in since.untouched] == ["acceptance_method"]
    assert [defect.reason for defect in since.general] == ["请附现场照片。"]
    text = page.content.decode()
    assert "退回时指出而没有改动的" in text
    assert "验收方式：没有写由谁验收。" in text


def test_a_first_look_and_the_public_see_no_comparison(clerk, reviewer, sign_in, client):
    scenario = make_submittable_scenario(clerk.current_organisation)
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    page = sign_in(reviewer).get(reverse("scenarios:review", args=[scenario.key]))
    assert page.context["since"] is None
    assert "退回以后的修改" not in page.content.decode()
    assert client.get(reverse("scenarios:review", args=[scenario.key])).status_code in (302, 404)


def test_what_is_bought_offers_no_free_scenario_and_nothing_chosen(clerk, sign_in):
    scenario = make_submittable_scenario(clerk.current_organisation, scenario_type="procurement")
    form = sign_in(clerk).get(reverse("scenarios:edit", args=[scenario.key, "money"])).context["form"]
    assert "open" not in [value for value, _label in form.fields["funding_nature"].choices]
    assert form["funding_nature"].value() == ""


def test_saving_a_section_as_it_is_finishes_it(clerk, sign_in):
    scenario = make_submittable_scenario(clerk.current_organisation)
    desk = sign_in(clerk)
    tasks = reverse("scenarios:tasks", args=[scenario.key])
    assert desk.get(tasks).context["done"] == 3
    address = reverse("scenarios:edit", args=[scenario.key, "money"])
    posted = {"version": scenario.document_version, "funding_nature": "open"}
    desk.post(address, posted, headers={"accept": "application/json"})
    assert desk.get(tasks).context["done"] == 3
    assert desk.post(address, posted).status_code == 302
    assert desk.get(tasks).context["done"] == 4
