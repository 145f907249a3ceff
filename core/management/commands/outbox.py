"""`manage.py outbox`: what is waiting, what is parked; carry out or retry by hand."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Count, Min
from django.utils.translation import gettext as _

from core import outbox, relay
from core.clock import now
from core.models import OutboxDelivery


class Command(BaseCommand):
    help = (
        "查看和处理事件投递。例：manage.py outbox status --json；manage.py outbox relay；"
        "manage.py outbox retry --all。有搁置的投递时 status 返回 1。"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["status", "relay", "retry"], help="查看、投递一轮、重试搁置的投递")
        parser.add_argument("--delivery", type=int, nargs="*", default=[], help="要重试的投递编号")
        parser.add_argument("--all", action="store_true", help="重试全部搁置的投递")
        parser.add_argument("--json", action="store_true", help="以 JSON 输出")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['action']}")(options)

    def _status(self, options: dict[str, Any]) -> None:
        counts = dict(OutboxDelivery.objects.values_list("state").annotate(Count("pk")))
        oldest = OutboxDelivery.objects.filter(state="pending").aggregate(oldest=Min("event__created_at"))["oldest"]
        report = {
            "pending": counts.get("pending", 0),
            "parked": counts.get("parked", 0),
            "done": counts.get("done", 0),
            "lag_seconds": round((now() - oldest).total_seconds(), 1) if oldest else 0.0,
        }
        if options["json"]:
            self.stdout.write(json.dumps(report))
        else:
            self.stdout.write(
                _("待投递 %(pending)d，搁置 %(parked)d，已完成 %(done)d，最长等待 %(lag_seconds).1f 秒") % report
            )
            for delivery in OutboxDelivery.objects.filter(state="parked").select_related("event")[:50]:
                self.stdout.write(f"  {delivery.pk} {delivery.handler} {delivery.event.topic}: {delivery.error}")
        if report["parked"]:
            raise SystemExit(1)

    def _relay(self, options: dict[str, Any]) -> None:
        done = relay.drain()
        self.stdout.write(json.dumps({"done": done}) if options["json"] else _("已投递 %d 条") % done)

    def _retry(self, options: dict[str, Any]) -> None:
        ids = options["delivery"]
        if options["all"]:
            ids = list(OutboxDelivery.objects.filter(state="parked").values_list("pk", flat=True))
        count = outbox.retry(ids)
        self.stdout.write(json.dumps({"retried": count}) if options["json"] else _("已重新排队 %d 条") % count)
