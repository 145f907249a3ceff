"""What sets matching off: a list published, a capability on the shelf, and the next portion of a list."""

from core.outbox import subscribe
from core.schedule import every
from matching.enums import EngagementState
from matching.events import EngagementMoved, ListMatchingContinues
from matching.models import Engagement
from matching.services import capability_listed, list_matching_continue, list_matching_start, runs_prune
from matching.services.endings import demands_settle, engagements_follow
from scenarios.events import QuarterlyListPublished, ScenarioTransitioned
from scenarios.services import scenario_land
from vendors.enums import CapabilityState
from vendors.events import CapabilityTransitioned


@subscribe(QuarterlyListPublished, name="matching.start_list")
def start_list(event: QuarterlyListPublished) -> None:
    list_matching_start(list_id=event.list_id)


@subscribe(ListMatchingContinues, name="matching.continue_list")
def continue_list(event: ListMatchingContinues) -> None:
    list_matching_continue(list_id=event.list_id, step=event.step)


@subscribe(CapabilityTransitioned, name="matching.match_capability")
def match_new_capability(event: CapabilityTransitioned) -> None:
    if event.target == CapabilityState.LISTED:
        capability_listed(capability_id=event.capability_id)


@subscribe(ScenarioTransitioned, name="matching.engagements_follow")
def engagements_follow_demand(event: ScenarioTransitioned) -> None:
    engagements_follow(scenario_id=event.scenario_id, action=event.action, turn=event.document_version)


@subscribe(EngagementMoved, name="matching.land_demand")
def land_demand(event: EngagementMoved) -> None:
    """A demand whose need is met takes no further interest."""
    if event.target == EngagementState.DELIVERED:
        engagement = Engagement.objects.filter(pk=event.engagement_id).first()
        if engagement is not None and engagement.state == EngagementState.DELIVERED:
            scenario_land(scenario_id=engagement.scenario_id)


every(seconds=3600, name="matching.settle_demands")(demands_settle)
every(seconds=24 * 3600, name="matching.prune_runs")(runs_prune)
