"""What a reviewer sent back, and what was changed since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from scenarios import selectors
from scenarios.defects import HOMES, DefectShown, defects_shown, label_of
from scenarios.enums import DataClass, FundingNature, Restriction, ReviewConclusion, ScenarioLevel, ScenarioType
from scenarios.models import Scenario, ScenarioReview, ScenarioVersion

#: Fields of the form that no version holds: they are never public.
NOT_COMPARED = frozenset({"no_state_secret", "private_contact_name", "private_contact_phone", "lead_department"})
_CHOICES: Mapping[str, Mapping[str, Any]] = {
    "scenario_type": dict(ScenarioType.choices),
    "funding_nature": dict(FundingNature.choices),
    "level": dict(ScenarioLevel.choices),
    "data_class": dict(DataClass.choices),
    "restricts_by": dict(Restriction.choices),
}


@dataclass(frozen=True)
class FieldChange:
    """A field before and after, as people read it; `asked`: what the return said about it."""

    field: str
    label: str
    before: str
    after: str
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class SinceReturn:
    """What the second look is about: the return, what was changed since, defects of unchanged fields, and the rest."""

    review: ScenarioReview
    changed: tuple[FieldChange, ...]
    untouched: tuple[DefectShown, ...]
    general: tuple[DefectShown, ...]


def last_return(viewer: Any, scenario: Scenario) -> ScenarioReview | None:
    """The latest review that sent the demand back, for those who may read reviews."""
    returned = selectors.reviews_for(viewer, scenario).filter(conclusion=ReviewConclusion.RETURNED)
    return returned.order_by("-pk").first()


def since_return(viewer: Any, scenario: Scenario) -> SinceReturn | None:
    """For the second look: the version that was sent back against the one handed in now; None without a return."""
    review = last_return(viewer, scenario)
    if review is None:
        return None
    before = scenario.versions.filter(version=review.version).first()
    after = scenario.versions.order_by("-version").first()
    defects = defects_shown(review.defects)
    changed = tuple(field_changes(before, after, defects)) if before is not None and after is not None else ()
    touched = {change.field for change in changed}
    compared = [defect for defect in defects if defect.field and defect.field not in NOT_COMPARED]
    untouched = tuple(defect for defect in compared if defect.field not in touched)
    return SinceReturn(review, changed, untouched, tuple(defect for defect in defects if defect not in compared))


def field_changes(
    before: ScenarioVersion, after: ScenarioVersion, defects: Sequence[DefectShown] = ()
) -> list[FieldChange]:
    """Every field of the form that differs, in the order of the form."""
    found = []
    for field in HOMES:
        former, latter = before.content.get(field), after.content.get(field)
        if field not in NOT_COMPARED and (former or None) != (latter or None):
            asked = tuple(defect.reason for defect in defects if defect.field == field)
            found.append(FieldChange(field, label_of(field), _read(field, former), _read(field, latter), asked))
    return found


def _read(field: str, value: Any) -> str:
    """A value of a version as people read it."""
    names = _CHOICES.get(field, {})
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if isinstance(value, list):
        return "、".join(str(names.get(entry, entry)) for entry in value)
    if field == "deadline_at" and value:
        return str(value)[:16].replace("T", " ")
    return str(names.get(value, value or ""))
