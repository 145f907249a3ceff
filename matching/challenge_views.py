"""Panels about challenges on the pages of 揭榜挂帅, and the invitation of a proposed solver."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.models import User
from challenges.models import Challenge
from challenges.selectors import challenge_for
from challenges.services.clarification import solver_invite
from core import slots
from core.errors import ObjectNotFound, ServiceUnavailable
from matching.challenges import challenges_for, reasons_in_words, solvers_for


def solvers_panel(request: HttpRequest, challenge: Challenge) -> str:
    """Proposed solvers, for the challenge's handler; the engine's absence is said, not hidden."""
    try:
        solvers = solvers_for(request.user, challenge)
    except ServiceUnavailable:
        return render_to_string("matching/_solvers.html", {"unavailable": True}, request)
    if not solvers:
        return ""
    return render_to_string("matching/_solvers.html", {"solvers": solvers, "challenge": challenge}, request)


def challenges_panel(request: HttpRequest, user: User) -> str:
    """Open challenges that fit a vendor, on its board."""
    try:
        found = challenges_for(user)
    except ServiceUnavailable:
        return ""
    if not found:
        return ""
    return render_to_string("matching/_challenges.html", {"entries": found}, request)


def fill_places() -> None:
    """Offer the panels to the pages of 揭榜挂帅 (architecture.md §10.1)."""
    slots.fill("challenge.solvers", solvers_panel)
    slots.fill("challenge.board", challenges_panel)


@require_POST
def invite_solver(request: HttpRequest, key: str) -> HttpResponse:
    """Tell one of the proposed solvers of the challenge, with the reasons it was proposed for."""
    challenge = challenge_for(request.user, key)
    wanted = request.POST.get("capability", "")
    view = next((row for row in solvers_for(request.user, challenge) if str(row.capability.public_id) == wanted), None)
    if view is None:
        raise ObjectNotFound()
    solver_invite(
        challenge_id=challenge.pk,
        organisation=view.capability.vendor.organisation,
        acting_user=request.user,
        reasons=reasons_in_words(view),
    )
    messages.success(request, _("已发出邀请。对方不会知道还邀请了谁。"))
    return redirect("challenges:challenge", challenge.code)
