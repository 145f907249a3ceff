"""A mail is SENDING while the mail server is spoken to; what is found so later is UNCERTAIN.

The new rule about states is only written down here; 0003 reads the rows that were there before.
"""

from django.db import migrations, models

from core.schema_changes import AddConstraintUnvalidated

STATES = ["pending", "sending", "uncertain", "sent", "skipped", "failed"]


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="message_id",
            # The default is the database's, so that the former release goes on inserting meanwhile.
            field=models.CharField(blank=True, db_default="", default="", max_length=200, verbose_name="Message-ID"),
        ),
        migrations.AddField(
            model_name="delivery",
            name="sending_since",
            field=models.DateTimeField(blank=True, null=True, verbose_name="开始发送时间"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="state",
            field=models.CharField(
                choices=[
                    ("pending", "待发送"),
                    ("sending", "正在交给邮件服务器"),
                    ("uncertain", "不确定是否送出"),
                    ("sent", "已发送"),
                    ("skipped", "未发送（已退订或无邮箱）"),
                    ("failed", "发送失败"),
                ],
                default="pending",
                max_length=10,
                verbose_name="状态",
            ),
        ),
        AddConstraintUnvalidated(
            model_name="delivery",
            constraint=models.CheckConstraint(condition=models.Q(("state__in", STATES)), name="delivery_known_state"),
        ),
        migrations.RemoveConstraint(model_name="delivery", name="delivery_state"),
    ]
