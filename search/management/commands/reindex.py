"""`manage.py reindex`: make the search indexes anew from the database, while the platform goes on."""

import json
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from core.errors import DomainError
from search.documents import INDEXES
from search.indexing import drop_unused, rebuild


class Command(BaseCommand):
    help = (
        "由数据库重新建立检索与匹配索引，期间检索不中断。\n"
        "例：manage.py reindex    manage.py reindex --index capability_match --json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--index", choices=sorted(INDEXES), action="append", help="只建立这个索引；可重复")
        parser.add_argument("--json", action="store_true", help="以 JSON 输出结果")

    def handle(self, *args: Any, **options: Any) -> None:
        results = []
        for name in options["index"] or list(INDEXES):
            started = time.monotonic()
            try:
                build = rebuild(name, reason=_("人工重建"), progress=self._progress(name))
            except DomainError as error:
                self.stderr.write(_("索引 {name} 未能建立：{reason}").format(name=name, reason=error))
                sys.exit(2)
            if build is None:
                self.stderr.write(_("索引 {name} 正在由另一个进程建立，请稍后再试。").format(name=name))
                sys.exit(2)
            seconds = round(time.monotonic() - started, 2)
            results.append({"index": name, "documents": build.documents, "seconds": seconds})
            if not options["json"]:
                self.stdout.write(_("{index}：{documents} 篇，{seconds} 秒").format(**results[-1]))
        drop_unused()
        if options["json"]:
            self.stdout.write(json.dumps(results, ensure_ascii=False))

    def _progress(self, name: str):
        if not self.stderr.isatty():
            return lambda done, total: None
        return lambda done, total: self.stderr.write(f"\r{name} {done}/{total}", ending="\n" if done >= total else "")
