"""Rows that decide something: whatever writes them through Django leaves their digest (ADR 0010, docs/security.md §3).

A model that inherits `DecidingModel` needs nothing else: saving, creating, updating in bulk and deleting its rows
writes a `RowDigest` in the same transaction. Somebody who changes the row in the database itself leaves none, and
cannot make one without the installation's key; `verify_audit` and `verify_challenge` compare (core.row_digests).

This is the one place where a save has an effect of its own. A service that forgot to take a digest would turn an honest
row into a suspicious one, and there are some two hundred places that write; so it is not left to them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db import models, transaction

from core.row_digests import decides, known_rows, record_rows


class DecidingQuerySet(models.QuerySet):
    """Bulk writes take digests, too. Conflicts are not ignored: what was written would not be known."""

    def update(self, **kwargs: Any) -> int:
        """As Django's, on the rows that fit when they are locked: the count still tells who was first."""
        if not decides(self.model, kwargs):
            return super().update(**kwargs)
        with transaction.atomic(using=self.db, savepoint=False):
            locked = self.order_by().select_for_update(of=("self",)).values_list("pk", flat=True)
            keys = list(locked)
            if not keys:
                return 0
            rows: Any = models.QuerySet(self.model, using=self.db).filter(pk__in=keys)
            count = rows.update(**kwargs)
            record_rows(self.model, keys)
            return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if kwargs.get("ignore_conflicts") or kwargs.get("update_conflicts"):
            raise NotImplementedError("rows that decide something are created or refused, never merged")
        with transaction.atomic(using=self.db, savepoint=False):
            made = super().bulk_create(objs, *args, **kwargs)
            record_rows(self.model, [row.pk for row in made], new=True, known=known_rows(self.model, made))
            return made

    def assign(self, instances: Sequence[Any], **values: Any) -> int:
        """Give rows at hand (whole, and locked or the caller's own) new values: one statement, and none is read."""
        with transaction.atomic(using=self.db, savepoint=False):
            keys = [instance.pk for instance in instances]
            count = models.QuerySet(self.model, using=self.db).filter(pk__in=keys).update(**values)
            for instance in instances:
                for name, value in values.items():
                    setattr(instance, name, value)
            record_rows(self.model, keys, known=known_rows(self.model, instances))
            return count


class DecidingModel(models.Model):
    """A row whose every column is vouched for, but those named in `not_deciding` (column → why not)."""

    not_deciding: ClassVar[Mapping[str, str]] = {}
    #: Relations through a table of their own that count as a column: sorted keys.
    deciding_relations: ClassVar[Sequence[str]] = ()
    #: What the row is part of, as (label, lookup of its key): `verify_challenge` asks for all of one challenge. Or the
    #: two columns that say so themselves.
    part_of: ClassVar[tuple[str, str] | None] = None
    part_columns: ClassVar[tuple[str, str] | None] = None
    #: Before an opening the number of such rows is a secret: what is found says what it is part of, not which row.
    hides_count: ClassVar[bool] = False
    #: In these states a row that never had a digest needs none: nobody has relied on it yet.
    undecided_states: ClassVar[frozenset[str]] = frozenset()

    objects: ClassVar[Any] = DecidingQuerySet.as_manager()

    class Meta:
        abstract = True
