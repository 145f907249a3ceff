"""`manage.py verify_audit`: recompute the audit chain."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from core import audit


class Command(BaseCommand):
    help = "校验审计链；发现改动时返回 1。例：manage.py verify_audit --json"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="以 JSON 输出")

    def handle(self, *args: Any, **options: Any) -> None:
        report = audit.verify()
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report), ensure_ascii=False))
        elif report.fault:
            self.stdout.write(_("审计链有误：%s") % report.fault)
        else:
            self.stdout.write(_("审计链完好：已校验 %(checked)d 条，另有 %(unsealed)d 条等待封存") % asdict(report))
        if report.fault:
            raise SystemExit(1)
