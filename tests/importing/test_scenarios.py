"""Demands from sheets: drafts, links, warnings; all or nothing; the same file once."""

import io
from datetime import UTC, date, datetime, timedelta

import openpyxl
import pytest
from django.core.files.storage import default_storage

from accounts.enums import Role
from core.clock import frozen
from core.enums import ImportState
from core.errors import InvalidInput, NotPermitted, ObjectNotFound
from core.importing import AlreadyImported, stale_checked_drop
from core.models import AuditEntry, ImportBatch, OutboxEvent, TechnologyTag
from core.spreadsheets import UnreadableFile
from scenarios.importing import (
    import_checked_scenarios,
    import_scenarios,
    prepare_import,
    read_scenarios,
)
from scenarios.importing.reading import split_lot, split_repetition
from scenarios.importing.services import _write
from scenarios.models import Scenario, ScenarioVersion
from tests.factories import make_organisation, make_person, make_scenario

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def organisation(clock):
    return make_organisation("历城数据示范局", region_code="370100")


@pytest.fixture
def clerk(organisation):
    return make_person(Role.DEMAND_SUBMITTER, organisation=organisation)


def sheet(*rows, merges=()) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for merge in merges:
        book.active.merge_cells(merge)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def take_in(clerk, content, name="需求.xlsx", **options):
    return import_scenarios(
        acting_user=clerk, organisation=clerk.current_organisation, content=content, file_name=name, **options
    )


def nothing_was_written() -> bool:
    return not (Scenario.objects.exists() or ImportBatch.objects.exists() or AuditEntry.objects.exists())


HEADINGS = ["序号", "单位名称", "需求名称", "需求内容", "预算金额（万元）", "落地地区", "应用领域", "应答截止时间"]
ROW = [
    1,
    "甲水务中心",
    "供水管网漏损识别",
    "用声波监测识别漏点。",
    "10-50",
    "济南市历下区",
    "市政设施数字化",
    "2026-12-20 17:00",
]


def test_a_row_becomes_a_draft_with_everything_resolved(clerk, organisation):
    outcome = take_in(clerk, sheet(["2026年四季度需求汇总"], HEADINGS, ROW))
    assert (outcome.done, outcome.total, outcome.created, outcome.rejected) == (True, 1, 1, 0)
    assert [str(entry) for entry in outcome.entries] == []
    scenario = Scenario.objects.get()
    assert scenario.state == "draft"
    assert (scenario.owner, scenario.created_by, scenario.source) == (organisation, clerk, "import")
    assert (scenario.title, scenario.owner_text) == ("供水管网漏损识别", "甲水务中心")
    assert (scenario.budget_min_fen, scenario.budget_max_fen) == (10_000_000, 50_000_000)
    assert (scenario.budget_unit, scenario.budget_text) == ("wan", "10-50万元")
    assert scenario.region.code == "370102"
    assert scenario.category.code == "1.2.4"
    assert scenario.deadline_at == datetime(2026, 12, 20, 9, 0, tzinfo=UTC)
    assert scenario.raw["应答截止时间"] == "2026-12-20 17:00"
    assert scenario.import_batch == outcome.batch
    assert (outcome.batch.state, outcome.batch.created_count, outcome.batch.row_count) == (ImportState.DONE, 1, 1)
    assert AuditEntry.objects.get().action == "scenarios.scenario.import"
    assert not ScenarioVersion.objects.exists()  # a draft has no version yet: it gets one when it is submitted


def test_merged_units_and_blank_numbers_are_filled(clerk):
    take_in(
        clerk,
        sheet(
            ["序号", "单位名称", "需求名称"],
            [1, "甲中心", "需求一"],
            [None, None, "需求二"],
            [2, "乙中心", "需求三"],
            [None, None, "需求四"],
            merges=["A2:A3", "B2:B3"],
        ),
    )
    assert list(Scenario.objects.order_by("pk").values_list("title", "owner_text")) == [
        ("需求一", "甲中心"),
        ("需求二", "甲中心"),
        ("需求三", "乙中心"),
        ("需求四", "乙中心"),
    ]


def test_what_cannot_be_resolved_is_a_warning_and_stays_as_text(clerk):
    outcome = take_in(
        clerk,
        sheet(
            [*HEADINGS, "牵头部门", "链接", "联系方式", "邮箱"],
            [
                1,
                "甲",
                "需求一",
                "内容",
                "若干",
                "外省某市",
                "没有的领域",
                "合同签订后",
                "某厅",
                "javascript:x",
                "13812345678",
                "no",
            ],
        ),
    )
    assert (outcome.created, outcome.rejected) == (1, 0)
    messages = {entry.field: entry.message for entry in outcome.warnings}
    assert set(messages) == {
        "budget_text",
        "region_text",
        "category",
        "deadline_at",
        "lead_department",
        "source_url",
        "contact_phone",
        "public_contact_email",
    }
    assert str(outcome.warnings[0]).startswith("第2行")
    scenario = Scenario.objects.get()
    assert (scenario.budget_text, scenario.budget_max_fen) == ("若干", None)
    assert (scenario.region, scenario.region_text) == (None, "外省某市")
    assert (scenario.category, scenario.deadline_at, scenario.source_url) == (None, None, "")
    assert (scenario.public_contact_phone, scenario.private_contact_phone) == ("", "13812345678")
    assert scenario.raw["应用领域"] == "没有的领域"


