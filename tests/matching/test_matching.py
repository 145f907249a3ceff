"""Matching as the product does it: both directions, frozen runs, lists in the background, recommendations."""

import gc
import json
from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.enums import OrganisationKind, Role
from core import outbox, relay
from core.errors import InvalidInput, NotPermitted, ObjectNotFound
from core.models import AuditEntry, OutboxDelivery, OutboxEvent, TechnologyTag
from core.quarters import Quarter
from matching import selectors, services
from matching.enums import Direction, MatchingStage, Trigger
from matching.events import ListMatched, ListMatchingContinues, VendorRecommended
from matching.models import ListMatching, MatchCandidate, MatchRun, Recommendation, ScoringProfile
from matching.scoring import Facts
from matching.services import campaigns
from scenarios.models import Scenario
from search import indexing
from search.contract import EngineUnavailable
from search.models import CollectionStatistics
from tests.factories import (
    category,
    make_listed_capability,
    make_listed_scenario,
    make_organisation,
    make_person,
    make_pooled_scenario,
    make_published_list,
    make_scenario,
    make_vendor,
    region,
)
from vendors.models import Capability, Credential, DeliveredCase

pytestmark = [pytest.mark.django_db, pytest.mark.engine]
both_engines = pytest.mark.parametrize("engine", ["embedded", "elasticsearch"], indirect=True)

DRAINAGE = {
    "title": "城市排水管网液位监测与内涝预警",
    "description": "在排水管网关键节点布设液位和流量监测终端，建立内涝预警模型，汛期提前发布积水预警并联动泵站。",
}
FISHERY = {
    "title": "网箱养殖鱼群水下摄像识别",
    "description": "用水下摄像识别网箱鱼群活动与异常死亡，测量溶解氧，给养殖户发送增氧、投喂建议。",
}
CARE = {
    "title": "居家养老跌倒识别与应急响应",
    "description": "用毫米波雷达识别老年人跌倒和长时间静止，自动通知家属和社区网格员，记录夜间活动规律。",
}


@pytest.fixture(autouse=True)
def indexes(clock, engine):
    indexing.heal()


@pytest.fixture
def shelf() -> dict[str, Capability]:
    """Three capabilities of three vendors, one for each subject, indexed."""
    capabilities = {
        "drainage": make_listed_capability(
            title="管网液位感知终端与内涝预警平台",
            summary="排水管网在线监测",
            description="窄带物联网液位计、流量计与内涝预警模型，已接入多座泵站，可做积水预警和调度。",
            category=category("4.1.1"),
        ),
        "fishery": make_listed_capability(
            title="水下摄像鱼群识别系统",
            summary="网箱养殖鱼群识别",
            description="水下摄像识别网箱鱼群，测量溶解氧，给养殖户发送增氧、投喂建议。",
            category=category("4.1.1"),
        ),
        "care": make_listed_capability(
            title="毫米波雷达跌倒识别设备",
            summary="居家养老安全",
            description="非接触识别老年人跌倒，通知家属和社区，适合居家养老和机构养老。",
            category=category("4.1.1"),
        ),
    }
    relay.drain()
    return capabilities


def ranked(run: MatchRun) -> list[str]:
    titles = run.candidates.filter(rank__isnull=False).order_by("rank")
    return [candidate.capability.title if candidate.capability else candidate.scenario.title for candidate in titles]


# --- one match ---------------------------------------------------------------------------------------------------


@both_engines
@pytest.mark.parametrize(
    ("demand", "best"), [(DRAINAGE, "drainage"), (FISHERY, "fishery"), (CARE, "care")], ids=["水", "渔", "老"]
)
def test_a_demand_finds_the_capability_that_does_it(shelf, demand, best):
    scenario = make_listed_scenario(**demand)
    run = services.run_for_scenario(scenario, trigger=Trigger.PERSON)
    assert ranked(run)[0] == shelf[best].title
    first = run.candidates.get(rank=1)
    assert first.level in ("strong", "medium")
    assert run.nothing_fits is False
    assert first.reasons[0]["code"] == "text"


@both_engines
def test_a_capability_finds_the_demand_it_serves(shelf):
    drainage, _fishery = make_listed_scenario(**DRAINAGE), make_listed_scenario(**FISHERY)
    relay.drain()
    run = services.run_for_capability(shelf["drainage"], trigger=Trigger.PERSON)
    assert (run.direction, ranked(run)[0]) == (Direction.FOR_CAPABILITY, drainage.title)


