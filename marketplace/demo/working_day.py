"""The demonstration's present day: talks between owners and vendors, drafts, a list in the making.

So that the printed accounts find something to answer, to confirm, to go on with and to wait for.
"""

from collections.abc import Sequence

from accounts.models import User
from core.clock import today
from core.quarters import Quarter
from matching.models import Engagement
from matching.services import engagements
from scenarios.enums import ScenarioState
from scenarios.models import Scenario
from scenarios.services import demands, lists
from vendors import services as vendor_services
from vendors.enums import CapabilityState
from vendors.models import Capability

MESSAGES = (
    "我们在两个县已有同类系统运行，可在一个月内完成现场勘察，三个月内上线试用。",
    "愿意先免费试用一个点位，用实测数据说话，再谈范围。",
    "方案可以部署在贵单位机房，数据不出域，愿意派两名工程师驻场调试。",
)


def tell(owners: Sequence[User], vendors: Sequence[User], editor: User) -> None:
    """Each owner has interest to answer, talks under way and a confirmation to give; everybody a draft."""
    for owner in owners:
        demand = Scenario.objects.filter(owner_id=owner.current_organisation_id, state=ScenarioState.LISTED).first()
        if demand is None:
            continue
        for step, (vendor, message) in enumerate(zip(vendors, MESSAGES, strict=False)):
            _talk(demand, owner, vendor, message, step)
        demands.scenario_create(
            acting_user=owner, values={"title": "窗口排队时长与服务评价分析", "pain_point": "忙时排队超过四十分钟。"}
        )
    for vendor in vendors:
        vendor_services.capability_create(acting_user=vendor, values={"title": "现场设备运行状态巡检服务"})
    lists.list_create(acting_user=editor, quarter=Quarter.of(today()).next())


def _talk(demand: Scenario, owner: User, vendor: User, message: str, step: int) -> Engagement | None:
    """The first is new, the second accepted, of the third the vendor has confirmed the intent."""
    own = Capability.objects.filter(
        vendor__organisation_id=vendor.current_organisation_id, state=CapabilityState.LISTED
    )
    capability = own.order_by("pk").first()
    if capability is None:
        return None
    talk = engagements.engagement_begin(
        scenario_id=demand.pk, acting_user=vendor, message=message, capability_id=capability.pk
    )
    if step > 0:
        talk = engagements.engagement_accept(public_id=talk.public_id, acting_user=owner)
    if step > 1:
        talk = engagements.engagement_confirm(public_id=talk.public_id, acting_user=vendor, step="intent")
    return talk
