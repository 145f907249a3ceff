"""What imports of both sides share: recognising headings, finding classifications by name, the report, the batch.

An app states its fields as data (`Field`); everything written in a heading's many variants becomes one field name.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models, transaction
from django.utils.translation import gettext as _

from core import audit
from core.clock import BEIJING, now
from core.enums import ImportState
from core.errors import DomainError, InvalidInput, ObjectNotFound
from core.models import Category, ImportBatch, Industry, Region, TechnologyTag
from core.personal_information import LABELS, scan
from core.spreadsheets import CellNote, Row, Table, clean_heading

ERROR, WARNING = "error", "warning"
TITLE_FROM_TEXT = 40
#: Written in a mapping for "leave this column out".
IGNORED = ""
_PARENTHESES = re.compile(r"（([^（）]*)）")
_NUMBERING = re.compile(r"^(?:[一二三四五六七八九十]{1,3}、|\d{1,2}[.、])")
_MONEY_UNITS = ("万元", "亿元", "千元", "百万元", "元", "万")
_REPEATED = re.compile(r"#\d+$")


# --- headings ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """A field an import can fill: its name in code, its label, and every heading it is known by.

    `groups`: blank cells take the value above (序号, 单位). `joins`: a second column of it is appended, not refused.
    """

    name: str
    label: str
    synonyms: tuple[str, ...] = ()
    groups: bool = False
    joins: bool = False


class FieldTable:
    """The fields of one kind of record, found by heading."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = {item.name: item for item in fields}
        self._by_heading: dict[str, str] = {}
        for item in fields:
            for synonym in (item.name, item.label, *item.synonyms):
                key = self._key(synonym)
                if self._by_heading.setdefault(key, item.name) != item.name:
                    raise ValueError(f"heading {synonym!r} stands for two fields")

    @staticmethod
    def _key(heading: str) -> str:
        plain = _REPEATED.sub("", clean_heading(heading))
        bare = _PARENTHESES.sub("", plain) or plain.strip("（）")
        return _NUMBERING.sub("", bare).strip("*:：_-").lower()

    def find(self, heading: str) -> str | None:
        """The field a heading stands for; remarks in parentheses, numbering and stars do not matter."""
        return self._by_heading.get(self._key(heading))

    def is_known(self, heading: str) -> bool:
        return self.find(heading) is not None

    def groups(self, heading: str) -> bool:
        name = self.find(heading)
        return name is not None and self.fields[name].groups


def unit_in_heading(heading: str) -> str | None:
    """The unit of money a heading states: "预算金额（万元）" → "万元"."""
    for remark in _PARENTHESES.findall(clean_heading(heading)):
        for unit in _MONEY_UNITS:
            if remark.removeprefix("单位").strip(":： ") in (unit, f"人民币{unit}"):
                return unit
    plain = clean_heading(heading)
    return next((unit for unit in _MONEY_UNITS if plain.endswith(unit) and plain not in _MONEY_UNITS), None)


@dataclass
class HeadingMap:
    """Which column fills which field: heading → field name, and what was left over."""

    fields: dict[str, str]
    units: dict[str, str]
    unknown: list[str]
    warnings: list[str]


def map_headings(table: Table, fields: FieldTable, overrides: Mapping[str, str] | None = None) -> HeadingMap:
    """Recognise the table's headings; `overrides` ({heading: field name or label, "" to leave out}) win.

    Raises InvalidInput for an override that names a heading the file does not have, or an unknown field.
    """
    chosen: dict[str, str] = {}
    problems: list[str] = []
    for heading, target in (overrides or {}).items():
        key = clean_heading(heading)
        if key not in table.headings:
            problems.append(
                _("文件中没有“%(heading)s”这一列，已有的列：%(all)s。")
                % {"heading": heading, "all": "、".join(table.headings[:40])}
            )
            continue
        field_name = (fields.find(target) or target) if target else IGNORED
        if field_name != IGNORED and field_name not in fields.fields:
            problems.append(
                _("没有“%(field)s”这个栏目，可选：%(all)s。")
                % {"field": target, "all": "、".join(item.label for item in fields.fields.values())}
            )
            continue
        chosen[key] = field_name
    if problems:
        raise InvalidInput({"mapping": problems})
    result = HeadingMap({}, {}, [], [])
    taken: dict[str, str] = {name: heading for heading, name in chosen.items() if name}
    for heading in table.headings:
        name = chosen[heading] if heading in chosen else fields.find(heading)
        if name is None:
            result.unknown.append(heading)
            continue
        if name == IGNORED:
            continue
        first = taken.setdefault(name, heading)
        if first != heading and not fields.fields[name].joins:
            result.warnings.append(
                _("“%(heading)s”与“%(first)s”都对应“%(label)s”，只采用后者。如不对，请手工指定对应关系。")
                % {"heading": heading, "first": first, "label": fields.fields[name].label}
            )
            continue
        result.fields[heading] = name
        if unit := unit_in_heading(heading):
            result.units[heading] = unit
    return result


