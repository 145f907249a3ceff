"""Tables as agencies hold them: what is read, what is refused and with which words; exports that nothing can run."""

import csv
import io
import json
import zipfile
from datetime import UTC, date, datetime

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import spreadsheets
from core.spreadsheets import CellNote, UnreadableFile, clean_heading, read_table, write_csv, write_xlsx

pytestmark = pytest.mark.unit
KNOWN = {"序号", "需求名称", "单位名称", "预算金额（万元）", "备注"}


def workbook(rows, *, merges=(), title="Sheet1", extra=None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    for merge in merges:
        sheet.merge_cells(merge)
    if extra is not None:
        extra(book)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def read(content, name="需求.xlsx"):
    return read_table(content, name, is_known=KNOWN.__contains__, groups={"序号", "单位名称"}.__contains__)


def values(table):
    return [row.values for row in table.rows]


def test_a_sheet_with_a_title_above_its_heading_is_read():
    table = read(
        workbook(
            [
                ["附件1 需求清单"],
                [],
                ["序号", "需求名称", "预算金额\n（万元）"],
                [1, " 河道巡检 ", 27.5],
                [2, "桥梁监测", None],
            ]
        )
    )
    assert table.heading_line == 3
    assert table.preamble == ["附件1 需求清单"]
    assert table.columns == {"序号": "A", "需求名称": "B", "预算金额（万元）": "C"}
    assert [(row.line, row.values) for row in table.rows] == [
        (4, {"序号": 1, "需求名称": "河道巡检", "预算金额（万元）": 27.5}),
        (5, {"序号": 2, "需求名称": "桥梁监测"}),
    ]


def test_merged_and_blank_group_cells_are_filled_from_above():
    table = read(
        workbook(
            [
                ["序号", "单位名称", "需求名称", "备注"],
                [1, "甲局", "需求一", "合并的备注"],
                [None, None, "需求二", None],
                [2, "乙局", "需求三", None],
                [None, None, "需求四", None],
            ],
            merges=["A2:A3", "B2:B3", "D2:D3"],
        )
    )
    assert values(table) == [
        {"序号": 1, "单位名称": "甲局", "需求名称": "需求一", "备注": "合并的备注"},
        {"序号": 1, "单位名称": "甲局", "需求名称": "需求二", "备注": "合并的备注"},
        {"序号": 2, "单位名称": "乙局", "需求名称": "需求三"},
        {"序号": 2, "单位名称": "乙局", "需求名称": "需求四"},
    ]


def test_a_merged_heading_and_a_repeated_heading_line_are_understood():
    table = read(
        workbook(
            [
                ["序号", "需求名称", "单位名称"],
                [None, None, None],
                [1, "需求一", "甲局"],
                ["序号", "需求名称", "单位名称"],
                [2, "需求二", "甲局"],
            ],
            merges=["A1:A2", "B1:B2", "C1:C2"],
        )
    )
    assert [row.values["需求名称"] for row in table.rows] == ["需求一", "需求二"]


def test_dates_numbers_and_booleans_keep_their_meaning():
    table = read(workbook([["序号", "需求名称", "备注"], [3.0, datetime(2026, 3, 5, 17), True]]))
    assert values(table) == [{"序号": 3, "需求名称": datetime(2026, 3, 5, 17), "备注": "是"}]


def test_repeated_headings_are_numbered_and_reported():
    table = read(workbook([["需求名称", "备注", "备注"], ["甲", "一", "二"]]))
    assert values(table) == [{"需求名称": "甲", "备注": "一", "备注#2": "二"}]
    assert table.warnings == ["标题“备注”出现了2次，后面的一列记作“备注#2”。"]


def test_a_formula_without_a_stored_result_is_refused_with_its_place():
    table = read(workbook([["序号", "需求名称", "预算金额（万元）"], [1, "甲", "=SUM(A1:A2)"]]))
    (row,) = table.rows
    assert row.values == {"序号": 1, "需求名称": "甲"}
    assert [(note.line, note.column, note.heading) for note in row.errors] == [(2, "C", "预算金额（万元）")]
    assert str(row.errors[0]).startswith("第2行C列“预算金额（万元）”：单元格是公式")


def _xlsx_with_cached_formula() -> bytes:
    source = workbook([["序号", "需求名称", "预算金额（万元）"], [1, "甲", "=60+60"]])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.infolist():
            data = old.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                assert b"<f>60+60</f><v />" in data or b"<f>60+60</f><v></v>" in data or b"<f>60+60</f><v/>" in data
                for empty in (b"<v />", b"<v></v>", b"<v/>"):
                    data = data.replace(b"<f>60+60</f>" + empty, b"<f>60+60</f><v>120</v>")
            new.writestr(part, data)
    return out.getvalue()


def test_a_formula_with_a_stored_result_is_taken_with_a_warning():
    (row,) = read(_xlsx_with_cached_formula()).rows
    assert row.values["预算金额（万元）"] == 120
    assert row.errors == []
    assert "采用文件中保存的计算结果" in row.warnings[0].message


def test_a_cell_of_ten_thousand_characters_is_named():
    (row,) = read(workbook([["序号", "需求名称"], [1, "长" * 10_000]])).rows
    assert str(row.errors[0]) == (
        "第2行B列“需求名称”：内容有 10000 字，超过单元格上限 8000 字。请精简，详细材料改为附件。"
    )


def test_error_values_and_cells_without_a_heading_are_reported():
    (row,) = read(workbook([["序号", "需求名称"], ["#REF!", "甲", "多余"]])).rows
    assert "错误值“#REF!”" in row.errors[0].message
    assert row.warnings == [CellNote(2, "C", "", "该列没有标题，内容未导入。")]


def test_the_sheet_with_known_headings_is_chosen_and_hidden_ones_are_not_read():
    def extra(book):
        sheet = book.create_sheet("需求表")
        sheet.append(["序号", "需求名称"])
        sheet.append([1, "甲"])
        hidden = book.create_sheet("隐藏")
        hidden.sheet_state = "hidden"
        hidden.append(["序号", "需求名称", "单位名称", "备注"])

    table = read(workbook([["填表说明"], ["请逐项填写"]], extra=extra))
    assert (table.sheet_name, values(table)) == ("需求表", [{"序号": 1, "需求名称": "甲"}])
    assert "只导入了“需求表”" in table.warnings[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_csv_is_read_in_any_usual_encoding_and_delimiter(encoding, delimiter):
    text = (
        delimiter.join(["序号", "需求名称"])
        + "\r\n"
        + delimiter.join(["1", '"第一行\n第二行"'])
        + "\r\n\r\n2"
        + delimiter
        + "乙"
    )
    table = read(text.encode(encoding), "需求.csv")
    assert [(row.line, row.values) for row in table.rows] == [
        (2, {"序号": "1", "需求名称": "第一行\n第二行"}),
        (5, {"序号": "2", "需求名称": "乙"}),
    ]


def test_a_formula_in_csv_is_refused():
    (row,) = read("序号,需求名称\n1,=cmd|' /C calc'!A0\n".encode(), "需求.csv").rows
    assert "像是公式" in row.errors[0].message
    assert row.values == {"序号": "1"}


def test_jsonl_rows_keep_their_line_and_bad_lines_are_named():
    lines = [
        json.dumps({"title": "甲\u2028乙", "tags": ["一", "二"], "year": None}, ensure_ascii=False),
        "",
        "{坏",
        "[1]",
    ]
    table = read("\n".join(lines).encode(), "a.jsonl")
    assert table.rows[0].values == {"title": "甲\u2028乙", "tags": "一、二"}
    assert table.headings == ["title", "tags", "year"]
    assert [str(row.errors[0]) for row in table.rows[1:]] == [
        "第3行：这一行不是完整的 JSON。请检查引号、括号和逗号。",
        "第4行：这一行应是一个 JSON 对象（{…}），请改正。",
    ]


def _zip(**parts) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/"), data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "part"),
    [
        (b"", "a.xlsx", "文件是空的"),
        (b"%PDF-1.7 ...", "a.xlsx", "内容却是pdf"),
        (b"<html><table><tr><td>", "a.xlsx", "网页"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "a.xlsx", "旧版 Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "a.xls", "旧版 Excel"),
        (b"anything", "a.docx", "不支持“.docx”"),
        (b"anything", "noextension", "不支持“noextension”"),
        (b"PK\x03\x04rest", "a.xlsm", "不接受带宏"),
        (b"PK\x03\x04 broken", "a.xlsx", "已损坏"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a.csv", "内容却不是文本"),
        (b"\xff\xff\xff\xfe\x81", "a.csv", "文字编码无法识别"),
        ("序号,需求名称\n".encode(), "a.csv", "下面没有数据"),
        (b"\n\n", "a.csv", "没有数据"),
        (b"\n", "a.jsonl", "没有数据"),
        (_zip(word__document="<w/>"), "a.xlsx", "不是 Excel 工作簿"),
        (_zip(xl__workbook="x"), "a.csv", "内容却是"),
        (b"PK\x03\x04", "a.csv", "内容却是"),
    ],
)
def test_what_is_no_table_is_refused_with_the_remedy(content, name, part):
    with pytest.raises(UnreadableFile) as caught:
        read(content, name)
    assert part in caught.value.message


def _repacked(**changes) -> bytes:
    source = workbook([["序号", "需求名称"], [1, "甲"]])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(source)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(
                part.filename, changes.pop(part.filename.replace("/", "__").replace(".", "_"), None) or old.read(part)
            )
        for name, data in changes.items():
            new.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (_repacked(**{"xl/vbaProject.bin": b"macro"}), "有宏"),
        (_repacked(**{"xl/media/x.bin": b"\0" * (spreadsheets.MAXIMUM_UNPACKED_BYTES + 1)}), "解压后超过 64 MB"),
        (_repacked(xl__workbook_xml=b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><workbook/>'), "文档类型声明"),
        (_repacked(xl__worksheets__sheet1_xml=b"<worksheet><sheetData><row r='1'><c"), "已损坏"),
        (workbook([]), "没有数据"),
    ],
)
def test_dangerous_or_broken_workbooks_are_refused(content, part):
    with pytest.raises(UnreadableFile) as caught:
        read(content)
    assert part in caught.value.message


def test_too_many_rows_or_bytes_are_refused(monkeypatch):
    monkeypatch.setattr(spreadsheets, "MAXIMUM_ROWS", 3)
    with pytest.raises(UnreadableFile, match="超过 3 行"):
        read("序号,需求名称\n1,a\n2,b\n3,c\n4,d\n".encode(), "a.csv")
    monkeypatch.setattr(spreadsheets, "MAXIMUM_FILE_BYTES", 10)
    with pytest.raises(UnreadableFile, match="超过上限"):
        read("序号,需求名称\n1,a\n".encode(), "a.csv")


def test_headings_are_compared_on_one_line_in_half_width():
    assert clean_heading(" 预算金额\n(万元) ") == clean_heading("预算金额（万元）") == "预算金额（万元）"
    assert clean_heading(None) == ""


def test_an_exported_workbook_holds_text_not_formulas():
    content = write_xlsx(
        ["编号", "名称", "金额", "时间"], [["=1+1", "甲\x07乙", 12.5, datetime(2026, 3, 5, 9, tzinfo=UTC)]], "清单/一"
    )
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet.title == "清单 一"
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["清单/一", None, None, None],
        ["编号", "名称", "金额", "时间"],
        ["=1+1", "甲乙", 12.5, "2026-03-05 17:00"],
    ]
    assert sheet["A3"].data_type == "s"


def test_an_exported_csv_is_escaped_and_marked():
    content = write_csv(
        ["名称", "日期"], [["=HYPERLINK()", date(2026, 3, 5)], [" @x", None], ["＋1", -5], ["正常", "-"]]
    )
    assert content.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(content.decode("utf-8-sig")))) == [
        ["名称", "日期"],
        ["'=HYPERLINK()", "2026-03-05"],
        ["' @x", ""],
        ["'＋1", "-5"],
        ["正常", "'-"],
    ]


@settings(max_examples=40, deadline=None)
@given(
    cells=st.lists(
        st.text(
            st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff="),
            min_size=1,
            max_size=30,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_written_reads_back(cells):
    rows = [[index, f"项{cell}"] for index, cell in enumerate(cells, start=1)]
    table = read(write_xlsx(["序号", "需求名称"], rows, "标题"))
    assert [row.values for row in table.rows] == [{"序号": number, "需求名称": text.strip()} for number, text in rows]
