"""`manage.py prepare`: everything an installation needs before it serves; safe and quick to run again."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from accounts.models import Organisation
from core.integrity import adopt_everything
from core.models import Category, WorkdayCalendar
from core.secret_files import take_from_others
from core.workday_calendars import years_missing

CALENDAR_YEARS = ("2025", "2026")


class Command(BaseCommand):
    help = "准备安装：数据库结构、分类数据、工作日历、静态文件、（可选）示例数据与索引。可重复运行。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="数据库为空时装入示例数据")

    def handle(self, *args: Any, **options: Any) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", interactive=False, verbosity=0)
            self.stdout.write(_("数据库结构已更新。"))
            adopted, faults = adopt_everything()
            if adopted:
                self.stdout.write(_("已为升级前的 %d 行关键数据留存校验值。") % sum(adopted.values()))
            for fault in faults:
                self.stderr.write(f"✗ {fault.subject}：{fault.detail}")
        if not Category.objects.exists():
            call_command("load_classification", stdout=self.stdout)
        if not WorkdayCalendar.objects.exists():
            call_command("load_workdays", *CALENDAR_YEARS, stdout=self.stdout)
        for year in years_missing():
            # A newer package may know by now what was missing; where it does not, the page takes the notice.
            with suppress(CommandError):
                call_command("load_workdays", str(year), stdout=self.stdout)
        call_command("collectstatic", interactive=False, verbosity=0)
        if options["demo"] and not Organisation.objects.exists():
            call_command("seed_demo", stdout=self.stdout)
        take_from_others(Path(settings.VAR_DIR))
