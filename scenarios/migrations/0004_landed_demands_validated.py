"""Demands of before keep to the new rule, as they kept to the old one."""

from django.db import migrations

from core.schema_changes import ValidateConstraint


class Migration(migrations.Migration):
    dependencies = [("scenarios", "0003_landed_demands")]

    operations = [ValidateConstraint(model_name="scenario", name="scenario_known_state")]
