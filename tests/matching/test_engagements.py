"""Engagements: both sides confirm (V20), fiscal money needs a procurement route (V19), the public reads a label."""

from datetime import date

import pytest
from django.urls import reverse

from accounts.enums import Role
from core.errors import DomainError, InvalidInput, NotPermitted, ObjectNotFound
from core.relay import drain
from matching.enums import EngagementState
from matching.models import Engagement
from matching.services import engagements
from notifications.models import Notification
from scenarios.enums import FundingNature
from tests.factories import make_listed_scenario, make_organisation, make_person, make_vendor

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def sides(funding=FundingNature.OPEN):
    scenario = make_listed_scenario(funding_nature=funding, budget_text="120万元")
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)
    firm = make_organisation("对接公司", kind="enterprise")
    make_vendor(firm)
    return scenario, clerk, make_person(Role.VENDOR_STAFF, organisation=firm)


def begun(scenario, staff):
    return engagements.engagement_begin(scenario_id=scenario.pk, acting_user=staff, message="可提供成熟方案。")


def step(engagement, person, name, **values):
    return engagements.engagement_confirm(public_id=engagement.public_id, acting_user=person, step=name, values=values)


def test_13_a_fiscal_demand_is_not_contracted_without_a_procurement_number(clock):
    """domain.md §8.3, 13."""
    scenario, clerk, staff = sides(FundingNature.FISCAL)
    engagement = begun(scenario, staff)
    engagements.engagement_accept(public_id=engagement.public_id, acting_user=clerk)
    step(engagement, staff, "intent")
    step(engagement, clerk, "intent")
    for values in ({}, {"procurement_method": "open_tender"}, {"procurement_number": "SDGP2026-1"}):
        with pytest.raises(InvalidInput):
            step(engagement, clerk, "contract", **values)
    engagement.refresh_from_db()
    assert (engagement.state, engagement.owner_confirms, engagement.procurement_number) == (
        EngagementState.INTENT,
        "intent",
        "",
    )
    step(engagement, clerk, "contract", procurement_method="open_tender", procurement_number="SDGP2026-1")
    step(engagement, staff, "contract")
    engagement.refresh_from_db()
    assert engagement.state == EngagementState.CONTRACTED


def test_one_sides_word_is_a_claim_and_moves_nothing(clock):
    scenario, clerk, staff = sides()
    engagement = begun(scenario, staff)
    engagements.engagement_accept(public_id=engagement.public_id, acting_user=clerk)
    step(engagement, staff, "intent")
    engagement.refresh_from_db()
    assert (engagement.state, engagement.vendor_confirms) == (EngagementState.MATCHING, "intent")
    step(engagement, clerk, "intent")
    engagement.refresh_from_db()
    assert engagement.state == EngagementState.INTENT


def test_a_trial_has_a_plan_and_ends(clock):
    scenario, clerk, staff = sides()
    engagement = begun(scenario, staff)
    engagements.engagement_accept(public_id=engagement.public_id, acting_user=clerk)
    for plan, end in (("", date(2027, 1, 1)), ("试用一个窗口", None), ("试用一个窗口", date(2028, 1, 1))):
        with pytest.raises(DomainError):
            engagements.engagement_trial(
                public_id=engagement.public_id, acting_user=clerk, trial_plan=plan, trial_ends_on=end
            )
    engagements.engagement_trial(
        public_id=engagement.public_id, acting_user=clerk, trial_plan="试用一个窗口", trial_ends_on=date(2027, 1, 31)
    )
    assert engagements.public_progress(scenario) == "试用验证中"


def test_the_public_reads_how_far_and_never_with_whom(clock, client):
    scenario, clerk, staff = sides()
    assert engagements.public_progress(scenario) == "待撮合"
    engagement = begun(scenario, staff)
    engagements.engagement_accept(public_id=engagement.public_id, acting_user=clerk)
    page = client.get(reverse("scenarios:scenario", args=[scenario.code])).content.decode()
    assert "对接中" in page
    assert "对接公司" not in page


def test_another_vendor_does_not_learn_of_an_engagement(clock):
    scenario, _clerk, staff = sides()
    engagement = begun(scenario, staff)
    stranger = make_person(Role.VENDOR_STAFF, organisation=make_organisation(kind="enterprise"))
    with pytest.raises(ObjectNotFound):
        engagements.engagement_for(stranger, engagement.public_id)
    with pytest.raises(ObjectNotFound):
        engagements.engagement_close(public_id=engagement.public_id, acting_user=stranger, comment="无")
    assert not engagements.engagements_of(stranger).exists()


def test_interest_is_expressed_once_by_a_verified_vendor_in_a_foreign_demand(clock):
    scenario, clerk, staff = sides()
    begun(scenario, staff)
    with pytest.raises(DomainError) as again:
        begun(scenario, staff)
    assert again.value.code == "already_engaged"
    with pytest.raises(NotPermitted):
        begun(scenario, clerk)
    assert Engagement.objects.count() == 1


def test_each_step_goes_to_the_other_side(clock):
    scenario, clerk, staff = sides()
    engagement = begun(scenario, staff)
    engagements.engagement_accept(public_id=engagement.public_id, acting_user=clerk)
    drain()
    rows = Notification.objects.filter(topic="engagement.moved")
    told = set(rows.filter(recipient__in=(clerk, staff)).values_list("recipient__username", "title"))
    assert told == {
        (clerk.username, f"对接表达了意向：{scenario.title}"),
        (staff.username, f"对接接受对接：{scenario.title}"),
    }


def test_the_pages_open_for_both_sides(clock, client):
    scenario, clerk, staff = sides()
    client.force_login(staff)
    client.post(reverse("matching:begin_engagement", args=[scenario.code]), {"message": "可提供成熟方案。"})
    engagement = Engagement.objects.get()
    for user in (staff, clerk):
        client.force_login(user)
        for address in (
            reverse("matching:engagements"),
            reverse("matching:engagement", args=[engagement.public_id]),
            reverse("scenarios:scenario", args=[scenario.code]),
        ):
            assert client.get(address).status_code == 200
    client.force_login(clerk)
    client.post(reverse("matching:engagement_act", args=[engagement.public_id, "accept"]))
    engagement.refresh_from_db()
    assert engagement.state == EngagementState.MATCHING
    assert client.get(reverse("matching:engagement_act", args=[engagement.public_id, "contract"])).status_code == 404
