"""Steps that tests/test_kill.py runs in processes of their own, on an installation of its own.

`python -m tests.kill_steps build|publish|report`; MARKETPLACE_VAR_DIR names the installation.
"""

import json
import os
import sys
from collections import Counter
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings.dev")
django.setup()

# ruff: noqa: E402 - models can be imported only after django.setup()
from accounts.enums import Role
from accounts.models import User
from core import relay
from core.models import ImportBatch, OutboxDelivery
from core.quarters import Quarter
from matching.models import ListMatching, MatchRun, Recommendation
from notifications.models import Notification
from scenarios import services
from scenarios.models import QuarterlyList, Scenario
from tests.factories import make_listed_capability, make_organisation, make_person, make_pooled_scenario, make_vendor

TOPICS = (
    "排水管网液位监测",
    "电梯困人自动派单",
    "居家老人跌倒识别",
    "食堂明厨亮灶识别",
    "供热管网失水定位",
    "公租房材料预审",
)


def build() -> dict[str, Any]:
    """A list of six demands, approved; six vendors with fitting capabilities; a clerk for imports."""
    bureau = make_organisation("省级示范局", region_code="370000")
    editor = make_person(Role.LIST_EDITOR, organisation=bureau, username="editor")
    approver = make_person(Role.LIST_APPROVER, organisation=bureau, username="approver")
    clerk = make_person(Role.DEMAND_SUBMITTER, organisation=make_organisation("导入示范单位"), username="clerk")
    for topic in TOPICS:
        vendor = make_vendor(make_organisation(f"{topic}公司", kind="enterprise"))
        make_listed_capability(
            vendor, title=f"{topic}系统", description=f"用于{topic}，已在多地投入使用，可与现有平台对接。"
        )
    scenarios = [
        make_pooled_scenario(
            title=f"{topic}需求", description=f"希望建设{topic}能力，减少人工巡查，发现问题及时处置并留痕。"
        )
        for topic in TOPICS
    ]
    quarterly_list = services.list_create(quarter=Quarter(2026, 4), acting_user=editor)
    services.list_add_items(
        list_id=quarterly_list.pk, scenario_ids=[scenario.pk for scenario in scenarios], acting_user=editor
    )
    services.list_freeze(list_id=quarterly_list.pk, acting_user=editor)
    services.list_send_to_approval(list_id=quarterly_list.pk, acting_user=editor)
    services.list_approve(list_id=quarterly_list.pk, acting_user=approver, secrecy_reviewer_name="李保密")
    relay.drain()  # what the making of all this announced, so that only the publication is left to be killed
    return {"clerk": clerk.username}


def publish() -> dict[str, Any]:
    """Publish the approved list, as its approver."""
    quarterly_list = QuarterlyList.objects.get()
    services.list_publish(list_id=quarterly_list.pk, acting_user=User.objects.get(username="approver"))
    return {"state": QuarterlyList.objects.get().state}


def report() -> dict[str, Any]:
    """What a user would see, counted."""
    digests = Notification.objects.filter(topic="recommendation.digest").values_list("recipient_id", "title")
    return {
        "imported": Scenario.objects.filter(import_batch__isnull=False).count(),
        "batches": ImportBatch.objects.filter(state="done").count(),
        "list": QuarterlyList.objects.get().state,
        "listed": Scenario.objects.filter(state="listed").count(),
        "codes": sorted(Scenario.objects.filter(code__isnull=False).values_list("code", flat=True)),
        "runs_of_list": sorted(
            Counter(
                MatchRun.objects.filter(scenario__isnull=False, trigger="list").values_list("scenario_id", flat=True)
            ).values()
        ),
        "list_matchings": ListMatching.objects.count(),
        "matched": ListMatching.objects.filter(stage="done").count(),
        "recommendations": Recommendation.objects.count(),
        "doubled_recommendations": Recommendation.objects.count()
        - Recommendation.objects.values("vendor_id", "scenario_id").distinct().count(),
        "digests": len(digests),
        "doubled_digests": sum(count - 1 for count in Counter(digests).values()),
        "pending": OutboxDelivery.objects.filter(state="pending").count(),
        "parked": OutboxDelivery.objects.filter(state="parked").count(),
    }


if __name__ == "__main__":
    json.dump({"build": build, "publish": publish, "report": report}[sys.argv[1]](), sys.stdout)
