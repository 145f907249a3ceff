"""Facts of an opened challenge that may point to collusion (招标投标法实施条例 40). Pure; a person judges, never this.

Every function returns pairs or groups of bids with the fact in words, so that the supervisor can check it.
"""

import io
import itertools
import logging
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from django.utils.translation import gettext as _
from pypdf import PdfReader

logger = logging.getLogger("marketplace.sealing")

SHINGLE = 5
#: Share of common shingles from which two texts count as nearly the same.
TEXT_FLOOR = 0.8
SHORTEST_TEXT = 60
#: Relative difference below which two gaps between prices count as equal.
GAP_TOLERANCE = 0.001
PRICES_FOR_GAPS = 3
_CORE_PART = "docProps/core.xml"
_AUTHOR_TAGS = (
    "{http://purl.org/dc/elements/1.1/}creator",
    "{http://schemas.openxmlformats.org/package/2006/metadata/core-properties}lastModifiedBy",
)
#: Names that office programs write for everybody.
_NOBODY = frozenset({"", "user", "admin", "administrator", "microsoft office user", "python-docx", "openpyxl"})


@dataclass(frozen=True)
class Hint:
    """A kind (`SuspicionHint.kind`), the bids it concerns, and the fact in words."""

    kind: str
    bids: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Traces:
    """What is known of one opened bid."""

    bid: str
    device: str = ""
    address: str = ""
    authors: frozenset[str] = frozenset()
    text: str = ""
    people: frozenset[str] = frozenset()
    price_fen: int | None = None


def authors_of(content: bytes, name: str) -> frozenset[str]:
    """Author names in an Office or PDF file's properties; empty where there are none or the file cannot be read."""
    ending = name.rsplit(".", 1)[-1].lower()
    try:
        found = _pdf_authors(content) if ending == "pdf" else _office_authors(content)
    except Exception as error:  # noqa: BLE001 - what a damaged file raises is not one kind; it has no author to compare
        logger.info("no author can be read from a file: %s", type(error).__qualname__)
        return frozenset()
    return frozenset(author.strip() for author in found if author.strip().lower() not in _NOBODY)


def _office_authors(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        if _CORE_PART not in package.namelist() or package.getinfo(_CORE_PART).file_size > 1 << 20:
            return []
        root = ElementTree.fromstring(package.read(_CORE_PART))  # noqa: S314 - size-limited; expat refuses entity bombs
    return [element.text or "" for tag in _AUTHOR_TAGS for element in root.iter(tag)]


def _pdf_authors(content: bytes) -> list[str]:
    metadata = PdfReader(io.BytesIO(content)).metadata
    return [str(metadata.author or "")] if metadata is not None else []


def _shared(kind: str, traces: Sequence[Traces], values: Mapping[str, frozenset[str]], words: str) -> list[Hint]:
    groups: dict[str, list[str]] = {}
    for trace in traces:
        for value in values[trace.bid]:
            if value:
                groups.setdefault(value, []).append(trace.bid)
    return [
        Hint(kind, tuple(bids), words % {"value": value}) for value, bids in sorted(groups.items()) if len(bids) > 1
    ]


def shingles(text: str) -> frozenset[str]:
    """Runs of five characters, without spaces."""
    packed = "".join(text.split())
    return frozenset(packed[start : start + SHINGLE] for start in range(len(packed) - SHINGLE + 1))


def similarity(left: str, right: str) -> float:
    """Share of common shingles, 0 to 1; texts too short to judge give 0."""
    if min(len(left), len(right)) < SHORTEST_TEXT:
        return 0.0
    first, second = shingles(left), shingles(right)
    return len(first & second) / len(first | second) if first | second else 0.0


def price_hints(traces: Sequence[Traces]) -> list[Hint]:
    """Equal prices, and three or more prices whose gaps are all equal."""
    priced = sorted(
        ((trace.price_fen, trace.bid) for trace in traces if trace.price_fen), key=lambda row: (row[0] or 0, row[1])
    )
    hints = [
        Hint("price", (left[1], right[1]), _("报价完全相同。"))
        for left, right in itertools.pairwise(priced)
        if left[0] == right[0]
    ]
    gaps = [int(right[0] or 0) - int(left[0] or 0) for left, right in itertools.pairwise(priced)]
    if len(priced) >= PRICES_FOR_GAPS and min(gaps) > 0 and max(gaps) - min(gaps) <= GAP_TOLERANCE * max(gaps):
        hints.append(
            Hint(
                "price",
                tuple(bid for _price, bid in priced),
                _("报价呈等差，相邻相差 %.2f 万元。") % (gaps[0] / 1_000_000),
            )
        )
    return hints


def hints_of(traces: Sequence[Traces]) -> list[Hint]:
    """Every fact found among the bids of one challenge."""
    found = _shared("device", traces, {trace.bid: frozenset({trace.device}) for trace in traces}, _("由同一设备提交。"))
    found += _shared(
        "address", traces, {trace.bid: frozenset({trace.address}) for trace in traces}, _("由同一网络地址提交。")
    )
    found += _shared("author", traces, {trace.bid: trace.authors for trace in traces}, _("附件作者均为“%(value)s”。"))
    found += _shared("person", traces, {trace.bid: trace.people for trace in traces}, _("项目人员中均有“%(value)s”。"))
    for left, right in itertools.combinations(traces, 2):
        share = similarity(left.text, right.text)
        if share >= TEXT_FLOOR:
            found.append(Hint("text", (left.bid, right.bid), _("技术方案文字重合 %d%%。") % round(share * 100)))
    return found + price_hints(traces)
