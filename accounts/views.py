"""Pages about people and organisations: switch, register, verify, members, tokens."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import invitations, naming, selectors, services
from accounts.enums import OrganisationState, Role
from accounts.forms import AccountForm, MemberForm, OrganisationForm, TokenForm, VerificationForm
from accounts.models import Membership, Organisation
from accounts.permissions import (
    has_role,
    may_create_account,
    may_manage_organisation,
    may_verify_organisation,
)
from accounts.states import ORGANISATION_MACHINE
from core.clock import now
from core.entered import identifier
from core.errors import DomainError, NotPermitted, ObjectNotFound
from core.forms import refuse
from core.pages import back_to, page_of, posted
from core.transitions import available_actions

READ_OR_POST = require_http_methods(["GET", "HEAD", "POST"])


# --- organisations -----------------------------------------------------------------------------------------------


@never_cache
@require_safe
def organisations(request: HttpRequest) -> HttpResponse:
    """The organisations one belongs to, and for which one acts now."""
    return render(
        request,
        "accounts/organisations.html",
        {
            "organisations": selectors.organisations_of(request.user),
            "waiting": invitations.invitations_to(request.user),
        },
    )


@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Act for another organisation from now on."""
    key = identifier(request.POST.get("organisation", ""))
    if key is None:
        raise ObjectNotFound()
    wanted = selectors.organisations_of(request.user).filter(public_id=key).first()
    if wanted is None:
        raise ObjectNotFound(_("您不是该机构的成员，不能切换。"))
    services.organisation_switch(organisation_id=wanted.pk, acting_user=request.user)
    messages.success(request, _("现在以“%s”的身份办理。") % wanted.name)
    return back_to(request, request.POST.get("next", ""), reverse("desk"))


@READ_OR_POST
def register(request: HttpRequest) -> HttpResponse:
    """Register an organisation; who registers it becomes its manager."""
    form = OrganisationForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            created = services.organisation_register(values=form.cleaned_data, acting_user=request.user)
        except DomainError as error:
            refuse(form, error)
        else:
            messages.success(request, _("机构已登记。填齐统一社会信用代码后，请申请核验。"))
            return redirect("accounts:organisation", created.public_id)
    return render(request, "accounts/organisation_form.html", {"form": form}, status=400 if form.errors else 200)


