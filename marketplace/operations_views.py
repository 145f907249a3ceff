"""/statusz and /metrics: for the operator, and for monitoring from the networks the installation trusts."""

import ipaddress

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import may_operate
from core.errors import NotPermitted
from marketplace import operations

LOOPBACK = ("127.0.0.0/8", "::1/128")


def comes_from_monitoring(request: HttpRequest) -> bool:
    """True from loopback or a network named in MONITORING_NETWORKS, and not through a proxy we know nothing of."""
    # `ClientAddressMiddleware` takes the header away when it has used it.
    if "X-Forwarded-For" in request.headers:
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
        operations.measure_drift()
    return JsonResponse(operations.report(), json_dumps_params={"ensure_ascii": False, "indent": 2})


@login_not_required
@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format."""
    _admit(request)
    return HttpResponse(operations.metrics_text(), content_type="text/plain; version=0.0.4; charset=utf-8")
