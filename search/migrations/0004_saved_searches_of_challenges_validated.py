"""Saved searches of before keep to the new rule, as they kept to the old one."""

from django.db import migrations

from core.schema_changes import ValidateConstraint


class Migration(migrations.Migration):
    dependencies = [("search", "0003_saved_searches_of_challenges")]

    operations = [ValidateConstraint(model_name="savedsearch", name="saved_search_known_kind")]
