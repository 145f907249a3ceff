"""Demands and lists. States beyond the draft are reached through the real services."""

from typing import Any

from accounts.enums import Role
from accounts.models import Organisation, User
from core.models import Category
from core.quarters import Quarter
from scenarios import services
from scenarios.enums import FundingNature, ScenarioState, ScenarioType
from scenarios.models import Erratum, QuarterlyList, Scenario
from tests.factories.accounts import make_organisation, make_person, region

TEXT = {
    "pain_point": "窗口排队时间长，材料反复提交，群众意见集中。",
    "description": "建设面向办事群众的材料预审系统，用图像识别核对申请材料，缺什么当场告知，减少往返。",
    "target_indicators": "平均办理时长由三天缩短到一天，材料一次通过率达到百分之九十。",
    "public_contact_office": "政务服务科",
    "public_contact_phone": "0531-66600001",
}


def category(code: str = "4.1.1") -> Category:
    return Category.objects.get(code=code)


def make_scenario(owner: Organisation | None = None, **values: Any) -> Scenario:
    """A bare draft row, written directly."""
    owner = owner or make_organisation()
    defaults = {"title": "政务大厅材料智能预审", "region": owner.region, "state": ScenarioState.DRAFT}
    return Scenario.objects.create(owner=owner, **{**defaults, **values})


def make_submittable_scenario(owner: Organisation | None = None, **values: Any) -> Scenario:
    """A draft that fulfils every condition of its submission."""
    defaults = {
        **TEXT,
        "category": category(),
        "scenario_type": ScenarioType.VALIDATION,
        "funding_nature": FundingNature.OPEN,
        "no_state_secret": True,
    }
    return make_scenario(owner, **{**defaults, **values})


def make_pooled_scenario(owner: Organisation | None = None, **values: Any) -> Scenario:
    """Submitted, passed by the city, pooled by the province; each by another person."""
    scenario = make_submittable_scenario(owner, **values)
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)
    services.scenario_submit(scenario_id=scenario.pk, acting_user=clerk)
    city = make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code=scenario.region.code))
    services.scenario_review(scenario_id=scenario.pk, action="pass_first", acting_user=city)
    province = make_person(Role.PROVINCIAL_REVIEWER)
    services.scenario_review(scenario_id=scenario.pk, action="pool", acting_user=province, secrecy_reviewed=True)
    scenario.refresh_from_db()
    return scenario


def make_published_list(
    scenarios: list[Scenario] | None = None,
    quarter: Quarter | None = None,
    *,
    editor: User | None = None,
    approver: User | None = None,
) -> QuarterlyList:
    """A list of `scenarios` (one pooled demand if not given) taken through every step to its publication."""
    province = region("370000")
    bureau = make_organisation(region_code=province.code)
    editor = editor or make_person(Role.LIST_EDITOR, organisation=bureau)
    approver = approver or make_person(Role.LIST_APPROVER, organisation=bureau)
    scenarios = scenarios if scenarios is not None else [make_pooled_scenario()]
    quarterly_list = services.list_create(quarter=quarter or Quarter(2026, 4), acting_user=editor)
    services.list_add_items(
        list_id=quarterly_list.pk, scenario_ids=[scenario.pk for scenario in scenarios], acting_user=editor
    )
    services.list_freeze(list_id=quarterly_list.pk, acting_user=editor)
    services.list_send_to_approval(list_id=quarterly_list.pk, acting_user=editor)
    services.list_approve(list_id=quarterly_list.pk, acting_user=approver, secrecy_reviewer_name="李保密")
    services.list_publish(list_id=quarterly_list.pk, acting_user=approver)
    quarterly_list.refresh_from_db()
    return quarterly_list


def make_listed_scenario(owner: Organisation | None = None, **values: Any) -> Scenario:
    """A demand on a published list of its own."""
    scenario = make_pooled_scenario(owner, **values)
    make_published_list([scenario])
    scenario.refresh_from_db()
    return scenario


def make_erratum(quarterly_list: QuarterlyList, editor: User, **values: Any) -> Erratum:
    """A correction prepared by the editor and published by an approver."""
    draft = services.erratum_prepare(list_id=quarterly_list.pk, acting_user=editor, **values)
    return services.erratum_publish(public_id=draft.public_id, acting_user=make_person(Role.LIST_APPROVER))
