"""Migration operations that hold no lock while they read a big table (reliability.md D.2.6).

`docs/operations.md` §3 and `tests/core/test_migrations.py` say which ones a migration must use.

`ALTER TABLE … ADD CONSTRAINT … CHECK` reads every row under a lock that stops readers and writers. In two steps, of two
migrations (one transaction each), the first only writes the rule down and the second reads beside everybody's work.
"""

from typing import Any

from django.db import NotSupportedError, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import AddConstraint, AddIndex
from django.db.migrations.operations.base import Operation


class AddConstraintUnvalidated(AddConstraint):
    """Add a CHECK that holds for what is written from now on; `ValidateConstraint` in a later migration does the rest.

    SQLite has one writer and small tables: there it is an ordinary `AddConstraint`.
    """

    model_name: str
    constraint: models.CheckConstraint

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        statement = self.constraint.create_sql(model, schema_editor)
        # The statement is complete: percent signs in it are its own.
        schema_editor.execute(f"{statement} NOT VALID", params=None)

    def describe(self) -> str:
        return f"Add constraint {self.constraint.name} to {self.model_name}, not validated yet"


class ValidateConstraint(Operation):
    """Read the rows that were there before; readers and writers go on meanwhile. Undoing it changes nothing."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, model_name: str, name: str) -> None:
        self.model_name = model_name
        self.name = name

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [], {"model_name": self.model_name, "name": self.name}

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The model's description does not change."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        model: type[models.Model] = to_state.apps.get_model(app_label, self.model_name)
        quote = schema_editor.quote_name
        schema_editor.execute(
            f"ALTER TABLE {quote(model._meta.db_table)} VALIDATE CONSTRAINT {quote(self.name)}", params=None
        )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        """Nothing to undo."""

    def describe(self) -> str:
        return f"Validate constraint {self.name} of {self.model_name}"


class AddIndexBeside(AddIndex):
    """Make an index while everybody goes on writing; for migrations with `atomic = False`.

    NotSupportedError inside a transaction. What an interrupted attempt left is thrown away first, so the migration
    is simply run again.
    """

    atomic = False

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        if schema_editor.connection.in_atomic_block:
            raise NotSupportedError("AddIndexBeside needs a migration with atomic = False")
        model = to_state.apps.get_model(app_label, self.model_name)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.index.name)}")
        schema_editor.add_index(model, self.index, concurrently=True)  # type: ignore[call-arg]

    def describe(self) -> str:
        return f"Make index {self.index.name} on {self.model_name} beside everybody's work"