def test_a_title_of_ten_characters_is_enough(shelf):
    scenario = make_scenario(title="养老跌倒识别与报警")
    assert ranked(services.run_for_scenario(scenario, trigger=Trigger.PERSON))[0] == shelf["care"].title


def test_the_shares_of_every_candidate_add_up_to_its_score(shelf):
    scenario = make_listed_scenario(**DRAINAGE, budget_max_fen=500_000_00)
    scenario.tags.set([TechnologyTag.objects.order_by("name").first()])
    shelf["drainage"].tags.set(scenario.tags.all())
    Capability.objects.update(price_min_fen=800_000_00)
    indexing.rebuild("capability_match")
    run = services.run_for_scenario(scenario, trigger=Trigger.PERSON)
    candidates = list(run.candidates.filter(rank__isnull=False))
    assert len(candidates) >= 2
    for candidate in candidates:
        assert round(sum(reason["share"] for reason in candidate.reasons), 1) == float(candidate.score)
    assert {reason["code"] for reason in candidates[0].reasons} >= {"text", "tags", "service_area", "budget"}
    assert "price_above_budget" in {gap["code"] for gap in candidates[0].gaps}


@both_engines
def test_when_nothing_fits_the_run_says_so_and_shows_what_was_closest(shelf):
    scenario = make_listed_scenario(
        title="公共数据授权运营合规审查",
        pain_point="授权链条长。",
        description="对公共数据产品开展合规审查，形成授权、定价、收益分配的全过程台账与社会监督机制。",
        target_indicators="审查时限五日。",
    )
    run = services.run_for_scenario(scenario, trigger=Trigger.PERSON)
    assert run.nothing_fits is True
    assert {candidate.level for candidate in run.candidates.all()} <= {"weak"}


@both_engines
def test_one_vendor_takes_one_place_and_its_other_capability_stands_beside(shelf):
    twin = make_listed_capability(
        shelf["drainage"].vendor,
        title="管网液位监测终端租赁服务",
        description="提供排水管网液位监测终端的租赁、安装和运维，含内涝预警数据服务。",
    )
    relay.drain()
    run = services.run_for_scenario(make_listed_scenario(**DRAINAGE), trigger=Trigger.PERSON)
    first = run.candidates.get(rank=1)
    assert {first.capability_id, *first.others} == {shelf["drainage"].pk, twin.pk}
    vendors = list(run.candidates.filter(rank__isnull=False).values_list("capability__vendor", flat=True))
    assert len(vendors) == len(set(vendors))


@both_engines
def test_a_missing_mandatory_credential_removes_the_candidate_with_its_reason(shelf):
    scenario = make_listed_scenario(**DRAINAGE, required_credentials=["信息安全服务资质"])
    Credential.objects.create(vendor=shelf["care"].vendor, name="信息安全服务资质（二级）")
    Credential.objects.create(vendor=shelf["fishery"].vendor, name="信息安全服务资质", valid_until=date(2026, 11, 23))
    indexing.rebuild("capability_match")
    run = services.run_for_scenario(scenario, trigger=Trigger.PERSON)
    assert ranked(run) == [shelf["care"].title]
    removed = {entry.capability_id: entry.exclusion for entry in run.candidates.filter(rank__isnull=True)}
    assert removed == {
        shelf[name].pk: {"code": "credential_missing", "values": {"credentials": ["信息安全服务资质"]}}
        for name in ("drainage", "fishery")
    }


@both_engines
def test_nobody_stands_on_both_sides_of_a_demand(shelf):
    owner = shelf["drainage"].vendor.organisation
    scenario = make_pooled_scenario(owner, **DRAINAGE)
    run = services.run_for_scenario(scenario, trigger=Trigger.PERSON)
    assert shelf["drainage"].title not in ranked(run)
    assert run.candidates.get(rank__isnull=True).exclusion["code"] == "same_organisation"