def test_personal_numbers_in_public_text_are_pointed_out_masked(clerk):
    outcome = take_in(clerk, sheet(["需求名称", "需求内容"], ["需求一", "请联系13812345678"]))
    assert [(entry.line, entry.column, entry.field) for entry in outcome.warnings] == [(2, "B", "description")]
    assert "138******78" in outcome.warnings[0].message


def test_a_faulty_row_stops_the_whole_file(clerk):
    content = sheet(
        ["序号", "需求名称", "统一社会信用代码"], [1, "好的需求"], [2, None], [3, "代码错", "91370200165362681G"]
    )
    outcome = take_in(clerk, content)
    assert (outcome.done, outcome.created, outcome.rejected) == (False, 0, 2)
    assert [str(entry) for entry in outcome.errors] == [
        "第3行B列“需求名称”：没有需求名称。请补填名称；如该行不是需求，请删除。",
        "第4行C列“统一社会信用代码”：统一社会信用代码的校验位不符，可能有一位填错或两位颠倒，请对照证书核对。",
    ]
    assert nothing_was_written()
    partial = take_in(clerk, content, partial=True)
    assert (partial.done, partial.created, partial.rejected) == (True, 1, 2)
    assert [scenario.title for scenario in Scenario.objects.all()] == ["好的需求"]
    assert ImportBatch.objects.get().rejected_count == 2


@pytest.mark.parametrize(
    ("row", "part"),
    [
        (["名" * 201, ""], "第2行A列“需求名称”：名称有 201 字，超过 200 字"),
        (["需求", "长" * 10_000], "第2行B列“需求内容”：内容有 10000 字，超过单元格上限"),
        (["需求", "=A1"], "第2行B列“需求内容”：单元格是公式"),
        (["#REF!", "x"], "第2行A列“需求名称”：单元格是错误值"),
    ],
)
def test_cells_that_cannot_be_taken_are_named(clerk, row, part):
    outcome = take_in(clerk, sheet(["需求名称", "需求内容"], row))
    assert not outcome.done
    assert str(outcome.errors[0]).startswith(part)
    assert nothing_was_written()


def test_a_dry_run_reports_and_writes_nothing(clerk):
    outcome = take_in(clerk, sheet(HEADINGS, ROW), dry_run=True)
    assert (outcome.dry_run, outcome.done, outcome.created) == (True, False, 1)
    assert nothing_was_written()
    assert not OutboxEvent.objects.exists()


def test_the_same_file_is_not_taken_in_twice(clerk):
    content = sheet(HEADINGS, ROW)
    take_in(clerk, content)
    with pytest.raises(AlreadyImported, match="已于2026-11-24 10:00导入过（1条）"):
        take_in(clerk, content, name="改了名字.xlsx")
    assert Scenario.objects.count() == 1
    other = make_person(Role.DEMAND_SUBMITTER)
    assert take_in(other, content).done  # another organisation's file is another matter


