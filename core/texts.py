"""How long a text may be, and which texts are names. Enforced where texts come in: forms, the API, services, imports.

Columns of long texts have no limit of their own (a limit there would rewrite tables); this table is theirs.
"""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from core.entered import validate_visible

#: Characters of a text of several lines, unless its name stands below.
LONGEST_TEXT = 10_000
#: Field name → characters. Documents that are published as a whole may be longer.
LONGEST_OF = {"call_text": 50_000, "task_book": 50_000, "basis": 20_000}


def longest(name: str) -> int:
    return LONGEST_OF.get(name, LONGEST_TEXT)


def text_problems(row: models.Model, values: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is wrong with the texts among `values`, by field of `row`: too long, or a name with characters unseen."""
    problems: dict[str, list[str]] = {}
    for name, value in values.items():
        if not isinstance(value, str):
            continue
        field = row._meta.get_field(name)
        most = getattr(field, "max_length", None) or longest(name)
        if len(value) > most:
            label = getattr(field, "verbose_name", name)
            problems[name] = [
                _("“%(label)s”最多 %(longest)d 个字，现有 %(length)d 个字，请精简。")
                % {"label": label, "longest": most, "length": len(value)}
            ]
        elif isinstance(field, models.CharField):
            try:
                validate_visible(value)
            except ValidationError as error:
                problems[name] = list(error.messages)
    return problems
