"""`manage.py import_scenarios FILE`: demands from an agency's sheet become drafts of an organisation."""

from typing import Any

from core.import_command import ImportCommand
from core.importing import ImportOutcome
from scenarios.importing import import_scenarios


class Command(ImportCommand):
    help = (
        "把需求清单（.xlsx、.csv、.jsonl）导入为某机构的需求草稿。"
        "例：manage.py import_scenarios 需求.xlsx --organisation 济南市大数据局 --user zhangsan --dry-run"
    )

    def carry_out(self, **arguments: Any) -> ImportOutcome:
        return import_scenarios(**arguments)