def test_the_service_area_counts_and_the_seat_does_not(shelf):
    """Business rules may not favour by place: only what the vendor says it serves matters (domain.md §5.9)."""
    texts = {"title": "排水管网液位监测服务", "description": "提供排水管网液位监测与内涝预警的设备、平台和运维服务。"}
    local = make_vendor(make_organisation(kind=OrganisationKind.ENTERPRISE, region_code="370100"))
    remote = make_vendor(make_organisation(kind=OrganisationKind.ENTERPRISE, region_code="370200"))
    here, there = make_listed_capability(local, **texts), make_listed_capability(remote, **texts)
    Capability.objects.update(serves_whole_province=False)
    for capability in (here, there):
        capability.service_regions.set([region("370100")])
    indexing.rebuild("capability_match")
    run = services.run_for_scenario(make_listed_scenario(**DRAINAGE), trigger=Trigger.PERSON)
    scores = {entry.capability_id: entry.score for entry in run.candidates.filter(rank__isnull=False)}
    assert scores[here.pk] == scores[there.pk]


def test_confirmed_cases_weigh_more_than_claimed_ones(shelf):
    texts = {"title": "排水管网液位监测服务", "description": "提供排水管网液位监测与内涝预警的设备、平台和运维服务。"}
    proven, claimed = make_listed_capability(**texts), make_listed_capability(**texts)
    for number in range(3):
        values = {"title": f"排水管网监测项目{number}", "customer": "某区水务局"}
        DeliveredCase.objects.create(capability=proven, confirmed_at=proven.listed_at, **values)
        DeliveredCase.objects.create(capability=claimed, **values)
    indexing.rebuild("capability_match")
    run = services.run_for_scenario(make_listed_scenario(**DRAINAGE), trigger=Trigger.PERSON)
    first = run.candidates.get(capability=proven)
    second = run.candidates.get(capability=claimed)
    assert first.score > second.score
    record = next(reason for reason in first.reasons if reason["code"] == "track_record")
    assert (record["values"]["confirmed"], len(record["values"]["comparable"])) == (3, 3)
    assert "case_unconfirmed" in {gap["code"] for gap in second.gaps}


def test_a_case_nobody_confirmed_changes_neither_score_nor_reasons(shelf):
    texts = {"title": "排水管网液位监测服务", "description": "提供排水管网液位监测与内涝预警的设备、平台和运维服务。"}
    plain, claimed = make_listed_capability(**texts), make_listed_capability(**texts)
    DeliveredCase.objects.create(capability=claimed, title=DRAINAGE["title"], customer="某区水务局")
    indexing.rebuild("capability_match")
    run = services.run_for_scenario(make_listed_scenario(**DRAINAGE), trigger=Trigger.PERSON)
    first, second = run.candidates.get(capability=plain), run.candidates.get(capability=claimed)
    assert (first.score, first.factors) == (second.score, second.factors)
    assert "没有经客户确认的案例，按平均水平计" in {
        selectors.reason_sentence(entry, selectors.names_for([entry])).text for entry in second.reasons
    }


# --- frozen runs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("was_running", [True, False])
def test_the_collector_of_garbage_is_after_a_match_as_it_was_before_even_after_a_failure(
    shelf, was_running, monkeypatch
):
    seen: list[bool] = []
    text = {"title": DRAINAGE["title"], "body": DRAINAGE["description"]}

    def broken(*_arguments, **_options):
        seen.append(gc.isenabled())
        raise ZeroDivisionError

    try:
        if not was_running:
            gc.disable()
        services.text_match(**text)
        assert gc.isenabled() is was_running
        monkeypatch.setattr("matching.matcher.weigh", broken)
        with pytest.raises(ZeroDivisionError):
            services.text_match(**text)
        assert gc.isenabled() is was_running
    finally:
        gc.enable()
    assert seen == [False]


def test_a_run_freezes_what_it_was_made_from(shelf):
    scenario = make_listed_scenario(**DRAINAGE)
    run = services.run_for_scenario(scenario, trigger=Trigger.PERSON)
    assert (run.subject["title"], run.subject_version) == (scenario.title, scenario.content_version)
    assert run.profile.version == 1
    assert run.documents == 3
    assert run.frequencies["内涝"] == 1
    assert (run.engine, run.encoder, run.compared) == ("embedded", "none", len(run.evidence))
    assert run.statistics == CollectionStatistics.objects.filter(index="capability_match").latest("pk")


