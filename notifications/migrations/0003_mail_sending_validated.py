"""Reads the rows written before 0002 and makes the index of mails an operator decides about, beside everybody's work."""

from django.db import migrations, models

from core.schema_changes import AddIndexBeside, ValidateConstraint


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("notifications", "0002_mail_sending")]

    operations = [
        ValidateConstraint(model_name="delivery", name="delivery_known_state"),
        AddIndexBeside(
            model_name="delivery",
            index=models.Index(
                fields=["-id"],
                name="delivery_troubled",
                condition=models.Q(("state__in", ("uncertain", "failed"))),
            ),
        ),
    ]
