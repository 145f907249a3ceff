"""Capabilities from sheets: drafts of the importing organisation, with what the source said."""

import pytest

from accounts.enums import Role
from core.errors import InvalidInput, NotPermitted
from core.importing import AlreadyImported
from core.models import AuditEntry, ImportBatch
from tests.factories import make_organisation, make_person
from tests.importing.test_scenarios import sheet
from vendors.importing import import_capabilities, import_checked_capabilities, prepare_import
from vendors.models import Capability, VendorProfile

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def organisation(clock):
    return make_organisation("泉城示范科技有限公司", kind="enterprise")


@pytest.fixture
def staff(organisation):
    return make_person(Role.VENDOR_STAFF, organisation=organisation)


def take_in(staff, content, name="能力.xlsx", **options):
    return import_capabilities(
        acting_user=staff, organisation=staff.current_organisation, content=content, file_name=name, **options
    )


HEADINGS = ["序号", "单位名称", "场景能力名称", "场景能力说明", "主要技术", "场景类型", "服务地区", "价格区间（万元）"]
ROW = [1, "甲公司", "管网漏损识别", "声波监测。", "人工智能、物联网", "市政设施数字化", "济南、青岛市，外地", "20-80"]


def test_a_row_becomes_a_draft_capability(staff, organisation):
    outcome = take_in(staff, sheet(HEADINGS, ROW))
    assert (outcome.done, outcome.created, outcome.rejected) == (True, 1, 0)
    assert [str(entry) for entry in outcome.entries] == [
        "第2行G列“服务地区”：“外地”不是本省的行政区划，或有重名，服务地区未采用。"
    ]
    capability = Capability.objects.get()
    assert (capability.state, capability.vendor.organisation) == ("draft", organisation)
    assert (capability.title, capability.vendor_text) == ("管网漏损识别", "甲公司")
    assert (capability.price_min_fen, capability.price_max_fen) == (20_000_000, 80_000_000)
    assert capability.price_text == "20-80万元"
    assert capability.category.code == "1.2.4"
    assert {region.code for region in capability.service_regions.all()} == {"370100", "370200"}
    assert {tag.name for tag in capability.tags.all()} == {"人工智能", "物联网"}
    assert capability.import_batch == outcome.batch
    assert AuditEntry.objects.get().action == "vendors.capability.import"


def test_a_profile_sheet_without_names_takes_them_from_the_positioning(staff):
    take_in(
        staff,
        sheet(
            ["企业名称", "核心定位", "主营业务", "核心产品"], ["甲", "水务数字化服务商。专注", "水务软件", "漏损平台"]
        ),
    )
    capability = Capability.objects.get()
    assert capability.title == "水务数字化服务商"
    assert capability.description == "水务软件\n核心产品：漏损平台"


def test_the_whole_province_is_a_flag(staff):
    take_in(staff, sheet(["能力名称", "服务范围"], ["一", "全省"], ["二", "烟台"]))
    assert dict(Capability.objects.values_list("title", "serves_whole_province")) == {"一": True, "二": False}


def test_all_or_nothing_doubles_and_namesakes(staff):
    content = sheet(["能力名称", "能力说明"], ["一", "甲"], ["一", "甲"], ["二", "乙"])
    outcome = take_in(staff, content)
    assert (outcome.done, outcome.rejected) == (False, 1)
    assert not (Capability.objects.exists())
    assert not (VendorProfile.objects.exists())
    assert not (ImportBatch.objects.exists())
    assert take_in(staff, content, partial=True).created == 2
    again = take_in(staff, sheet(["能力名称"], ["二"]))
    assert [entry.message for entry in again.warnings] == ["本单位已有同名能力，请核对是否重复。"]
    with pytest.raises(AlreadyImported):
        take_in(staff, content, partial=True)


def test_who_may_not_hold_a_profile_may_not_import(organisation):
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=organisation)
    with pytest.raises(NotPermitted):
        take_in(clerk, sheet(HEADINGS, ROW))
    assert not VendorProfile.objects.exists()


def test_a_file_of_something_else_is_refused(staff):
    with pytest.raises(InvalidInput) as caught:
        take_in(staff, sheet(["日期", "数量"], ["2026-01-01", 3]))
    assert "没有认出“能力名称”列" in caught.value.fields["mapping"][0]


def test_the_page_checks_first_and_imports_on_confirmation(staff, organisation):
    outcome = prepare_import(
        acting_user=staff, organisation=organisation, content=sheet(HEADINGS, ROW), file_name="能力.xlsx"
    )
    assert not Capability.objects.exists()
    done = import_checked_capabilities(batch_public_id=outcome.batch.public_id, acting_user=staff)
    assert (done.created, Capability.objects.count()) == (1, 1)
