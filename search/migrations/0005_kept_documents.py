"""Documents kept with what they were made from (ADR 0008)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("search", "0004_saved_searches_of_challenges_validated"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeptDocument",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("index", models.CharField(max_length=40)),
                ("key", models.BigIntegerField()),
                ("form", models.CharField(max_length=32)),
                ("statistics_number", models.BigIntegerField(default=0)),
                ("sources", models.BinaryField()),
                ("document", models.BinaryField()),
            ],
            options={
                "verbose_name": "留存的检索文档",
                "verbose_name_plural": "留存的检索文档",
                "ordering": ["pk"],
                "constraints": [models.UniqueConstraint(fields=("index", "key"), name="one_kept_document_per_row")],
            },
        ),
    ]
