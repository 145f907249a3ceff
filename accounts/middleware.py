"""What every request of a signed-in person passes: the session's limits, the second factor, the organisation."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import kept_forms, second_factor, session_limits, sign_in
from accounts.permissions import acts_for_suspended, suspended_message
from accounts.services import settle_current_organisation
from core import audit
from core.errors import NotPermitted

GetResponse = Callable[[HttpRequest], HttpResponse]
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class SessionLimitsMiddleware:
    """Ends a session that was left alone too long or is too old. A form it brings is kept for its owner.

    Also keeps the form of somebody whose session ended elsewhere, if the browser was theirs.
    """

    #: Asking how much time is left is not attending.
    UNATTENDED = "/desk/account/session/"
    #: Under this the request itself carries whose session has just ended; no header of a request has such a name.
    LAPSED = "accounts.lapsed"

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return self.get_response(request)
        if session_limits.is_over(request):
            owner = sign_in.mark_of(request.user)
            audit.record_alone(request.user, "accounts.session.lapse", request.user)
            logout(request)
            request.META[self.LAPSED] = owner
            return self.get_response(request)
        request.session.setdefault(session_limits.SIGNED_IN_AT, session_limits.moment_now())
        if request.path != self.UNATTENDED:
            session_limits.attend(request)
        response = self.get_response(request)
        if request.user.is_authenticated and not sign_in.known_device(request, request.user.get_username()):
            sign_in.remember_device(request, response)
        return response

    def process_view(self, request: HttpRequest, view: Any, _arguments: Any, _named: Any) -> HttpResponse | None:
        """Before the login wall turns the form away, and after its secret was checked (CsrfViewMiddleware)."""
        if request.user.is_authenticated or not getattr(view, "login_required", True) or hasattr(view, "cls"):
            return None
        return kept_for_later(request)


def kept_for_later(request: HttpRequest) -> HttpResponse | None:
    """Keep the form that a request brings for whose browser it is, and lead there: by way of the sign-in if needed.

    None if there is nothing to keep, or nobody to keep it for. Call only for forms that a page of ours sent.
    """
    signed_in = request.user.is_authenticated
    lapsed = request.META.get(SessionLimitsMiddleware.LAPSED)
    owner = sign_in.mark_of(request.user) if signed_in else lapsed or sign_in.device_mark(request)
    kept = kept_forms.read(request) if owner else None
    if kept is None:
        return None
    kept_forms.keep(request, kept, owner)
    page = reverse("accounts:kept_form")
    if signed_in:
        return HttpResponseRedirect(page)
    return HttpResponseRedirect(f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': page})}")


class CurrentOrganisationMiddleware:
    """A membership that ended takes effect with the next click (domain.md §6)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            settle_current_organisation(request.user)
        return self.get_response(request)


class SecondFactorMiddleware:
    """Until a person who needs a second factor has set one up, or shown it, nothing else opens (H4).

    The API asks by itself (accounts/api/authentication.py), in its own words.
    """

    #: What opens before: setting it up, proving who one is, one's mail address and password, leaving.
    OPEN = frozenset(
        {
            "mfa_index",
            "mfa_activate_totp",
            "mfa_add_webauthn",
            "mfa_list_webauthn",
            "mfa_view_recovery_codes",
            "mfa_generate_recovery_codes",
            "mfa_download_recovery_codes",
            "mfa_authenticate",
            "mfa_reauthenticate",
            "mfa_reauthenticate_webauthn",
            "account_reauthenticate",
            "account_login",
            "account_logout",
            "account_email",
            "account_confirm_email",
            "account_email_verification_sent",
            "account_change_password",
            "accessibility",
            "second_factor",
            "session",
            "stay",
        }
    )
    #: Without a second factor shown, what would take one away or change it stays shut.
    OPEN_ONCE_SET_UP = frozenset(
        {
            "mfa_reauthenticate",
            "mfa_reauthenticate_webauthn",
            "account_reauthenticate",
            "account_login",
            "account_logout",
            "accessibility",
            "second_factor",
            "session",
            "stay",
        }
    )

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, _arguments: Any, _named: Any) -> HttpResponse | None:
        if not request.user.is_authenticated or hasattr(view, "cls") or second_factor.was_shown(request):
            return None
        if not second_factor.required(request.user):
            return None
        name = request.resolver_match.url_name if request.resolver_match else ""
        set_up = second_factor.is_set_up(request.user)
        if name in (self.OPEN_ONCE_SET_UP if set_up else self.OPEN):
            return None
        kept = kept_forms.read(request)
        if kept is not None:
            kept_forms.keep(request, kept, sign_in.mark_of(request.user))
        elif request.headers.get("Accept", "") == "application/json":
            return JsonResponse({"message": _("请先完成两步验证。"), "code": "second_factor_required"}, status=403)
        if not set_up:
            return redirect("accounts:second_factor")
        target = reverse("accounts:kept_form") if kept is not None else request.get_full_path()
        return HttpResponseRedirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': target})}")


class SuspendedOrganisationMiddleware:
    """Who acts for a suspended organisation reads, and changes nothing but what concerns themselves (ADR 0012).

    Services refuse by the roles, which are none there; this is the wall around what asks for no role.
    """

    #: A person's own affairs, whichever organisation they act for.
    OWN_AFFAIRS = frozenset(
        {
            "accounts:switch",
            "accounts:leave",
            "accounts:accept_invitation",
            "accounts:decline_invitation",
            "accounts:revoke_token",
            "accounts:stay",
            "accounts:kept_form",
            "accessibility",
            "notifications:open",
            "notifications:read_all",
            "notifications:preferences",
            "notifications:unsubscribe",
        }
    )
    OF_PACKAGES = ("account_", "mfa_", "usersessions_")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, _arguments: Any, _named: Any) -> HttpResponse | None:
        if request.method in SAFE_METHODS or not request.user.is_authenticated:
            return None
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in self.OWN_AFFAIRS or name.startswith(self.OF_PACKAGES) or not acts_for_suspended(request.user):
            return None
        error = NotPermitted(suspended_message(), code="organisation_suspended")
        if hasattr(view, "cls"):
            told = {"code": error.code, "detail": error.message, "attr": None}
            return JsonResponse({"type": "client_error", "errors": [told]}, status=error.status)
        if request.headers.get("Accept", "") == "application/json":
            return JsonResponse({"message": error.message, "code": error.code}, status=error.status)
        return render(request, "errors/refused.html", {"error": error}, status=error.status)
