"""Capabilities from the sheets agencies and firms hold (issue 3 point 7, architecture.md §10.2)."""

from vendors.importing.headings import CAPABILITY_FIELDS
from vendors.importing.reading import ImportPlan, read_capabilities
from vendors.importing.services import (
    KIND,
    import_capabilities,
    import_checked_capabilities,
    prepare_import,
)

__all__ = [
    "CAPABILITY_FIELDS",
    "KIND",
    "ImportPlan",
    "import_capabilities",
    "import_checked_capabilities",
    "prepare_import",
    "read_capabilities",
]
