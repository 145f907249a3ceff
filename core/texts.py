"""How long a text may be, and which texts are names. Kept wherever a row of ours is written, by whatever path.

Columns of long texts have no limit of their own (a limit there would rewrite tables), and SQLite keeps none at all:
this table is theirs. Forms, the API, services and imports ask early and say all faults at once; `keep_limits` stands
behind them, at the column itself, so that no service, command, import or bulk write stores a text that nobody limited.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from core.entered import validate_visible
from core.errors import InvalidInput

#: Characters of a text of several lines, unless its name stands below.
LONGEST_TEXT = 10_000
#: Field name → characters. Documents that are published as a whole may be longer, and so is a notice that quotes some.
LONGEST_OF = {"call_text": 50_000, "task_book": 50_000, "basis": 20_000, "body": 20_000, "raw": 50_000}
#: Columns without a limit here → what limits them. Nobody types into these.
WITHOUT_LIMIT = {
    "core.attachment.content_key": "a wrapped key, made by the platform",
    "challenges.challenge.content_key": "a wrapped key, made by the platform",
    "challenges.bid.technical_cipher": "ciphertext of a manifest, limited by bid_schema.json",
    "challenges.bid.price_cipher": "ciphertext of a manifest, limited by bid_schema.json",
    "challenges.bid.supplement_cipher": "ciphertext of a supplement, limited by its form",
    "challenges.biddraft.ciphertext": "ciphertext of a draft, limited by the size of a request",
    "challenges.officerkeyproof.sealed": "a sealed challenge to an officer's key, made by the platform",
    "challenges.opening.current_blob": "an envelope while it is being opened, limited by the size of an upload",
}
#: Columns of lists and objects that people fill: every text inside has the limit of its column's name.
TEXTS_INSIDE = frozenset(
    {"defects", "raw", "criteria", "indicators", "required_credentials", "restricts_by", "form_problems", "filters"}
)


def longest(name: str) -> int:
    return LONGEST_OF.get(name, LONGEST_TEXT)


def limit_of(field: models.Field) -> int | None:
    """Characters a column takes, or a text inside it; None where WITHOUT_LIMIT says why, and for what holds no text."""
    if f"{field.model._meta.label_lower}.{field.name}" in WITHOUT_LIMIT:
        return None
    if isinstance(field, models.JSONField):
        return longest(field.name) if field.name in TEXTS_INSIDE else None
    if isinstance(field, models.CharField | models.TextField):
        return field.max_length or longest(field.name)
    return None


def columns_of_ours() -> Iterator[models.Field]:
    """Every column of every model of this product: apps that lie beside this one."""
    here = Path(__file__).resolve().parent.parent
    for config in apps.get_app_configs():
        if Path(config.path).resolve().parent == here:
            for model in config.get_models():
                yield from model._meta.local_concrete_fields


def keep_limits() -> None:
    """Put its limit on every text column of ours. Once, when the models are there (core/apps.py).

    On what Django asks a column for before any write: save, create, update and their bulk forms all come through here.
    """
    for field in columns_of_ours():
        limit = limit_of(field)
        if limit is not None:
            setattr(field, "get_db_prep_save", partial(_within_limit, field, limit))  # noqa: B010 - one column's own


def _within_limit(field: models.Field, limit: int, value: Any, connection: Any) -> Any:
    """As the column's own `get_db_prep_save`; InvalidInput for a text that is longer than it may be."""
    if isinstance(value, str):
        longest_text = len(value)
    else:
        longest_text = max((len(text) for text in _texts_in(value)), default=0)
    if longest_text > limit:
        raise InvalidInput({field.name: [_too_long(field, limit, longest_text)]})
    return type(field).get_db_prep_save(field, value, connection)


def _texts_in(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)


def _too_long(field: Any, limit: int, length: int) -> str:
    named = str(getattr(field, "verbose_name", ""))
    # Django makes a name of the column's own where nobody gave one; it is no word for a person.
    label = named if not named.isascii() else _("该项内容")
    return _("“%(label)s”最多 %(longest)d 个字，现有 %(length)d 个字，请精简。") % {
        "label": label,
        "longest": limit,
        "length": length,
    }


def text_problems(row: models.Model, values: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is wrong with the texts among `values`, by field of `row`: too long, or a name with characters unseen."""
    problems: dict[str, list[str]] = {}
    for name, value in values.items():
        if not isinstance(value, str):
            continue
        field = row._meta.get_field(name)
        most = getattr(field, "max_length", None) or longest(name)
        if len(value) > most:
            problems[name] = [_too_long(field, most, len(value))]
        elif isinstance(field, models.CharField):
            try:
                validate_visible(value)
            except ValidationError as error:
                problems[name] = list(error.messages)
    return problems
