"""A demand may be 已落地; the rule and the catalogue's indexes are renamed so that the new ones stand before the old go."""

from django.db import migrations, models

from core.schema_changes import AddConstraintUnvalidated, AddIndexBeside

STATES = [
    ("draft", "草稿"),
    ("submitted", "待初审"),
    ("supplement", "待补充"),
    ("first_passed", "待省级审核"),
    ("pooled", "已入库"),
    ("not_accepted", "未采纳"),
    ("frozen", "已列入待发布清单"),
    ("listed", "已发布"),
    ("suspended", "已暂停"),
    ("expired", "已到期"),
    ("closed_unmatched", "已结束"),
    ("landed", "已落地"),
    ("converted", "已转揭榜"),
    ("withdrawn", "已撤回"),
]
PUBLIC_STATES = ("listed", "suspended", "expired", "closed_unmatched", "landed", "converted")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("scenarios", "0002_public_order")]

    operations = [
        migrations.AlterField(
            model_name="scenario",
            name="state",
            field=models.CharField(choices=STATES, default="draft", max_length=20, verbose_name="状态"),
        ),
        AddConstraintUnvalidated(
            model_name="scenario",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", [value for value, _label in STATES])), name="scenario_known_state"
            ),
        ),
        migrations.RemoveConstraint(model_name="scenario", name="scenario_state"),
        AddIndexBeside(
            model_name="scenario",
            index=models.Index(
                condition=models.Q(("state__in", PUBLIC_STATES)),
                fields=["-listed_at", "-id"],
                name="scenario_newest_public",
            ),
        ),
        AddIndexBeside(
            model_name="scenario",
            index=models.Index(
                condition=models.Q(("deadline_at__isnull", False), ("state__in", PUBLIC_STATES)),
                fields=["deadline_at", "-listed_at", "-id"],
                name="scenario_closing_public",
            ),
        ),
        migrations.RemoveIndex(model_name="scenario", name="scenario_public_newest"),
        migrations.RemoveIndex(model_name="scenario", name="scenario_public_closing"),
    ]
