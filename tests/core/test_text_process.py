"""Whatever an upload holds, reading it costs 300 MB and ten seconds at most, elsewhere, and is never an error."""

import io
import random
import subprocess
import sys
import time
import zipfile

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from core import attachment_text, text_process
from core.attachment_text import UNREADABLE, personal_numbers_in, text_of
from core.errors import InvalidInput
from core.markup import BrokenMarkup, DocumentTypeFound, read_markup
from core.spreadsheets import UnreadableFile, read_table

pytestmark = pytest.mark.unit

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PDF = "application/pdf"
MEGABYTE = 1 << 20


def package(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return buffer.getvalue()


def word(body: str, encoding: str = "utf-8", head: str = "") -> bytes:
    text = f'<?xml version="1.0" encoding="{encoding}"?>{head}<w:document xmlns:w="w"><w:p>{body}</w:p></w:document>'
    return package({"[Content_Types].xml": b"<x/>", "word/document.xml": text.encode(encoding)})


def pdf(text: str) -> bytes:
    writer = PdfWriter()
    page = writer.add_blank_page(200, 200)
    font = DictionaryObject(
        {
            NameObject(f"/{key}"): NameObject(f"/{name}")
            for key, name in (("Type", "Font"), ("Subtype", "Type1"), ("BaseFont", "Helvetica"))
        }
    )
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
    )
    stream = DecodedStreamObject()
    stream.set_data(f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode("ascii"))
    page[NameObject("/Contents")] = writer._add_object(stream)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def damaged(content: bytes, at: int, length: int = 8) -> bytes:
    return content[:at] + bytes(byte ^ 0x5A for byte in content[at : at + length]) + content[at + length :]


def test_words_of_sound_files_are_found():
    assert text_of(word("<w:t>联系人</w:t><w:t> 13905310001</w:t>"), WORD) == "联系人 13905310001\n"
    assert "Phone 13905310001" in (text_of(pdf("Phone 13905310001"), PDF) or "")
    assert personal_numbers_in(pdf("13905310001"), PDF) == ["手机号码 139******01"]
    sheet = package(
        {"xl/workbook.xml": b"<x/>", "xl/sharedStrings.xml": "<sst><si><t>甲 &amp; 乙</t></si></sst>".encode()}
    )
    assert text_of(sheet, SHEET) == "甲 & 乙\n"


def memory_of_reader(content: bytes, content_type: str) -> int:
    """Most bytes that the reading process ever held, as Linux counted them."""
    program = (
        "import sys; from core import text_process as t; t.main();"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, content_type], input=content, capture_output=True, timeout=60, check=True
    )
    return int(done.stderr) * 1024


@pytest.mark.parametrize("megabytes", [50, 190, 400])
def test_a_large_text_is_read_within_the_limits(megabytes):
    """Seven times the unpacked size before, in the web process itself; now a stream."""
    piece = "<w:p><w:r><w:t>" + "数字化场景" * 200 + "</w:t></w:r></w:p>"
    count = megabytes * MEGABYTE // len(piece.encode())
    content = word("</w:p>" + piece * count + "<w:p>")
    begun = time.monotonic()
    assert personal_numbers_in(content, WORD) == ([] if megabytes < 200 else [UNREADABLE])
    assert time.monotonic() - begun <= 11
    assert memory_of_reader(content, WORD) <= 300 * MEGABYTE


def test_what_cannot_be_streamed_ends_with_the_limits_and_is_marked():
    """One name of 180 MB is neither text nor an end: the reader gives up, the platform says that it was not read."""
    content = package({"word/document.xml": b"<" + b"a" * (180 * MEGABYTE) + b"/>"})
    begun = time.monotonic()
    assert personal_numbers_in(content, WORD) == [UNREADABLE]
    assert time.monotonic() - begun <= 12


def test_a_reader_that_does_not_come_back_is_given_up(monkeypatch):
    monkeypatch.setattr(attachment_text, "SECONDS", 0.3)
    monkeypatch.setattr(attachment_text, "_START", "import time; time.sleep(60)")
    begun = time.monotonic()
    assert personal_numbers_in(pdf("x"), PDF) == [UNREADABLE]
    assert time.monotonic() - begun < 5