def test_a_replay_reproduces_the_order_and_finds_nothing_changed(shelf):
    run = services.run_for_scenario(make_listed_scenario(**DRAINAGE), trigger=Trigger.PERSON)
    run = MatchRun.objects.get(pk=run.pk)
    assert services.replay(run) == services.Replay(True, ())


def test_a_replay_explains_what_would_differ_today(shelf):
    scenario = make_listed_scenario(**DRAINAGE)
    run = services.run_for_scenario(scenario, trigger=Trigger.PERSON)
    Capability.objects.filter(pk=shelf["drainage"].pk).update(state="suspended")
    newer = make_listed_capability(**DRAINAGE)
    Scenario.objects.filter(pk=scenario.pk).update(content_version=7)
    indexing.rebuild("capability_match", fresh=True)  # with new statistics
    services.profile_change(
        acting_user=make_person(Role.PROVINCIAL_REVIEWER), name="二", values={"text": 0.5}, reason="试行"
    )
    report = services.replay(MatchRun.objects.get(pk=run.pk))
    assert report.reproduced is True
    found = {(difference.code, difference.identity) for difference in report.differences}
    assert found >= {
        ("subject_changed", ""),
        ("profile_changed", ""),
        ("statistics_changed", ""),
        ("candidate_gone", str(shelf["drainage"].pk)),
        ("candidate_new", str(newer.pk)),
    }


def test_tampered_scores_are_not_reproduced(shelf):
    run = services.run_for_scenario(make_listed_scenario(**DRAINAGE), trigger=Trigger.PERSON)
    MatchCandidate.objects.filter(run=run, rank=1).update(score=1)
    assert services.replay(MatchRun.objects.get(pk=run.pk)).reproduced is False


def test_old_runs_are_forgotten_unless_relied_on_or_the_last(shelf):
    scenario = make_listed_scenario(**DRAINAGE)
    old, relied, last = (services.run_for_scenario(scenario, trigger=Trigger.PERSON) for _number in range(3))
    MatchRun.objects.filter(pk=relied.pk).update(is_relied_on=True)
    assert services.runs_prune() == 0
    MatchRun.objects.update(created_at=old.created_at - timedelta(days=200))
    assert services.runs_prune() == 1
    assert set(MatchRun.objects.filter(scenario=scenario)) == {relied, last}


# --- scoring profiles --------------------------------------------------------------------------------------------


def test_changing_the_weights_is_a_new_version_with_author_and_reason(shelf):
    user = make_person(Role.PROVINCIAL_REVIEWER)
    old = services.run_for_scenario(make_listed_scenario(**DRAINAGE), trigger=Trigger.PERSON)
    row = services.profile_change(acting_user=user, name="方案二", values={"budget": 0.1}, reason="预算更重要")
    assert (row.version, row.author, row.values["budget"], row.values["text"]) == (2, user, 0.1, 0.55)
    old.refresh_from_db()
    assert old.profile.version == 1
    assert ScoringProfile.objects.get(version=1).values["budget"] == 0.04
    assert services.active_profile() == row
    assert AuditEntry.objects.filter(action="matching.scoring_profile.change").count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"reason": ""}, "reason"),
        ({"reason": "长" * 301}, "reason"),
        ({"values": {"wieght": 1}}, "values"),
        ({"values": {"text": -1}}, "values"),
    ],
)
def test_a_wrong_change_of_weights_changes_nothing(changes, field):
    user = make_person(Role.PROVINCIAL_REVIEWER)
    services.active_profile()
    with pytest.raises(InvalidInput) as refused:
        services.profile_change(**{"acting_user": user, "name": "二", "values": {}, "reason": "试", **changes})
    assert list(refused.value.fields) == [field]
    assert ScoringProfile.objects.count() == 1
    with pytest.raises(NotPermitted):
        services.profile_change(acting_user=make_person(Role.LIST_EDITOR), name="二", values={}, reason="试")
    assert ScoringProfile.objects.count() == 1


# --- a published list --------------------------------------------------------------------------------------------


def publish(demands) -> "Scenario":
    quarterly_list = make_published_list([make_pooled_scenario(**demand) for demand in demands], Quarter(2026, 4))
    relay.drain()
    return quarterly_list


