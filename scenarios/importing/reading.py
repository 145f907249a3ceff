"""A file → a plan: per row the values of a draft, what is wrong or unresolved, and how rows belong together.

Nothing is written here. What cannot be resolved (a region elsewhere, an amount in words) is a warning and stays as
text; a row is refused only when it has no name or a cell that cannot be read (architecture.md §10.2).
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from accounts.models import Organisation
from core.clock import now, today
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
from core.moments import Moment, UnreadableMoment, parse_moment
from core.money import UnreadableAmount, parse_amount
from core.personal_information import PersonalNumber, scan
from core.spreadsheets import Row, Table, clean_heading, read_table
from core.unified_code import normalise, problem_with
from scenarios.enums import DataClass, FundingNature, ScenarioType
from scenarios.importing.headings import (
    FUNDING_NATURES,
    LEVELS,
    SCENARIO_FIELDS,
    SCENARIO_TYPES,
    TYPES_BY_LIST_TITLE,
)
from scenarios.models import Scenario
from scenarios.validators import PUBLIC_TEXT_FIELDS

#: "（重发）", "-重招", "（第二次重发）", "第三次" at the end of a title.
_REPEAT = re.compile(
    r"[\s\-—_]*[(（\[【]?\s*(?:第?(?P<ordinal>[二三四五六七八九2-9])次)?(?P<word>重发|重招|重新招标|重新采购|重新发布|再次发布|再次|重)?"
    r"(?:公告|发布|招标|采购)?\s*[)）\]】]?$"
)
#: "（标段二）", "第一标段", "-2标段", "标包3", "（子包A）", "包件1" at the end of a title.
_LOT = re.compile(
    r"[\s\-—_:：]*[(（\[【]?\s*(?P<lot>(?:第?[一二三四五六七八九十\dA-Za-z]{1,3}(?:标段|标包|子包|包件|标项))|"
    r"(?:(?:标段|标包|子包|包件|标项)[一二三四五六七八九十\dA-Za-z]{1,3}))\s*[)）\]】]?$"
)
_PLAIN_TEXTS = (
    "description",
    "pain_point",
    "target_indicators",
    "available_resources",
    "data_needs",
    "acceptance_method",
    "intellectual_property",
    "eligibility_conditions",
)
_ORDINALS = {letter: value for value, letter in enumerate("一二三四五六七八九", start=1)}


@dataclass
class RowPlan(PlannedRow):
    """A demand to be, and its place among the others."""

    #: Names compare by this: without the marks of repetition and lot.
    base_name: str = ""
    #: 0: first time; 2: "第二次" or a plain "重发"; 3: "第三次" …
    repetition: int = 0
    lot: str = ""
    #: Set by linking: the plan that is this one's earlier publication or parent, or the stored row that is.
    previous: "RowPlan | None" = None
    previous_id: int | None = None
    parent: "RowPlan | None" = None
    parent_id: int | None = None
    #: A parent that no line of the file states, made for its lots.
    is_implied: bool = False


@dataclass
class ImportPlan:
    """Everything a file would do."""

    table: Table
    headings: HeadingMap
    rows: list[RowPlan]
    notes: list[str]

    @property
    def entries(self) -> list[ReportEntry]:
        return [entry for row in self.rows for entry in row.entries]

    @property
    def accepted(self) -> list[RowPlan]:
        return [row for row in self.rows if not row.is_rejected]


# --- one row -----------------------------------------------------------------------------------------------------


class _RowReader(TableReader):
    """Reads rows of one table into plans; holds what all rows share."""

    def __init__(
        self,
        table: Table,
        headings: HeadingMap,
        *,
        organisation: Organisation,
        default_region: Region | None,
        defaults: Mapping[str, str],
    ) -> None:
        super().__init__(table, headings, model=Scenario, defaults=defaults)
        self.organisation = organisation
        self.default_region = default_region or organisation.region
        self.departments: dict[str, Organisation | None] = {}
        self.preamble = " ".join(table.preamble)

    def read(self, row: Row) -> RowPlan:
        plan = RowPlan(row.line)
        self.note_cells(plan, row)
        found = self.found(row)
        self._title(plan, found)
        for name in _PLAIN_TEXTS:
            plan.values[name] = as_text(found.get(name))
        self._places(plan, found)
        self._kinds(plan, found)
        self._money(plan, found)
        self._times(plan, found)
        self._numbers(plan, found)
        self._contacts(plan, found)
        plan.tags = self.classification.tags(as_text(found.get("tags")))
        credentials = re.split(r"[、,，;；\n]+", as_text(found.get("required_credentials")))
        plan.values["required_credentials"] = [text.strip()[:120] for text in credentials if text.strip()][:30]
        self.note_personal_information(plan, PUBLIC_TEXT_FIELDS)
        return plan

    def _title(self, plan: RowPlan, found: Mapping[str, Any]) -> None:
        title = re.sub(r"\s+", " ", as_text(found.get("title"))).strip()
        description = as_text(found.get("description"))
        if not title and "title" not in self.heading_of and description:
            title = self.name_from_text(description)
            self.remarks[_("文件没有名称列，名称取自需求内容的开头，请核对")] += 1
        if not title:
            self.note(plan, "title", ERROR, _("没有需求名称。请补填名称；如该行不是需求，请删除。"))
        elif len(title) > self.limits["title"]:
            self.note(
                plan,
                "title",
                ERROR,
                _("名称有 %(length)d 字，超过 %(limit)d 字。请精简名称，其余写入需求内容。")
                % {"length": len(title), "limit": self.limits["title"]},
            )
        plan.values["title"] = title
        lot = as_text(found.get("lot_number"))[: self.limits["lot_number"]]
        base, plan.repetition = split_repetition(title)
        base, lot_in_title = split_lot(base)
        if not plan.repetition:
            base, plan.repetition = split_repetition(base)
        if lot and not lot_in_title and not re.search(r"标|包", lot):
            lot = _("标段%s") % lot
        plan.lot = lot or lot_in_title
        plan.base_name = plain_name(base)
        plan.values["lot_number"] = plan.lot[: self.limits["lot_number"]]

    def _places(self, plan: RowPlan, found: Mapping[str, Any]) -> None:
        plan.values["owner_text"] = self.limited(plan, "owner_text", as_text(found.get("owner_text")))
        code = as_text(found.get("unified_code"))
        if code and (problem := problem_with(normalise(code))):
            self.note(plan, "unified_code", ERROR, problem)
        text = as_text(found.get("region_text"))
        plan.values["region_text"] = self.limited(plan, "region_text", text)
        region = self.classification.region(text) if text else self.default_region
        plan.values["region"] = region
        if text and region is None:
            self.note(
                plan,
                "region_text",
                WARNING,
                _("“%s”不是本省的行政区划，或有重名，已按原文保留；提交前请选择落地地区。") % text[:40],
            )
        department = as_text(found.get("lead_department"))
        if department:
            if department not in self.departments:
                matches = list(Organisation.objects.filter(name=department)[:2])
                self.departments[department] = matches[0] if len(matches) == 1 else None
            plan.values["lead_department"] = self.departments[department]
            if plan.values["lead_department"] is None:
                self.note(
                    plan,
                    "lead_department",
                    WARNING,
                    _("平台上没有名为“%s”的机构，牵头部门未填，原文已保留。") % department[:40],
                )
        level = as_text(found.get("level"))
        plan.values["level"] = LEVELS.get(level, self.organisation.level)
        if level and level not in LEVELS:
            self.note(plan, "level", WARNING, _("“%s”不是省级、市级或县级，已按本单位层级填写。") % level[:20])

    def _kinds(self, plan: RowPlan, found: Mapping[str, Any]) -> None:
        category_text = as_text(found.get("category"))
        type_text = as_text(found.get("scenario_type"))
        chosen = SCENARIO_TYPES.get(type_text) or (type_text if type_text in ScenarioType.values else None)
        if type_text and chosen is None and not category_text:
            category_text = type_text  # 场景类型 as the field of application, as 重庆 publishes it
        elif type_text and chosen is None:
            self.note(
                plan,
                "scenario_type",
                WARNING,
                _("“%s”不是场景验证、采购建设、技术攻关或联合共建，场景类型未采用。") % type_text[:20],
            )
        cooperation = as_text(found.get("cooperation"))
        list_title = f"{as_text(found.get('list_title'))} {self.preamble}"
        if chosen is None:
            chosen = SCENARIO_TYPES.get(cooperation) or next(
                (kind for words, kind in TYPES_BY_LIST_TITLE if any(word in list_title for word in words)), None
            )
        plan.values["scenario_type"] = chosen or ScenarioType.VALIDATION
        if category_text:
            category = self.classification.category(category_text)
            plan.values["category"] = category
            if category is None:
                name = "category" if found.get("category") else "scenario_type"
                self.note(
                    plan,
                    name,
                    WARNING,
                    _("“%s”不在领域目录中，已按原文保留；提交前请选择应用领域。") % category_text[:40],
                )
        industry_text = as_text(found.get("industry"))
        if industry_text:
            plan.values["industry"] = self.classification.industry(industry_text)
            if plan.values["industry"] is None:
                self.note(plan, "industry", WARNING, _("“%s”不在行业目录中，已按原文保留。") % industry_text[:40])
        data_class = as_text(found.get("data_class"))
        if data_class:
            by_label = {str(label): value for value, label in DataClass.choices}
            plan.values["data_class"] = by_label.get(data_class, DataClass.NONE)
        funding_text = as_text(found.get("funding_nature"))
        funding = FUNDING_NATURES.get(funding_text)
        has_budget = bool(as_text(found.get("budget_text")))
        if funding is None and "政府采购" in list_title:
            funding = FundingNature.FISCAL
        if funding is None and has_budget:
            funding = FundingNature.OWN
            self.remarks[_("有金额但没有写明资金性质，暂记为“自筹资金”，提交前请核对")] += 1
        if funding_text and funding_text not in FUNDING_NATURES:
            self.note(plan, "funding_nature", WARNING, _("“%s”不是可选的资金性质，请核对。") % funding_text[:20])
        plan.values["funding_nature"] = funding or FundingNature.OPEN

    def _money(self, plan: RowPlan, found: Mapping[str, Any]) -> None:
        raw = found.get("budget_text")
        if raw is None:
            return
        unit = self.headings.units.get(self.heading_of.get("budget_text", ""))
        text = as_text(raw)
        try:
            amount = parse_amount(raw if isinstance(raw, int | float) else text, unit)
        except UnreadableAmount as error:
            self.note(plan, "budget_text", WARNING, error.message)
            plan.values["budget_text"] = text[: self.limits["budget_text"]]
            return
        for message in amount.warnings:
            self.note(plan, "budget_text", WARNING, message)
        # A bare number means nothing without its heading: the unit goes with it.
        shown = f"{amount.text}{unit}" if unit and re.fullmatch(r"[\d.,，\s\-~至]+", amount.text) else amount.text
        plan.values |= {
            "budget_text": self.limited(plan, "budget_text", shown),
            "budget_min_fen": amount.minimum_fen,
            "budget_max_fen": amount.maximum_fen,
            "budget_unit": amount.unit,
        }

    def _moment(self, plan: RowPlan, name: str, raw: object, meaning: str) -> Moment | None:
        try:
            moment = parse_moment(raw)
        except UnreadableMoment as error:
            self.note(
                plan,
                name,
                WARNING,
                _("%(reason)s%(meaning)s未填，原文已保留。") % {"reason": error.message, "meaning": meaning},
            )
            return None
        if moment.warning:
            self.note(plan, name, WARNING, moment.warning)
        return moment

    def _times(self, plan: RowPlan, found: Mapping[str, Any]) -> None:
        if found.get("deadline_at") is not None:
            moment = self._moment(plan, "deadline_at", found["deadline_at"], _("响应截止时间"))
            deadline: datetime | None = moment.end_of_period if moment else None
            plan.values["deadline_at"] = deadline
            if deadline is not None and deadline <= now():
                self.remarks[_("响应截止时间已过，提交前请改为将来的时间")] += 1
        if found.get("needed_by") is not None:
            moment = self._moment(plan, "needed_by", found["needed_by"], _("期望完成日期"))
            plan.values["needed_by"] = moment.last_day if moment else None
            if moment and moment.last_day and moment.last_day < today():
                self.remarks[_("期望完成日期已过，提交前请改为将来的日期")] += 1
        if found.get("published_on") is not None:
            moment = self._moment(plan, "published_on", found["published_on"], _("发布日期"))
            plan.values["published_on"] = moment.first_day if moment else None
        timeframe = as_text(found.get("timeframe_text")) or as_text(found.get("needed_by"))
        plan.values["timeframe_text"] = self.limited(plan, "timeframe_text", timeframe)

    def _numbers(self, plan: RowPlan, found: Mapping[str, Any]) -> None:
        number = as_text(found.get("external_number")) or as_text(found.get("record_id"))
        plan.values["external_number"] = self.limited(plan, "external_number", number)
        plan.values["source_url"] = self.web_address(plan, as_text(found.get("source_url")))

    def _contacts(self, plan: RowPlan, found: Mapping[str, Any]) -> None:
        office = as_text(found.get("public_contact_office"))
        plan.values["public_contact_office"] = self.limited(plan, "public_contact_office", office)
        name = as_text(found.get("contact_name"))
        plan.values["private_contact_name"] = self.limited(plan, "private_contact_name", name, "contact_name")
        private = as_text(found.get("private_contact_phone"))
        phone = as_text(found.get("contact_phone"))
        if any(finding.kind == PersonalNumber.MOBILE for finding in scan(phone)):
            # A mobile number is a person's: it is kept for contact, and never shown (个人信息保护法 art. 25).
            self.note(
                plan, "contact_phone", WARNING, _("联系方式中有手机号，已存为不公开联系电话；公开联系请补充办公电话。")
            )
            private, phone = private or phone, ""
        plan.values["private_contact_phone"] = private[: self.limits["private_contact_phone"]]
        plan.values["public_contact_phone"] = self.limited(plan, "public_contact_phone", phone, "contact_phone")
        email = as_text(found.get("public_contact_email"))
        if email:
            try:
                validate_email(email)
            except ValidationError:
                self.note(plan, "public_contact_email", WARNING, _("“%s”不是有效的电子邮箱，未采用。") % email[:40])
                email = ""
        plan.values["public_contact_email"] = email


def split_repetition(title: str) -> tuple[str, int]:
    """The title without its mark of repetition, and which time it is: "…（重发）" → 2, "…第三次" → 3, none → 0.

    "2025年二次供水" and "…二次" without a 重 or 第 are names, not marks.
    """
    match = _REPEAT.search(title)
    if match is None or not match.group().strip() or not (match["ordinal"] or match["word"]):
        return title, 0
    marked = match.group()
    if match["word"] == "重" and not match["ordinal"]:
        return title, 0
    enclosed = re.search(r"[(（\[【\-—_]", marked) is not None
    if not match["word"] and not enclosed and "第" not in marked:
        return title, 0
    ordinal = match["ordinal"] or ""
    number = _ORDINALS.get(ordinal) or (int(ordinal) if ordinal.isdigit() else 2)
    return title[: match.start()].strip(), number


def split_lot(title: str) -> tuple[str, str]:
    """The title without its lot, and the lot: "…系统建设（标段二）" → "标段二"; none → ""."""
    match = _LOT.search(title)
    if match is None or not title[: match.start()].strip():
        return title, ""
    return title[: match.start()].strip(), unicodedata.normalize("NFKC", match["lot"])


# --- rows among each other ---------------------------------------------------------------------------------------


def _owner_key(plan: RowPlan) -> str:
    return plain_name(plan.values.get("owner_text", ""))


def _refuse_doubles(plans: Sequence[RowPlan]) -> None:
    """A line that says exactly what an earlier one says is a slip of copying."""
    seen: dict[tuple[str, ...], int] = {}
    for plan in plans:
        if plan.is_rejected:
            continue
        values = plan.values
        key = (
            values["title"],
            values["description"],
            values["owner_text"],
            values.get("budget_text", ""),
            values["lot_number"],
            values["external_number"],
            values["timeframe_text"],
        )
        first = seen.setdefault(key, plan.line)
        if first != plan.line:
            plan.entries.append(
                ReportEntry(plan.line, "", "", "title", ERROR, _("与第%d行的内容完全相同。请删除重复的一行。") % first)
            )


def _link_repeats(plans: Sequence[RowPlan], stored: Mapping[str, Sequence[tuple[int, str]]]) -> None:
    """Link 重发, 第二次 and the like to the item before them: in the file, otherwise among what is stored."""
    groups: dict[tuple[str, str], list[RowPlan]] = {}
    for plan in plans:
        if not plan.is_rejected:
            groups.setdefault((plan.base_name, plan.lot), []).append(plan)
    for (base_name, _lot), group in groups.items():
        for plan in group:
            earlier = [
                other
                for other in group
                if other is not plan
                and max(other.repetition, 1) < max(plan.repetition, 1)
                and (_owner_key(other) == _owner_key(plan) or not _owner_key(other) or not _owner_key(plan))
            ]
            if earlier:
                plan.previous = max(
                    earlier, key=lambda other: (other.repetition, other.values.get("published_on") or date.min)
                )
                continue
            known = [key for key, lot in stored.get(base_name, ()) if lot == plan.lot]
            if known:
                plan.previous_id = known[-1]
                if not plan.repetition:
                    plan.entries.append(
                        ReportEntry(
                            plan.line,
                            "",
                            "",
                            "title",
                            WARNING,
                            _("本单位已有同名需求，已关联为它的再次发布；如内容不同，请修改名称。"),
                        )
                    )
            elif plan.repetition:
                plan.entries.append(
                    ReportEntry(
                        plan.line,
                        "",
                        "",
                        "title",
                        WARNING,
                        _("名称注明是再次发布，但文件和平台中都没有找到前一次，未作关联。"),
                    )
                )


def _link_lots(plans: list[RowPlan], stored: Mapping[str, Sequence[tuple[int, str]]]) -> list[RowPlan]:
    """Make lots children of their project: a line of the file, a stored row, or (two lots or more) one implied."""
    groups: dict[tuple[str, str], list[RowPlan]] = {}
    for plan in plans:
        if not plan.is_rejected and plan.lot:
            groups.setdefault((plan.base_name, _owner_key(plan)), []).append(plan)
    whole = {(plan.base_name, _owner_key(plan)): plan for plan in plans if not plan.is_rejected and not plan.lot}
    implied: list[RowPlan] = []
    for key, lots in groups.items():
        parent = whole.get(key)
        stored_parents = [row_id for row_id, lot in stored.get(key[0], ()) if not lot]
        if parent is None and not stored_parents:
            if len(lots) < 2:
                continue
            parent = _implied_parent(lots)
            implied.append(parent)
        for plan in lots:
            plan.parent = parent
            plan.parent_id = stored_parents[-1] if parent is None else None
            if split_lot(plan.values["title"])[1] == "":
                plan.values["title"] = f"{plan.values['title'][: 200 - len(plan.lot) - 2]}（{plan.lot}）"
    return implied


def _implied_parent(lots: Sequence[RowPlan]) -> RowPlan:
    first = lots[0]
    title = split_repetition(split_lot(split_repetition(first.values["title"])[0])[0])[0]
    shared = ("owner_text", "region", "region_text", "level", "scenario_type", "funding_nature", "category", "industry")
    values = {name: first.values[name] for name in shared if name in first.values}
    names = "、".join(plan.lot for plan in lots)
    values |= {
        "title": title,
        "description": _("本项目分为%(count)d个标段：%(names)s。") % {"count": len(lots), "names": names},
        "raw": {},
    }
    return RowPlan(first.line, values, base_name=first.base_name, is_implied=True)


def _stored_names(organisation: Organisation) -> dict[str, list[tuple[int, str]]]:
    """Base name → (key, lot) of the organisation's own demands, oldest first."""
    stored: dict[str, list[tuple[int, str]]] = {}
    for key, title, lot in (
        Scenario.objects.filter(owner=organisation).order_by("pk").values_list("pk", "title", "lot_number")
    ):
        base, _repetition = split_repetition(title)
        base, lot_in_title = split_lot(base)
        base, _repetition = split_repetition(base)
        stored.setdefault(plain_name(base), []).append((key, lot or lot_in_title))
    return stored


