"""What the demand's page says of the challenge it became (domain.md §3.3)."""

from typing import Any

from django.template.loader import render_to_string

from challenges import selectors
from core import slots
from scenarios.enums import ScenarioState


def challenge_panel(request: Any, scenario: Any) -> str:
    """A link to the challenge, for whoever may see it; nothing beside a demand that was not converted."""
    if scenario.state != ScenarioState.CONVERTED:
        return ""
    challenge = selectors.visible_to(request.user).filter(scenario=scenario).first()
    if challenge is None:
        return ""
    return render_to_string("challenges/_converted.html", {"challenge": challenge}, request=request)


slots.fill("scenario.aside", challenge_panel)
