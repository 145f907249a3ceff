"""The browser's import, alike for demands and capabilities: choose a file, dry run, map headings, confirm, report."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from core.errors import DomainError, InvalidInput, ObjectNotFound
from core.importing import (
    FieldTable,
    ImportOutcome,
    ReportEntry,
    batches_of,
    checked_batch,
    drop_checked,
    keep_checked,
)
from core.models import ImportBatch
from core.pages import page_of
from core.spreadsheets import MAXIMUM_FILE_BYTES, Table, read_table, write_csv

SHOWN_ENTRIES = 200


@dataclass(frozen=True)
class ImportPages:
    """What differs between the two sides: names of addresses, fields, services, words."""

    kind: str
    fields: FieldTable
    prepare: Callable[..., ImportOutcome]
    confirm: Callable[..., ImportOutcome]
    start: str
    check: str
    report: str
    after: str
    title: Any
    lead: Any

    def start_page(self, request: HttpRequest, organisation: Any) -> HttpResponse:
        """Choose a file; a readable one leads to its check page, an unreadable one says why."""
        problem: DomainError | None = None
        if request.method == "POST":
            try:
                content, name = self._uploaded(request)
                batch = self._checked(request, organisation, content, name, None)
            except DomainError as error:
                problem = error
            else:
                return redirect(self.check, batch.public_id)
        return render(
            request,
            "imports/start.html",
            {
                "pages": self,
                "problem": problem,
                "history": batches_of(self.kind, organisation.pk)[:10],
                "known": [field.label for field in self.fields.fields.values()],
            },
            status=problem.status if problem else 200,
        )

    @staticmethod
    def _uploaded(request: HttpRequest) -> tuple[bytes, str]:
        file = request.FILES.get("file")
        if file is None:
            raise InvalidInput({"file": [_("请选择要导入的文件。")]})
        if (file.size or 0) > MAXIMUM_FILE_BYTES:
            raise InvalidInput({"file": [_("文件超过 20 MB，请拆分后分次导入。")]})
        return file.read(), file.name or ""

    def _checked(
        self, request: HttpRequest, organisation: Any, content: bytes, name: str, mapping: dict[str, str] | None
    ) -> ImportBatch:
        """Dry-run and keep the file. A file whose headings say too little is kept too, to be mapped by hand."""
        try:
            outcome = self.prepare(
                acting_user=request.user, organisation=organisation, content=content, file_name=name, mapping=mapping
            )
        except InvalidInput as error:
            if "mapping" not in error.fields:
                raise
            table = read_table(content, name, is_known=self.fields.is_known, groups=self.fields.groups)
            outcome = ImportOutcome(kind=self.kind, file_name=name, total=0, unknown_headings=list(table.headings))
            outcome.entries = [ReportEntry(table.heading_line, "", "", "mapping", "error", _unknown_headings(table))]
            outcome.mapping = {}
            keep_checked(
                outcome,
                content=content,
                organisation_id=organisation.pk,
                user=request.user,
                mapping=mapping,
                defaults=None,
            )
        assert outcome.batch is not None  # kept as CHECKED just above
        return outcome.batch

    def check_page(self, request: HttpRequest, organisation: Any, public_id: Any) -> HttpResponse:
        """The report of the dry run, the headings to map, and the button that imports."""
        batch, content = checked_batch(self.kind, public_id, request.user)
        if batch.organisation_id != organisation.pk:
            raise ObjectNotFound(_("这个文件是为另一个机构上传的，请先切换机构。"))
        problem: DomainError | None = None
        if request.method == "POST":
            action = request.POST.get("action", "")
            if action not in ("map", "confirm", "drop"):
                raise Http404
            try:
                return self._step(request, organisation, batch, content, action)
            except DomainError as error:
                problem = error
        table = read_table(content, batch.file_name, is_known=self.fields.is_known, groups=self.fields.groups)
        chosen = batch.mapping.get("columns", {})
        columns = [
            {
                "position": position,
                "heading": heading,
                "column": table.columns.get(heading, ""),
                "field": chosen.get(heading, self.fields.find(heading) or ""),
                "sample": next((str(row.values[heading]) for row in table.rows if row.values.get(heading)), "")[:60],
            }
            for position, heading in enumerate(table.headings)
        ]
        errors = [entry for entry in batch.report if entry["severity"] == "error"]
        warnings = [entry for entry in batch.report if entry["severity"] == "warning"]
        return render(
            request,
            "imports/check.html",
            {
                "pages": self,
                "batch": batch,
                "columns": columns,
                "choices": [(field.name, field.label) for field in self.fields.fields.values()],
                "errors": errors[:SHOWN_ENTRIES],
                "error_count": len(errors),
                "warnings": warnings[:SHOWN_ENTRIES],
                "warning_count": len(warnings),
                "acceptable": batch.row_count - batch.rejected_count,
                "problem": problem,
            },
            status=problem.status if problem else 200,
        )

    def _step(
        self, request: HttpRequest, organisation: Any, batch: ImportBatch, content: bytes, action: str
    ) -> HttpResponse:
        if action == "drop":
            drop_checked(batch)
            messages.info(request, _("已放弃这个文件，没有导入任何内容。"))
            return redirect(self.start)
        if action == "map":
            table = read_table(content, batch.file_name, is_known=self.fields.is_known, groups=self.fields.groups)
            mapping = {
                heading: request.POST[f"column_{position}"]
                for position, heading in enumerate(table.headings)
                if f"column_{position}" in request.POST
            }
            checked = self._checked(request, organisation, content, batch.file_name, mapping)
            drop_checked(batch)
            return redirect(self.check, checked.public_id)
        outcome = self.confirm(
            batch_public_id=batch.public_id, acting_user=request.user, partial="partial" in request.POST
        )
        messages.success(request, _("已导入 %d 条，均为草稿，请补充后提交。") % outcome.created)
        assert outcome.batch is not None  # a confirmed import has its batch
        return redirect(self.report, outcome.batch.public_id)

    def report_page(self, request: HttpRequest, organisation: Any, public_id: Any) -> HttpResponse:
        """What came of a file that was imported; `?format=csv` gives the lines as a table."""
        batch = batches_of(self.kind, organisation.pk).filter(public_id=public_id).first()
        if batch is None:
            raise ObjectNotFound()
        if request.GET.get("format") == "csv":
            rows = [
                [entry["line"], entry["column"], entry["heading"], _SEVERITY[entry["severity"]], entry["message"]]
                for entry in batch.report
            ]
            headings = [_("行"), _("列"), _("栏目"), _("性质"), _("说明")]
            response = HttpResponse(write_csv(headings, rows), content_type="text/csv; charset=utf-8")
            response["Content-Disposition"] = f"attachment; filename=import-{batch.public_id.hex[:8]}.csv"
            return response
        return render(
            request,
            "imports/report.html",
            {"pages": self, "batch": batch, "page": page_of(request, batch.report, size=50)},
        )


def _unknown_headings(table: Table) -> str:
    """What the command says with `--mapping`, for a page where the columns are chosen below."""
    return _("没有认出名称所在的列，不能导入。标题行是：%s。请在下面“各列对应的栏目”中指定，再重新检查。") % "、".join(
        table.headings[:40]
    )


_SEVERITY = {"error": "错误", "warning": "提示"}
