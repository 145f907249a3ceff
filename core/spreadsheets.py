"""Tables as agencies hold them (xlsx, csv, jsonl) → rows with line numbers, and rows → safe xlsx and csv.

Reading refuses what is not a plain table with a reason a clerk can act on; it never runs anything that a file contains.
"""

import csv
import io
import json
import re
import unicodedata
import warnings as python_warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import PurePath
from xml.etree import ElementTree

import openpyxl
import puremagic
import xlsxwriter
from django.utils.translation import gettext as _
from openpyxl.utils import get_column_letter
from openpyxl.utils.cell import range_boundaries

from core.clock import BEIJING
from core.errors import DomainError
from core.markup import BrokenMarkup, DocumentTypeFound, read_markup
from core.packages import UNREADABLE_PACKAGE

MEGABYTE = 1024 * 1024
MAXIMUM_FILE_BYTES = 20 * MEGABYTE
MAXIMUM_UNPACKED_BYTES = 64 * MEGABYTE
MAXIMUM_PARTS = 2000
MAXIMUM_ROWS = 20_000
MAXIMUM_COLUMNS = 200
#: No field of ours is longer; a cell beyond this is a pasted document, not an entry.
MAXIMUM_CELL_CHARACTERS = 8_000
HEADING_SEARCH_ROWS = 20
EXTENSIONS = {".xlsx": "xlsx", ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_EXCEL_CELL_LIMIT = 32_767
_ERROR_VALUES = frozenset({"#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"})
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]|[\ud800-\udfff]")
_MERGE = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*\bref=\"([A-Z]{1,3}\d+:[A-Z]{1,3}\d+)\"")
_FORMULA_TAG = re.compile(rb"<(?:\w+:)?f[ />]")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


_BROKEN_PART: tuple[type[Exception], ...] = (*UNREADABLE_PACKAGE, BrokenMarkup)


class UnreadableFile(DomainError):
    """The file as a whole cannot be taken; nothing of it was read."""

    code = "unreadable_file"


@dataclass(frozen=True)
class CellNote:
    """Something about one cell or row, where the reader can find it: line as shown by Excel, column letter, heading."""

    line: int
    column: str
    heading: str
    message: str

    def __str__(self) -> str:
        place = _("第%d行") % self.line
        if self.column:
            place += _("%(column)s列“%(heading)s”") % {"column": self.column, "heading": self.heading}
        elif self.heading:
            place += f"“{self.heading}”"
        return f"{place}：{self.message}"


@dataclass
class Row:
    """One line of the table: values by heading (blank cells left out), and what is wrong with single cells."""

    line: int
    values: dict[str, object]
    errors: list[CellNote] = field(default_factory=list)
    warnings: list[CellNote] = field(default_factory=list)


@dataclass
class Table:
    """A file's table. `columns` maps a heading to its letter (empty for jsonl), `preamble` is the text above it."""

    kind: str
    headings: list[str]
    columns: dict[str, str]
    rows: list[Row]
    heading_line: int = 1
    sheet_name: str = ""
    preamble: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def clean_heading(value: object) -> str:
    """A heading on one line in half width: "预算金额\\n(万元)" and "预算金额（万元）" are the same."""
    text = unicodedata.normalize("NFKC", "" if value is None else str(value))
    return re.sub(r"\s+", "", text).replace("(", "（").replace(")", "）").strip("*:_ ")[:100]


# --- what kind of file -------------------------------------------------------------------------------------------


def _described(content: bytes) -> str:
    """What the bytes look like, for the message."""
    try:
        return puremagic.from_string(content[:4096]).lstrip(".") or _("未知格式")
    except (puremagic.PureError, ValueError):
        return _("未知格式")


