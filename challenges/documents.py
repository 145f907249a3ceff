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

from challenges.models import AnnualList, Challenge, Panel
from challenges.services.review import criteria_of
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


def review_document(panel: Panel) -> bytes:
    """The panel's report as docx: draw, seats with dissent, results, chair's summary. Names as the list's rule says."""
    document = _document(f"{panel.get_purpose_display()}报告")
    document.add_paragraph(str(panel.challenge))
    document.add_heading("一、专家抽取", level=2)
    document.add_paragraph(f"方法 {panel.method}；种子承诺 {panel.seed_commitment}；种子 {panel.seed}。")
    document.add_heading("二、评审指标", level=2)
    for row in criteria_of(panel):
        document.add_paragraph(f"{row['name']}：{row['weight']} 分", style="List Bullet")
    document.add_heading("三、评审结果", level=2)
    table = document.add_table(rows=1, cols=5, style="Table Grid")
    for cell, heading in zip(table.rows[0].cells, ("排序", "对象", "技术分", "报价分", "总分"), strict=True):
        cell.text = heading
    for result in panel.results.select_related("bid__organisation"):
        cells = table.add_row().cells
        subject = str(result.bid.organisation) if result.bid is not None else panel.challenge.title
        values = (result.rank, subject, result.technical, result.price or "—", result.total)
        for cell, value in zip(cells, values, strict=True):
            cell.text = str(value)
    document.add_heading("四、组长综合意见", level=2)
    document.add_paragraph(panel.summary or "—")
    document.add_heading("五、签署", level=2)
    for seat in panel.seats.filter(state="signed").select_related("expert").order_by("draw_position"):
        chair = "（组长）" if seat.is_chair else ""
        line = f"{seat.expert.name}{chair} {seat.expert.title} 签署摘要 {seat.signature}"
        document.add_paragraph(f"{line}；不同意见：{seat.dissent}" if seat.dissent else line)
    return _bytes(document)
