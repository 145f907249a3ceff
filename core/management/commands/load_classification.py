"""`manage.py load_classification`: fields, divisions, industries, technology tags from the project's files."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from core import classification


class Command(BaseCommand):
    help = "载入或补齐分类数据（领域、行政区划、行业、技术标签）；可重复运行。例：manage.py load_classification"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="以 JSON 输出结果")

    def handle(self, *args: Any, **options: Any) -> None:
        report = classification.load()
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report)))
            return
        self.stdout.write(
            _("分类数据：领域 %(categories)d，行政区划 %(regions)d，行业 %(industries)d，技术标签 %(tags)d")
            % asdict(report)
        )
