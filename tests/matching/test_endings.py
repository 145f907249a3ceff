"""Whatever ends a demand leaves no talks open, and whoever was interested is told once; a suspension ends nothing."""

import itertools
from datetime import datetime, timedelta

import pytest
from django.urls import reverse

from accounts.enums import Role
from core.clock import BEIJING, frozen
from core.errors import DomainError, ObjectNotFound
from core.models import OutboxEvent
from core.relay import drain
from matching.enums import EngagementState
from matching.models import Engagement
from matching.services import endings, engagements
from notifications.models import Notification
from scenarios import services
from scenarios.enums import ScenarioState
from scenarios.models import Scenario
from scenarios.services.demands import move
from scenarios.states import SCENARIO_MACHINE
from tests.factories import (
    make_erratum,
    make_listed_scenario,
    make_organisation,
    make_person,
    make_submittable_scenario,
    make_vendor,
)

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

OPEN = ("interested", "matching", "trial", "intent")
ENDINGS = ("close", "expire", "land", "convert")


def engaged(scenario: Scenario, state: str = "matching") -> tuple[Engagement, object]:
    """An engagement that has come so far, written directly, and its vendor's clerk."""
    firm = make_organisation(kind="enterprise")
    staff = make_person(Role.VENDOR_STAFF, organisation=firm)
    vendor = make_vendor(firm)
    return Engagement.objects.create(scenario=scenario, vendor=vendor, state=state, message="可提供方案。"), staff


def actor(scenario: Scenario, action: str):
    owners = {"close": lambda: make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)}
    owners |= {"convert": lambda: make_person(Role.SCIENCE_HANDLER, organisation=make_organisation("省科技示范厅"))}
    owners |= dict.fromkeys(("suspend", "resume"), lambda: make_person(Role.PROVINCIAL_REVIEWER))
    return owners.get(action, lambda: None)()


def step(scenario: Scenario, action: str) -> None:
    scenario.refresh_from_db()
    scenario.closing_reason = "本年度预算调整" if action in ("close", "suspend") else ""
    context = {"comment": scenario.closing_reason}
    move(scenario, action, acting_user=actor(scenario, action), context=context, update_fields=["closing_reason"])
    drain()


def told(person) -> list[str]:
    rows = Notification.objects.filter(recipient=person, topic="engagement.demand_moved")
    return list(rows.order_by("pk").values_list("title", flat=True))


def test_the_endings_are_those_of_the_machine():
    """A new step that ends a demand is carried over to its engagements without an entry here."""
    ending_states = {"closed_unmatched", "expired", "landed", "converted"}
    assert {name for name, step in SCENARIO_MACHINE.items() if step.target in ending_states} == set(ENDINGS)
    assert set(ENDINGS) == endings.ENDINGS


@pytest.mark.parametrize(("state", "action"), list(itertools.product(EngagementState.values, ENDINGS)))
def test_after_an_ending_nothing_is_left_open_and_the_vendor_is_told_once(clock, state, action):
    scenario = make_submittable_scenario(state=ScenarioState.LISTED, code="2026Q4-001")
    engagement, staff = engaged(scenario, state)
    step(scenario, action)
    drain()
    engagement.refresh_from_db()
    scenario.refresh_from_db()
    assert engagement.state == (EngagementState.CLOSED if state in OPEN else state)
    assert len(told(staff)) == (0 if state in ("closed", "delivered") else 1)
    if state in OPEN:
        assert engagement.closing_reason.startswith(f"需求{scenario.get_state_display()}，对接随之结束。")
        assert ("本年度预算调整" in engagement.closing_reason) == (action == "close")


def test_a_contract_is_carried_out_whatever_becomes_of_the_demand(clock):
    scenario = make_submittable_scenario(state=ScenarioState.LISTED, code="2026Q4-001")
    engagement, staff = engaged(scenario, "contracted")
    step(scenario, "expire")
    notice = Notification.objects.get(recipient=staff, topic="engagement.demand_moved")
    assert "已签约的对接不受影响" in notice.body
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)
    for person in (clerk, staff):
        engagements.engagement_confirm(
            public_id=engagement.public_id, acting_user=person, step="deliver", values={"outcome": "十二月投入使用"}
        )
    drain()
    scenario.refresh_from_db()
    assert scenario.state == ScenarioState.LANDED


def test_a_landed_demand_takes_no_interest_is_not_recommended_and_never_expires(clock, client):
    scenario = make_listed_scenario()
    engagement, staff = engaged(scenario, "contracted")
    other, other_staff = engaged(scenario, "interested")
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)
    for person in (clerk, staff):
        engagements.engagement_confirm(
            public_id=engagement.public_id, acting_user=person, step="deliver", values={"outcome": "十二月投入使用"}
        )
    drain()
    scenario.refresh_from_db()
    other.refresh_from_db()
    assert (scenario.state, other.state) == (ScenarioState.LANDED, EngagementState.CLOSED)
    assert told(other_staff) == [f"需求已落地：{scenario.title}"]
    assert told(staff) == []
    with pytest.raises(DomainError) as refusal:
        engagements.engagement_begin(scenario_id=scenario.pk, acting_user=other_staff, message="仍想参加。")
    assert refusal.value.code == "takes_no_interest"
    assert engagements.public_progress(scenario) == "已落地"
    assert "已落地" in client.get(reverse("scenarios:catalogue")).content.decode()
    with frozen(datetime(2027, 6, 1, 9, 0, tzinfo=BEIJING)):
        assert services.scenarios_expire() == 0
    drain()
    assert not Notification.objects.filter(topic="scenario.expired").exists()