def test_publishing_a_list_matches_every_item_and_tells_each_vendor_once(shelf):
    quarterly_list = publish([DRAINAGE, FISHERY, CARE])
    progress = ListMatching.objects.get(quarterly_list=quarterly_list)
    assert (progress.stage, progress.items_done, progress.percent) == (MatchingStage.DONE, 3, 100)
    assert MatchRun.objects.filter(quarterly_list=quarterly_list, direction=Direction.FOR_SCENARIO).count() == 3
    assert progress.vendors_done == progress.vendors_total >= 3
    rows = {row.vendor_id: row.scenario.title for row in Recommendation.objects.filter(quarterly_list=quarterly_list)}
    assert rows == {
        shelf["drainage"].vendor_id: DRAINAGE["title"],
        shelf["fishery"].vendor_id: FISHERY["title"],
        shelf["care"].vendor_id: CARE["title"],
    }
    told = OutboxEvent.objects.filter(topic=VendorRecommended.topic)
    assert sorted(event.payload["vendor_id"] for event in told) == sorted(rows)
    assert OutboxEvent.objects.filter(topic=ListMatched.topic).count() == 1
    assert MatchRun.objects.filter(is_relied_on=True).count() == 3
    assert not OutboxDelivery.objects.exclude(state="done").exists()


def test_running_the_handlers_again_repeats_nothing_anybody_sees(shelf):
    quarterly_list = publish([DRAINAGE, FISHERY])
    before = (MatchRun.objects.count(), Recommendation.objects.count(), OutboxEvent.objects.count())
    progress = ListMatching.objects.get()
    assert services.list_matching_start(list_id=quarterly_list.pk) is None
    for step in range(progress.step + 2):
        assert services.list_matching_continue(list_id=quarterly_list.pk, step=step) is None
    assert (MatchRun.objects.count(), Recommendation.objects.count(), OutboxEvent.objects.count()) == before


def test_a_list_is_matched_in_portions_that_show_their_progress(shelf, monkeypatch):
    monkeypatch.setattr(campaigns, "PORTION_SECONDS", {})
    monkeypatch.setattr(campaigns, "PORTION_SECONDS_SHARED", 0.0)
    quarterly_list = make_published_list([make_pooled_scenario(**demand) for demand in (DRAINAGE, FISHERY, CARE)])
    services.list_matching_start(list_id=quarterly_list.pk)
    seen = []
    for step in range(1, 20):
        progress = services.list_matching_continue(list_id=quarterly_list.pk, step=step)
        if progress is None:
            break
        seen.append((progress.stage, progress.items_done, progress.percent))
    assert seen[:3] == [("demands", 1, 16), ("demands", 2, 33), ("vendors", 3, 50)]
    assert seen[-1] == ("done", 3, 100)


def test_a_portion_that_dies_leaves_nothing_and_is_done_later(shelf, monkeypatch):
    quarterly_list = make_published_list([make_pooled_scenario(**demand) for demand in (DRAINAGE, FISHERY)])

    def die(event):
        raise EngineUnavailable

    monkeypatch.setattr(outbox, "publish", die)
    with pytest.raises(EngineUnavailable):
        services.list_matching_start(list_id=quarterly_list.pk)
    assert ListMatching.objects.count() == MatchRun.objects.filter(direction=Direction.FOR_SCENARIO).count() == 0
    monkeypatch.undo()
    indexing.heal()
    relay.drain()
    assert ListMatching.objects.get().stage == MatchingStage.DONE
    assert Recommendation.objects.count() == 2


def test_a_vendor_that_switched_recommendation_off_is_not_told(shelf):
    vendor = shelf["drainage"].vendor
    vendor.accepts_recommendations = False
    vendor.save()
    publish([DRAINAGE, FISHERY])
    assert [row.vendor_id for row in Recommendation.objects.all()] == [shelf["fishery"].vendor_id]
    run = MatchRun.objects.filter(scenario__title=DRAINAGE["title"]).latest("pk")
    assert ranked(run)[0] == shelf["drainage"].title


def test_no_vendor_fills_more_than_its_share_of_the_invitations(shelf):
    def pair(vendor_id: int, mutual: float) -> campaigns.Pair:
        candidate = MatchCandidate(capability=Capability(vendor_id=vendor_id), rank=1)
        return campaigns.Pair(candidate, mutual)

    pairs = [pair(1, 90 - number) for number in range(8)] + [pair(2, 50), pair(3, 40)]
    chosen = campaigns.within_exposure(pairs)
    assert [entry.candidate.capability.vendor_id for entry in chosen] == [1, 1, 1, 2, 3]
    assert [entry.mutual for entry in chosen[:3]] == [90, 89, 88]


