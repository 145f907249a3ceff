"""Pages of invitations: the organisation asks, the person answers, and leaves whenever they like."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import invitations, selectors
from core.errors import DomainError


@never_cache
@require_safe
def invitations_page(request: HttpRequest) -> HttpResponse:
    """What waits for this person's answer."""
    return render(request, "accounts/invitations.html", {"invitations": invitations.invitations_to(request.user)})


@require_POST
def accept(request: HttpRequest, public_id: UUID) -> HttpResponse:
    try:
        membership = invitations.invitation_accept(public_id=public_id, acting_user=request.user)
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("accounts:invitations")
    messages.success(request, _("您已加入“%s”。角色由该机构管理员或安全管理员授予。") % membership.organisation)
    return redirect("accounts:organisations")


@require_POST
def decline(request: HttpRequest, public_id: UUID) -> HttpResponse:
    try:
        invitation = invitations.invitation_decline(public_id=public_id, acting_user=request.user)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("已谢绝“%s”的邀请。") % invitation.organisation)
    return redirect("accounts:invitations")


@require_POST
def leave(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Leave an organisation by oneself."""
    try:
        membership = invitations.membership_leave(membership_id=membership_id, acting_user=request.user)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("您已离开“%s”，不能再办理该机构的业务。") % membership.organisation)
    return redirect("accounts:profile")


@require_POST
def withdraw(request: HttpRequest, public_id: UUID, invitation_id: UUID) -> HttpResponse:
    """Take an open invitation back."""
    shown = selectors.organisation_for(request.user, public_id)
    invitations.invitation_withdraw(public_id=invitation_id, acting_user=request.user)
    messages.success(request, _("邀请已撤回。"))
    return redirect("accounts:organisation", shown.public_id)
