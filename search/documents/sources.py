"""What a document is made from: read as plain values, without model instances, and told apart by a digest.

`prepare` is given a *source row*: it reads like the model instance it stands for, but holds what its index's `Sources`
names and nothing else; reading anything more is an AttributeError. So equal sources mean an equal document, whoever
changed them and whether or not a version was raised: a kept document does not depend on services keeping a promise
(ADR 0008). An instance with its related rows costs ten times as much to read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import blake2b
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from django.db.models import Model, QuerySet

from search.rows import rows_of


class Source(NamedTuple):
    """What was read of a row: its key, its version, the values (related ones at the end) and their digest."""

    key: int
    version: int
    digest: bytes
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Related:
    """Columns read of the rows behind `lookup` (to many). `attribute`: what a source row calls them, if otherwise.

    `counts` leaves out what does not count now; it gets the values of `columns`. The order of these rows is part of
    what a document is made from, so whatever their model is ordered by is read, too.
    """

    lookup: str
    columns: tuple[str, ...]
    attribute: str = ""
    counts: Callable[..., bool] | None = None


@dataclass(frozen=True)
class Sources:
    """Everything `prepare` reads of a row: columns of its own and of what it refers to, and related rows.

    Of a row that is referred to at least one column must be named that is never empty: where all are, there is none.
    """

    model: type[Model]
    columns: tuple[str, ...]
    related: tuple[Related, ...] = ()

    def read(self, queryset: QuerySet, keys: Sequence[int]) -> list[Source]:
        """The sources of those of these rows that are in the queryset, in the order of keys.

        One statement for them and one for each kind of related row.
        """
        wanted = set(keys)
        rows = queryset.filter(**_among(keys)).order_by().prefetch_related(None)
        values_of_rows = rows.values_list("pk", "document_version", *self.columns)
        own = sorted((values for values in rows_of(values_of_rows) if values[0] in wanted), key=itemgetter(0))
        keys = [values[0] for values in own]
        related = [self._read_related(entry, columns, keys) for entry, columns in self._related] if keys else []
        found = [(*values, *(rows.get(values[0], ()) for rows in related)) for values in own]
        return [Source(values[0], values[1], _digest(values[2:]), values) for values in found]

    def row_of(self, source: Source) -> Any:
        """What `prepare` reads: the values under the names and properties of the model."""
        return self._shape.row_of(source.values)

    def _read_related(self, entry: Related, columns: tuple[str, ...], keys: Sequence[int]) -> dict[int, list[Any]]:
        paths = [f"{entry.lookup}__{column}" for column in columns]
        rows = self.model._default_manager.filter(**_among(keys), **{f"{entry.lookup}__isnull": False})
        found: dict[int, list[Any]] = {}
        for key, *values in rows_of(rows.order_by().values_list("pk", *paths)):
            found.setdefault(key, []).append(tuple(values))
        ordering = _model_behind(self.model, entry.lookup)._meta.ordering
        return {key: _in_order(entry, columns, ordering, values) for key, values in found.items()}

    @cached_property
    def _related(self) -> tuple[tuple[Related, tuple[str, ...]], ...]:
        """Each kind of related row with the columns read: the key first, those named, those it is ordered by."""
        return tuple((entry, _columns(entry, _model_behind(self.model, entry.lookup))) for entry in self.related)

    @cached_property
    def _shape(self) -> "_Shape":
        shape = _Shape(self.model)
        for position, path in enumerate(("pk", "document_version", *self.columns)):
            shape.add(path.split("__"), position)
        for position, (entry, columns) in enumerate(self._related, start=2 + len(self.columns)):
            *path, name = entry.lookup.split("__")
            rows = _Shape(_model_behind(self.model, entry.lookup))
            for place, column in enumerate(columns):
                rows.add(column.split("__"), place)
            shape.add_rows([*path, entry.attribute or name], position, rows)
        return shape


class SourceRows(list[Any]):
    """Related rows, read like a related manager."""

    def all(self) -> "SourceRows":
        return self


class _Shape:
    """How values become a row that reads like an instance of a model, and those it refers to."""

    def __init__(self, model: type[Model]) -> None:
        self._model = model
        self._type = _row_type(model)
        self._own: list[tuple[str, int]] = []
        self._one: dict[str, _Shape] = {}
        self._many: list[tuple[str, int, _Shape]] = []

    def add(self, path: list[str], position: int) -> None:
        if len(path) == 1:
            self._own.append((path[0], position))
        else:
            self._referred(path[0]).add(path[1:], position)

    def add_rows(self, path: list[str], position: int, rows: "_Shape") -> None:
        if len(path) == 1:
            self._many.append((path[0], position, rows))
        else:
            self._referred(path[0]).add_rows(path[1:], position, rows)

    def _referred(self, name: str) -> "_Shape":
        if name not in self._one:
            self._one[name] = _Shape(_model_behind(self._model, name))
        return self._one[name]

    def row_of(self, values: Sequence[Any]) -> Any:
        row = self._type()
        attributes = row.__dict__
        for name, position in self._own:
            attributes[name] = values[position]
        for name, shape in self._one.items():
            attributes[name] = shape.row_of(values) if shape._is_there(values) else None
        for name, position, shape in self._many:
            attributes[name] = SourceRows([shape.row_of(found) for found in values[position]])
        return row

    def _is_there(self, values: Sequence[Any]) -> bool:
        for _name, position in self._own:
            if values[position] is not None:
                return True
        return any(shape._is_there(values) for shape in self._one.values())


@cache
def _row_type(model: type[Model]) -> type:
    """A class with the model's own properties (and nothing of the ORM), which work on named columns as on fields."""
    properties = {
        name: value
        for base in reversed(model.__mro__)
        if issubclass(base, Model) and base is not Model
        for name, value in vars(base).items()
        if isinstance(value, property) or name == "__str__"
    }
    return type(f"{model.__name__}Source", (), properties)


def _among(keys: Sequence[int]) -> dict[str, Any]:
    """A range is the cheaper question (twenty times on PostgreSQL), if it does not bring in many other rows."""
    if not keys:
        return {"pk__in": ()}
    first, last = min(keys), max(keys)
    return {"pk__range": (first, last)} if last - first < 2 * len(keys) else {"pk__in": keys}


def _columns(entry: Related, model: type[Model]) -> tuple[str, ...]:
    ordered_by = [name.removeprefix("-") for name in model._meta.ordering]
    return "pk", *entry.columns, *(name for name in ordered_by if name not in ("pk", *entry.columns))


def _model_behind(model: type[Model], lookup: str) -> type[Model]:
    for name in lookup.split("__"):
        model = model._meta.get_field(name).related_model  # type: ignore[assignment]
    return model


def _in_order(entry: Related, columns: tuple[str, ...], ordering: Sequence[str], found: list[Any]) -> list[Any]:
    """Those that count, as their model is ordered and then by key: two databases need not compare texts alike."""
    counts = entry.counts
    if counts is not None:
        found = [values for values in found if counts(*values[1 : 1 + len(entry.columns)])]
    if len(found) > 1:
        found.sort(key=itemgetter(0))
        for name in reversed(ordering):
            place = columns.index(name.removeprefix("-"))
            # An empty value comes before all others, and last in a falling order.
            found.sort(key=lambda values, at=place: (values[at] is not None, values[at]), reverse=name.startswith("-"))
    return found


def _digest(values: Sequence[Any]) -> bytes:
    return blake2b(orjson.dumps(values, default=str), digest_size=16).digest()