def test_a_list_with_nothing_to_match_is_done_at_once(clock):
    quarterly_list = publish([DRAINAGE])
    progress = ListMatching.objects.get(quarterly_list=quarterly_list)
    assert (progress.stage, progress.vendors_total, progress.vendors_recommended) == (MatchingStage.DONE, 0, 0)
    assert Recommendation.objects.count() == 0


# --- a capability on the shelf -----------------------------------------------------------------------------------


def test_a_capability_on_the_shelf_is_matched_against_open_demands(clock):
    scenario = make_listed_scenario(**DRAINAGE)
    relay.drain()
    capability = make_listed_capability(**DRAINAGE)
    relay.drain()
    (row,) = Recommendation.objects.all()
    assert (row.scenario, row.capability, row.quarterly_list) == (scenario, capability, None)
    (event,) = OutboxEvent.objects.filter(topic=VendorRecommended.topic)
    assert event.payload["capability_id"] == capability.pk
    assert ranked(MatchRun.objects.filter(scenario=scenario).latest("pk")) == [capability.title]
    assert services.capability_listed(capability_id=capability.pk) == []
    assert OutboxEvent.objects.filter(topic=VendorRecommended.topic).count() == 1


def test_a_demand_past_its_deadline_is_recommended_to_nobody(clock):
    make_listed_scenario(**DRAINAGE, deadline_at=clock + timedelta(days=1))
    Scenario.objects.update(deadline_at=clock - timedelta(minutes=1))
    make_listed_capability(**DRAINAGE)
    indexing.rebuild("scenario_match")
    relay.drain()
    assert Recommendation.objects.count() == 0


# --- who sees what -----------------------------------------------------------------------------------------------


def test_candidates_are_shown_to_those_entitled_only(shelf):
    publish([DRAINAGE])
    scenario = Scenario.objects.get(title=DRAINAGE["title"])
    entitled = [
        make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner),
        make_person(Role.PROVINCIAL_REVIEWER),
        make_person(Role.LIST_EDITOR),
        make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370100")),
        make_person(Role.SUPERVISOR),
    ]
    others = [
        make_person(Role.VENDOR_STAFF, organisation=shelf["drainage"].vendor.organisation),
        make_person(Role.DEMAND_SUBMITTER),
        make_person(Role.FIRST_REVIEWER, organisation=make_organisation(region_code="370200")),
        make_person(Role.OPERATOR),
        make_person(Role.SYSTEM_ADMINISTRATOR),
    ]
    run = MatchRun.objects.filter(scenario=scenario).latest("pk")
    for viewer in entitled:
        assert selectors.candidates_of(viewer, scenario).ranked[0].capability == shelf["drainage"]
        assert selectors.run_for(viewer, run.public_id) == run
    for viewer in others:
        assert selectors.candidates_of(viewer, scenario) is None
        assert list(selectors.runs_of(viewer, scenario)) == []
        with pytest.raises(ObjectNotFound):
            selectors.run_for(viewer, run.public_id)
        with pytest.raises((NotPermitted, ObjectNotFound)):
            services.match_scenario(scenario_id=scenario.pk, acting_user=viewer)
    assert MatchRun.objects.filter(scenario=scenario).count() == 1


def test_a_person_who_starts_a_match_is_on_record(shelf):
    scenario = make_listed_scenario(**DRAINAGE)
    owner = make_person(Role.DEMAND_SUBMITTER, organisation=scenario.owner)
    run = services.match_scenario(scenario_id=scenario.pk, acting_user=owner)
    assert (run.requested_by, run.trigger, ranked(run)[0]) == (owner, Trigger.PERSON, shelf["drainage"].title)
    assert AuditEntry.objects.get(action="matching.scenario.match").detail == {"run": str(run.public_id)}
    staff = make_person(Role.VENDOR_STAFF, organisation=shelf["drainage"].vendor.organisation)
    back = services.match_capability(capability_id=shelf["drainage"].pk, acting_user=staff)
    assert (back.direction, back.requested_by) == (Direction.FOR_CAPABILITY, staff)
    with pytest.raises(ObjectNotFound):
        services.match_capability(capability_id=shelf["drainage"].pk, acting_user=owner)


