"""What the two import commands share: arguments, progress bar, report, exit codes (architecture.md §10.8).

Exit codes: 0 everything was taken in (or would be), 1 rows were refused, 2 could not run.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from core.errors import DomainError
from core.importing import ImportOutcome
from core.spreadsheets import MAXIMUM_FILE_BYTES
from core.unified_code import normalise

SHOWN_ENTRIES = 50


def pairs(texts: list[str], option: str) -> dict[str, str]:
    """ "标题=字段" arguments as a mapping; CommandError for one without "="."""
    mapping: dict[str, str] = {}
    for text in texts:
        left, separator, right = text.partition("=")
        if not separator or not left.strip():
            raise CommandError(
                _("%(option)s 的写法是“名称=值”，收到的是“%(text)s”。") % {"option": option, "text": text}, returncode=2
            )
        mapping[left.strip()] = right.strip()
    return mapping


class ImportCommand(BaseCommand):
    """Base of both commands; a subclass calls its app's service."""

    requires_migrations_checks = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="要导入的文件：.xlsx、.csv 或 .jsonl")
        parser.add_argument("--organisation", required=True, help="归属机构的统一社会信用代码或名称")
        parser.add_argument("--user", required=True, help="经办人的用户名或邮箱，须在该机构担任相应角色")
        parser.add_argument(
            "--mapping",
            nargs="+",
            default=[],
            metavar="标题=字段",
            help="手工指定列的对应关系，等号右边留空表示不导入该列；例：--mapping 事项=需求名称 备注=",
        )
        parser.add_argument(
            "--set",
            nargs="+",
            default=[],
            metavar="字段=值",
            help="文件中没有或为空的字段统一取这个值；例：--set 场景类型=技术攻关",
        )
        parser.add_argument("--dry-run", action="store_true", help="只检查并列出问题，不写入")
        parser.add_argument(
            "--partial", action="store_true", help="跳过有错误的行，导入其余各行（默认有一行错误就全部不导入）"
        )
        parser.add_argument("--json", action="store_true", help="以 JSON 输出结果，供程序使用")

    def acting(self, organisation: str, user: str) -> tuple[Any, Any]:
        """The organisation and the person, set (for this run) to act for it; CommandError unless a member."""
        people = get_user_model().objects.filter(is_active=True)
        person = people.filter(username__iexact=user).first() or people.filter(email__iexact=user).first()
        if person is None:
            raise CommandError(_("没有用户名或邮箱为“%s”的可用账号。") % user, returncode=2)
        memberships = person.memberships.active().select_related("organisation__region")
        membership = (
            memberships.filter(organisation__unified_code=normalise(organisation)).first()
            or memberships.filter(organisation__name=organisation).first()
        )
        if membership is None:
            raise CommandError(
                _("“%(user)s”不是“%(organisation)s”的成员，请核对机构的名称或统一社会信用代码。")
                % {"user": user, "organisation": organisation},
                returncode=2,
            )
        person.current_organisation = membership.organisation
        return membership.organisation, person

    def carry_out(self, **arguments: Any) -> ImportOutcome:
        """Call the app's import service."""
        raise NotImplementedError

    def handle(self, *_args: Any, **options: Any) -> None:
        content = self._content(options["file"])
        organisation, user = self.acting(options["organisation"], options["user"])
        mapping, defaults = pairs(options["mapping"], "--mapping"), pairs(options["set"], "--set")
        try:
            with self._progress(options) as report_progress:
                outcome = self.carry_out(
                    acting_user=user,
                    organisation=organisation,
                    content=content,
                    file_name=options["file"].name,
                    mapping=mapping,
                    defaults=defaults,
                    dry_run=options["dry_run"],
                    partial=options["partial"],
                    progress=report_progress,
                )
        except DomainError as error:
            if options["json"]:
                self.stdout.write(
                    json.dumps(
                        {"error": {"code": error.code, "message": error.message, "fields": error.fields}},
                        ensure_ascii=False,
                    )
                )
            text = "；".join(str(reason.message) for reason in error.reasons) or error.message
            raise CommandError(text, returncode=1 if error.code == "already_imported" else 2) from error
        self._show(outcome, options)
        if outcome.rejected or not (outcome.done or outcome.dry_run):
            sys.exit(1)

    def _content(self, path: Path) -> bytes:
        try:
            if path.stat().st_size > MAXIMUM_FILE_BYTES:
                raise CommandError(
                    _("文件超过 %d MB，请拆分后分次导入。") % (MAXIMUM_FILE_BYTES // 1024 // 1024), returncode=2
                )
            return path.read_bytes()
        except OSError as error:
            raise CommandError(
                _("不能读取文件 %(path)s：%(reason)s。") % {"path": path, "reason": error.strerror}, returncode=2
            ) from error

    def _progress(self, options: dict[str, Any]) -> "_Bar":
        return _Bar(shown=not options["json"] and int(options["verbosity"]) > 0)

    def _show(self, outcome: ImportOutcome, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(outcome.as_dict(), ensure_ascii=False))
            return
        for note in outcome.notes:
            self.stdout.write(f"· {note}")
        listed = outcome.errors + outcome.warnings
        for entry in listed[:SHOWN_ENTRIES]:
            self.stdout.write(f"{_('错误') if entry.severity == 'error' else _('提示')} {entry}")
        if len(listed) > SHOWN_ENTRIES:
            self.stdout.write(_("……另有 %d 条，用 --json 可看全部。") % (len(listed) - SHOWN_ENTRIES))
        counts = {
            "total": outcome.total,
            "created": outcome.created,
            "rejected": outcome.rejected,
            "warnings": len(outcome.warnings),
        }
        if outcome.dry_run:
            line = _(
                "试运行，没有写入：共 %(total)d 行，可导入 %(created)d 条，错误 %(rejected)d 行，提示 %(warnings)d 条。"
            )
        elif outcome.done:
            line = _("已导入 %(created)d 条草稿（共 %(total)d 行，跳过 %(rejected)d 行，提示 %(warnings)d 条）。")
        else:
            line = _("没有导入：共 %(total)d 行，其中 %(rejected)d 行有错误。改正后重试，或加 --partial 跳过这些行。")
        self.stdout.write(line % counts)


class _Bar:
    """A progress bar on the terminal, gone when done; nothing when the output is for a machine or a file."""

    def __init__(self, *, shown: bool) -> None:
        console = Console(stderr=True)
        self._progress = (
            Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=console,
                transient=True,
            )
            if shown and console.is_terminal
            else None
        )

    def __enter__(self) -> Callable[[int, int], None] | None:
        bar = self._progress
        if bar is None:
            return None
        bar.start()
        task = bar.add_task(_("读取各行"), total=None)
        return lambda done, total: bar.update(task, completed=done, total=total)

    def __exit__(self, *_exception: object) -> None:
        if self._progress is not None:
            self._progress.stop()
