"""Digests of rows that decide something, chained in blocks (ADR 0010).

On PostgreSQL the database itself refuses to delete a digest, and to change one once it is in a block.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import core.clock

_INSTALL = """
CREATE FUNCTION row_digest_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'digests are never deleted';
  END IF;
  IF OLD.block_id IS NOT NULL OR (to_jsonb(NEW) - 'block_id') IS DISTINCT FROM (to_jsonb(OLD) - 'block_id') THEN
    RAISE EXCEPTION 'a digest is never changed';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER row_digest_append_only BEFORE UPDATE OR DELETE ON core_rowdigest
  FOR EACH ROW EXECUTE FUNCTION row_digest_is_append_only();
"""
_REMOVE = """
DROP TRIGGER row_digest_append_only ON core_rowdigest;
DROP FUNCTION row_digest_is_append_only();
"""


def install(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute(_INSTALL)


def remove(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute(_REMOVE)


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0005_attachment_content_key"),
    ]

    operations = [
        migrations.CreateModel(
            name="DigestBlock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sequence", models.PositiveBigIntegerField(unique=True)),
                ("size", models.PositiveIntegerField()),
                ("previous_hash", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
                ("made_at", models.DateTimeField(default=core.clock.now, editable=False)),
            ],
            options={
                "ordering": ["sequence"],
            },
        ),
        migrations.CreateModel(
            name="RowForm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=16, unique=True)),
                ("table", models.CharField(max_length=60)),
                ("columns", models.JSONField()),
            ],
        ),
        migrations.AddField(
            model_name="auditanchor",
            name="block_hash",
            field=models.CharField(blank=True, db_default="", default="", max_length=64, verbose_name="数据校验链头"),
        ),
        migrations.AddField(
            model_name="auditanchor",
            name="block_sequence",
            field=models.PositiveBigIntegerField(db_default=0, default=0, verbose_name="数据校验组"),
        ),
        migrations.CreateModel(
            name="RowDigest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("table", models.CharField(max_length=60)),
                ("row", models.BigIntegerField()),
                ("part_of", models.CharField(blank=True, max_length=80)),
                ("form", models.CharField(blank=True, max_length=16)),
                ("key", models.CharField(max_length=16)),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("moment", models.DateTimeField(default=core.clock.now, editable=False)),
                (
                    "block",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="digests",
                        to="core.digestblock",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["table", "row", "id"], name="row_digest_by_row"),
                    models.Index(fields=["part_of", "table", "id"], name="row_digest_by_part"),
                    models.Index(
                        condition=models.Q(("block__isnull", True)), fields=["id"], name="row_digest_unsealed"
                    ),
                ],
            },
        ),
        migrations.RunPython(install, remove),
    ]
