"""A search for challenges may be kept, too. The rule is renamed so that the new one stands before the old one goes."""

from django.db import migrations, models

from core.schema_changes import AddConstraintUnvalidated

KINDS = [("scenario", "需求"), ("capability", "能力"), ("challenge", "揭榜任务"), ("quarterly_list", "清单")]


class Migration(migrations.Migration):
    dependencies = [("search", "0002_indexbuild_loaded_to")]

    operations = [
        migrations.AlterField(
            model_name="savedsearch",
            name="kind",
            field=models.CharField(choices=KINDS, max_length=20, verbose_name="对象"),
        ),
        AddConstraintUnvalidated(
            model_name="savedsearch",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", [value for value, _label in KINDS])), name="saved_search_known_kind"
            ),
        ),
        migrations.RemoveConstraint(model_name="savedsearch", name="saved_search_kind"),
    ]