# --- classification by name --------------------------------------------------------------------------------------


def plain_name(text: object) -> str:
    """For comparing names: half width, lower case, without spaces and punctuation."""
    folded = unicodedata.normalize("NFKC", str(text)).lower()
    return "".join(letter for letter in folded if letter.isalnum())


class Classification:
    """Regions, fields, industries and tags, loaded once and found by code or name. What is not found is None."""

    _WHOLE_PROVINCE = frozenset({"省本级", "全省", "省级", "全省各市", "省直", "山东", "山东省省本级"})

    def __init__(self) -> None:
        self._regions = list(Region.objects.select_related("parent"))
        self._region_by_name: dict[str, list[Region]] = {}
        for region in self._regions:
            names = {region.code, region.name, region.name.removesuffix("市").removesuffix("省") or region.name}
            if region.level == "district" and len(region.name) > 2:
                names.add(region.name.rstrip("区县市"))
            for name in names:
                self._region_by_name.setdefault(name, []).append(region)
        self._province = next((region for region in self._regions if region.level == "province"), None)
        categories = list(Category.objects.current())
        self._category_by_name: dict[str, list[Category]] = {}
        for category in categories:
            for name in {category.code, plain_name(category.label), plain_name(category.heading)} - {""}:
                self._category_by_name.setdefault(name, []).append(category)
        self._industry_by_name: dict[str, Industry] = {}
        for industry in Industry.objects.all():
            self._industry_by_name.setdefault(industry.code, industry)
            self._industry_by_name.setdefault(plain_name(industry.label), industry)
        self._tag_by_word: dict[str, TechnologyTag] = {}
        for tag in TechnologyTag.objects.filter(retired=False):
            for word in (tag.name, *re.split(r"[\n|]", tag.synonyms)):
                if word.strip():
                    self._tag_by_word.setdefault(word.strip().lower(), tag)

    def region(self, text: str) -> Region | None:
        """The division a text names: "济南", "山东省济南市历下区", "370102". Ambiguous ("市中区") or outside: None."""
        plain = re.sub(r"[\s（）()·,，、/-]", "", unicodedata.normalize("NFKC", text))
        if not plain or self._province is None:
            return None
        if plain in self._WHOLE_PROVINCE or plain.removeprefix(self._province.name) in {"", *self._WHOLE_PROVINCE}:
            return self._province
        rest = plain.removeprefix(self._province.name).removeprefix("山东") or plain
        found = self._region_by_name.get(rest, [])
        if len(found) == 1:
            return found[0]
        for length in range(len(rest) - 1, 1, -1):
            cities = [region for region in self._region_by_name.get(rest[:length], []) if region.level == "city"]
            if not cities:
                continue
            inside = [
                region
                for region in self._region_by_name.get(rest[length:], [])
                if region.level == "district" and region.parent_id == cities[0].pk
            ]
            return inside[0] if len(inside) == 1 else None
        return None

    def category(self, text: str) -> Category | None:
        """The field a text names by code or label; of a path ("数字经济/智能制造") the last part that is known."""
        for part in [text, *reversed(re.split(r"[/／>＞\\—-]+", text))]:
            found = self._category_by_name.get(part.strip()) or self._category_by_name.get(plain_name(part)) or []
            if len(found) == 1:
                return found[0]
        return None

    def industry(self, text: str) -> Industry | None:
        return self._industry_by_name.get(text.strip().upper()) or self._industry_by_name.get(plain_name(text))

    def tags(self, text: str) -> list[TechnologyTag]:
        """Known technology words of a list such as "人工智能、物联网"; unknown ones are left out."""
        words = [word.strip().lower() for word in re.split(r"[、,，;；/|\n]+", text)]
        return list(dict.fromkeys(self._tag_by_word[word] for word in words if word in self._tag_by_word))


# --- values ------------------------------------------------------------------------------------------------------