def test_a_vendor_sees_its_own_recommendations_and_standing(shelf):
    publish([DRAINAGE, FISHERY])
    staff = make_person(Role.VENDOR_STAFF, organisation=shelf["drainage"].vendor.organisation)
    (view,) = selectors.recommended_demands(staff)
    assert view.scenario.title == DRAINAGE["title"]
    assert round(sum(sentence.share for sentence in view.reasons), 1) == view.score
    assert "内涝" in view.reasons[0].text
    standing = selectors.own_standing(staff, view.scenario)
    assert (standing.rank, standing.capability) == (1, shelf["drainage"])
    assert selectors.recommended_demands(make_person(Role.LIST_EDITOR)) == []
    row = services.recommendation_dismiss(recommendation_id=view.recommendation.public_id, acting_user=staff)
    assert row.dismissed_at is not None
    assert selectors.recommended_demands(staff) == []


def test_another_vendor_cannot_dismiss_a_recommendation(shelf):
    publish([DRAINAGE])
    other = make_person(Role.VENDOR_STAFF, organisation=shelf["fishery"].vendor.organisation)
    row = Recommendation.objects.get()
    with pytest.raises(ObjectNotFound):
        services.recommendation_dismiss(recommendation_id=row.public_id, acting_user=other)
    row.refresh_from_db()
    assert row.dismissed_at is None


def test_a_weak_hit_is_not_padded_into_the_ranking(shelf):
    """Strong and medium ones stand on the page, weak ones behind a link that says how many there are."""
    publish([DRAINAGE])
    scenario = Scenario.objects.get(title=DRAINAGE["title"])
    MatchCandidate.objects.filter(run__scenario=scenario, rank__gt=1).update(level="weak")
    viewer = make_person(Role.PROVINCIAL_REVIEWER)
    view = selectors.candidates_of(viewer, scenario)
    assert [entry.rank for entry in view.fitting] == [1]
    assert [entry.rank for entry in view.weak] == [entry.rank for entry in view.ranked][1:]
    client = Client()
    client.force_login(viewer)
    html = client.get(reverse("scenarios:scenario", args=[scenario.key])).content.decode()
    shown, hidden = html.split("相符程度较弱的", 1)
    assert shelf["drainage"].title in shown
    assert hidden.split("</details>", 1)[0].count('class="candidate"') == len(view.weak) > 0


@pytest.mark.parametrize("size", [1, 3])
def test_candidates_are_a_constant_number_of_queries(shelf, size, django_assert_num_queries):
    scenario = make_listed_scenario(**DRAINAGE)
    services.run_for_scenario(scenario, trigger=Trigger.PERSON)
    viewer = make_person(Role.PROVINCIAL_REVIEWER)
    selectors.candidates_of(viewer, scenario)
    with django_assert_num_queries(4):
        assert len(selectors.candidates_of(viewer, scenario, limit=size).ranked) <= size


def test_text_is_matched_without_leaving_rows(shelf):
    before = MatchRun.objects.count()
    found = services.text_match(title=FISHERY["title"], body=FISHERY["description"], facts=Facts(category="4.1.1"))
    assert found[0]["identity"] == str(shelf["fishery"].pk)
    assert MatchRun.objects.count() == before
    for bad in ({"title": " "}, {"title": "水" * 30_000}):
        with pytest.raises(InvalidInput):
            services.text_match(**bad)


def test_list_progress_is_for_those_who_make_lists(shelf):
    quarterly_list = publish([DRAINAGE])
    assert selectors.list_matching_of(make_person(Role.LIST_EDITOR), quarterly_list).percent == 100
    assert selectors.list_matching_of(make_person(Role.VENDOR_STAFF), quarterly_list) is None
    figures = selectors.exposure_figures(make_person(Role.SUPERVISOR), Quarter(2026, 4))
    assert [row["invitations"] for row in figures] == [1]
    with pytest.raises(NotPermitted):
        selectors.exposure_figures(make_person(Role.VENDOR_STAFF), Quarter(2026, 4))


def test_every_event_of_matching_is_plain_data():
    for event in (ListMatchingContinues(1, 2), ListMatched(1), VendorRecommended(1, [2, 3], list_id=4)):
        assert json.loads(json.dumps(event.payload())) == event.payload()
