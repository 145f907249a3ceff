"""Pages of the session itself: how long it lasts, staying, the form it kept, the second factor it waits for."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import kept_forms, second_factor, session_limits


@never_cache
@require_safe
def remaining(request: HttpRequest) -> JsonResponse:
    """Seconds until the session ends by itself. Asking does not prolong it."""
    return JsonResponse({"seconds": max(session_limits.seconds_left(request), 0)})


@never_cache
@require_POST
def stay(request: HttpRequest) -> JsonResponse:
    """Somebody is here: the idle time begins anew. The twelve hours do not."""
    return JsonResponse({"seconds": max(session_limits.seconds_left(request), 0)})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def kept_form(request: HttpRequest) -> HttpResponse:
    """What was typed when the session had ended: sent again as it was, or thrown away."""
    kept = kept_forms.waiting(request)
    if request.method == "POST":
        kept_forms.forget(request)
        return redirect(kept.page if kept is not None and kept.page else "desk")
    return render(request, "accounts/kept_form.html", {"kept": kept})


@require_safe
def kept_form_or_desk(request: HttpRequest) -> HttpResponse:
    """Where somebody goes on after setting up a second factor: to what waits, or to the desk."""
    return redirect("accounts:kept_form" if kept_forms.waiting(request) is not None else "desk")


@never_cache
@require_safe
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """Why a second factor is needed, and the two ways to set one up."""
    host = request.get_host().rsplit(":", 1)[0]
    return render(
        request,
        "accounts/second_factor.html",
        {
            "needed": second_factor.required(request.user),
            "set_up": second_factor.is_set_up(request.user),
            # Browsers bind passkeys to a name; an address of digits is none.
            "passkeys_work": not host.replace(".", "").isdigit() and not host.startswith("["),
            "organiser": settings.SITE_IDENTITY["organiser"],
        },
    )