def as_text(value: object) -> str:
    """A cell's value as the text that a reader of the sheet sees."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        local = value.astimezone(BEIJING) if value.tzinfo else value
        return f"{local:%Y-%m-%d}" if (local.hour, local.minute) == (0, 0) else f"{local:%Y-%m-%d %H:%M}"
    return str(value).strip()


@dataclass
class PlannedRow:
    """One record to be: model values by field name, its technology tags, and what there is to say about the row."""

    line: int
    values: dict[str, Any] = field(default_factory=dict)
    tags: list[TechnologyTag] = field(default_factory=list)
    entries: list["ReportEntry"] = field(default_factory=list)

    @property
    def is_rejected(self) -> bool:
        return any(entry.severity == ERROR for entry in self.entries)


class TableReader:
    """What reading a row needs on either side; the apps' readers fill `PlannedRow.values` for their model."""

    def __init__(
        self,
        table: Table,
        headings: HeadingMap,
        *,
        model: type[models.Model],
        defaults: Mapping[str, str],
        skipped: Collection[str] = ("kept",),
    ) -> None:
        self.table = table
        self.headings = headings
        self.defaults = defaults
        self.classification = Classification()
        #: Said once with a count, instead of on every row.
        self.remarks: Counter[str] = Counter()
        self.heading_of: dict[str, str] = {}
        for heading, name in headings.fields.items():
            self.heading_of.setdefault(name, heading)
        self.limits = {
            item.name: item.max_length for item in model._meta.concrete_fields if getattr(item, "max_length", None)
        }
        self._skipped = skipped

    def note(self, plan: PlannedRow, name: str, severity: str, message: str) -> None:
        heading = self.heading_of.get(name, "")
        plan.entries.append(
            ReportEntry(plan.line, self.table.columns.get(heading, ""), heading, name, severity, message)
        )

    def note_cells(self, plan: PlannedRow, row: Row) -> None:
        """What reading the file found wrong with single cells; and the row's text as it was."""
        plan.entries += entries_from(row.errors, ERROR, self.headings.fields)
        plan.entries += entries_from(row.warnings, WARNING, self.headings.fields)
        plan.values["raw"] = {heading: as_text(value) for heading, value in row.values.items()}

    def found(self, row: Row) -> dict[str, Any]:
        """Field → value; columns that join are put together, each further one under its heading."""
        found: dict[str, Any] = {}
        for heading, value in row.values.items():
            name = self.headings.fields.get(heading)
            if name is None or name in self._skipped:
                continue
            if name in found:
                text = as_text(value)
                if text and text not in as_text(found[name]):
                    found[name] = f"{as_text(found[name])}\n{heading.partition('#')[0]}：{text}"
            else:
                found[name] = value
        for name, value in self.defaults.items():
            found.setdefault(name, value)
        return found

    def limited(self, plan: PlannedRow, name: str, text: str, entry_field: str = "") -> str:
        """`text` cut to the model's length, with a warning."""
        limit = self.limits.get(name)
        if limit and len(text) > limit:
            self.note(
                plan,
                entry_field or name,
                WARNING,
                _("内容有 %(length)d 字，只取前 %(limit)d 字；全文保留在导入原文中。")
                % {"length": len(text), "limit": limit},
            )
            return text[:limit]
        return text

    def web_address(self, plan: PlannedRow, text: str) -> str:
        """An http(s) address short enough to keep, else "" and a warning: no other scheme ever becomes a link."""
        try:
            scheme = urlsplit(text).scheme
        except ValueError:
            scheme = ""
        if text and (len(text) > (self.limits["source_url"] or 0) or scheme not in ("http", "https")):
            self.note(plan, "source_url", WARNING, _("网址应以 http:// 或 https:// 开头且不超过500字，未采用。"))
            return ""
        return text

    def name_from_text(self, text: str) -> str:
        """A name for rows of files without a column for it: the beginning of the text, up to the first stop."""
        return re.split(r"[。！？!?；;\n]", text, maxsplit=1)[0].strip()[:TITLE_FROM_TEXT]

    def note_personal_information(self, plan: PlannedRow, names: Iterable[str]) -> None:
        for name in names:
            for finding in scan(plan.values.get(name) or ""):
                self.note(
                    plan,
                    name,
                    WARNING,
                    _("有疑似%(kind)s（%(masked)s），该栏会公开，提交前必须删去。")
                    % {"kind": LABELS[finding.kind], "masked": finding.masked},
                )


def named_defaults(fields: FieldTable, defaults: Mapping[str, str] | None) -> dict[str, str]:
    """`defaults` keyed by field name; raises InvalidInput for a name that is no field or label."""
    named = {fields.find(name) or name: text for name, text in (defaults or {}).items()}
    if unknown := set(named) - set(fields.fields):
        raise InvalidInput({"defaults": [_("没有“%s”这个栏目。") % "、".join(sorted(unknown))]})
    return named


