"""`manage.py import_capabilities FILE`: capabilities from a sheet become drafts of an organisation."""

from typing import Any

from core.import_command import ImportCommand
from core.importing import ImportOutcome
from vendors.importing import import_capabilities


class Command(ImportCommand):
    help = (
        "把场景能力清单（.xlsx、.csv、.jsonl）导入为某机构的能力草稿。"
        "例：manage.py import_capabilities 能力.csv --organisation 某科技有限公司 --user lisi --partial"
    )

    def carry_out(self, **arguments: Any) -> ImportOutcome:
        return import_capabilities(**arguments)
