"""What sets matching off: a list published, a capability on the shelf, and the next portion of a list."""

from core.outbox import subscribe
from core.schedule import every
from matching.events import ListMatchingContinues
from matching.services import capability_listed, list_matching_continue, list_matching_start, runs_prune
from scenarios.events import QuarterlyListPublished
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


every(seconds=24 * 3600, name="matching.prune_runs")(runs_prune)
