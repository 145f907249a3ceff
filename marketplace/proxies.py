"""Who asks, seen through our own proxies."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def client_address(forwarded_for: str, peer: str, trusted: int) -> str:
    """The visitor's address: `trusted` places from the right of X-Forwarded-For, which our proxies append to.

    What stands further left was written by the visitor and is not believed.
    """
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    if trusted < 1 or not hops:
        return peer
    return hops[-min(trusted, len(hops))]


class ClientAddressMiddleware:
    """Puts the visitor's address where lockouts, rate limits and logs look for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        forwarded_for, trusted = request.headers.get("X-Forwarded-For", ""), settings.TRUSTED_PROXIES
        request.META["REMOTE_ADDR"] = client_address(forwarded_for, request.META.get("REMOTE_ADDR", ""), trusted)
        # The address of the peer is then not the visitor's: nothing may be granted to it.
        request.META["marketplace.unknown_proxy"] = bool(forwarded_for) and trusted < 1
        # From here on there is one address; nobody reads the header a second way.
        request.META.pop("HTTP_X_FORWARDED_FOR", None)
        return self.get_response(request)
