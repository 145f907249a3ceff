"""Pages of roles: a member's roles, the security administrator's way to them, and what a second one has to confirm."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import granting, selectors
from accounts.enums import ROLES_OF_TWO_PERSONS, ProposalState, Role
from accounts.forms import ProposalForm, RolesForm
from accounts.holding import offered_to
from accounts.models import Organisation
from accounts.permissions import has_role, may_grant_role
from accounts.states import PROPOSAL_MACHINE
from core.errors import DomainError, NotPermitted
from core.pages import page_of, posted
from core.transitions import available_actions

READ_OR_POST = require_http_methods(["GET", "HEAD", "POST"])
#: Decided proposals shown below those that wait.
RECENT = 20


@never_cache
@READ_OR_POST
def roles(request: HttpRequest, public_id: UUID, membership_id: int) -> HttpResponse:
    """Give and take a member's roles, as far as this person may and the organisation may hold them."""
    membership = selectors.member_of(request.user, public_id, membership_id)
    organisation = membership.organisation
    held = [grant.role for grant in membership.grants.all()]
    waiting = [row.role for row in membership.role_proposals.filter(state=ProposalState.WAITING)]
    mine = [role for role in Role if may_grant_role(request.user, organisation, role)]
    possible = [role for role in offered_to(organisation) if role not in waiting]
    offered = [(role.value, _offer(role)) for role in mine if role in possible or role in held]
    kept = [role for role in held if role not in dict(offered)]
    two_persons = any(role in ROLES_OF_TWO_PERSONS for role, _label in offered)
    form = RolesForm(posted(request), initial={"roles": held})
    form.fields["roles"].choices = offered
    if not two_persons:
        del form.fields["grounds"]
    if request.method == "POST" and form.is_valid():
        wanted = [*form.cleaned_data["roles"], *kept]
        try:
            granting.roles_set(
                membership_id=membership.pk,
                roles=wanted,
                acting_user=request.user,
                grounds=form.cleaned_data.get("grounds", ""),
            )
        except DomainError as error:
            form.refuse(error)
        else:
            proposed = [str(Role(role).label) for role in set(wanted) - set(held) if role in ROLES_OF_TWO_PERSONS]
            if proposed:
                told = _("已提议授予“%(name)s”：%(roles)s。由另一名安全管理员确认后生效；其余变动立即生效。")
                messages.success(request, told % {"name": membership.user, "roles": "、".join(sorted(proposed))})
            else:
                messages.success(request, _("“%s”的角色已更新，立即生效。") % membership.user)
            return redirect("accounts:organisation", public_id)
    return render(
        request,
        "accounts/roles.html",
        {
            "membership": membership,
            "form": form,
            "kept": [Role(role).label for role in kept],
            "waiting": [Role(role).label for role in waiting],
        },
        status=400 if form.errors else 200,
    )


def _offer(role: Role) -> str:
    return _("%s（须另一名安全管理员确认）") % role.label if role in ROLES_OF_TWO_PERSONS else str(role.label)


@never_cache
@require_safe
def grants(request: HttpRequest) -> HttpResponse:
    """The security administrator's way to an organisation's members."""
    if not has_role(request.user, Role.SECURITY_ADMINISTRATOR):
        raise NotPermitted()
    wanted = request.GET.get("q", "").strip()[:100]
    found = Organisation.objects.select_related("region").order_by("name")
    if wanted:
        found = found.filter(name__icontains=wanted)
    waiting = granting.proposals_waiting(request.user).count()
    return render(request, "accounts/grants.html", {"page": page_of(request, found), "q": wanted, "waiting": waiting})


@never_cache
@require_safe
def proposals(request: HttpRequest) -> HttpResponse:
    """Powers that wait for a second security administrator, and what became of the latest."""
    if not has_role(request.user, Role.SECURITY_ADMINISTRATOR):
        raise NotPermitted()
    return render(
        request,
        "accounts/proposals.html",
        {
            "page": page_of(request, granting.proposals_waiting(request.user)),
            "decided": granting.proposals_decided(request.user)[:RECENT],
        },
    )


@never_cache
@READ_OR_POST
def proposal(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One proposal: who, where, why, what else the person holds; confirm, refuse with a reason, or withdraw."""
    if not has_role(request.user, Role.SECURITY_ADMINISTRATOR):
        raise NotPermitted()
    shown = granting.proposal_for(request.user, public_id)
    form = ProposalForm(posted(request))
    step = request.POST.get("step", "")
    if request.method == "POST" and step not in PROPOSAL_MACHINE:
        raise Http404
    if request.method == "POST" and form.is_valid():
        try:
            granting.proposal_decide(
                public_id=public_id, action=step, acting_user=request.user, comment=form.cleaned_data["comment"]
            )
        except DomainError as error:
            form.refuse(error)
            shown = granting.proposal_for(request.user, public_id)
        else:
            messages.success(
                request, _("已办理：%s。提议人、确认人和当事人都会收到通知。") % PROPOSAL_MACHINE[step].label
            )
            return redirect("accounts:proposals")
    steps = available_actions(shown, PROPOSAL_MACHINE, by=request.user)
    return render(
        request,
        "accounts/proposal.html",
        {
            "proposal": shown,
            "form": form,
            "steps": [{"name": name, "label": PROPOSAL_MACHINE[name].label} for name in steps],
            "held": [grant.get_role_display() for grant in shown.membership.grants.all()],
        },
        status=400 if form.errors else 200,
    )


@never_cache
@require_safe
def holders(request: HttpRequest) -> HttpResponse:
    """Who holds which role, by role and by name."""
    if not granting.may_see_holders(request.user):
        raise NotPermitted()
    role = request.GET.get("role", "")
    role = role if role in Role.values else ""
    words = request.GET.get("q", "").strip()[:100]
    page = page_of(request, granting.holders(request.user, role=role, words=words))
    return render(
        request,
        "accounts/holders.html",
        {
            "page": page,
            "rows": [(grant, granting.doubts(grant)) for grant in page],
            "q": words,
            "role": role,
            "roles": Role.choices,
        },
    )