def _kind_of(content: bytes, file_name: str) -> str:
    if not content:
        raise UnreadableFile(_("文件是空的，请选择含有数据的文件。"))
    if len(content) > MAXIMUM_FILE_BYTES:
        raise UnreadableFile(
            _("文件有 %(size).1f MB，超过上限 %(limit)d MB。请拆分后分次导入，或删去图片等内容。")
            % {"size": len(content) / MEGABYTE, "limit": MAXIMUM_FILE_BYTES // MEGABYTE}
        )
    extension = PurePath(file_name).suffix.lower()
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFile(
            _("这是旧版 Excel（.xls）或加了密码的文件。请在 Excel 或 WPS 中打开，去掉密码后另存为“.xlsx”再导入。")
        )
    is_zip = content.startswith(b"PK")
    expected = EXTENSIONS.get(extension)
    if expected is None and extension in (".xlsm", ".xltm", ".xlsb"):
        raise UnreadableFile(_("不接受带宏的工作簿（%s）。请另存为不含宏的“.xlsx”再导入。") % extension)
    if expected is None:
        raise UnreadableFile(
            _("不支持“%s”文件。请使用 .xlsx、.csv 或 .jsonl 文件。") % (extension or PurePath(file_name).name[:40])
        )
    if is_zip:
        if expected != "xlsx":
            raise UnreadableFile(
                _("文件扩展名是“%(extension)s”，内容却是 %(found)s。请确认选对了文件，或改正扩展名。")
                % {"extension": extension, "found": _described(content)}
            )
        return "xlsx"
    if expected == "xlsx":
        head = content[:512].lstrip().lower()
        found = (
            _("网页（HTML）") if head.startswith((b"<html", b"<!doctype", b"<table", b"<meta")) else _described(content)
        )
        raise UnreadableFile(
            _("文件扩展名是“.xlsx”，内容却是%s，不是 Excel 工作簿。请在 Excel 或 WPS 中打开后另存为“.xlsx”。") % found
        )
    if b"\x00" in content[:65536] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile(
            _("文件扩展名是“%(extension)s”，内容却不是文本（%(found)s）。请确认选对了文件。")
            % {"extension": extension, "found": _described(content)}
        )
    return expected


def _decoded(content: bytes) -> str:
    """UTF-8 (with or without mark), UTF-16 with mark, otherwise GB 18030."""
    encodings = ["utf-16"] if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableFile(_("文字编码无法识别。请用 UTF-8 或 GB 18030（GBK）编码另存后再导入。"))


# --- grids: every format becomes numbered lines of cells ---------------------------------------------------------


@dataclass
class _Grid:
    lines: list[tuple[int, list[object]]]
    sheet_name: str = ""
    formulas: frozenset[tuple[int, int]] = frozenset()
    filled: dict[tuple[int, int], object] = field(default_factory=dict)


def _too_many_rows() -> UnreadableFile:
    return UnreadableFile(_("数据超过 %d 行。请拆分后分次导入。") % MAXIMUM_ROWS)


def _delimiter_of(text: str) -> str:
    sample = "\n".join(text.splitlines()[:HEADING_SEARCH_ROWS])
    return max([",", "\t", ";", "|"], key=sample.count)


def _csv_grid(content: bytes) -> _Grid:
    text = _decoded(content)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter_of(text))
    lines: list[tuple[int, list[object]]] = []
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append((start, list(cells[:MAXIMUM_COLUMNS])))
            start = reader.line_num + 1
            if len(lines) > MAXIMUM_ROWS + HEADING_SEARCH_ROWS:
                raise _too_many_rows()
    except csv.Error as error:
        raise UnreadableFile(
            _("第%(line)d行附近不是规范的 CSV（%(error)s）。请检查引号是否成对，或改用 .xlsx。")
            % {"line": start, "error": error}
        ) from error
    return _Grid(lines)


