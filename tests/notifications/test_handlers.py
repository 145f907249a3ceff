"""Who is told what: each event of the apps below reaches the people it concerns, and nobody else."""

import pytest
from django.core import mail

from accounts.enums import Role
from accounts.events import OrganisationTransitioned, RolesChanged
from accounts.models import Membership, Organisation
from core import relay
from notifications import handlers
from notifications.models import Notification
from scenarios import services as scenario_services
from scenarios.events import QuarterlyListPublished, QuarterOverdue, ScenarioTransitioned
from tests.factories import (
    make_capability,
    make_erratum,
    make_organisation,
    make_person,
    make_pooled_scenario,
    make_published_list,
    make_submittable_scenario,
)
from vendors import services as vendor_services
from vendors.events import CapabilityExpiring

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def owner(clock):
    return make_organisation("甲示范局")


@pytest.fixture
def clerk(owner):
    return make_person(Role.DEMAND_SUBMITTER, organisation=owner)


@pytest.fixture
def city(clock):
    return make_person(Role.FIRST_REVIEWER, organisation=make_organisation("济南示范局"))


def told(person) -> list[str]:
    return list(Notification.objects.filter(recipient=person).order_by("pk").values_list("topic", flat=True))


def test_a_submission_waits_on_the_citys_desk(owner, clerk, city):
    elsewhere = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370200"))
    scenario = make_submittable_scenario(owner)
    scenario_services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    relay.drain()
    assert told(city) == ["scenario.waits_for_first_review"]
    assert (told(elsewhere), told(clerk)) == ([], [])
    assert mail.outbox == []


def test_a_return_names_every_defect_at_once(owner, clerk, city):
    scenario = make_submittable_scenario(owner)
    scenario_services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    scenario_services.scenario_review(
        scenario_id=scenario.pk,
        action="return_first",
        acting_user=city,
        comment="总体可行。",
        defects=[
            {"field": "target_indicators", "reason": "指标要能测量"},
            {"field": "", "reason": "请补充现场照片"},
        ],
    )
    relay.drain()
    notice = Notification.objects.get(recipient=clerk)
    assert notice.topic == "scenario.returned"
    assert "1. 【预期目标与指标】指标要能测量\n2. 请补充现场照片" in notice.body
    assert notice.body.endswith("意见：总体可行。")
    assert [message.to for message in mail.outbox] == [[clerk.email]]


def test_each_review_is_told_once_however_often_the_event_comes(owner, clerk, city):
    scenario = make_pooled_scenario(owner)
    relay.drain()
    before = Notification.objects.count()
    review = scenario.reviews.first()
    event = ScenarioTransitioned(scenario.pk, "pass_first", "submitted", "first_passed", city.pk, review.pk)
    handlers.scenario_transitioned(event)
    handlers.scenario_transitioned(event)
    assert Notification.objects.count() == before
    assert told(clerk)[:2] == ["scenario.passed_first", "scenario.pooled"]


def test_events_about_rows_that_are_gone_are_let_go(clock):
    handlers.scenario_transitioned(ScenarioTransitioned(0, "submit", "draft", "submitted"))
    handlers.scenario_transitioned(ScenarioTransitioned(0, "publish", "frozen", "listed"))
    handlers.list_published(QuarterlyListPublished(0))
    handlers.capability_expiring(CapabilityExpiring(0, 7))
    handlers.organisation_transitioned(OrganisationTransitioned(0, "verify", "pending", "verified"))
    handlers.roles_changed(RolesChanged(0))
    assert not Notification.objects.exists()


