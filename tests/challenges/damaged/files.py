"""Files of every kind a bid may hold, damaged in many ways; each only makes a reader raise an error."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

WORD_PART, SHEET_PART = "word/document.xml", "xl/workbook.xml"
WORDS = b'<?xml version="1.0"?><w:document xmlns:w="x"><w:body><w:p>text</w:p></w:body></w:document>'
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
CENTRAL, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


def office(part: str = WORD_PART, *, content: bytes = WORDS, extra: dict[str, bytes] | None = None) -> bytes:
    """A sound small package."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as package:
        for name, data in {"[Content_Types].xml": b"<Types/>", part: content, **(extra or {})}.items():
            # The same bytes each time it is made: nothing of the clock is in it.
            package.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def patched(data: bytes, signature: bytes, offset: int, value: bytes, *, every: bool = True) -> bytes:
    """Bytes after each header of a kind replaced."""
    changed, place = bytearray(data), 0
    while (place := data.find(signature, place)) >= 0:
        changed[place + offset : place + offset + len(value)] = value
        place += len(signature)
        if not every:
            break
    return bytes(changed)


def both(data: bytes, central: int, local: int, value: bytes) -> bytes:
    return patched(patched(data, CENTRAL, central, value), LOCAL, local, value)


def broken_deflate(part: str = WORD_PART) -> bytes:
    """The deflated bytes of each member are noise; lengths stay."""
    data = bytearray(office(part))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as package:
        for row in package.infolist():
            start = row.header_offset + 30 + len(row.filename.encode())
            data[start : start + row.compress_size] = b"\xff" * row.compress_size
    return bytes(data)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(b"\0\xff\xff\xff"))
    + chunk(b"IEND", b"")
)