def _checked_archive(content: bytes) -> zipfile.ZipFile:
    """The workbook's archive, after its real unpacked size was measured and document types were excluded."""
    if content.count(b"PK\x01\x02") > MAXIMUM_PARTS:
        raise UnreadableFile(_("工作簿中的部件过多，可能已损坏。请把数据复制到新的工作簿再导入。"))
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except UNREADABLE_PACKAGE as error:
        raise UnreadableFile(_("文件已损坏，无法打开。请在 Excel 或 WPS 中打开并另存后再导入。")) from error
    parts = archive.infolist()
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        raise UnreadableFile(_("这不是 Excel 工作簿（可能是 Word、WPS 文字或压缩包）。请选择 .xlsx 文件。"))
    if any(PurePath(name).name.lower() == "vbaproject.bin" for name in names):
        raise UnreadableFile(_("工作簿中有宏，不予接收。请另存为不含宏的“.xlsx”再导入。"))
    if any(part.flag_bits & 0x1 for part in parts):
        raise UnreadableFile(_("文件加了密码。请去掉密码后再导入。"))
    too_large = UnreadableFile(
        _("文件解压后超过 %d MB，可能已损坏或含有大量无用格式。请把数据复制到新的工作簿再导入。")
        % (MAXIMUM_UNPACKED_BYTES // MEGABYTE)
    )
    if len(parts) > MAXIMUM_PARTS or sum(part.file_size for part in parts) > MAXIMUM_UNPACKED_BYTES:
        raise too_large
    unpacked = 0
    for part in parts:
        try:
            with archive.open(part) as file:
                # The declared size may lie: count what really comes out.
                while chunk := file.read(MEGABYTE):
                    unpacked += len(chunk)
                    if unpacked > MAXIMUM_UNPACKED_BYTES:
                        raise too_large
            if part.filename.lower().endswith((".xml", ".rels", ".vml")):
                with archive.open(part) as file:
                    read_markup(file)
        except DocumentTypeFound:
            raise UnreadableFile(_("工作簿含有不允许的文档类型声明，不予接收。请另存为普通的“.xlsx”。")) from None
        except _BROKEN_PART as error:
            raise UnreadableFile(_("文件已损坏，无法打开。请在 Excel 或 WPS 中打开并另存后再导入。")) from error
    return archive


def _sheet_paths(archive: zipfile.ZipFile) -> dict[str, str]:
    """Sheet name → its part in the archive."""
    # Safe with the standard parser: `_checked_archive` refused every part with a document type or entity.
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    targets = {relation.get("Id"): relation.get("Target", "").lstrip("/").removeprefix("xl/") for relation in relations}
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314
    return {
        sheet.get("name", ""): "xl/" + targets.get(sheet.get(_RELATION), "")
        for sheet in book.iter()
        if sheet.tag.endswith("}sheet")
    }


def _cells_of(sheet) -> list[tuple[int, list[object]]]:
    sheet.reset_dimensions()
    lines: list[tuple[int, list[object]]] = []
    for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = list(values[:MAXIMUM_COLUMNS])
        if any(value is not None and value != "" for value in cells):
            lines.append((number, cells))
            if len(lines) > MAXIMUM_ROWS + HEADING_SEARCH_ROWS:
                raise _too_many_rows()
    return lines


def _merged_values(markup: bytes, lines: list[tuple[int, list[object]]]) -> dict[tuple[int, int], object]:
    """(line, column) → the value of the merged area's first cell, for every other cell of the area."""
    by_line = dict(lines)
    filled: dict[tuple[int, int], object] = {}
    for match in _MERGE.finditer(markup):
        left, top, right, bottom = range_boundaries(match[1].decode())
        first_line = by_line.get(top, [])
        value = first_line[left - 1] if left <= len(first_line) else None
        if value is None:
            continue
        for line in range(top, min(bottom, top + MAXIMUM_ROWS) + 1):
            if line not in by_line:
                continue
            for column in range(left, min(right, MAXIMUM_COLUMNS) + 1):
                if (line, column) != (top, left):
                    filled[line, column] = value
    return filled


def _xlsx_grids(content: bytes) -> list[_Grid]:
    """One grid per visible sheet that has any cell."""
    archive = _checked_archive(content)
    grids: list[_Grid] = []
    try:
        with python_warnings.catch_warnings():
            # openpyxl warns about extensions that it drops (data validation, slicers); none holds a value.
            python_warnings.simplefilter("ignore")
            paths = _sheet_paths(archive)
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
            formulas_book = None
            for sheet in book.worksheets:
                if sheet.sheet_state != "visible":
                    continue
                lines = _cells_of(sheet)
                if not lines:
                    continue
                path = paths.get(sheet.title, "")
                markup = archive.read(path) if path in archive.namelist() else b""
                grid = _Grid(lines, sheet.title, filled=_merged_values(markup, lines))
                if _FORMULA_TAG.search(markup):
                    formulas_book = formulas_book or openpyxl.load_workbook(
                        io.BytesIO(content), read_only=True, data_only=False, keep_links=False
                    )
                    # Cells with a formula but no stored result are blank here; they must be told apart from empty ones.
                    grid.formulas = frozenset(
                        (line, column)
                        for line, cells in _cells_of(formulas_book[sheet.title])
                        for column, value in enumerate(cells, start=1)
                        if (isinstance(value, str) and value.startswith("=")) or type(value).__name__ == "ArrayFormula"
                    )
                grids.append(grid)
            book.close()
            if formulas_book is not None:
                formulas_book.close()
    except DomainError:
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises many kinds for broken files; each means the same here
        raise UnreadableFile(_("工作簿内容已损坏，无法读取。请在 Excel 或 WPS 中打开并另存后再导入。")) from error
    if not grids:
        raise UnreadableFile(_("工作簿里没有数据。请确认数据在可见的工作表中。"))
    return grids


# --- values ------------------------------------------------------------------------------------------------------


def _value(raw: object) -> object:
    """A cell's value as text, number or date; None for a blank one."""
    if isinstance(raw, bool):
        return _("是") if raw else _("否")
    if isinstance(raw, str):
        text = _CONTROL.sub("", raw.replace("\r\n", "\n").replace("\r", "\n").replace("_x000D_", "")).strip()
        return text or None
    if isinstance(raw, time):
        return raw.isoformat(timespec="minutes")
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 1e15:
        return int(raw)
    return raw


def _take_cell(row: Row, column: str, heading: str, raw: object, is_formula: bool) -> None:
    """Put one cell into the row, or say what is wrong with it."""

    def error(message: str) -> None:
        row.errors.append(CellNote(row.line, column, heading, message))

    value = _value(raw)
    if is_formula:
        if value is None:
            error(_("单元格是公式，文件中没有它的计算结果。请把公式改为数值（复制后“选择性粘贴—数值”）。"))
            return
        row.warnings.append(
            CellNote(row.line, column, heading, _("单元格是公式，已采用文件中保存的计算结果，请核对。"))
        )
    if value is None:
        return
    if isinstance(value, str):
        if value in _ERROR_VALUES:
            error(_("单元格是错误值“%s”。请改正公式或直接填写内容。") % value)
            return
        if len(value) > MAXIMUM_CELL_CHARACTERS:
            error(
                _("内容有 %(length)d 字，超过单元格上限 %(limit)d 字。请精简，详细材料改为附件。")
                % {"length": len(value), "limit": MAXIMUM_CELL_CHARACTERS}
            )
            return
        if value.startswith("=") and not is_formula:
            error(_("内容以“=”开头，像是公式。请改为文字或数值。"))
            return
    row.values[heading] = value


# --- reading -----------------------------------------------------------------------------------------------------


def _heading_index(lines: Sequence[tuple[int, list[object]]], is_known: Callable[[str], bool]) -> tuple[int, int]:
    """Which of the first lines is the heading, and how many headings of it are known."""
    best, best_score = -1, 0
    for index, (_line, cells) in enumerate(lines[:HEADING_SEARCH_ROWS]):
        score = len({heading for heading in map(clean_heading, cells) if heading and is_known(heading)})
        if score > best_score:
            best, best_score = index, score
    if best >= 0:
        return best, best_score
    for index, (_line, cells) in enumerate(lines[:HEADING_SEARCH_ROWS]):
        if len([cell for cell in cells if isinstance(cell, str) and cell.strip()]) >= 2:
            return index, 0
    return 0, 0


def _headings_of(cells: Sequence[object], warnings: list[str]) -> list[str]:
    """Cleaned headings by column; repeated ones are numbered, so that no column is lost."""
    headings: list[str] = []
    for cell in cells:
        heading = clean_heading(cell)
        if heading and heading in headings:
            number = sum(1 for other in headings if other == heading or other.startswith(f"{heading}#")) + 1
            warnings.append(
                _("标题“%(heading)s”出现了%(number)d次，后面的一列记作“%(heading)s#%(number)d”。")
                % {"heading": heading, "number": number}
            )
            heading = f"{heading}#{number}"
        headings.append(heading)
    return headings


def _table_from_grid(grid: _Grid, kind: str, is_known: Callable[[str], bool], groups: Callable[[str], bool]) -> Table:
    heading_index, _score = _heading_index(grid.lines, is_known)
    heading_line, heading_cells = grid.lines[heading_index]
    heading_cells = [
        grid.filled.get((heading_line, column), cell) for column, cell in enumerate(heading_cells, start=1)
    ]
    table = Table(kind, [], {}, [], heading_line, grid.sheet_name)
    headings = _headings_of(heading_cells, table.warnings)
    table.headings = [heading for heading in headings if heading]
    table.columns = {heading: get_column_letter(column) for column, heading in enumerate(headings, start=1) if heading}
    table.preamble = [
        str(cell).strip() for _line, cells in grid.lines[:heading_index] for cell in cells if cell not in (None, "")
    ]
    above: dict[str, object] = {}
    for line, cells in grid.lines[heading_index + 1 :]:
        if [clean_heading(cell) for cell in cells[: len(headings)]] == headings[: len(cells)]:
            continue  # the heading again, as on every printed page
        row = Row(line, {})
        width = max(len(cells), len(headings))
        for column in range(1, width + 1):
            raw = cells[column - 1] if column <= len(cells) else None
            heading = headings[column - 1] if column <= len(headings) else ""
            merged = raw is None or raw == ""
            if merged and (line, column) in grid.filled:
                raw = grid.filled[line, column]
            if not heading:
                if _value(raw) is not None and not merged:
                    letter = get_column_letter(column)
                    row.warnings.append(CellNote(line, letter, "", _("该列没有标题，内容未导入。")))
                continue
            _take_cell(row, table.columns[heading], heading, raw, (line, column) in grid.formulas)
        if not row.values and not row.errors:
            continue
        for heading in table.headings:
            if groups(heading):
                if heading in row.values:
                    above[heading] = row.values[heading]
                elif heading in above:
                    row.values[heading] = above[heading]
        table.rows.append(row)
        if len(table.rows) > MAXIMUM_ROWS:
            raise _too_many_rows()
    return table


def _json_value(value: object) -> object:
    if isinstance(value, list):
        return "、".join(str(_json_value(item)) for item in value if item is not None) or None
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return value


def _lines_of_jsonl(content: bytes) -> Iterator[tuple[int, str]]:
    # Not splitlines(): JSON texts may hold U+2028 and other marks that it splits at.
    for number, line in enumerate(_decoded(content).split("\n"), start=1):
        if line.strip():
            yield number, line


def _read_jsonl(content: bytes) -> Table:
    table = Table("jsonl", [], {}, [])
    known: dict[str, None] = {}
    for number, line in _lines_of_jsonl(content):
        row = Row(number, {})
        table.rows.append(row)
        if len(table.rows) > MAXIMUM_ROWS:
            raise _too_many_rows()
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            row.errors.append(CellNote(number, "", "", _("这一行不是完整的 JSON。请检查引号、括号和逗号。")))
            continue
        if not isinstance(record, dict):
            row.errors.append(CellNote(number, "", "", _("这一行应是一个 JSON 对象（{…}），请改正。")))
            continue
        for key, raw in list(record.items())[:MAXIMUM_COLUMNS]:
            heading = clean_heading(key)
            if heading:
                known.setdefault(heading)
                _take_cell(row, "", heading, _json_value(raw), is_formula=False)
    if not table.rows:
        raise UnreadableFile(_("文件里没有数据。"))
    table.headings = list(known)
    return table


def read_table(
    content: bytes,
    file_name: str,
    *,
    is_known: Callable[[str], bool] = lambda heading: False,
    groups: Callable[[str], bool] = lambda heading: False,
) -> Table:
    """Read the table in an xlsx, csv or jsonl file.

    The heading is looked for among the first 20 lines: the one with most headings that `is_known` accepts. Merged
    cells take the value of their area; blank cells of columns that `groups` accepts take the value above. Raises
    UnreadableFile when nothing can be read; faults of single cells stand in their row's `errors`.
    """
    kind = _kind_of(content, file_name)
    if kind == "jsonl":
        return _read_jsonl(content)
    grids = _xlsx_grids(content) if kind == "xlsx" else [_csv_grid(content)]
    if not grids[0].lines:
        raise UnreadableFile(_("文件里没有数据。"))
    chosen = max(grids, key=lambda grid: _heading_index(grid.lines, is_known)[1])
    table = _table_from_grid(chosen, kind, is_known, groups)
    if len(grids) > 1:
        table.warnings.append(
            _("工作簿有%(count)d个含数据的工作表，只导入了“%(name)s”。其余请另存后分别导入。")
            % {"count": len(grids), "name": chosen.sheet_name}
        )
    if not table.rows:
        raise UnreadableFile(_("标题行（第%d行）下面没有数据。请补充数据后再导入。") % table.heading_line)
    return table


# --- writing -----------------------------------------------------------------------------------------------------


def _exported(value: object) -> object:
    """A value for a file: numbers stay numbers, moments become Beijing text, text loses control characters."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return f"{value.astimezone(BEIJING):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    return _CONTROL.sub("", str(value))


def escape_formula(value: object) -> object:
    """Text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP: CSV injection)."""
    if isinstance(value, str) and value.lstrip(" \u3000").startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def _sheet_title(title: str) -> str:
    return re.sub(r"[\[\]:*?/\\']", " ", title).strip()[:31] or "Sheet1"


def write_xlsx(headings: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> bytes:
    """A workbook with a title line (if any), a frozen heading line and the rows. Text never becomes a formula."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(
        buffer,
        {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False},
    )
    sheet = book.add_worksheet(_sheet_title(title))
    title_format = book.add_format({"bold": True, "font_size": 14, "align": "center", "valign": "vcenter"})
    heading_format = book.add_format(
        {"bold": True, "border": 1, "bg_color": "#E9EEF5", "text_wrap": True, "valign": "vcenter", "align": "center"}
    )
    cell_format = book.add_format({"border": 1, "text_wrap": True, "valign": "top"})
    line = 0
    if title:
        if len(headings) > 1:
            sheet.merge_range(0, 0, 0, len(headings) - 1, title[:_EXCEL_CELL_LIMIT], title_format)
        else:
            sheet.write_string(0, 0, title[:_EXCEL_CELL_LIMIT], title_format)
        sheet.set_row(0, 28)
        line = 1
    for column, heading in enumerate(headings):
        sheet.write_string(line, column, str(heading), heading_format)
    sheet.freeze_panes(line + 1, 0)
    sheet.repeat_rows(line)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    widths = [len(str(heading)) * 2 + 2 for heading in headings]
    for values in rows:
        line += 1
        for column, raw in enumerate(values):
            value = _exported(raw)
            if isinstance(value, str):
                sheet.write_string(line, column, value[:_EXCEL_CELL_LIMIT], cell_format)
            else:
                sheet.write_number(line, column, value, cell_format)
            if column < len(widths):
                widths[column] = max(widths[column], min(len(str(value)) * 2, 60))
    for column, width in enumerate(widths):
        sheet.set_column(column, column, min(width, 60))
    book.set_properties({"title": title})
    book.close()
    return buffer.getvalue()


def write_csv(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """UTF-8 with a byte order mark, as Excel and WPS need it to show Chinese; formulas are escaped."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow([escape_formula(str(heading)) for heading in headings])
    for values in rows:
        writer.writerow([escape_formula(_exported(value)) for value in values])
    return buffer.getvalue().encode("utf-8-sig")
