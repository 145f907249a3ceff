"""The operator's page; /statusz and /metrics for monitoring from the networks the installation trusts."""

import ipaddress
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import may_operate
from core import outbox
from core.errors import DomainError, NotPermitted
from core.models import OutboxDelivery
from core.opaque import key_behind
from marketplace import operations
from notifications import services as notification_services
from notifications.models import Delivery
from scenarios import selectors as scenario_selectors

LOOPBACK = ("127.0.0.0/8", "::1/128")


def comes_from_monitoring(request: HttpRequest) -> bool:
    """True from loopback or a network named in MONITORING_NETWORKS, and not through a proxy we know nothing of."""
    if request.META.get("marketplace.unknown_proxy", False):
        return False
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(
        address in ipaddress.ip_network(network) for network in getattr(settings, "MONITORING_NETWORKS", LOOPBACK)
    )


def _admit(request: HttpRequest) -> None:
    if not comes_from_monitoring(request) and not may_operate(request.user):
        raise NotPermitted()


@login_not_required
@require_safe
@never_cache
def status(request: HttpRequest) -> JsonResponse:
    """Always 200: a part that is down is told, and takes no process out of service (that is /readyz's affair).

    `?drift=1` compares the indexes with the database first, which reads everything.
    """
    _admit(request)
    if request.GET.get("drift") == "1":
        operations.measure_drift_now()
    return JsonResponse(operations.report(), json_dumps_params={"ensure_ascii": False, "indent": 2})


@login_not_required
@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format."""
    _admit(request)
    return HttpResponse(operations.metrics_text(), content_type="text/plain; version=0.0.4; charset=utf-8")


# --- the operator's page -----------------------------------------------------------------------------------------


@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Queues, given-up work, mails in doubt, indexes and schedule, without content (architecture.md §10.7)."""
    if not may_operate(request.user):
        raise NotPermitted()
    return render(request, "operations.html", operations.page() | {"overdue": scenario_selectors.overdue_quarters()})


@require_POST
def retry_delivery(request: HttpRequest, name: UUID) -> HttpResponse:
    """Give a parked delivery another life."""
    if not may_operate(request.user):
        raise NotPermitted()
    key = key_behind(OutboxDelivery, name)
    if key is not None and outbox.retry([key]):
        messages.success(request, _("已重新排队，稍后自动处理。"))
    else:
        messages.info(request, _("这一条已不在搁置状态，无需重试。"))
    return redirect("operations")


@require_POST
def decide_mail(request: HttpRequest, name: UUID) -> HttpResponse:
    """Send an uncertain or failed mail again, or record that an uncertain one was found at the mail server."""
    settle = request.POST.get("decision") == "settle"
    decide = notification_services.mail_settle if settle else notification_services.mail_resend
    try:
        decide(acting_user=request.user, delivery_id=key_behind(Delivery, name) or 0)
    except NotPermitted:
        raise
    except DomainError as error:
        messages.info(request, error.message)
    else:
        messages.success(request, _("已记为送出。") if settle else _("已重新排队，稍后自动发送。"))
    return redirect("operations")


@require_POST
def measure_drift(request: HttpRequest) -> HttpResponse:
    """Compare the indexes with the database now, which reads everything."""
    if not may_operate(request.user):
        raise NotPermitted()
    differing = sum(count or 0 for count in operations.measure_drift_now().values())
    if differing:
        messages.warning(request, _("有 %d 份文档与数据库不一致，定时任务会自动修复。") % differing)
    else:
        messages.success(request, _("索引与数据库一致。"))
    return redirect("operations")
