"""The reviewers' pages: what waits, and one demand with everything needed to decide."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.enums import Role
from accounts.permissions import has_role
from core.clock import today
from core.entered import whole_number
from core.errors import DomainError, NotPermitted, ObjectNotFound, Reason
from core.pages import page_of
from core.transitions import available_actions
from scenarios import selectors, services
from scenarios.enums import Restriction, ScenarioState
from scenarios.models import Scenario
from scenarios.permissions import sees_review_file
from scenarios.restrictions import restrictions_found
from scenarios.states import SCENARIO_MACHINE
from scenarios.validators import (
    SECTIONS,
    completeness_problems,
    fair_competition_problems,
    personal_information_problems,
)
from scenarios.views.drafts import answers
from scenarios.views.returns import since_return

#: Action → whether its button is the main one.
PASSING = ("pass_first", "pool")


@never_cache
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """Demands that wait for this reviewer, the nearest limit first."""
    if not has_role(request.user, Role.FIRST_REVIEWER, Role.PROVINCIAL_REVIEWER):
        raise NotPermitted()
    first = selectors.first_review_queue(request.user)
    provincial = selectors.provincial_review_queue(request.user)
    stages = []
    if has_role(request.user, Role.FIRST_REVIEWER):
        stages.append(("first", _("待初审"), first))
    if has_role(request.user, Role.PROVINCIAL_REVIEWER):
        stages.append(("provincial", _("待省级审核"), provincial))
    wanted = request.GET.get("stage", stages[0][0])
    rows = next((rows for name, _label, rows in stages if name == wanted), stages[0][2])
    tabs = [(name, label, rows.count()) for name, label, rows in stages]
    return render(
        request,
        "scenarios/review_queue.html",
        {"page": page_of(request, rows), "tabs": tabs, "stage": wanted, "today": today()},
    )


def _actions(request: HttpRequest, scenario: Scenario) -> list[dict]:
    return [
        {
            "name": action,
            "label": SCENARIO_MACHINE[action].label,
            "main": action in PASSING,
            "ends": SCENARIO_MACHINE[action].target == ScenarioState.NOT_ACCEPTED,
        }
        for action in available_actions(scenario, SCENARIO_MACHINE, by=request.user)
        if action in services.REVIEW_ACTIONS
    ]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def review(request: HttpRequest, key: str) -> HttpResponse:
    """Read, mark defects field by field, and pass, return or reject; a refusal keeps every word typed."""
    scenario = selectors.scenario_for(request.user, key)
    actions = _actions(request, scenario)
    if not actions and not sees_review_file(request.user, scenario):
        raise ObjectNotFound()
    refusal: DomainError | None = None
    typed = _typed(request)
    if request.method == "POST":
        version = request.POST.get("content_version", "")
        try:
            moved = services.scenario_review(
                scenario_id=scenario.pk,
                action=request.POST.get("action", ""),
                acting_user=request.user,
                comment=typed["comment"],
                defects=[{"field": name, "reason": text} for name, text in typed["defects"].items()],
                secrecy_reviewed=typed["secrecy_reviewed"],
                expected_version=whole_number(version),
            )
        except DomainError as error:
            refusal = error
        else:
            messages.success(
                request,
                _("“%(title)s”：%(state)s。")
                % {
                    "title": moved.title,
                    "state": moved.get_state_display(),
                },
            )
            return redirect("scenarios:review_queue")
    sections = answers(scenario)
    for section in sections:
        for row in section["rows"]:
            row["defect"] = typed["defects"].get(row["name"], "")
    return render(
        request,
        "scenarios/review.html",
        {
            "scenario": scenario,
            "sections": sections,
            "actions": actions,
            "takes_secrecy": any(action["name"] == "pool" for action in actions),
            "typed": typed,
            "reasons": [_linked(reason) for reason in refusal.reasons] if refusal else [],
            "findings": completeness_problems(scenario)
            + fair_competition_problems(scenario)
            + personal_information_problems(scenario),
            "restrictions": restrictions_found(scenario),
            "ticked": [Restriction(value).label for value in scenario.restricts_by if value in Restriction.values],
            "since": since_return(request.user, scenario),
            "duplicates": selectors.possible_duplicates(scenario),
            "reviews": selectors.reviews_for(request.user, scenario),
            "competition": getattr(scenario, "fair_competition_review", None),
        },
        status=refusal.status if refusal else 200,
    )


def _typed(request: HttpRequest) -> dict:
    names = {name for _title, fields in SECTIONS.values() for name in fields} | {"general"}
    defects = {
        name: request.POST.get(f"defect_{name}", "").strip()[:1000]
        for name in sorted(names)
        if request.POST.get(f"defect_{name}", "").strip()
    }
    return {
        "comment": request.POST.get("comment", "")[:5000],
        "defects": defects,
        "secrecy_reviewed": request.POST.get("secrecy_reviewed") == "on",
    }


def _linked(reason: Reason) -> dict[str, str]:
    targets = {"comment": "id_comment", "secrecy_reviewed": "id_secrecy_reviewed", "defects": "id_defect_general"}
    return {"message": str(reason.message), "target": targets.get(reason.field, "")}
