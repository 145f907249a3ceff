"""`manage.py check_index`: does what is found agree with what is stored?"""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from search.contract import EngineUnavailable, IndexMissing
from search.documents import INDEXES
from search.indexing import Drift, check, rebuild, repair


class Command(BaseCommand):
    help = (
        "核对检索索引与数据库是否一致（缺少、过时、多余），并抽查留存的文档。\n"
        "一致返回 0，不一致返回 1，无法核对返回 2。\n"
        "例：manage.py check_index --repair"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--index", choices=sorted(INDEXES), action="append", help="只核对这个索引；可重复")
        parser.add_argument("--repair", action="store_true", help="修复所发现的不一致")
        parser.add_argument("--json", action="store_true", help="以 JSON 输出结果")

    def handle(self, *args: Any, **options: Any) -> None:
        drifts: list[Drift] = []
        for name in options["index"] or list(INDEXES):
            try:
                drift = self._check(name, repairing=options["repair"])
            except EngineUnavailable as error:
                self.stderr.write(_("无法核对索引 {name}：{reason}").format(name=name, reason=error))
                sys.exit(2)
            drifts.append(drift)
            if not options["json"]:
                self.stdout.write(self._line(drift))
        if options["json"]:
            self.stdout.write(
                json.dumps([asdict(drift) | {"clean": drift.is_clean} for drift in drifts], ensure_ascii=False)
            )
        if not all(drift.is_clean for drift in drifts):
            sys.exit(1)

    def _check(self, name: str, *, repairing: bool) -> Drift:
        """After a repair the answer is that of a second look."""
        try:
            drift = check(name)
        except IndexMissing:
            if not repairing:
                return Drift(name, (), (), (), damaged=True)
            rebuild(name, reason=_("没有可用的索引"))
            return check(name)
        if repairing and not drift.is_clean:
            repair(drift)
            return check(name)
        return drift

    def _line(self, drift: Drift) -> str:
        if drift.damaged:
            return _("{index}：索引缺失或损坏，请运行 manage.py reindex --index {index}").format(index=drift.index)
        if drift.is_clean:
            return _("{index}：一致").format(index=drift.index)
        line = _("{index}：缺少 {missing}，过时 {outdated}，多余 {superfluous}").format(
            index=drift.index,
            missing=len(drift.missing),
            outdated=len(drift.outdated),
            superfluous=len(drift.superfluous),
        )
        if drift.untrue:
            line += _("；抽查留存的文档，{untrue} 篇有误").format(untrue=len(drift.untrue))
        return line
