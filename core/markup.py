"""Markup inside Office files, read as a stream by a parser that knows no document types (OWASP: XML external entities).

Django-free: `core.text_process` reads uploads with it in a process of its own.
"""

from collections.abc import Callable
from typing import IO
from xml.parsers import expat

PIECE_BYTES = 256 * 1024


class DocumentTypeFound(Exception):
    """The part declares a document type: Office never writes one, and entities are made of them."""


class BrokenMarkup(Exception):
    """Not XML, or in an encoding that Office does not write (it may use UTF-8 and UTF-16)."""


def read_markup(
    part: IO[bytes],
    *,
    on_text: Callable[[str], None] | None = None,
    on_end: Callable[[str], None] | None = None,
) -> None:
    """Parse a part piece by piece. `on_text` gets its characters, `on_end` the full name of each element that ends.

    The parser itself finds the declaration, so it is found in every encoding that the parser reads at all; an encoding
    it does not know (UTF-32, EBCDIC) is broken markup. Raises DocumentTypeFound, BrokenMarkup, and what `part` raises.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_declaration: object) -> None:
        raise DocumentTypeFound

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    if on_text is not None:
        parser.CharacterDataHandler = on_text
    if on_end is not None:
        parser.EndElementHandler = on_end
    try:
        while piece := part.read(PIECE_BYTES):
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise BrokenMarkup(str(error)) from error
