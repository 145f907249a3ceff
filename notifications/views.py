"""One's own notices, what comes by mail, and the way out of a mail without signing in."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import DomainError
from core.pages import page_of
from notifications import selectors, services
from notifications.enums import Group


@never_cache
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """Notices, newest first; by group, or unread only."""
    group = request.GET.get("group", "")
    unread_only = request.GET.get("unread") == "1"
    rows = selectors.notifications_of(request.user, unread_only=unread_only, group=group)
    return render(
        request,
        "notifications/inbox.html",
        {"page": page_of(request, rows), "groups": Group.choices, "group": group, "unread_only": unread_only},
    )


@require_POST
def open_notification(request: HttpRequest, name: UUID) -> HttpResponse:
    """Mark one notice as read and go where it leads."""
    notification = selectors.notification_for(request.user, name)
    services.mark_read(acting_user=request.user, notification_ids=[notification.pk])
    return redirect(notification.url or "notifications:inbox")


@require_POST
def mark_all_read(request: HttpRequest) -> HttpResponse:
    count = services.mark_read(acting_user=request.user)
    messages.success(request, _("已将 %d 条站内信标为已读。") % count)
    return redirect("notifications:inbox")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Which groups come by mail; notices on the site always come."""
    rows = selectors.preferences_of(request.user)
    if request.method == "POST":
        wanted = set(request.POST.getlist("mail"))
        for row in rows:
            if not row.fixed and row.mail != (row.group in wanted):
                services.preference_set(acting_user=request.user, group=row.group, mail=row.group in wanted)
        messages.success(request, _("通知设置已保存。"))
        return redirect("notifications:preferences")
    return render(request, "notifications/preferences.html", {"rows": rows})


@csrf_exempt
@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """One click from a mail (RFC 8058: the mail program posts without a session, the signed token is the proof).

    Opening the address only asks, so that a mail scanner that follows links switches nothing off.
    """
    if request.method != "POST":
        return render(request, "notifications/unsubscribe.html", {"done": None})
    try:
        done = services.unsubscribe(token=token)
    except DomainError as error:
        return render(request, "notifications/unsubscribe.html", {"problem": error}, status=error.status)
    return render(request, "notifications/unsubscribe.html", {"done": done})
