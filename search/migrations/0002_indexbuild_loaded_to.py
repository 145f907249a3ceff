"""Where a killed build is carried on."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("search", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="indexbuild",
            name="loaded_to",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
    ]
