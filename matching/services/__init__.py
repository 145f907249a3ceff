"""Matching's use cases. Callers import from here; the modules are divided by who starts the work."""

from matching.services.campaigns import capability_listed, list_matching_continue, list_matching_start
from matching.services.matches import (
    Difference,
    Replay,
    active_profile,
    match_capability,
    match_scenario,
    profile_change,
    profile_of,
    recommendation_dismiss,
    replay,
    run_for_capability,
    run_for_scenario,
    runs_prune,
    text_match,
    weighed_to_dict,
)

__all__ = [
    "Difference",
    "Replay",
    "active_profile",
    "capability_listed",
    "list_matching_continue",
    "list_matching_start",
    "match_capability",
    "match_scenario",
    "profile_change",
    "profile_of",
    "recommendation_dismiss",
    "replay",
    "run_for_capability",
    "run_for_scenario",
    "runs_prune",
    "text_match",
    "weighed_to_dict",
]