def test_a_suspension_ends_nothing_tells_both_sides_and_blocks_new_interest(clock):
    scenario = make_listed_scenario()
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)
    engagement, staff = engaged(scenario)
    step(scenario, "suspend")
    engagement.refresh_from_db()
    scenario.refresh_from_db()
    assert engagement.state == EngagementState.MATCHING
    assert told(staff) == [f"需求已暂停：{scenario.title}"]
    assert Notification.objects.filter(recipient=clerk, topic="scenario.suspended").count() == 1
    newcomer = make_person(Role.VENDOR_STAFF, organisation=make_organisation(kind="enterprise"))
    make_vendor(newcomer.current_organisation)
    with pytest.raises(DomainError):
        engagements.engagement_begin(scenario_id=scenario.pk, acting_user=newcomer, message="可提供方案。")
    assert Engagement.objects.count() == 1
    step(scenario, "resume")
    step(scenario, "suspend")
    assert told(staff) == [f"需求已{word}：{scenario.title}" for word in ("暂停", "恢复", "暂停")]
    assert Notification.objects.filter(recipient=clerk, topic="scenario.resumed").count() == 1


def test_done_twice_it_ends_and_tells_nothing_more(clock):
    scenario = make_listed_scenario()
    engagement, staff = engaged(scenario)
    contracted, contractor = engaged(scenario, "contracted")
    step(scenario, "close")
    scenario.refresh_from_db()
    again = endings.engagements_follow(scenario_id=scenario.pk, action="close", turn=scenario.document_version)
    drain()
    assert again == 0
    assert len(told(staff)) == len(told(contractor)) == 1
    contracted.refresh_from_db()
    assert contracted.state == EngagementState.CONTRACTED


def test_a_landed_demand_lands_once(clock):
    scenario = make_listed_scenario()
    assert services.scenario_land(scenario_id=scenario.pk) is not None
    events = OutboxEvent.objects.count()
    assert services.scenario_land(scenario_id=scenario.pk) is None
    assert OutboxEvent.objects.count() == events


def test_the_clock_settles_what_earlier_releases_left(clock):
    delivered = make_listed_scenario()
    engaged(delivered, "delivered")
    expired = make_submittable_scenario(state=ScenarioState.EXPIRED, title="已到期的需求")
    left_open, staff = engaged(expired, "trial")
    assert endings.demands_settle() == 2
    drain()
    delivered.refresh_from_db()
    left_open.refresh_from_db()
    assert (delivered.state, left_open.state) == (ScenarioState.LANDED, EngagementState.CLOSED)
    assert told(staff) == ["需求已到期：已到期的需求"]
    assert endings.demands_settle() == 0


def test_interest_stops_at_the_demands_own_deadline(clock):
    scenario = make_listed_scenario()
    Scenario.objects.filter(pk=scenario.pk).update(deadline_at=clock + timedelta(hours=1))
    staff = make_person(Role.VENDOR_STAFF, organisation=make_organisation(kind="enterprise"))
    make_vendor(staff.current_organisation)
    with frozen(clock + timedelta(hours=1)), pytest.raises(DomainError) as refusal:
        engagements.engagement_begin(scenario_id=scenario.pk, acting_user=staff, message="可提供方案。")
    assert refusal.value.message == "这项需求的响应截止时间已过，不再接受新的意向。"
    assert not Engagement.objects.exists()


def test_a_demand_that_is_not_public_does_not_exist_for_a_vendor(clock):
    scenario = make_submittable_scenario(state=ScenarioState.POOLED)
    staff = make_person(Role.VENDOR_STAFF, organisation=make_organisation(kind="enterprise"))
    make_vendor(staff.current_organisation)
    with pytest.raises(ObjectNotFound):
        engagements.engagement_begin(scenario_id=scenario.pk, acting_user=staff, message="可提供方案。")


def test_the_vendors_page_says_why_no_interest_is_taken(clock, client):
    scenario = make_listed_scenario()
    staff = make_person(Role.VENDOR_STAFF, organisation=make_organisation(kind="enterprise"))
    make_vendor(staff.current_organisation)
    step(scenario, "suspend")
    client.force_login(staff)
    page = client.get(reverse("scenarios:scenario", args=[scenario.code])).content.decode()
    assert "这项需求已暂停对接，恢复后才能表达意向。" in page
    assert reverse("matching:begin_engagement", args=[scenario.code]) not in page


def test_the_engagements_page_says_that_its_demand_is_suspended(clock, client):
    scenario = make_listed_scenario()
    engagement, staff = engaged(scenario)
    step(scenario, "suspend")
    client.force_login(staff)
    page = client.get(reverse("matching:engagement", args=[engagement.public_id])).content.decode()
    assert "需求已被审核单位暂停" in page
    assert "本年度预算调整" in page


def test_an_erratum_reaches_owner_and_everybody_engaged_once(clock):
    scenario = make_listed_scenario()
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)
    _open, staff = engaged(scenario, "trial")
    _left, gone = engaged(scenario, "closed")
    quarterly_list = scenario.list_items.get().quarterly_list
    item = scenario.list_items.get()
    for item_id in (item.pk, None):
        make_erratum(
            quarterly_list,
            quarterly_list.editor,
            item_id=item_id,
            corrected_text="六个月",
            reason="排印错误",
        )
    drain()

    def errata(person) -> list[str]:
        return list(Notification.objects.filter(recipient=person, topic="list.erratum").values_list("body", flat=True))

    assert [len(errata(person)) for person in (clerk, staff, gone)] == [2, 2, 0]
    assert {scenario.title in body or "整份清单" in body for body in errata(staff)} == {True}
