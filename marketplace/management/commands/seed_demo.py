"""`manage.py seed_demo`: a believable province to look at, and rows by the thousand for load work."""

import json
import os
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError
from django.utils.translation import gettext as _
from rich.console import Console
from rich.table import Table

from core.errors import DomainError
from marketplace.demo import scale
from marketplace.demo.build import PASSWORD, build, figures


class Command(BaseCommand):
    help = (
        "装入示例数据（虚构的机构与文字），可重复运行。"
        "例：manage.py seed_demo；manage.py seed_demo --scale 100（再增加十万条需求和十万条能力）"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--scale", type=int, default=0, metavar="N", help="另外增加 N 千条需求和 N 千条能力，供压力测试"
        )
        parser.add_argument("--no-index", action="store_true", help="--scale 之后不重建索引")
        parser.add_argument("--json", action="store_true", help="以 JSON 输出结果")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["scale"] < 0 or options["scale"] > 1000:
            raise CommandError(_("--scale 应在 0 到 1000 之间。"), returncode=2)
        tell = self._tell if not options["json"] else (lambda text: None)
        try:
            built = build(tell)
        except (OperationalError, ProgrammingError) as error:
            raise CommandError(
                _("数据库不可用或结构还没有建立，请先运行 manage.py prepare。（%s）") % error, returncode=2
            ) from error
        except DomainError as error:
            raise CommandError(_("示例数据没有装入：%s") % error, returncode=2) from error
        if options["scale"]:
            scale.enlarge(options["scale"], tell, reindex=not options["no_index"])
        if options["json"]:
            result = {
                "created": built.created,
                **figures(),
                "password": PASSWORD,
                "accounts": [asdict(account) for account in built.accounts],
            }
            self.stdout.write(json.dumps(result, ensure_ascii=False))
            return
        self._show(built)

    def _tell(self, text: str) -> None:
        self.stdout.write(f"· {text}")
        self.stdout.flush()

    def _show(self, built: Any) -> None:
        counts = figures()
        if not built.created:
            self.stdout.write(_("示例数据已经在库中，没有改动。"))
        self.stdout.write(
            _(
                "示例数据：机构 %(organisations)d 个，需求 %(scenarios)d 项（在榜 %(listed)d），"
                "已发布清单 %(lists)d 份，供给方 %(vendors)d 家，能力 %(capabilities)d 项。"
            )
            % counts
        )
        table = Table(title=_("示例账号（密码均为 %s）") % PASSWORD, title_justify="left")
        for heading in (_("用户名"), _("姓名"), _("机构"), _("可以试用")):
            table.add_column(heading, no_wrap=heading != _("机构"))
        for account in built.accounts:
            table.add_row(account.username, account.name, account.organisation, account.purpose)
        console = Console(width=None if os.isatty(1) else 110)
        with console.capture() as capture:
            console.print(table)
        self.stdout.write(capture.get())
