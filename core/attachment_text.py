"""The words in an uploaded file, so that personal numbers are found before it is published (V18)."""

import io
import re
import zipfile
from xml.sax.saxutils import unescape

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from core.personal_information import LABELS, scan

LONGEST_TEXT = 2_000_000
MOST_PAGES = 500
_OFFICE_TEXT_PARTS = re.compile(
    r"^(word/(document|header\d*|footer\d*|footnotes|comments)|xl/(sharedStrings|worksheets/[^/]+|comments\d*))\.xml$"
)
_BREAKS = re.compile(r"</(?:w:p|w:tc|row|si|c|v)>")
_MARKS = re.compile(r"<[^>]+>")
UNREADABLE = "unreadable"


def text_of(content: bytes, content_type: str) -> str | None:
    """Text of a PDF, Word or Excel file; "" for an image; None when it cannot be read (encrypted or broken)."""
    if content_type.startswith("image/"):
        return ""
    if content_type == "application/pdf":
        return _pdf_text(content)
    return _office_text(content)


def _pdf_text(content: bytes) -> str | None:
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted:
            return None
        return "\n".join(page.extract_text() or "" for page in reader.pages[:MOST_PAGES])[:LONGEST_TEXT]
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # What a broken PDF raises is not one type; whatever it is, the file could not be read.
        return None


def _office_text(content: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = [name for name in package.namelist() if _OFFICE_TEXT_PARTS.match(name)]
            markup = "\n".join(package.read(name).decode("utf-8", "replace") for name in parts)
    except (zipfile.BadZipFile, RuntimeError):
        return None
    return unescape(_MARKS.sub("", _BREAKS.sub("\n", markup)))[:LONGEST_TEXT]


def personal_numbers_in(content: bytes, content_type: str) -> list[str]:
    """Kinds and masked numbers found, in words; [UNREADABLE] when the file cannot be read."""
    text = text_of(content, content_type)
    if text is None:
        return [UNREADABLE]
    found = [f"{LABELS[finding.kind]} {finding.masked}" for finding in scan(text)]
    return list(dict.fromkeys(found))[:20]
