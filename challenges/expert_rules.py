"""What an entry of the expert pool must hold, and what of it is kept with a draw and in the trail."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from challenges.models import Expert

#: 招标投标法 37 as the trust standard: eight years and a senior title.
LEAST_YEARS = 8
EMPLOYMENT_FIELDS = ("organisation_name", "unified_code", "position", "started_on", "ended_on")


def expert_problems(
    *, name: str, title: str, years: int, employments: Sequence[Mapping[str, Any]]
) -> dict[str, list[str]]:
    """Every reason against this entry, by field; empty if there is none."""
    problems: dict[str, list[str]] = {}
    if not name.strip():
        problems["name"] = [_("请填写姓名。")]
    if years < LEAST_YEARS:
        problems["years"] = [_("从业年限应满 %d 年（招标投标法第三十七条）。") % LEAST_YEARS]
    if not title.strip():
        problems["title"] = [_("请填写高级职称或同等专业水平。")]
    if not employments:
        problems["employments"] = [_("请填写近三年的任职单位，用于回避核查。")]
    return problems


def expert_facts(expert: Expert) -> dict[str, Any]:
    """The entry as it stands now, in plain values. A draw keeps it: what was true then stays readable."""
    return {
        "name": expert.name,
        "kind": expert.kind,
        "title": expert.title,
        "years": expert.years,
        "areas": sorted(area.code for area in expert.areas.all()),
        "username": expert.user.username if expert.user is not None else "",
        "employments": [
            {
                "organisation_name": row.organisation_name,
                "unified_code": row.unified_code,
                "position": row.position,
                "started_on": row.started_on.isoformat(),
                "ended_on": row.ended_on.isoformat() if row.ended_on else "",
            }
            for row in expert.employments.all()
        ],
    }


def facts_of(experts: Iterable[Expert]) -> dict[str, dict[str, Any]]:
    """By public id, for the record of a draw."""
    return {str(expert.public_id): expert_facts(expert) for expert in experts}
