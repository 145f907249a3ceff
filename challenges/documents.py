"""Word and PDF forms of lists and review reports, for people who work with paper beside the browser."""

import importlib
import io
from collections.abc import Sequence
from typing import Any

from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from docx import Document
from docx.oxml.ns import qn
from docx.shared import Pt

from challenges.models import AnnualList, Challenge
from core.clock import BEIJING
from core.errors import DomainError
from core.money import format_fen

BODY_FONT = "宋体"


def _document(title: str) -> Any:
    document = Document()
    style = document.styles["Normal"]
    style.font.name, style.font.size = BODY_FONT, Pt(12)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), BODY_FONT)
    document.add_heading(title, level=0)
    return document


def _bytes(document: Any) -> bytes:
    sink = io.BytesIO()
    document.save(sink)
    return sink.getvalue()


def facts_of(item: Challenge) -> list[tuple[str, str]]:
    """Label and value of one item, as every document prints them."""
    deadline = item.deadline_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M") if item.deadline_at else ""
    return [
        ("需求单位", str(item.demander)),
        ("背景与关键技术问题", item.background),
        ("研究内容", item.content),
        ("考核指标", "；".join(f"{row}（{row.method}）" for row in item.indicators.all())),
        ("预期成果", item.expected_result),
        ("产权归属", item.intellectual_property),
        ("对揭榜方的条件", item.eligibility_conditions or "无"),
        ("财政资助上限", format_fen(item.grant_cap_fen) if item.grant_cap_fen is not None else "—"),
        ("实施周期", f"{item.duration_months} 个月" if item.duration_months else "—"),
        ("揭榜截止", f"{deadline}（北京时间）"),
        ("联系方式", f"{item.public_contact_office} {item.public_contact_phone}".strip()),
    ]


def list_document(annual_list: AnnualList, items: Sequence[Challenge]) -> bytes:
    """The list as docx."""
    document = _document(annual_list.title)
    if annual_list.foreword:
        document.add_paragraph(annual_list.foreword)
    for item in items:
        document.add_heading(f"{item.code} {item.title}", level=2)
        table = document.add_table(rows=0, cols=2, style="Table Grid")
        for label, value in facts_of(item):
            cells = table.add_row().cells
            cells[0].text, cells[1].text = label, value
    return _bytes(document)


def pdf_from(annual_list: AnnualList, items: Sequence[Challenge]) -> bytes:
    """The list as PDF, typeset with embedded Chinese fonts."""
    html = render_to_string(
        "challenges/list_pdf.html",
        {"list": annual_list, "items": [(item, facts_of(item)) for item in items]},
    )
    return pdf_of(html)


class PdfUnavailable(DomainError):
    code = "pdf_unavailable"
    status = 503


def pdf_of(html: str) -> bytes:
    """Typeset one page of markup. Pango is a system library: where it is missing, Word and print still work."""
    try:
        weasyprint = importlib.import_module("weasyprint")
    except OSError:
        raise PdfUnavailable(_("服务器没有安装 PDF 排版组件，请下载 Word 版，或在打印页面另存为 PDF。")) from None
    return weasyprint.HTML(string=html).write_pdf()
