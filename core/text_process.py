"""`python -m core.text_process TYPE`: the words of one file, read in a process that can be given up.

The file comes on standard input, its words go to standard output as UTF-8. Whatever a file does to its reader, it does
within `MEMORY_BYTES` and `CPU_SECONDS`, set by this process for itself before it reads (so that nothing is forked with
threads beside it), and to nobody else. Imports nothing of Django: it starts within some 50 ms.

Exit codes: 0 read, 3 cannot be read (encrypted, damaged, too much), 4 declares a document type, 5 damaged container.
"""

import io
import re
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from core.markup import BrokenMarkup, DocumentTypeFound, read_markup

if sys.platform == "linux":
    import resource

READ, UNREADABLE, DOCUMENT_TYPE, DAMAGED = 0, 3, 4, 5
MEMORY_BYTES = 300 << 20
CPU_SECONDS = 10
LONGEST_TEXT = 2_000_000
MOST_PAGES = 500
MOST_UNPACKED_BYTES = 200 << 20
_TEXT_PARTS = re.compile(
    r"^(word/(document|header\d*|footer\d*|footnotes|endnotes|comments)"
    r"|xl/(sharedStrings|worksheets/[^/]+|comments\d*))\.xml$",
    re.IGNORECASE,
)
_MARKUP_PARTS = re.compile(r"\.(xml|rels|vml)$", re.IGNORECASE)
#: Elements after which a line ends, without the prefix of their namespace.
_BREAKS = frozenset({"p", "tc", "row", "si", "c", "v"})


class Enough(Exception):
    """As much text as is looked at."""


class Text:
    """Pieces of text up to `LONGEST_TEXT` characters."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.size = 0

    def add(self, piece: str) -> None:
        self.pieces.append(piece[: LONGEST_TEXT - self.size])
        self.size += len(self.pieces[-1])

    @property
    def is_full(self) -> bool:
        return self.size >= LONGEST_TEXT


def limit_this_process() -> None:
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class _Counted:
    """A part of a package that counts what really comes out of it: the declared size may lie."""

    def __init__(self, part: IO[bytes], count: Callable[[int], None]) -> None:
        self.part, self.count = part, count

    def read(self, size: int) -> bytes:
        piece = self.part.read(size)
        self.count(len(piece))
        return piece


class TooMuch(Exception):
    """More comes out of the package than an Office file holds."""


def office_text(content: bytes) -> str:
    """The words of a docx or xlsx, and every part of markup checked. Raises what `judged` names."""
    text, unpacked = Text(), 0

    def count(size: int) -> None:
        nonlocal unpacked
        unpacked += size
        if unpacked > MOST_UNPACKED_BYTES:
            raise TooMuch

    def take(piece: str) -> None:
        if not text.is_full:
            text.add(piece)

    def end(name: str) -> None:
        if name.rpartition(":")[2] in _BREAKS:
            take("\n")

    with zipfile.ZipFile(io.BytesIO(content)) as package:
        for entry in package.infolist():
            if not _MARKUP_PARTS.search(entry.filename):
                continue
            has_text = bool(_TEXT_PARTS.match(entry.filename))
            with package.open(entry) as part:
                counted = _Counted(part, count)
                if has_text:
                    read_markup(counted, on_text=take, on_end=end)  # type: ignore[arg-type]  # only `read` is used
                else:
                    read_markup(counted)  # type: ignore[arg-type]
    return "".join(text.pieces)


def pdf_text(content: bytes) -> str | None:
    """The words of a PDF; None when it is encrypted."""
    from pypdf import PdfReader  # noqa: PLC0415 - a third of the start-up, and only PDFs need it

    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted:
        return None
    text = Text()
    for page in _first_pages(reader.pages):
        text.add((page.extract_text() or "") + "\n")
        if text.is_full:
            break
    return "".join(text.pieces)


def _first_pages(pages: Iterable[Any]) -> Iterator[Any]:
    for number, page in enumerate(pages):
        if number >= MOST_PAGES:
            return
        yield page


def judged(content: bytes, content_type: str) -> tuple[int, str]:
    """(exit code, text)."""
    try:
        text = pdf_text(content) if content_type == "application/pdf" else office_text(content)
    except DocumentTypeFound:
        return DOCUMENT_TYPE, ""
    except (MemoryError, RecursionError, TooMuch):
        return UNREADABLE, ""
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError):
        return (UNREADABLE if content_type == "application/pdf" else DAMAGED), ""
    except (NotImplementedError, RuntimeError, BrokenMarkup):
        # A compression that nobody here knows, a password, markup that is none.
        return UNREADABLE, ""
    except Exception:  # noqa: BLE001 - what a broken PDF raises is not one type; whatever it is, the file was not read
        return UNREADABLE, ""
    return (UNREADABLE, "") if text is None else (READ, text)


def main() -> int:
    limit_this_process()
    try:
        code, text = judged(sys.stdin.buffer.read(), sys.argv[1])
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))
        sys.stdout.buffer.flush()
    except MemoryError:
        return UNREADABLE
    return code


if __name__ == "__main__":
    sys.exit(main())
