"""Quarterly lists: frozen text, immutability, numbering, errata, OVERDUE (domain.md §3.4, V21)."""

import pytest

from accounts.enums import Role
from core.clock import frozen
from core.errors import DomainError, GuardFailed, InvalidInput, NotPermitted, ObjectNotFound
from core.models import OutboxEvent
from core.quarters import Quarter
from scenarios import selectors, services
from scenarios.enums import QuarterlyListState, ScenarioState
from scenarios.models import OverdueQuarter, QuarterlyList, Scenario
from tests.factories import make_erratum, make_organisation, make_person, make_pooled_scenario, make_published_list

pytestmark = [pytest.mark.django_db, pytest.mark.integration, pytest.mark.usefixtures("clock")]


@pytest.fixture
def editor():
    return make_person(Role.LIST_EDITOR)


def test_items_are_numbered_through_the_quarter_over_both_issues():
    first = make_published_list([make_pooled_scenario(title="甲项"), make_pooled_scenario(title="乙项")])
    second = make_published_list([make_pooled_scenario(title="丙项")])

    assert (first.code, second.code) == ("2026Q4", "2026Q4-2")
    numbers = [item.number for issue in (first, second) for item in selectors.list_items(issue)]
    assert numbers == ["2026Q4-001", "2026Q4-002", "2026Q4-003"]
    assert Scenario.objects.get(title="丙项").code == "2026Q4-003"


def test_the_list_keeps_the_text_it_was_frozen_with():
    quarterly_list = make_published_list([make_pooled_scenario(title="冻结时的名称")])
    Scenario.objects.update(title="后来的名称")

    item = selectors.list_items(quarterly_list).get()

    assert item.content["title"] == "冻结时的名称"
    assert item.scenario.title == "后来的名称"
    assert "private_contact_name" not in item.content


def test_a_published_list_cannot_be_changed_in_any_way(editor):
    quarterly_list = make_published_list()
    item = quarterly_list.items.get()
    pooled = make_pooled_scenario(title="另一项")
    before = QuarterlyList.objects.filter(pk=quarterly_list.pk).values().get()

    for change in (
        lambda: services.list_add_items(list_id=quarterly_list.pk, scenario_ids=[pooled.pk], acting_user=editor),
        lambda: services.list_remove_item(list_id=quarterly_list.pk, item_id=item.pk, acting_user=editor),
        lambda: services.list_reorder(list_id=quarterly_list.pk, item_ids=[item.pk], acting_user=editor),
        lambda: services.list_unfreeze(list_id=quarterly_list.pk, acting_user=editor),
        lambda: services.list_freeze(list_id=quarterly_list.pk, acting_user=editor),
    ):
        with pytest.raises(DomainError):
            change()

    assert QuarterlyList.objects.filter(pk=quarterly_list.pk).values().get() == before
    assert list(quarterly_list.items.values_list("pk", "number")) == [(item.pk, "2026Q4-001")]


def test_an_erratum_stands_beside_the_original(editor):
    quarterly_list = make_published_list()
    item = quarterly_list.items.get()

    erratum = make_erratum(
        quarterly_list,
        editor,
        item_id=item.pk,
        field="public_contact_phone",
        corrected_text="0531-66600009",
        reason="电话号码变更",
    )

    assert (erratum.number, erratum.original_text) == (1, "0531-66600001")
    assert quarterly_list.items.get().content["public_contact_phone"] == "0531-66600001"
    assert [e.corrected_text for e in selectors.list_items(quarterly_list).get().errata.all()] == ["0531-66600009"]


@pytest.mark.parametrize("missing", ["corrected_text", "reason"])
def test_an_incomplete_erratum_is_refused(editor, missing):
    quarterly_list = make_published_list()
    values = {"corrected_text": "新", "reason": "笔误"} | {missing: " "}
    with pytest.raises(InvalidInput) as refusal:
        services.erratum_prepare(list_id=quarterly_list.pk, acting_user=editor, **values)
    assert list(refusal.value.fields) == [missing]
    assert quarterly_list.errata.count() == 0


def test_only_pooled_demands_come_onto_a_list_and_all_refusals_are_told(editor):
    pooled, draft = make_pooled_scenario(title="在库"), make_pooled_scenario(title="不在库")
    Scenario.objects.filter(pk=draft.pk).update(state=ScenarioState.DRAFT)
    other = services.list_create(quarter=Quarter(2026, 4), acting_user=editor)
    services.list_add_items(list_id=other.pk, scenario_ids=[pooled.pk], acting_user=editor)
    quarterly_list = services.list_create(quarter=Quarter(2026, 4), acting_user=editor)

    with pytest.raises(GuardFailed) as refusal:
        services.list_add_items(
            list_id=quarterly_list.pk, scenario_ids=[pooled.pk, draft.pk, 10**9], acting_user=editor
        )

    assert [reason.code for reason in refusal.value.reasons] == ["on_another_list", "not_pooled", "not_found"]
    assert quarterly_list.items.count() == 0


def test_a_returned_list_gives_its_demands_back_to_the_pool(editor):
    scenario = make_pooled_scenario()
    approver = make_person(Role.LIST_APPROVER)
    quarterly_list = services.list_create(quarter=Quarter(2026, 4), acting_user=editor)
    services.list_add_items(list_id=quarterly_list.pk, scenario_ids=[scenario.pk], acting_user=editor)
    services.list_freeze(list_id=quarterly_list.pk, acting_user=editor)
    services.list_send_to_approval(list_id=quarterly_list.pk, acting_user=editor)

    services.list_return(list_id=quarterly_list.pk, acting_user=approver, comment="第一条表述不清")

    quarterly_list.refresh_from_db()
    scenario.refresh_from_db()
    assert (quarterly_list.state, quarterly_list.approval_comment) == (QuarterlyListState.COLLECTING, "第一条表述不清")
    assert (scenario.state, quarterly_list.items.get().number) == (ScenarioState.POOLED, "")


