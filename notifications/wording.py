"""Small pieces of text that several notices share."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from scenarios.models import Scenario, ScenarioReview


def comment_sentence(comment: str) -> str:
    """A comment as a sentence of its own, or nothing."""
    text = comment.strip()
    return _("意见：%s。") % text.rstrip("。.") if text else ""


def numbered(defects: Sequence[Mapping[str, str]]) -> str:
    """All defects, one to a line, with the name of the field they concern."""
    lines = []
    for number, defect in enumerate(defects, start=1):
        name = defect.get("field", "")
        known = {field.name: str(field.verbose_name) for field in Scenario._meta.concrete_fields}
        label = f"【{known[name]}】" if name in known else ""
        lines.append(f"{number}. {label}{defect.get('reason', '')}")
    return "\n".join(lines) + ("\n" if lines else "")


def review_values(review: ScenarioReview) -> dict[str, Any]:
    """What the texts about a review need."""
    return {
        "reviewer": review.reviewer_organisation.name if review.reviewer_organisation else _("审核单位"),
        "comment": comment_sentence(review.comment),
        "defects": numbered(review.defects),
    }
