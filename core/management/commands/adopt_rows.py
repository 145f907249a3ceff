"""`manage.py adopt_rows`: digests for rows older than the first digest, or than the coverage of a column."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from core.integrity import adopt_everything


class Command(BaseCommand):
    help = (
        "为升级前已有的关键数据留存校验值，或在升级增加了栏目后补上。每次升级并停用旧版本之后运行一次，可重复运行。"
        "已有校验值且不符的行不会被接受，并列出；此时返回 1。例：manage.py adopt_rows --json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="以 JSON 输出")

    def handle(self, *args: Any, **options: Any) -> None:
        adopted, faults = adopt_everything()
        if options["json"]:
            found = {"adopted": adopted, "faults": [(one.subject, one.detail) for one in faults]}
            self.stdout.write(json.dumps(found, ensure_ascii=False))
        else:
            for fault in faults:
                self.stdout.write(f"✗ {fault.subject}：{fault.detail}")
            self.stdout.write(_("已为 %d 行留存校验值。") % sum(adopted.values()))
        if faults:
            sys.exit(1)
