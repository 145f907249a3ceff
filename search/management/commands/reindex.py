"""`manage.py reindex`: make the search indexes anew from the database, while the platform goes on; or go back."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from core.errors import DomainError
from search.documents import INDEXES
from search.indexing import drop_unused, rebuild, rollback
from search.models import IndexBuild

Report = Callable[[int, int], None]


class Command(BaseCommand):
    help = (
        "由数据库重新建立检索与匹配索引，期间检索不中断；中途被终止的，再次运行时接着建立。\n"
        "未变化的行沿用留存的文档；--fresh 不沿用，全部重新生成，语料统计也重做。\n"
        "--rollback 把各索引换回上一代（保留一天），先补齐其间的变更，检索同样不中断。\n"
        "例：manage.py reindex    manage.py reindex --index capability_match --json\n"
        "    manage.py reindex --rollback --index capability\n"
        "完成返回 0，未能完成返回 2。"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--index", choices=sorted(INDEXES), action="append", help="只处理这个索引；可重复")
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--rollback", action="store_true", help="换回上一代索引，不重新建立")
        way.add_argument("--fresh", action="store_true", help="不沿用留存的文档与语料统计")
        parser.add_argument("--json", action="store_true", help="以 JSON 输出结果")

    def handle(self, *args: Any, **options: Any) -> None:
        results = []
        for name in options["index"] or list(INDEXES):
            started = time.monotonic()
            try:
                build = rollback(name) if options["rollback"] else self._rebuild(name, fresh=options["fresh"])
            except DomainError as error:
                self.stderr.write(_("索引 {name} 未能完成：{reason}").format(name=name, reason=error))
                sys.exit(2)
            if build is None:
                self.stderr.write(_("索引 {name} 正在由另一个进程建立，请稍后再试。").format(name=name))
                sys.exit(2)
            seconds = round(time.monotonic() - started, 2)
            results.append(
                {"index": name, "generation": build.generation, "documents": build.documents, "seconds": seconds}
            )
            if not options["json"]:
                self.stdout.write(_("{index}：{documents} 篇，{seconds} 秒，世代 {generation}").format(**results[-1]))
        drop_unused()
        if options["json"]:
            self.stdout.write(json.dumps(results, ensure_ascii=False))

    def _rebuild(self, name: str, *, fresh: bool) -> IndexBuild | None:
        with self._bar() as bar:
            return rebuild(name, reason=_("人工重建"), progress=self._report(bar, name), fresh=fresh)

    def _bar(self) -> AbstractContextManager[Progress | None]:
        """A bar for people; nothing where nobody looks."""
        if not self.stderr.isatty():
            return nullcontext()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True))

    @staticmethod
    def _report(bar: Progress | None, name: str) -> Report:
        if bar is None:
            return lambda done, total: None
        task = bar.add_task(name, total=None)
        return lambda done, total: bar.update(task, completed=done, total=total)