def test_a_freeze_that_one_demand_forbids_changes_nothing_at_all(editor):
    good, bad = make_pooled_scenario(title="可以发布"), make_pooled_scenario(title="含有手机号")
    Scenario.objects.filter(pk=bad.pk).update(available_resources="请致电13905310001")
    quarterly_list = services.list_create(quarter=Quarter(2026, 4), acting_user=editor)
    services.list_add_items(list_id=quarterly_list.pk, scenario_ids=[good.pk, bad.pk], acting_user=editor)
    events = OutboxEvent.objects.count()

    with pytest.raises(GuardFailed) as refusal:
        services.list_freeze(list_id=quarterly_list.pk, acting_user=editor)

    assert [reason.code for reason in refusal.value.reasons] == ["personal_information"]
    assert "含有手机号" in refusal.value.reasons[0].message
    assert QuarterlyList.objects.get(pk=quarterly_list.pk).state == QuarterlyListState.COLLECTING
    assert set(Scenario.objects.values_list("state", flat=True)) == {ScenarioState.POOLED}
    assert OutboxEvent.objects.count() == events


def test_a_list_of_a_quarter_that_has_not_begun_cannot_be_published(editor):
    approver = make_person(Role.LIST_APPROVER)
    quarterly_list = services.list_create(quarter=Quarter(2027, 1), acting_user=editor)
    services.list_add_items(list_id=quarterly_list.pk, scenario_ids=[make_pooled_scenario().pk], acting_user=editor)
    services.list_freeze(list_id=quarterly_list.pk, acting_user=editor)
    services.list_send_to_approval(list_id=quarterly_list.pk, acting_user=editor)
    services.list_approve(list_id=quarterly_list.pk, acting_user=approver, secrecy_reviewer_name="李保密")

    with pytest.raises(GuardFailed) as refusal:
        services.list_publish(list_id=quarterly_list.pk, acting_user=approver)

    assert [reason.code for reason in refusal.value.reasons] == ["quarter_not_begun"]
    assert QuarterlyList.objects.get(pk=quarterly_list.pk).published_at is None


def test_reordering_must_name_every_item_once(editor):
    quarterly_list = services.list_create(quarter=Quarter(2026, 4), acting_user=editor)
    scenarios = [make_pooled_scenario(title=f"第{n}项") for n in range(3)]
    services.list_add_items(list_id=quarterly_list.pk, scenario_ids=[s.pk for s in scenarios], acting_user=editor)
    ids = list(quarterly_list.items.values_list("pk", flat=True))

    services.list_reorder(list_id=quarterly_list.pk, item_ids=ids[::-1], acting_user=editor)
    assert list(quarterly_list.items.order_by("sequence").values_list("pk", flat=True)) == ids[::-1]
    for wrong in (ids[:2], [ids[0]] * 3, [*ids, 10**9]):
        with pytest.raises(InvalidInput):
            services.list_reorder(list_id=quarterly_list.pk, item_ids=wrong, acting_user=editor)
    assert list(quarterly_list.items.order_by("sequence").values_list("pk", flat=True)) == ids[::-1]


def test_a_quarter_without_a_published_list_is_overdue_once_and_publication_resolves_it(clock):
    with frozen(clock.replace(month=8)):
        editor = make_person(Role.LIST_EDITOR)
        services.list_create(quarter=Quarter(2026, 3), acting_user=editor)
        assert services.overdue_quarter_flag() is None

    assert services.overdue_quarter_flag().quarter_number == 3
    assert services.overdue_quarter_flag() is None
    assert OutboxEvent.objects.filter(topic="scenarios.quarter.overdue").count() == 1
    assert [flag.quarter_number for flag in selectors.overdue_quarters()] == [3]

    make_published_list([make_pooled_scenario()], Quarter(2026, 3))
    assert list(selectors.overdue_quarters()) == []


def test_a_fresh_installation_owes_nothing_for_the_time_before_it():
    assert services.overdue_quarter_flag() is None
    assert OverdueQuarter.objects.count() == 0


def test_an_unpublished_list_does_not_exist_for_the_public(editor):
    quarterly_list = services.list_create(quarter=Quarter(2026, 4), acting_user=editor)

    assert selectors.list_for(editor, "2026Q4") == quarterly_list
    for viewer in (None, make_person(Role.DEMAND_SUBMITTER), make_person(Role.VENDOR_STAFF)):
        with pytest.raises(ObjectNotFound):
            selectors.list_for(viewer, "2026Q4")


@pytest.mark.parametrize("code", ["2026Q5", "2026Q4-001-x", "'; DROP TABLE", "", "9" * 500])
def test_nonsense_codes_find_nothing(code):
    with pytest.raises(ObjectNotFound):
        selectors.list_for(None, code)
    with pytest.raises(ObjectNotFound):
        selectors.scenario_for(None, code)


def test_a_city_bureau_cannot_edit_provincial_lists():
    with pytest.raises(NotPermitted):
        services.list_create(
            quarter=Quarter(2026, 4),
            acting_user=make_person(Role.LIST_EDITOR, organisation=make_organisation(region_code="370100")),
        )
    assert QuarterlyList.objects.count() == 0
