"""A reviewer's word about a name that reads like an authority's."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import naming, selectors
from core.errors import DomainError


@require_POST
def decide(request: HttpRequest, public_id: UUID, decision: str) -> HttpResponse:
    if decision not in ("confirm", "refuse"):
        raise Http404
    shown = selectors.organisation_for(request.user, public_id)
    try:
        naming.name_decide(organisation_id=shown.pk, confirmed=decision == "confirm", acting_user=request.user)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("名称核对结论已记录。"))
    return redirect("accounts:verification_queue")
