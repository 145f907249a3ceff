"""The indexes follow the database: from events through the outbox, and by the clock for what went wrong."""

from challenges.events import ChallengeChanged
from core.outbox import subscribe
from core.schedule import every
from scenarios.events import QuarterlyListTransitioned, ScenarioChanged
from search import indexing
from vendors.events import CapabilityChanged


@subscribe(ScenarioChanged, name="search.sync_scenario", batch=True)
def sync_scenarios(events: list[ScenarioChanged]) -> None:
    indexing.sync("scenario", [event.scenario_id for event in events])


@subscribe(ScenarioChanged, name="search.sync_scenario_match", batch=True)
def sync_scenario_matches(events: list[ScenarioChanged]) -> None:
    indexing.sync("scenario_match", [event.scenario_id for event in events])


@subscribe(CapabilityChanged, name="search.sync_capability", batch=True)
def sync_capabilities(events: list[CapabilityChanged]) -> None:
    indexing.sync("capability", [event.capability_id for event in events])


@subscribe(CapabilityChanged, name="search.sync_capability_match", batch=True)
def sync_capability_matches(events: list[CapabilityChanged]) -> None:
    indexing.sync("capability_match", [event.capability_id for event in events])


@subscribe(ChallengeChanged, name="search.sync_challenge", batch=True)
def sync_challenges(events: list[ChallengeChanged]) -> None:
    indexing.sync("challenge", [event.challenge_id for event in events])


@subscribe(QuarterlyListTransitioned, name="search.sync_quarterly_list", batch=True)
def sync_quarterly_lists(events: list[QuarterlyListTransitioned]) -> None:
    indexing.sync("quarterly_list", [event.list_id for event in events])


every(seconds=10, name="search.heal")(indexing.heal)
every(seconds=3600, name="search.sweep")(indexing.sweep)
every(seconds=60, name="search.sync_passed_deadlines")(indexing.sync_passed_deadlines)