def test_a_published_list_tells_each_unit_once_with_its_items(owner, clerk):
    bureau = make_organisation(region_code="370000")
    editor = make_person(Role.LIST_EDITOR, organisation=bureau)
    approver = make_person(Role.LIST_APPROVER, organisation=bureau)
    scenarios = [make_pooled_scenario(owner, title=f"需求{number}") for number in (1, 2)]
    quarterly_list = make_published_list(scenarios, editor=editor, approver=approver)
    relay.drain()
    notice = Notification.objects.get(recipient=clerk, topic="list.published_with_own_items")
    assert notice.body.endswith("贵单位有 2 项需求列入：\n2026Q4-001 需求1\n2026Q4-002 需求2")
    assert told(approver) == ["list.waits_for_approval"]
    assert told(editor) == ["list.approved"]
    make_erratum(
        quarterly_list,
        editor,
        item_id=quarterly_list.items.first().pk,
        field="title",
        corrected_text="需求一",
        reason="名称有误",
    )
    relay.drain()
    assert told(clerk)[-1] == "list.erratum"


def test_an_overdue_quarter_reaches_operators_and_list_makers_once(clock):
    people = [make_person(role) for role in (Role.OPERATOR, Role.LIST_EDITOR, Role.LIST_APPROVER)]
    stranger = make_person(Role.DEMAND_SUBMITTER)
    for _time in range(2):
        handlers.quarter_overdue(QuarterOverdue("2026Q3"))
    assert [told(person) for person in people] == [["quarter.overdue"]] * 3
    assert told(stranger) == []
    assert Notification.objects.first().title == "逾期：2026年第三季度没有发布需求清单"


def test_a_capability_is_told_through_its_life(clock, city):
    capability = make_capability()
    organisation = capability.vendor.organisation
    staff = make_person(Role.VENDOR_STAFF, organisation=organisation)
    vendor_services.capability_submit(capability_id=capability.pk, acting_user=staff)
    vendor_services.capability_return(
        capability_id=capability.pk, acting_user=city, defects=[{"field": "cases", "reason": "请补充案例"}]
    )
    vendor_services.capability_submit(capability_id=capability.pk, acting_user=staff)
    relay.drain()
    assert told(city) == ["capability.waits_for_verification"]  # carried out late: what waits is told once
    vendor_services.capability_verify(capability_id=capability.pk, acting_user=city)
    relay.drain()
    assert [topic for topic in told(staff) if topic.startswith("capability")] == [
        "capability.returned",
        "capability.listed",
    ]
    for _time in range(2):
        handlers.capability_expiring(CapabilityExpiring(capability.pk, 30))
    assert told(staff).count("capability.expiring") == 1
    handlers.capability_expiring(CapabilityExpiring(capability.pk, 7))
    assert told(staff).count("capability.expiring") == 2


def test_roles_and_verification_reach_the_people_concerned(clock, city):
    organisation = make_organisation("乙公司", kind="enterprise")
    manager = make_person(Role.ORGANISATION_MANAGER, organisation=organisation)
    handlers.roles_changed(RolesChanged(Membership.objects.get(user=manager).pk))
    Organisation.objects.filter(pk=organisation.pk).update(state="pending")
    handlers.organisation_transitioned(
        OrganisationTransitioned(organisation.pk, "request_verification", "unverified", "pending")
    )
    handlers.organisation_transitioned(OrganisationTransitioned(organisation.pk, "verify", "pending", "verified"))
    assert told(manager) == ["membership.roles_changed", "organisation.verified"]
    assert told(city) == ["organisation.waits_for_verification"]
    assert Notification.objects.get(topic="membership.roles_changed").body.startswith("现在的角色：机构管理员。")


def test_nobody_is_asked_for_a_review_that_was_done_before_the_notice_was_written(owner, clerk, city):
    """The outbox may be minutes behind; a notice that still asks would name no due day."""
    province = make_person(Role.PROVINCIAL_REVIEWER, organisation=make_organisation(region_code="370000"))
    scenario = make_submittable_scenario(owner)
    scenario_services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    of_it = {"scenario_id": scenario.pk}
    scenario_services.scenario_review(**of_it, action="pass_first", acting_user=city)
    scenario_services.scenario_review(**of_it, action="pool", acting_user=province, secrecy_reviewed=True)
    relay.drain()
    topics = set(Notification.objects.values_list("topic", flat=True))
    assert "scenario.pooled" in topics
    assert topics.isdisjoint({"scenario.waits_for_first_review", "scenario.waits_for_provincial_review"})
