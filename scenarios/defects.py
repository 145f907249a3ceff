"""Defects of a review with the field each is about and the section where it is mended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scenarios.models import Scenario
from scenarios.validators import SECTIONS

#: Field of the form → its section.
HOMES = {name: section for section, (_title, names) in SECTIONS.items() for name in names}


@dataclass(frozen=True)
class DefectShown:
    """One defect: its field's name and the section where it is mended, "" for what concerns no field."""

    reason: str
    field: str
    label: str
    section: str


def label_of(field: str) -> str:
    return str(getattr(Scenario._meta.get_field(field), "verbose_name", field)) if field in HOMES else ""


def defects_shown(defects: Sequence[Mapping[str, str]]) -> list[DefectShown]:
    """The defects of a review in their order; a field that no form has any more is told without one."""
    found = []
    for defect in defects:
        field = str(defect.get("field", ""))
        field = field if field in HOMES else ""
        found.append(DefectShown(str(defect.get("reason", "")), field, label_of(field), HOMES.get(field, "")))
    return found
