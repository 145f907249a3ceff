"""What a document is made from, read without model instances: what tells whether a kept document still holds.

`prepare` may read nothing of a row that its index's `Sources` does not name (a test refuses every other column). So
equal sources mean an equal document, whoever changed them and whether or not a version was raised: a kept document
does not depend on services keeping a promise (ADR 0008).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from hashlib import blake2b
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from django.db.models import Manager, Model, QuerySet


class Source(NamedTuple):
    """A row as a rebuild sees it: its key, its version, and the digest of what its document would be made from."""

    key: int
    version: int
    digest: bytes


@dataclass(frozen=True)
class Related:
    """Columns read of the rows behind `lookup` (to many). `attribute`: where prefetched ones stand, if elsewhere.

    `counts` leaves out what does not count now; it gets the values of `columns`. The order of these rows is part of
    what a document is made from, so whatever their model is ordered by is read, too.
    """

    lookup: str
    columns: tuple[str, ...]
    attribute: str = ""
    counts: Callable[..., bool] | None = None


@dataclass(frozen=True)
class Sources:
    """Everything `prepare` reads of a row: columns of its own and of what it refers to, and related rows."""

    model: type[Model]
    columns: tuple[str, ...]
    related: tuple[Related, ...] = ()

    def digest_of(self, row: Any) -> bytes:
        """The digest of a row that was read for `prepare`: of the very values the document is made from."""
        values: list[Any] = [_value(row, path.split("__")) for path in self.columns]
        for entry, columns in self._related:
            paths = [column.split("__") for column in columns]
            found = _value(row, (entry.attribute or entry.lookup).split("__")) or ()
            rows = found.all() if isinstance(found, Manager) else found
            values.append(_counted(entry, [tuple(_value(other, path) for path in paths) for other in rows]))
        return _digest(values)

    def read(self, queryset: QuerySet, keys: Sequence[int]) -> list[Source]:
        """The sources of those of these rows that are in the queryset, in the order of keys.

        One statement for them and one for each kind of related row.
        """
        rows = queryset.filter(pk__in=keys).order_by().prefetch_related(None)
        own = sorted(rows.values_list("pk", "document_version", *self.columns), key=itemgetter(0))
        keys = [values[0] for values in own]
        related = [self._read_related(entry, columns, keys) for entry, columns in self._related] if keys else []
        return [
            Source(values[0], values[1], _digest([*values[2:], *(found.get(values[0], ()) for found in related)]))
            for values in own
        ]

    def _read_related(self, entry: Related, columns: tuple[str, ...], keys: list[int]) -> dict[int, list[Any]]:
        paths = [f"{entry.lookup}__{column}" for column in columns]
        # A range is the cheaper question, as long as it does not bring in many rows that were not asked for.
        is_dense = keys[-1] - keys[0] < 2 * len(keys)
        chosen: dict[str, Any] = {"pk__range": (keys[0], keys[-1])} if is_dense else {"pk__in": keys}
        rows = self.model._default_manager.filter(**chosen, **{f"{entry.lookup}__isnull": False})
        found: dict[int, list[Any]] = {}
        for key, *values in rows.order_by().values_list("pk", *paths):
            found.setdefault(key, []).append(tuple(values))
        return {key: _counted(entry, values) for key, values in found.items()}

    @cached_property
    def _related(self) -> tuple[tuple[Related, tuple[str, ...]], ...]:
        """Each kind of related row with the columns read: the key first, those named, those it is ordered by."""
        return tuple((entry, ("pk", *entry.columns, *self._ordering(entry))) for entry in self.related)

    def _ordering(self, entry: Related) -> Iterator[str]:
        model: Any = reduce(lambda found, name: found._meta.get_field(name).related_model, _names(entry), self.model)
        for name in model._meta.ordering:
            column = name.removeprefix("-")
            if column not in ("pk", *entry.columns):
                yield column


def _names(entry: Related) -> list[str]:
    return entry.lookup.split("__")


def _value(row: Any, path: list[str]) -> Any:
    for name in path:
        if row is None:
            return None
        row = getattr(row, name)
    return row


def _counted(entry: Related, found: list[Any]) -> list[Any]:
    """In the order of keys: two ways of reading must agree."""
    counts = entry.counts
    if counts is not None:
        found = [values for values in found if counts(*values[1 : 1 + len(entry.columns)])]
    return sorted(found, key=itemgetter(0)) if len(found) > 1 else found


def _digest(values: list[Any]) -> bytes:
    return blake2b(orjson.dumps(values, default=str), digest_size=16).digest()