def _office_ways(part: str) -> dict[str, Callable[[], bytes]]:
    return {
        "asks for a newer zip version": lambda: both(office(part), 6, 4, struct.pack("<H", 255)),
        "asks for zip version 6.4": lambda: both(office(part), 6, 4, struct.pack("<H", 64)),
        "says it is encrypted": lambda: both(office(part), 8, 6, struct.pack("<H", 1)),
        "says it is strongly encrypted": lambda: both(office(part), 8, 6, struct.pack("<H", 0x41)),
        "says it is patched data": lambda: both(office(part), 8, 6, struct.pack("<H", 0x20)),
        "an unknown compression": lambda: both(office(part), 10, 8, struct.pack("<H", 97)),
        "bzip2 that is none": lambda: both(office(part), 10, 8, struct.pack("<H", 12)),
        "lzma that is none": lambda: both(office(part), 10, 8, struct.pack("<H", 14)),
        "stored that is deflated": lambda: both(office(part), 10, 8, struct.pack("<H", 0)),
        "broken deflate": lambda: broken_deflate(part),
        "wrong checksums": lambda: both(office(part), 16, 14, struct.pack("<I", 1)),
        "sizes of four gigabytes": lambda: both(office(part), 24, 22, struct.pack("<I", 0xFFFFFFFE)),
        "sizes of nothing": lambda: both(office(part), 24, 22, struct.pack("<I", 0)),
        "local headers elsewhere": lambda: patched(office(part), CENTRAL, 42, struct.pack("<I", 0x7FFFFFFF)),
        "local headers missing": lambda: patched(office(part), LOCAL, 0, b"XXXX"),
        "the directory elsewhere": lambda: patched(office(part), END, 16, struct.pack("<I", 0x7FFFFFFF)),
        "the directory before the beginning": lambda: patched(office(part), END, 12, struct.pack("<I", 0x7FFFFFFF)),
        "the directory short": lambda: patched(office(part), END, 12, struct.pack("<I", 10)),
        "no directory": lambda: office(part)[: office(part).index(CENTRAL)],
        "cut in the middle": lambda: office(part)[: len(office(part)) // 2],
        "names that are no UTF-8": lambda: patched(
            patched(office(part), CENTRAL, 8, struct.pack("<H", 0x800)), CENTRAL, 46, b"\xff\xfe"
        ),
        "names with NUL": lambda: patched(office(part), CENTRAL, 47, b"\0"),
        "extra fields too long": lambda: patched(office(part), CENTRAL, 30, struct.pack("<H", 0xFFFF)),
        "a comment that is not there": lambda: patched(office(part), END, 20, struct.pack("<H", 500)),
        "a date that is none": lambda: both(office(part), 12, 10, struct.pack("<HH", 0xFFFF, 0xFFFF)),
        "a disk of its own": lambda: patched(office(part), END, 4, struct.pack("<HH", 7, 7)),
        "markup that is none": lambda: office(part, content=b"<w:document><w:body>"),
        "markup not UTF-8": lambda: office(part, content=b"\xff\xfe\x00" * 40),
        "properties that are no markup": lambda: office(part, extra={"docProps/core.xml": b"<a"}),
        "properties that name a DOCTYPE": lambda: office(
            part, extra={"docProps/core.xml": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}
        ),
        "two parts of one name": lambda: office(part) + office(part),
        "no main part": lambda: office("other.xml"),
        "macros": lambda: office(part, extra={"word/vbaProject.bin": b"x"}),
        "2,001 parts": lambda: office(part, extra={f"p{number}": b"" for number in range(2_001)}),
    }


def _pdf_ways() -> dict[str, Callable[[], bytes]]:
    return {
        "only its first line": lambda: b"%PDF-1.7\n",
        "cut in the middle": lambda: PDF[: len(PDF) // 2],
        "a cross reference to nowhere": lambda: PDF + b"startxref\n99999999\n%%EOF",
        "a cross reference below nothing": lambda: PDF + b"startxref\n-5\n%%EOF",
        "a cross reference of superscripts": lambda: PDF + "startxref\n²²\n%%EOF".encode(),
        "a root that is a number": lambda: PDF.replace(b"/Root 1 0 R", b"/Root 17"),
        "a root that is missing": lambda: PDF.replace(b"/Root 1 0 R", b"/Rot 1 0 R"),
        "pages that are a text": lambda: PDF.replace(b"/Pages 2 0 R", b"/Pages (x)"),
        "information that is a list": lambda: PDF.replace(b"trailer<<", b"trailer<</Info [1 2]"),
        "an author that is a number": lambda: PDF.replace(b"trailer<<", b"trailer<</Info <</Author 17>>"),
        "an author of half a character": lambda: PDF.replace(b"trailer<<", b"trailer<</Info <</Author <FEFFD800>>>"),
        "encrypted by nobody": lambda: PDF.replace(b"trailer<<", b"trailer<</Encrypt <</Filter/None>>"),
        "encrypted by a number": lambda: PDF.replace(b"trailer<<", b"trailer<</Encrypt 7"),
        "noise": lambda: b"%PDF-1.4\n" + bytes(range(256)) * 20,
        "a stream that is no deflate": lambda: PDF.replace(
            b"trailer", b"4 0 obj<</Filter/FlateDecode/Length 4>>stream\nabcd\nendstream endobj\ntrailer"
        ),
        "a number of 5,000 digits": lambda: PDF.replace(b"/Count 1", b"/Count " + b"9" * 5000),
        "names not UTF-8": lambda: PDF.replace(b"/Catalog", b"/Cat\xff\xfelog"),
    }


def _picture_ways() -> dict[str, tuple[str, Callable[[], bytes]]]:
    return {
        "png cut after its head": ("图.png", lambda: PNG[:12]),
        "png with wrong checksums": ("图.png", lambda: PNG.replace(PNG[29:33], b"\0\0\0\0")),
        "png of no size": ("图.png", lambda: PNG.replace(struct.pack(">II", 1, 1), bytes(8))),
        "png of two gigapixels": ("图.png", lambda: PNG.replace(struct.pack(">II", 1, 1), b"\x7f\xff\xff\xff" * 2)),
        "png with broken deflate": ("图.png", lambda: PNG[:45] + b"\xff" * 8 + PNG[53:]),
        "jpeg of three bytes": ("图.jpg", lambda: b"\xff\xd8\xff"),
        "jpeg of noise": ("图.jpg", lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 4),
        "a file of nothing": ("空.pdf", lambda: b""),
        "a file of no ending": ("方案", lambda: PDF),
        "a file of another ending": ("方案.exe", lambda: b"MZ" + bytes(100)),
        "a zip named zip": ("方案.zip", lambda: office()),
        "a pdf named docx": ("方案.docx", lambda: PDF),
        "a docx named xlsx": ("方案.xlsx", lambda: office()),
        "a docx named pdf": ("方案.pdf", lambda: office()),
        "a page named pdf": ("方案.pdf", lambda: b"<html></html>" * 10),
    }


def damaged_files() -> dict[str, tuple[str, Callable[[], bytes]]]:
    """Name of the way → (file name, its bytes)."""
    ways: dict[str, tuple[str, Callable[[], bytes]]] = {}
    ways |= {f"docx: {way}": ("方案.docx", make) for way, make in _office_ways(WORD_PART).items()}
    ways |= {f"xlsx: {way}": ("预算.xlsx", make) for way, make in _office_ways(SHEET_PART).items()}
    ways |= {f"pdf: {way}": ("方案.pdf", make) for way, make in _pdf_ways().items()}
    return ways | _picture_ways()
