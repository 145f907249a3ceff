"""Defects of a review in templates."""

from collections.abc import Mapping, Sequence

from django import template

from scenarios.defects import DefectShown, defects_shown

register = template.Library()


@register.filter
def located(defects: Sequence[Mapping[str, str]]) -> list[DefectShown]:
    """Each with the name of its field and the section where it is mended."""
    return defects_shown(defects)