def refuse_headings_without_name(table: Table, headings: HeadingMap, label: str, sufficient: Collection[str]) -> None:
    """Raises InvalidInput when none of the `sufficient` fields has a column: a renamed heading, or the wrong file."""
    if not set(sufficient).isdisjoint(headings.fields.values()):
        return
    raise InvalidInput(
        {
            "mapping": [
                _(
                    "没有认出“%(label)s”列，不能导入。文件的标题行（第%(line)d行）是：%(all)s。"
                    "请核对标题行，或指定哪一列是%(label)s（例如 --mapping 事项=%(label)s）。"
                )
                % {
                    "label": label,
                    "line": table.heading_line,
                    "all": "、".join(table.headings[:40]) or _("（空）"),
                }
            ]
        }
    )


def plan_notes(table: Table, headings: HeadingMap, remarks: Mapping[str, int]) -> list[str]:
    """What concerns the file as a whole, for the head of the report."""
    notes = [*table.warnings, *headings.warnings]
    if headings.unknown:
        notes.append(
            _("没有认出的列（内容保留在导入原文中）：%s。可手工指定对应关系。") % "、".join(headings.unknown[:40])
        )
    return notes + [
        _("%(count)d 行：%(remark)s。") % {"count": count, "remark": text} for text, count in remarks.items()
    ]


# --- report and batch --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReportEntry:
    """One line of an import's report: where, which field, what, and whether the row was refused for it."""

    line: int
    column: str
    heading: str
    field: str
    severity: str
    message: str

    def __str__(self) -> str:
        return str(CellNote(self.line, self.column, self.heading, self.message))


