"""Demands from the sheets agencies hold: recognition, plan, import (issue 3 point 7, architecture.md §10.2)."""

from scenarios.importing.headings import SCENARIO_FIELDS
from scenarios.importing.reading import ImportPlan, RowPlan, read_scenarios
from scenarios.importing.services import (
    KIND,
    import_checked_scenarios,
    import_scenarios,
    prepare_import,
)

__all__ = [
    "KIND",
    "SCENARIO_FIELDS",
    "ImportPlan",
    "RowPlan",
    "import_checked_scenarios",
    "import_scenarios",
    "prepare_import",
    "read_scenarios",
]
