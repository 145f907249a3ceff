"""Who is told what about engagements: each step goes to the other side, what becomes of the demand to its vendors."""

from django.utils.translation import gettext_lazy

from core.outbox import subscribe
from matching.events import EngagedDemandMoved, EngagementMoved
from matching.models import Engagement
from notifications.selectors import demand_side_of, supply_side_of
from notifications.services import notify
from notifications.wording import comment_sentence
from scenarios.enums import ScenarioState

ENGAGEMENT_STEPS = {
    "begin": gettext_lazy("表达了意向"),
    "accept": gettext_lazy("接受对接"),
    "trial": gettext_lazy("开始试用"),
    "confirm_intent": gettext_lazy("确认达成意向"),
    "confirm_contract": gettext_lazy("确认签约"),
    "confirm_deliver": gettext_lazy("确认落地"),
    "change_intent": gettext_lazy("修改了意向内容，您方原来的确认已失效，请重新核对确认"),
    "change_contract": gettext_lazy("修改了签约内容，您方原来的确认已失效，请重新核对确认"),
    "change_deliver": gettext_lazy("修改了落地情况，您方原来的确认已失效，请重新核对确认"),
    "intent": gettext_lazy("确认达成意向"),
    "contract": gettext_lazy("确认签约"),
    "deliver": gettext_lazy("确认落地"),
    "close": gettext_lazy("结束了对接"),
}


@subscribe(EngagementMoved, name="notifications.engagement_moved")
def engagement_moved(event: EngagementMoved) -> None:
    """Each step goes to the other side."""
    engagement = (
        Engagement.objects.select_related("scenario__owner", "vendor__organisation")
        .filter(pk=event.engagement_id)
        .first()
    )
    # What ends with its demand is told by `engaged_demand_moved`, once.
    if engagement is None or event.action not in ENGAGEMENT_STEPS:
        return
    owner, vendor = engagement.scenario.owner, engagement.vendor.organisation
    notify(
        "engagement.moved",
        recipients=supply_side_of(vendor) if event.by_owner else demand_side_of(owner),
        key=f"{engagement.pk}:{event.action}:{event.target}" + (f":{event.turn}" if event.turn else ""),
        values={
            "title": engagement.scenario.title,
            "other": (owner if event.by_owner else vendor).name,
            "step": str(ENGAGEMENT_STEPS[event.action]),
            "state": engagement.get_state_display(),
        },
        url_arguments=[str(engagement.public_id)],
        organisation=vendor if event.by_owner else owner,
    )


#: Step of the demand → what its vendors read: (what happened, what it means for them).
DEMAND_STEPS = {
    "suspend": (
        gettext_lazy("需求已暂停"),
        gettext_lazy("需求已由审核单位暂停，暂停期间不接受新的意向；贵单位的对接没有结束，恢复时会再通知。"),
    ),
    "resume": (gettext_lazy("需求已恢复"), gettext_lazy("需求已恢复对接，可以继续办理。")),
    "close": (gettext_lazy("需求已结束"), gettext_lazy("需求单位结束了这项需求的对接。")),
    "expire": (gettext_lazy("需求已到期"), gettext_lazy("需求的有效期已满，不再对接。")),
    "land": (gettext_lazy("需求已落地"), gettext_lazy("需求已由其他供给方落地，不再对接。")),
    "convert": (
        gettext_lazy("需求已转为揭榜任务"),
        gettext_lazy("需求已由科技部门转为揭榜任务，发榜后可在“揭榜挂帅”中申报。"),
    ),
}
#: How the engagement itself stands afterwards, where the demand has ended.
ENGAGEMENT_ENDED = gettext_lazy("贵单位的对接随之结束，不需要再办理。")
CONTRACT_STANDS = gettext_lazy("贵单位已签约的对接不受影响，请继续履行并办理落地确认。")


@subscribe(EngagedDemandMoved, name="notifications.engaged_demand_moved")
def engaged_demand_moved(event: EngagedDemandMoved) -> None:
    """To the vendor, once for each step of the demand; its owner is told by the notices about demands."""
    engagement = (
        Engagement.objects.select_related("scenario", "vendor__organisation").filter(pk=event.engagement_id).first()
    )
    if engagement is None or event.action not in DEMAND_STEPS:
        return
    what, meaning = DEMAND_STEPS[event.action]
    stays = event.action in ("suspend", "resume")
    said = {"suspend": ScenarioState.SUSPENDED, "close": ScenarioState.CLOSED_UNMATCHED}.get(event.action)
    scenario = engagement.scenario
    notify(
        "engagement.demand_moved",
        recipients=supply_side_of(engagement.vendor.organisation),
        key=f"{engagement.pk}:{event.action}:{event.turn}",
        values={
            "what": str(what),
            "title": scenario.title,
            "meaning": str(meaning),
            "standing": "" if stays else str(ENGAGEMENT_ENDED if event.ended else CONTRACT_STANDS),
            # Only while it is still this step's: the column holds the reason of the last one.
            "comment": comment_sentence(scenario.closing_reason) if scenario.state == said else "",
        },
        url_arguments=[str(engagement.public_id)],
        organisation=engagement.vendor.organisation,
    )