@never_cache
@require_safe
def organisation(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """An organisation's own page: data, verification, members."""
    return _organisation_page(request, selectors.organisation_for(request.user, public_id))


def _organisation_page(
    request: HttpRequest, shown: Organisation, *, form: VerificationForm | None = None, member: MemberForm | None = None
) -> HttpResponse:
    manages = may_manage_organisation(request.user, shown)
    security = has_role(request.user, Role.SECURITY_ADMINISTRATOR)
    actions = available_actions(shown, ORGANISATION_MACHINE, by=request.user)
    bound = [entry for entry in (form, member) if entry is not None and entry.errors]
    return render(
        request,
        "accounts/organisation.html",
        {
            "organisation": shown,
            "manages": manages,
            "own": request.user.memberships.active().filter(organisation=shown).first(),
            "sees_members": manages or security,
            "members": selectors.members_of(request.user, shown) if manages or security else [],
            "steps": [{"name": name, "label": ORGANISATION_MACHINE[name].label} for name in actions],
            "decides": bool({"verify", "return", "suspend"} & set(actions)),
            "verifies": may_verify_organisation(request.user, shown) and shown.state == OrganisationState.PENDING,
            "confirms_name": naming.may_decide_name(request.user, shown),
            "form": form or VerificationForm(),
            "member_form": member or MemberForm(),
            "invitations": invitations.invitations_of(request.user, shown),
        },
        status=400 if bound else 200,
    )


@READ_OR_POST
def edit_organisation(request: HttpRequest, public_id: UUID) -> HttpResponse:
    shown = selectors.organisation_for(request.user, public_id)
    if not may_manage_organisation(request.user, shown):
        raise NotPermitted()
    form = OrganisationForm(posted(request), instance=shown)
    if request.method == "POST" and form.is_valid():
        try:
            services.organisation_update(organisation_id=shown.pk, values=form.cleaned_data, acting_user=request.user)
        except DomainError as error:
            refuse(form, error)
        else:
            messages.success(request, _("机构信息已保存。"))
            return redirect("accounts:organisation", shown.public_id)
    return render(
        request,
        "accounts/organisation_form.html",
        {"form": form, "organisation": shown},
        status=400 if form.errors else 200,
    )


@require_POST
def act(request: HttpRequest, public_id: UUID, action: str) -> HttpResponse:
    """One step of the verification."""
    if action not in ORGANISATION_MACHINE:
        raise Http404
    shown = selectors.organisation_for(request.user, public_id)
    form = VerificationForm(request.POST)
    if form.is_valid():
        try:
            services.organisation_transition(
                organisation_id=shown.pk, action=action, acting_user=request.user, comment=form.cleaned_data["comment"]
            )
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(request, _("已办理：%s。") % ORGANISATION_MACHINE[action].label)
            if action in ("verify", "return"):
                return redirect("accounts:verification_queue")
            return redirect("accounts:organisation", shown.public_id)
    return _organisation_page(request, shown, form=form)


@never_cache
@require_safe
def verification_queue(request: HttpRequest) -> HttpResponse:
    """Organisations that wait for this reviewer."""
    if not has_role(request.user, Role.FIRST_REVIEWER, Role.PROVINCIAL_REVIEWER):
        raise NotPermitted()
    return render(
        request,
        "accounts/verification_queue.html",
        {
            "page": page_of(request, selectors.verification_queue(request.user)),
            "names": naming.names_waiting(request.user)[:50],
        },
    )


# --- members -----------------------------------------------------------------------------------------------------


@require_POST
def members(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Ask somebody to become a member. The answer is the same whether or not there is such an account."""
    shown = selectors.organisation_for(request.user, public_id)
    form = MemberForm(request.POST)
    if form.is_valid():
        words = form.cleaned_data["username"].strip()
        try:
            invitations.member_invite(organisation_id=shown.pk, username_or_email=words, acting_user=request.user)
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(
                request,
                _("邀请已发出。如果“%s”是平台账号，对方会收到站内信和邮件，14 天内接受后成为成员。") % words,
            )
            return redirect("accounts:organisation", shown.public_id)
    return _organisation_page(request, shown, member=form)


@require_POST
def end_member(request: HttpRequest, public_id: UUID, membership_id: int) -> HttpResponse:
    """End a membership; access is gone at once."""
    membership = selectors.member_of(request.user, public_id, membership_id)
    try:
        invitations.member_end(membership_id=membership.pk, acting_user=request.user)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("“%s”已离开本机构，立即不能再办理本机构的业务。") % membership.user)
    return redirect("accounts:organisation", public_id)


# --- one's own account -------------------------------------------------------------------------------------------


@never_cache
@require_safe
def profile(request: HttpRequest) -> HttpResponse:
    """One's account, its safety, and where the roles come from."""
    memberships = (
        Membership.objects.active().filter(user=request.user).select_related("organisation").prefetch_related("grants")
    )
    waiting = invitations.invitations_to(request.user).count()
    return render(request, "accounts/profile.html", {"memberships": memberships, "waiting": waiting})


@never_cache
@READ_OR_POST
def tokens(request: HttpRequest) -> HttpResponse:
    """Access tokens for the API; the secret is shown this once, and a reload of that page makes no second one."""
    form = TokenForm(posted(request))
    secret = ""
    if request.method == "POST" and form.is_valid():
        try:
            _token, secret = services.token_create(acting_user=request.user, **form.cleaned_data)
        except DomainError as error:
            if error.code == services.FORM_ANSWERED:
                messages.warning(request, error.message)
                return redirect("accounts:tokens")
            form.refuse(error)
        else:
            form = TokenForm()
    return render(
        request,
        "accounts/tokens.html",
        {"form": form, "tokens": selectors.tokens_of(request.user), "secret": secret, "now": now()},
        status=400 if form.errors else 200,
    )


@require_POST
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    services.token_revoke(token_id=token_id, acting_user=request.user)
    messages.success(request, _("令牌已撤销，立即失效。"))
    return redirect("accounts:tokens")


@sensitive_post_parameters("password")
@never_cache
@READ_OR_POST
def create_account(request: HttpRequest) -> HttpResponse:
    """The system administrator makes an account; roles come from the security administrator."""
    if not may_create_account(request.user):
        raise NotPermitted()
    form = AccountForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            _check_password(form.cleaned_data)
            created = services.account_create(acting_user=request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error("password", error)
        except DomainError as error:
            form.refuse(error)
        else:
            told = _("账号“%s”已建立。请安全管理员或机构管理员邀请其加入机构，本人接受后再授权。")
            messages.success(request, told % created.username)
            return redirect("accounts:create_account")
    return render(request, "accounts/create_account.html", {"form": form}, status=400 if form.errors else 200)


def _check_password(values: dict[str, Any]) -> None:
    validate_password(values["password"])
