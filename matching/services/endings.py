"""What becomes of engagements when their demand is suspended, resumed or ends, and of a demand that was delivered.

A suspension ends nothing: it takes no new interest and both sides learn of it. Whatever ends a demand ends the talks
about it, and whoever was still interested is told once.
"""

from django.db import transaction
from django.utils.translation import gettext as _

from core import audit, outbox
from core.clock import now
from core.transitions import transition
from matching.enums import EngagementState
from matching.events import EngagedDemandMoved, EngagementMoved
from matching.models import Engagement
from matching.states import ENGAGEMENT_MACHINE, OPEN_STATES
from scenarios.enums import ScenarioState
from scenarios.models import Scenario
from scenarios.services import scenario_land
from scenarios.states import SCENARIO_MACHINE

#: Steps that end a demand, by the state they lead to. What is pending then has nothing left to be about.
ENDED_STATES = (
    ScenarioState.CLOSED_UNMATCHED,
    ScenarioState.EXPIRED,
    ScenarioState.LANDED,
    ScenarioState.CONVERTED,
)
ENDINGS = frozenset(action for action, step in SCENARIO_MACHINE.items() if step.target in ENDED_STATES)
#: Steps of a listed demand that those engaged in it hear of.
HEARD_OF = ENDINGS | {"suspend", "resume"}


@transaction.atomic
def engagements_follow(*, scenario_id: int, action: str, turn: int) -> int:
    """Carry a step of a demand over to its engagements; returns how many ended with it.

    `turn` is the demand's version after the step. Done twice, the second time ends nothing and announces nothing new
    but what `notifications` knows by engagement and turn.
    """
    if action not in HEARD_OF:
        return 0
    scenario = Scenario.objects.select_for_update(of=("self",)).filter(pk=scenario_id).first()
    if scenario is None:
        return 0
    concerned = list(
        Engagement.objects.select_for_update(of=("self",))
        .filter(scenario=scenario)
        .exclude(state__in=(EngagementState.CLOSED, EngagementState.DELIVERED))
        .order_by("pk")
    )
    ended = 0
    for engagement in concerned:
        ends = action in ENDINGS and engagement.state in OPEN_STATES
        if ends:
            _end(engagement, scenario)
            ended += 1
        outbox.publish(EngagedDemandMoved(engagement.pk, action, turn, ended=ends))
    return ended


def _end(engagement: Engagement, scenario: Scenario) -> None:
    engagement.moved_at = now()
    engagement.closing_reason = _("需求%s，对接随之结束。") % scenario.get_state_display()
    if scenario.closing_reason and scenario.state == ScenarioState.CLOSED_UNMATCHED:
        engagement.closing_reason += _("需求单位说明：%s") % scenario.closing_reason
    source = transition(engagement, "end", ENGAGEMENT_MACHINE, by=None, update_fields=["moved_at", "closing_reason"])
    audit.record(None, "matching.engagement.end", engagement, {"from": source, "demand": scenario.state})
    outbox.publish(EngagementMoved(engagement.pk, "end", engagement.state, by_owner=True))


def demands_settle() -> int:
    """Land what was delivered and end what is open about ended demands; called by the clock. Returns how many rows.

    Rows of releases that did neither, and nothing else: what happens from now on follows from its event.
    """
    delivered = Engagement.objects.filter(
        state=EngagementState.DELIVERED, scenario__state__in=SCENARIO_MACHINE["land"].sources
    )
    landed = [scenario_land(scenario_id=key) for key in set(delivered.order_by().values_list("scenario_id", flat=True))]
    left_open = Engagement.objects.filter(state__in=OPEN_STATES, scenario__state__in=ENDED_STATES)
    by_demand = set(left_open.order_by().values_list("scenario_id", "scenario__state", "scenario__document_version"))
    actions = {SCENARIO_MACHINE[action].target: action for action in ENDINGS}
    ended = [
        engagements_follow(scenario_id=key, action=actions[state], turn=version)
        for key, state, version in sorted(by_demand)
    ]
    return sum(row is not None for row in landed) + sum(ended)