@dataclass
class ImportOutcome:
    """What an import did, or (dry run) would do. `created` counts records, children made for lots included."""

    kind: str
    file_name: str
    total: int
    created: int = 0
    rejected: int = 0
    entries: list[ReportEntry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    mapping: dict[str, str] = field(default_factory=dict)
    unknown_headings: list[str] = field(default_factory=list)
    dry_run: bool = False
    done: bool = False
    batch: ImportBatch | None = None

    @property
    def errors(self) -> list[ReportEntry]:
        return [entry for entry in self.entries if entry.severity == ERROR]

    @property
    def warnings(self) -> list[ReportEntry]:
        return [entry for entry in self.entries if entry.severity == WARNING]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`, the API and the stored report."""
        return {
            "kind": self.kind,
            "file_name": self.file_name,
            "total": self.total,
            "created": self.created,
            "rejected": self.rejected,
            "dry_run": self.dry_run,
            "done": self.done,
            "batch": str(self.batch.public_id) if self.batch else None,
            "mapping": self.mapping,
            "unknown_headings": self.unknown_headings,
            "notes": self.notes,
            "entries": [asdict(entry) for entry in self.entries],
        }


class AlreadyImported(DomainError):
    """The same bytes were imported for the same organisation before; nothing was done again."""

    code = "already_imported"
    status = 409

    def __init__(self, batch: ImportBatch) -> None:
        super().__init__(
            _("这个文件已于%(moment)s导入过（%(count)d条），没有重复导入。如确需再次导入，请修改文件内容后重试。")
            % {"moment": f"{batch.created_at.astimezone(BEIJING):%Y-%m-%d %H:%M}", "count": batch.created_count}
        )
        self.batch = batch


def fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def refuse_second_import(kind: str, organisation_id: int, content: bytes) -> None:
    """Raises AlreadyImported. Call inside the transaction that holds the organisation's row."""
    batch = ImportBatch.objects.filter(
        kind=kind, organisation_id=organisation_id, sha256=fingerprint(content), state=ImportState.DONE
    ).first()
    if batch is not None:
        raise AlreadyImported(batch)


#: Report lines kept with a batch; a file of 20,000 faulty rows needs no longer list to be mended.
KEPT_ENTRIES = 2000


def save_batch(outcome: ImportOutcome, *, state: str, content: bytes, organisation_id: int, user: Any) -> ImportBatch:
    """Write what came of a file; the caller's transaction holds the records themselves."""
    kept = outcome.errors[:KEPT_ENTRIES] + outcome.warnings[: max(0, KEPT_ENTRIES - len(outcome.errors))]
    batch = ImportBatch(
        kind=outcome.kind,
        organisation_id=organisation_id,
        file_name=outcome.file_name[:200],
        sha256=fingerprint(content),
        mapping=outcome.mapping,
        state=state,
        row_count=outcome.total,
        created_count=outcome.created,
        rejected_count=outcome.rejected,
        report=[asdict(entry) for entry in kept],
        created_by=user,
    )
    batch.save()
    outcome.batch = batch
    return batch


def carry_out(
    outcome: ImportOutcome,
    *,
    content: bytes,
    organisation: models.Model,
    user: Any,
    action: str,
    write: Callable[[ImportBatch], int],
) -> None:
    """Write a plan in one transaction with its batch and its trail: a process killed meanwhile leaves nothing of it.

    `write(batch)` inserts the records and returns how many. The organisation's row is the lock: two people sending the
    same file wait for each other, and the second gets AlreadyImported.
    """
    with transaction.atomic():
        type(organisation)._default_manager.select_for_update().get(pk=organisation.pk)
        refuse_second_import(outcome.kind, organisation.pk, content)
        batch = save_batch(
            outcome, state=ImportState("done"), content=content, organisation_id=organisation.pk, user=user
        )
        outcome.created = batch.created_count = write(batch)
        batch.save(update_fields=["created_count"])
        audit.record(
            user,
            action,
            batch,
            {
                "file": batch.file_name,
                "sha256": batch.sha256,
                "created": outcome.created,
                "rejected": outcome.rejected,
            },
        )
    outcome.done = True


# --- the browser's two steps -------------------------------------------------------------------------------------


def _upload_path(batch: ImportBatch) -> str:
    return f"imports/{batch.public_id}"


def keep_checked(
    outcome: ImportOutcome,
    *,
    content: bytes,
    organisation_id: int,
    user: Any,
    mapping: Mapping[str, str] | None,
    defaults: Mapping[str, str] | None,
) -> ImportBatch:
    """Keep a checked file with its report until it is confirmed or dropped (one's own page, state CHECKED)."""
    with transaction.atomic():
        batch = save_batch(
            outcome, state=ImportState("checked"), content=content, organisation_id=organisation_id, user=user
        )
        batch.mapping = {"columns": dict(mapping or {}), "defaults": dict(defaults or {})}
        batch.save(update_fields=["mapping"])
        default_storage.save(_upload_path(batch), ContentFile(content))
    return batch


def checked_batch(kind: str, public_id: Any, user: Any) -> tuple[ImportBatch, bytes]:
    """A file of one's own that was checked and waits for confirmation, and its bytes; else ObjectNotFound."""
    batch = ImportBatch.objects.filter(
        public_id=public_id, kind=kind, state=ImportState("checked"), created_by=user
    ).first()
    if batch is None:
        raise ObjectNotFound()
    if not default_storage.exists(_upload_path(batch)):
        raise ObjectNotFound(_("上传的文件已清理，请重新选择文件。"))
    with default_storage.open(_upload_path(batch)) as file:
        return batch, file.read()


def drop_checked(batch: ImportBatch) -> None:
    """Forget a checked file, after its import or when its owner gives it up."""
    path = _upload_path(batch)
    batch.delete()
    default_storage.delete(path)


def refuse_unwritten(outcome: ImportOutcome) -> None:
    """Raises InvalidInput when a confirmed file was not written because of faulty rows."""
    if not outcome.done:
        raise InvalidInput(
            {"file": [_("有 %d 行不能导入。请改正后重新上传，或选择“跳过有错误的行”。") % outcome.rejected]}
        )


def batches_of(kind: str, organisation_id: int) -> models.QuerySet[ImportBatch]:
    """An organisation's imports, newest first."""
    return ImportBatch.objects.filter(kind=kind, organisation_id=organisation_id, state=ImportState.DONE)


def entries_from(notes: Iterable[CellNote], severity: str, fields: Mapping[str, str]) -> list[ReportEntry]:
    """A row's cell notes as report lines."""
    return [
        ReportEntry(note.line, note.column, note.heading, fields.get(note.heading, ""), severity, note.message)
        for note in notes
    ]


#: A checked file that nobody confirmed is forgotten after a day (个人信息保护法 art. 19: no longer than needed).
CHECKED_FILE_LIFE = timedelta(days=1)


def stale_checked_drop() -> int:
    """Forget checked files that were not confirmed within a day; called by the clock. Returns how many."""
    stale = list(ImportBatch.objects.filter(state=ImportState("checked"), created_at__lt=now() - CHECKED_FILE_LIFE))
    for batch in stale:
        drop_checked(batch)
    return len(stale)
