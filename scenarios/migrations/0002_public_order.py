"""The public catalogue has an index for each of its two orders, made beside everybody's work."""

from django.db import migrations, models

from core.schema_changes import AddIndexBeside

PUBLIC_STATES = ("listed", "suspended", "expired", "closed_unmatched", "converted")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("scenarios", "0001_initial")]

    operations = [
        AddIndexBeside(
            model_name="scenario",
            index=models.Index(
                condition=models.Q(("state__in", PUBLIC_STATES)),
                fields=["-listed_at", "-id"],
                name="scenario_public_newest",
            ),
        ),
        AddIndexBeside(
            model_name="scenario",
            index=models.Index(
                condition=models.Q(("deadline_at__isnull", False), ("state__in", PUBLIC_STATES)),
                fields=["deadline_at", "-listed_at", "-id"],
                name="scenario_public_closing",
            ),
        ),
    ]
