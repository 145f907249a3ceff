"""Daily anchors of the audit chain, and a database that refuses to change what is sealed (S9).

PostgreSQL only: a row once sealed keeps everything but the reference to a deleted account, and no row is deleted. On the
embedded database the chain itself shows a change.
"""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import core.clock

_INSTALL = """
CREATE FUNCTION audit_entry_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'audit entries are never deleted';
  END IF;
  IF OLD.hash <> '' AND (to_jsonb(NEW) - 'actor_id') IS DISTINCT FROM (to_jsonb(OLD) - 'actor_id') THEN
    RAISE EXCEPTION 'a sealed audit entry is never changed';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE ON core_auditentry
  FOR EACH ROW EXECUTE FUNCTION audit_entry_is_append_only();
"""
_REMOVE = """
DROP TRIGGER audit_entry_append_only ON core_auditentry;
DROP FUNCTION audit_entry_is_append_only();
"""


def install(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute(_INSTALL)


def remove(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute(_REMOVE)


class Migration(migrations.Migration):
    dependencies = [("core", "0003_job_run")]

    operations = [
        migrations.CreateModel(
            name="AuditAnchor",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(unique=True, verbose_name="日期")),
                ("sequence", models.PositiveBigIntegerField(verbose_name="序号")),
                ("hash", models.CharField(max_length=64, verbose_name="链头")),
                ("made_at", models.DateTimeField(default=core.clock.now, editable=False)),
            ],
            options={"verbose_name": "审计锚点", "verbose_name_plural": "审计锚点", "ordering": ["-day"]},
        ),
        migrations.RunPython(install, remove),
    ]
