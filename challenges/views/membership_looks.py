"""The supervisor's queue of memberships that began after a challenge was published."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from challenges.forms import MembershipLookForm
from challenges.permissions import supervises
from challenges.services.membership_looks import WaitingLook, looks_waiting, membership_look
from core.errors import DomainError, ObjectNotFound
from core.pages import page_of, posted


def _waiting(request: HttpRequest) -> list[WaitingLook]:
    if not supervises(request.user):
        raise ObjectNotFound()
    return looks_waiting()


@never_cache
@require_safe
def membership_looks(request: HttpRequest) -> HttpResponse:
    """Every late membership that waits for a look."""
    return render(request, "challenges/membership_looks.html", {"page": page_of(request, _waiting(request))})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def look_at_membership(request: HttpRequest, public_id: UUID, membership_id: int) -> HttpResponse:
    """One of them: counts or does not count, with the reason."""
    found = next(
        (
            row
            for row in _waiting(request)
            if row.challenge.public_id == public_id and row.membership.pk == membership_id
        ),
        None,
    )
    if found is None:
        raise ObjectNotFound()
    form = MembershipLookForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            membership_look(
                challenge_public_id=public_id,
                membership_id=membership_id,
                acting_user=request.user,
                counts=form.cleaned_data["counts"] == "yes",
                reason=form.cleaned_data["reason"],
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("复核结论已记录，立即生效。"))
            return redirect("challenges:membership_looks")
    return render(
        request,
        "challenges/membership_look.html",
        {"row": found, "form": form},
        status=400 if form.errors else 200,
    )