def test_the_process_limits_itself_and_imports_no_django():
    program = (
        "import resource, sys; sys.path.insert(0, '.'); from core import text_process as t; t.limit_this_process();"
        "print(resource.getrlimit(resource.RLIMIT_AS)[1], resource.getrlimit(resource.RLIMIT_CPU)[1],"
        "any(name.startswith('django') for name in sys.modules))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert said.split() == [str(300 * MEGABYTE), "10", "False"]


DOCTYPE = "<!DOCTYPE w:document>"
ENCODINGS = ["utf-8", "utf-16", "iso-8859-1"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_document_type_is_found_in_every_encoding_that_is_read(encoding):
    with pytest.raises(InvalidInput) as refusal:
        text_of(word("", encoding, DOCTYPE), WORD)
    assert "文档类型声明" in refusal.value.fields["file"][0]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32", "utf-32-le", "cp037", "cp500", "utf-7", "cp1026"])
def test_markup_in_an_encoding_that_office_does_not_write_is_not_read(encoding):
    assert text_of(word("", encoding, DOCTYPE), WORD) is None
    with pytest.raises((BrokenMarkup, DocumentTypeFound)):
        read_markup(io.BytesIO(f'<?xml version="1.0" encoding="{encoding}"?>{DOCTYPE}<a/>'.encode(encoding)))


def workbook(part: str, content: bytes) -> bytes:
    parts = {
        "[Content_Types].xml": b"<Types/>",
        "xl/workbook.xml": b"<workbook/>",
        "xl/_rels/workbook.xml.rels": b"<Relationships/>",
        "xl/worksheets/sheet1.xml": b"<worksheet/>",
    }
    return package(parts | {part: content})


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels", "a/B.XML"]
)
@pytest.mark.parametrize("encoding", [*ENCODINGS, "utf-32", "cp037"])
def test_an_imported_workbook_with_a_document_type_is_refused_in_every_encoding(part, encoding):
    content = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a><a/>'.encode(encoding)
    with pytest.raises(UnreadableFile):
        read_table(workbook(part, content), "表.xlsx")


def test_damaged_files_are_refused_or_marked_and_raise_nothing_else():
    """Two hundred changed and shortened files, the same every time."""
    chance = random.Random(11)
    sound = {
        WORD: word("<w:t>" + "".join(chance.choice("甲乙丙丁") for _ in range(3000)) + "</w:t>"),
        PDF: pdf("x" * 500),
    }
    outcomes = set()
    for content_type, content in sound.items():
        for turn in range(40):
            at = chance.randrange(len(content))
            odd = damaged(content, at) if turn % 2 else content[:at]
            code, text = text_process.judged(odd, content_type)
            assert code in (text_process.READ, text_process.UNREADABLE, text_process.DAMAGED)
            assert (text == "") or code == text_process.READ
            outcomes.add((content_type, code))
            with pytest.raises(UnreadableFile):
                read_table(odd, "表.xlsx")
    assert {(WORD, text_process.DAMAGED), (PDF, text_process.UNREADABLE)} <= outcomes


def newer(content: bytes) -> bytes:
    """The same package, saying that a later version of zip is needed to read it."""
    found = bytearray(content)
    at = content.index(b"PK\x01\x02")
    found[at + 6] = 99
    return bytes(found)


@pytest.mark.parametrize("change", [newer, lambda content: damaged(content, len(content) // 2, 40)])
def test_packages_of_a_later_version_or_with_broken_content_are_refused_in_words(change):
    content = change(word("<w:t>" + "甲" * 5000 + "</w:t>"))
    code, _text = text_process.judged(content, WORD)
    assert code in (text_process.UNREADABLE, text_process.DAMAGED)
    with pytest.raises(UnreadableFile):
        read_table(
            change(workbook("xl/worksheets/sheet1.xml", b"<worksheet>" + b"x" * 4000 + b"</worksheet>")), "表.xlsx"
        )


def test_a_table_of_contents_with_very_many_entries_is_not_unfolded():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for number in range(2100):
            made.writestr(f"xl/{number}", b"")
    with pytest.raises(UnreadableFile, match="部件过多"):
        read_table(buffer.getvalue(), "表.xlsx")
