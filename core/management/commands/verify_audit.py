"""`manage.py verify_audit`: is the data what the platform left? Chains, deciding rows, files, heads noted outside."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from core import audit
from core.heads import current_heads, stands_on_a_chain
from core.integrity import Fault, installation_faults

SHOWN = 100


class Command(BaseCommand):
    help = (
        "校验审计链、数据校验链、关键数据、附件文件和留存的链头；发现不符时返回 1，无法校验返回 2。"
        "例：manage.py verify_audit --json；manage.py verify_audit --head 1284:0a1b…（先前记下的链头，可多次给出）；"
        "manage.py verify_audit --anchor 0a1b…（公布过的锚点，可多次给出）；"
        "manage.py verify_audit --show-heads（只输出当前链头，供记录）"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="以 JSON 输出")
        parser.add_argument("--head", action="append", default=[], metavar="序号:链头", help="平台以外留存的链头")
        parser.add_argument("--anchor", action="append", default=[], metavar="链头", help="公布过的锚点中的链头")
        parser.add_argument("--no-files", action="store_true", help="不读取附件文件，只核对数据库")
        parser.add_argument("--show-heads", action="store_true", help="输出当前链头后结束")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["show_heads"]:
            self.stdout.write(current_heads().text)
            return
        faults = self._noted(options["anchor"] + options["head"])
        report = audit.verify()
        faults += installation_faults(audited=report, with_files=not options["no_files"])
        if options["json"]:
            found = {**asdict(report), "faults": [asdict(fault) for fault in faults]}
            self.stdout.write(json.dumps(found, ensure_ascii=False))
        else:
            self._print(faults, report)
        if faults:
            sys.exit(1)

    def _noted(self, heads: list[str]) -> list[Fault]:
        faults = []
        for head in heads:
            try:
                stands = stands_on_a_chain(head)
            except ValueError:
                self.stderr.write(_("“%s”不是链头：应为 64 位十六进制数，或“序号:链头”。") % head)
                sys.exit(2)
            if not stands:
                faults.append(Fault("anchor", head[:24], _("不在链上：末尾被截去，或历史被改写")))
        return faults

    def _print(self, faults: list[Fault], report: audit.ChainReport) -> None:
        for fault in faults[:SHOWN]:
            self.stdout.write(f"✗ {fault.subject}：{fault.detail}")
        if len(faults) > SHOWN:
            self.stdout.write(_("……另有 %d 项，见 --json。") % (len(faults) - SHOWN))
        if report.fault:
            self.stdout.write(_("审计链有误：%s") % report.fault)
        elif faults:
            self.stdout.write(_("共 %d 项不符，请立即报告安全管理员和监督人员。") % len(faults))
        else:
            self.stdout.write(_("审计链完好：已校验 %(checked)d 条，另有 %(unsealed)d 条等待封存") % asdict(report))
            self.stdout.write(_("关键数据、附件文件和链头与平台留存的一致"))
