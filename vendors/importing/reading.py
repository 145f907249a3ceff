"""A file → a plan of capabilities: values, faults, and what could not be resolved. Nothing is written here."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Organisation
from core.errors import DomainError
from core.importing import (
    ERROR,
    WARNING,
    HeadingMap,
    PlannedRow,
    ReportEntry,
    TableReader,
    as_text,
    map_headings,
    named_defaults,
    plain_name,
    plan_notes,
    refuse_headings_without_name,
)
from core.models import Region
from core.money import UnreadableAmount, parse_amount
from core.spreadsheets import Row, Table, clean_heading, read_table
from core.unified_code import normalise, problem_with
from vendors.importing.headings import CAPABILITY_FIELDS
from vendors.models import Capability

_PUBLIC_TEXTS = ("title", "summary", "description", "scenarios_of_use", "technical_features", "price_text")
_LIST_MARKS = re.compile(r"[、,，;；/\n]+")


@dataclass
class CapabilityPlan(PlannedRow):
    """A capability to be, with the regions it serves."""

    regions: Sequence[Region] = ()


@dataclass
class ImportPlan:
    """Everything a file would do."""

    table: Table
    headings: HeadingMap
    rows: list[CapabilityPlan]
    notes: list[str]

    @property
    def entries(self) -> list[ReportEntry]:
        return [entry for row in self.rows for entry in row.entries]

    @property
    def accepted(self) -> list[CapabilityPlan]:
        return [row for row in self.rows if not row.is_rejected]


class _RowReader(TableReader):
    def read(self, row: Row) -> CapabilityPlan:
        plan = CapabilityPlan(row.line)
        self.note_cells(plan, row)
        found = self.found(row)
        for name in ("description", "scenarios_of_use", "technical_features"):
            plan.values[name] = as_text(found.get(name))
        plan.values["summary"] = self.limited(plan, "summary", as_text(found.get("summary")))
        self._title(plan, found)
        vendor = as_text(found.get("vendor_named_in_text")) or as_text(found.get("vendor_text"))
        plan.values["vendor_text"] = self.limited(plan, "vendor_text", vendor)
        code = as_text(found.get("unified_code"))
        if code and (problem := problem_with(normalise(code))):
            self.note(plan, "unified_code", ERROR, problem)
        self._classification(plan, found)
        self._regions(plan, as_text(found.get("service_regions")))
        self._price(plan, found.get("price_text"))
        number = as_text(found.get("external_number")) or as_text(found.get("record_id"))
        plan.values["external_number"] = self.limited(plan, "external_number", number)
        plan.values["source_url"] = self.web_address(plan, as_text(found.get("source_url")))
        self.note_personal_information(plan, _PUBLIC_TEXTS)
        return plan

    def _title(self, plan: CapabilityPlan, found: Mapping[str, Any]) -> None:
        title = re.sub(r"\s+", " ", as_text(found.get("title"))).strip()
        if not title and "title" not in self.heading_of:
            title = self.name_from_text(plan.values["summary"] or plan.values["description"])
            if title:
                self.remarks[_("文件没有名称列，名称取自说明的开头，请核对")] += 1
        if not title:
            self.note(plan, "title", ERROR, _("没有能力名称。请补填名称；如该行不是能力，请删除。"))
        elif len(title) > self.limits["title"]:
            self.note(
                plan,
                "title",
                ERROR,
                _("名称有 %(length)d 字，超过 %(limit)d 字。请精简名称，其余写入能力说明。")
                % {"length": len(title), "limit": self.limits["title"]},
            )
        plan.values["title"] = title

    def _classification(self, plan: CapabilityPlan, found: Mapping[str, Any]) -> None:
        category_text, industry_text = as_text(found.get("category")), as_text(found.get("industry"))
        if category_text:
            plan.values["category"] = self.classification.category(category_text)
            if plan.values["category"] is None:
                message = _("“%s”不在领域目录中，已按原文保留；提交前请选择应用领域。") % category_text[:40]
                self.note(plan, "category", WARNING, message)
        if industry_text:
            plan.values["industry"] = self.classification.industry(industry_text)
            if plan.values["industry"] is None:
                self.note(plan, "industry", WARNING, _("“%s”不在行业目录中，已按原文保留。") % industry_text[:40])
        words = "、".join([as_text(found.get("tags")), plan.values["technical_features"]])
        plan.tags = self.classification.tags(words)

    def _regions(self, plan: CapabilityPlan, text: str) -> None:
        """ "济南、青岛" → those cities; "全省" → the whole province; what is elsewhere is a warning."""
        regions: list[Region] = []
        for part in filter(None, (part.strip() for part in _LIST_MARKS.split(text))):
            region = self.classification.region(part)
            if part in ("全国", "国内", "不限") or (region is not None and region.level == "province"):
                plan.values["serves_whole_province"] = True
            elif region is not None:
                regions.append(region)
            else:
                message = _("“%s”不是本省的行政区划，或有重名，服务地区未采用。") % part[:40]
                self.note(plan, "service_regions", WARNING, message)
        plan.regions = list(dict.fromkeys(regions))

    def _price(self, plan: CapabilityPlan, raw: object) -> None:
        if raw is None:
            return
        unit, text = self.headings.units.get(self.heading_of.get("price_text", "")), as_text(raw)
        try:
            amount = parse_amount(raw if isinstance(raw, int | float) else text, unit)
        except UnreadableAmount as error:
            self.note(plan, "price_text", WARNING, error.message)
            plan.values["price_text"] = text[: self.limits["price_text"]]
            return
        for message in amount.warnings:
            self.note(plan, "price_text", WARNING, message)
        is_bare = unit and re.fullmatch(r"[\d.,，\s\-~至]+", amount.text)
        plan.values |= {
            "price_text": self.limited(plan, "price_text", f"{amount.text}{unit}" if is_bare else amount.text),
            "price_min_fen": amount.minimum_fen,
            "price_max_fen": amount.maximum_fen,
            "price_unit": amount.unit,
        }


def _refuse_doubles(plans: Sequence[CapabilityPlan]) -> None:
    """A line that says exactly what an earlier one says is a slip of copying."""
    seen: dict[tuple[str, str, str], int] = {}
    for plan in plans:
        if plan.is_rejected:
            continue
        key = (plan.values["title"], plan.values["vendor_text"], plan.values["description"])
        first = seen.setdefault(key, plan.line)
        if first != plan.line:
            message = _("与第%d行的内容完全相同。请删除重复的一行。") % first
            plan.entries.append(ReportEntry(plan.line, "", "", "title", ERROR, message))


def _note_namesakes(plans: Sequence[CapabilityPlan], organisation: Organisation) -> None:
    stored = {
        (plain_name(title), plain_name(vendor_text))
        for title, vendor_text in Capability.objects.filter(vendor__organisation=organisation).values_list(
            "title", "vendor_text"
        )
    }
    for plan in plans:
        if not plan.is_rejected:
            key = (plain_name(plan.values["title"]), plain_name(plan.values["vendor_text"]))
            if key in stored:
                message = _("本单位已有同名能力，请核对是否重复。")
                plan.entries.append(ReportEntry(plan.line, "", "", "title", WARNING, message))


def read_capabilities(
    content: bytes,
    file_name: str,
    *,
    organisation: Organisation,
    mapping: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportPlan:
    """Read a file into a plan for `organisation`; arguments and errors as `scenarios.importing.read_scenarios`."""
    named = {clean_heading(heading) for heading in mapping or {}}
    table = read_table(
        content,
        file_name,
        is_known=lambda heading: CAPABILITY_FIELDS.is_known(heading) or heading in named,
        groups=CAPABILITY_FIELDS.groups,
    )
    headings = map_headings(table, CAPABILITY_FIELDS, mapping)
    refuse_headings_without_name(
        table, headings, CAPABILITY_FIELDS.fields["title"].label, ("title", "summary", "description")
    )
    reader = _RowReader(table, headings, model=Capability, defaults=named_defaults(CAPABILITY_FIELDS, defaults))
    plans: list[CapabilityPlan] = []
    for number, row in enumerate(table.rows, start=1):
        try:
            plans.append(reader.read(row))
        except DomainError as error:
            entry = ReportEntry(row.line, "", "", "", ERROR, error.message)
            plans.append(CapabilityPlan(row.line, entries=[entry]))
        if progress is not None and (number % 100 == 0 or number == len(table.rows)):
            progress(number, len(table.rows))
    _refuse_doubles(plans)
    _note_namesakes(plans, organisation)
    return ImportPlan(table, headings, plans, plan_notes(table, headings, reader.remarks))