# --- the file ----------------------------------------------------------------------------------------------------


def read_scenarios(
    content: bytes,
    file_name: str,
    *,
    organisation: Organisation,
    mapping: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
    default_region: Region | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportPlan:
    """Read a file into a plan for `organisation`.

    `mapping` ({heading: field or label, "" to leave out}) wins over recognition; `defaults` ({field or label: text})
    fills a field the rows leave empty, e.g. {"场景类型": "技术攻关"}. Raises UnreadableFile or InvalidInput when the
    file as a whole cannot be taken; everything else stands in the plan, row by row.
    """
    named = {clean_heading(heading) for heading in mapping or {}}
    table = read_table(
        content,
        file_name,
        is_known=lambda heading: SCENARIO_FIELDS.is_known(heading) or heading in named,
        groups=SCENARIO_FIELDS.groups,
    )
    headings = map_headings(table, SCENARIO_FIELDS, mapping)
    refuse_headings_without_name(table, headings, SCENARIO_FIELDS.fields["title"].label, ("title", "description"))
    reader = _RowReader(
        table,
        headings,
        organisation=organisation,
        default_region=default_region,
        defaults=named_defaults(SCENARIO_FIELDS, defaults),
    )
    plans: list[RowPlan] = []
    for number, row in enumerate(table.rows, start=1):
        try:
            plans.append(reader.read(row))
        except DomainError as error:
            plans.append(RowPlan(row.line, {}, entries=[ReportEntry(row.line, "", "", "", ERROR, error.message)]))
        if progress is not None and (number % 100 == 0 or number == len(table.rows)):
            progress(number, len(table.rows))
    stored = _stored_names(organisation)
    _refuse_doubles(plans)
    implied = _link_lots(plans, stored)
    _link_repeats(plans, stored)
    return ImportPlan(table, headings, [*implied, *plans], plan_notes(table, headings, reader.remarks))
