"""Migrations take no long lock and leave the former release working (reliability.md D.2.6, R12).

Looks at every migration of ours that changes a table that was there before. What cannot be told from the operation is
listed here with its reason; what is not listed must be done the way named in `core.schema_changes`.
"""

import pytest
from django.apps import apps
from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from core.schema_changes import AddConstraintUnvalidated, AddIndexBeside

pytestmark = pytest.mark.unit

OURS = {"core", "accounts", "scenarios", "vendors", "challenges", "search", "matching", "notifications", "marketplace"}
#: (app, migration, what) → why it may stay as it is.
EXEMPT = {
    ("core", "0002_attachment_personal_numbers", "attachment.personal_numbers"): "made before the first release",
}
#: Take something away that the former release may still use: only in a release after the one that stopped using it.
TAKES_AWAY = (
    operations.RemoveField,
    operations.DeleteModel,
    operations.RenameField,
    operations.RenameModel,
    operations.AlterModelTable,
    operations.AlterUniqueTogether,
)


def objection(operation: Operation, before: ProjectState, app: str, made_here: set[str]) -> tuple[str, str] | None:
    """(what, why not) if the operation may hold a long lock or break the former release, else None."""
    model = getattr(operation, "model_name", getattr(operation, "name", "")).lower()
    if model in made_here or isinstance(operation, operations.CreateModel):
        return None
    name = f"{model}.{getattr(operation, 'name', '') or ''}".rstrip(".")
    if isinstance(operation, TAKES_AWAY):
        return name, "takes away what the former release may use: do it one release later and list it here"
    if isinstance(operation, operations.AddIndex) and not isinstance(operation, AddIndexBeside):
        return f"{model}.{operation.index.name}", "stops writers while it reads the table: use AddIndexBeside"
    if isinstance(operation, operations.AddConstraint) and not isinstance(operation, AddConstraintUnvalidated):
        kind = "AddConstraintUnvalidated" if isinstance(operation.constraint, models.CheckConstraint) else "a new table"
        return f"{model}.{operation.constraint.name}", f"stops everybody while it reads the table: use {kind}"
    if isinstance(operation, operations.AddField):
        field = operation.field
        if field.remote_field or field.db_index or field.unique:
            return name, "makes an index under a lock: add the column, then AddIndexBeside"
        if not field.null and field.db_default is models.NOT_PROVIDED and not field.many_to_many:
            return name, "the former release cannot insert any more: give it a db_default or null=True"
    if isinstance(operation, operations.AlterField):
        return _of_altered_field(operation, before, app, name)
    if isinstance(operation, operations.RunPython | operations.RunSQL) and not operation.reversible:
        return name or type(operation).__name__, "cannot be undone: give it a reverse"
    return None


def _of_altered_field(
    operation: operations.AlterField, before: ProjectState, app: str, name: str
) -> tuple[str, str] | None:
    former = before.models[app, operation.model_name_lower].fields[operation.name]
    new = operation.field
    if former.get_internal_type() != new.get_internal_type():
        return name, "rewrites the table: add a new column and fill it in batches"
    if former.max_length is not None and (new.max_length or 0) < former.max_length:
        return name, "rewrites the table: a column is only ever made wider"
    if former.null and not new.null:
        return name, "reads the table under a lock: add a CHECK with AddConstraintUnvalidated first"
    if (new.db_index or new.unique) and not (former.db_index or former.unique):
        return name, "makes an index under a lock: use AddIndexBeside"
    return None


def objections(app: str, migration: Migration, loader: MigrationLoader) -> list[tuple[str, str]]:
    state = loader.project_state(migration.dependencies) if migration.dependencies else ProjectState()
    made_here: set[str] = set()
    found = []
    for operation in migration.operations:
        if isinstance(operation, operations.CreateModel):
            made_here.add(operation.name_lower)
        against = objection(operation, state, app, made_here)
        if against is not None:
            found.append(against)
        if isinstance(operation, AddIndexBeside) and migration.atomic:
            found.append((operation.index.name, "AddIndexBeside needs atomic = False"))
        operation.state_forwards(app, state)
    return found


def changing_migrations() -> list[tuple[str, str]]:
    loader = MigrationLoader(None)
    return sorted(key for key, migration in loader.disk_migrations.items() if key[0] in OURS and not migration.initial)


@pytest.mark.parametrize(("app", "name"), changing_migrations())
def test_a_migration_of_tables_that_are_in_use_takes_no_long_lock(app: str, name: str):
    loader = MigrationLoader(None)
    found = [
        (what, why)
        for what, why in objections(app, loader.disk_migrations[app, name], loader)
        if (app, name, what) not in EXEMPT
    ]
    assert found == []


def _state() -> ProjectState:
    return ProjectState.from_apps(apps)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (operations.AddIndex("delivery", models.Index(fields=["error"], name="i")), "AddIndexBeside"),
        (
            operations.AddConstraint("delivery", models.CheckConstraint(condition=models.Q(attempts__gte=0), name="c")),
            "AddConstraintUnvalidated",
        ),
        (
            operations.AddConstraint("delivery", models.UniqueConstraint(fields=["error"], name="u")),
            "a new table",
        ),
        (operations.AddField("delivery", "extra", models.CharField(max_length=5, default="")), "db_default"),
        (operations.AddField("delivery", "extra", models.CharField(max_length=5, null=True, db_index=True)), "index"),
        (operations.AlterField("delivery", "error", models.TextField()), "rewrites"),
        (operations.AlterField("delivery", "error", models.CharField(max_length=100)), "wider"),
        (operations.AlterField("delivery", "sent_at", models.DateTimeField()), "CHECK"),
        (operations.RemoveField("delivery", "error"), "one release later"),
        (operations.RunSQL("SELECT 1"), "reverse"),
    ],
)
def test_what_would_hold_a_lock_or_break_the_former_release_is_refused(operation: Operation, expected: str):
    against = objection(operation, _state(), "notifications", set())
    assert against is not None
    assert expected in against[1]


@pytest.mark.parametrize(
    "operation",
    [
        operations.AddField("delivery", "extra", models.CharField(max_length=5, null=True)),
        operations.AddField("delivery", "extra", models.CharField(max_length=5, db_default="")),
        operations.AlterField("delivery", "error", models.CharField(max_length=600)),
        operations.RemoveConstraint("delivery", "delivery_known_state"),
        AddIndexBeside("delivery", models.Index(fields=["error"], name="i")),
        AddConstraintUnvalidated("delivery", models.CheckConstraint(condition=models.Q(attempts__gte=0), name="c")),
    ],
)
def test_what_is_quick_and_leaves_the_former_release_working_is_accepted(operation: Operation):
    assert objection(operation, _state(), "notifications", set()) is None


def test_changes_of_a_table_made_in_the_same_migration_are_free():
    index = operations.AddIndex("delivery", models.Index(fields=["error"], name="i"))
    assert objection(index, _state(), "notifications", {"delivery"}) is None
