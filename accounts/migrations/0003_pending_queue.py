"""The verification queue has an index, made beside everybody's work."""

from django.db import migrations, models

from core.schema_changes import AddIndexBeside


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0002_initial")]

    operations = [
        AddIndexBeside(
            model_name="organisation",
            index=models.Index(condition=models.Q(("state", "pending")), fields=["id"], name="organisation_pending"),
        ),
    ]