def test_a_failure_in_the_middle_leaves_nothing(clerk, monkeypatch):
    def fail_after_writing(*arguments):
        _write(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr("scenarios.importing.services._write", fail_after_writing)
    with pytest.raises(KeyboardInterrupt):
        take_in(clerk, sheet(HEADINGS, ROW))
    assert nothing_was_written()


def test_only_who_may_submit_for_the_organisation_may_import(clerk, organisation):
    reviewer = make_person(Role.FIRST_REVIEWER, organisation=organisation)
    stranger = make_person(Role.DEMAND_SUBMITTER)
    for person in (reviewer, stranger):
        with pytest.raises(NotPermitted):
            import_scenarios(
                acting_user=person, organisation=organisation, content=sheet(HEADINGS, ROW), file_name="a.xlsx"
            )
    assert nothing_was_written()


def test_a_file_without_a_name_column_is_refused_with_its_headings(clerk):
    with pytest.raises(InvalidInput) as caught:
        take_in(clerk, sheet(["事项", "所在"], ["甲", "乙"]))
    (message,) = caught.value.fields["mapping"]
    assert "没有认出“需求名称”列" in message
    assert "事项、所在" in message
    outcome = take_in(clerk, sheet(["事项", "所在"], ["甲", "济南"]), mapping={"事项": "需求名称", "所在": "落地地区"})
    assert outcome.done
    assert Scenario.objects.get().region.code == "370100"


def test_a_file_with_only_text_takes_its_names_from_the_text(clerk):
    outcome = take_in(clerk, sheet(["序号", "行业类别", "需求"], [1, "制造业", "质检全靠人眼。需要自动识别。"]))
    assert Scenario.objects.get().title == "质检全靠人眼"
    assert any("名称取自需求内容的开头" in note for note in outcome.notes)


def test_an_unreadable_file_is_refused(clerk):
    with pytest.raises(UnreadableFile):
        take_in(clerk, b"%PDF-1.4", "需求.xlsx")
    assert nothing_was_written()


@pytest.mark.parametrize(
    ("title", "base", "repetition"),
    [
        ("某平台运维（重发）", "某平台运维", 2),
        ("某平台运维(重招)", "某平台运维", 2),
        ("某平台运维-重发", "某平台运维", 2),
        ("某平台运维（第二次重发）", "某平台运维", 2),
        ("某平台运维（第三次）", "某平台运维", 3),
        ("某平台运维第二次", "某平台运维", 2),
        ("某平台运维（二次）", "某平台运维", 2),
        ("某平台运维（重新招标）", "某平台运维", 2),
        ("二次供水泵房监控", "二次供水泵房监控", 0),
        ("数据二次", "数据二次", 0),
        ("减重", "减重", 0),
        ("安全监测", "安全监测", 0),
        ("人工智能（二期）", "人工智能（二期）", 0),
    ],
)
def test_marks_of_repetition_are_told_from_names(title, base, repetition):
    assert split_repetition(title) == (base, repetition)


@pytest.mark.parametrize(
    ("title", "base", "lot"),
    [
        ("某系统建设(标段二)", "某系统建设", "标段二"),
        ("某系统建设第一标段", "某系统建设", "第一标段"),
        ("某系统建设-标包3", "某系统建设", "标包3"),
        ("某系统建设（子包A）", "某系统建设", "子包A"),
        ("某系统建设2标段", "某系统建设", "2标段"),
        ("某系统建设", "某系统建设", ""),
        ("标段管理系统", "标段管理系统", ""),
    ],
)
def test_lots_are_told_from_names(title, base, lot):
    assert split_lot(title) == (base, lot)


def test_a_repeat_is_linked_to_the_item_before_it_in_the_file(clerk):
    outcome = take_in(
        clerk,
        sheet(
            ["单位名称", "需求名称", "发布日期"],
            ["甲", "平台运维（第三次）", "2026-03-01"],
            ["甲", "平台运维", "2026-01-01"],
            ["甲", "平台运维（重发）", "2026-02-01"],
            ["乙", "另一平台（重发）", "2026-02-01"],
        ),
    )
    links = {s.title: s.previous.title if s.previous else None for s in Scenario.objects.select_related("previous")}
    assert links == {
        "平台运维（第三次）": "平台运维（重发）",
        "平台运维": None,
        "平台运维（重发）": "平台运维",
        "另一平台（重发）": None,
    }
    assert [entry.line for entry in outcome.warnings] == [5]


def test_a_repeat_is_linked_to_what_the_organisation_has(clerk, organisation):
    earlier = make_scenario(organisation, title="平台运维")
    make_scenario(title="平台运维")  # another unit's demand of the same name
    take_in(clerk, sheet(["需求名称"], ["平台运维（二次）"]))
    assert Scenario.objects.get(title="平台运维（二次）").previous == earlier


def test_lots_become_children_of_their_project(clerk):
    take_in(
        clerk,
        sheet(
            ["需求名称", "标段号", "预算金额（万元）"],
            ["信息化改造", None, 300],
            ["信息化改造（标段一）", None, 100],
            ["信息化改造（标段二）", None, 200],
            ["视频监控", 1, 10],
            ["视频监控", 2, 20],
            ["单独一包（标段三）", None, 5],
        ),
    )
    children = {
        s.title: (s.parent.title if s.parent else None, s.lot_number) for s in Scenario.objects.select_related("parent")
    }
    assert children == {
        "信息化改造": (None, ""),
        "信息化改造（标段一）": ("信息化改造", "标段一"),
        "信息化改造（标段二）": ("信息化改造", "标段二"),
        "视频监控": (None, ""),
        "视频监控（标段1）": ("视频监控", "标段1"),
        "视频监控（标段2）": ("视频监控", "标段2"),
        "单独一包（标段三）": (None, "标段三"),
    }
    implied = Scenario.objects.get(title="视频监控")
    assert implied.description == "本项目分为2个标段：标段1、标段2。"
    assert implied.budget_max_fen is None


def test_a_copied_line_is_refused(clerk):
    outcome = take_in(clerk, sheet(["需求名称", "需求内容"], ["甲", "乙"], ["甲", "乙"], ["甲", "丙"]))
    assert [str(entry) for entry in outcome.errors] == ["第3行：与第2行的内容完全相同。请删除重复的一行。"]


def test_kinds_are_read_from_columns_cooperation_or_the_list_title(clerk):
    take_in(
        clerk,
        sheet(
            ["某单位2026年01月至06月政府采购意向"],
            ["需求名称", "场景类型", "合作需求", "预算金额（万元）"],
            ["一", "技术攻关", None, 5],
            ["二", "智慧交通", "联合建设", None],
            ["三", None, None, 8],  # a blank cell of this column takes the value above
        ),
    )
    rows = Scenario.objects.order_by("pk").values_list("title", "scenario_type", "category__code", "funding_nature")
    assert list(rows) == [
        ("一", "research", None, "fiscal"),
        ("二", "joint", "1.2.1", "fiscal"),
        ("三", "procurement", "1.2.1", "fiscal"),
    ]


def test_defaults_fill_what_rows_leave_open(clerk):
    take_in(clerk, sheet(["需求名称"], ["一"]), defaults={"场景类型": "技术攻关", "落地地区": "青岛"})
    scenario = Scenario.objects.get()
    assert (scenario.scenario_type, scenario.region.code) == ("research", "370200")
    with pytest.raises(InvalidInput, match="填写的内容有误"):
        take_in(clerk, sheet(["需求名称"], ["二"]), defaults={"没有": "x"})


def test_known_technology_words_become_tags(clerk):
    names = list(TechnologyTag.objects.values_list("name", flat=True)[:2])
    take_in(clerk, sheet(["需求名称", "主要技术"], ["一", f"{names[0]}、没有的词，{names[1]}"]))
    assert {tag.name for tag in Scenario.objects.get().tags.all()} == set(names)


def test_past_deadlines_are_counted_not_refused(clerk):
    outcome = take_in(clerk, sheet(["需求名称", "截止时间"], ["一", "2026-01-05 17:00"], ["二", "2026年1月5日"]))
    assert outcome.done
    assert outcome.notes == ["2 行：响应截止时间已过，提交前请改为将来的时间。"]


def test_progress_is_told(clerk, organisation):
    calls = []
    read_scenarios(
        sheet(["需求名称"], *[[f"需求{number}"] for number in range(250)]),
        "a.xlsx",
        organisation=organisation,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(100, 250), (200, 250), (250, 250)]


def test_rows_are_written_in_bulk(clerk, django_assert_max_num_queries):
    rows = [[number, f"需求{number}", "人工智能"] for number in range(400)]
    with django_assert_max_num_queries(60):
        assert take_in(clerk, sheet(["序号", "需求名称", "主要技术"], *rows)).created == 400


def test_the_page_checks_first_and_imports_on_confirmation(clerk, organisation):
    content = sheet(HEADINGS, ROW, [2, "乙", None])
    outcome = prepare_import(acting_user=clerk, organisation=organisation, content=content, file_name="需求.xlsx")
    batch = outcome.batch
    assert (batch.state, batch.row_count, batch.rejected_count, len(batch.report)) == (ImportState.CHECKED, 2, 1, 1)
    assert not Scenario.objects.exists()
    stranger = make_person(Role.DEMAND_SUBMITTER, organisation=organisation)
    with pytest.raises(ObjectNotFound):
        import_checked_scenarios(batch_public_id=batch.public_id, acting_user=stranger)
    with pytest.raises(InvalidInput):
        import_checked_scenarios(batch_public_id=batch.public_id, acting_user=clerk)
    assert not Scenario.objects.exists()
    done = import_checked_scenarios(batch_public_id=batch.public_id, acting_user=clerk, partial=True)
    assert (done.created, done.rejected, ImportBatch.objects.get().state) == (1, 1, ImportState.DONE)
    with pytest.raises(ObjectNotFound):
        import_checked_scenarios(batch_public_id=batch.public_id, acting_user=clerk, partial=True)
    assert Scenario.objects.get().owner_text == "甲水务中心"
    assert date(2026, 11, 24) == Scenario.objects.get().created_at.date()


def test_a_checked_file_nobody_confirms_is_forgotten_after_a_day(clerk, organisation, clock):
    outcome = prepare_import(
        acting_user=clerk, organisation=organisation, content=sheet(HEADINGS, ROW), file_name="需求.xlsx"
    )
    with frozen(clock + timedelta(hours=23)):
        assert stale_checked_drop() == 0
    with frozen(clock + timedelta(hours=25)):
        assert stale_checked_drop() == 1
    assert not ImportBatch.objects.exists()
    assert not default_storage.exists(f"imports/{outcome.batch.public_id}")
