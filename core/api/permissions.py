"""Default permission of the API: a signed-in person, and a token whose scope allows the method."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

WRITE_SCOPE = "write"


class IsAuthenticatedWithScope(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        return token_allows(request)


class PublicReadOrAuthenticated(IsAuthenticatedWithScope):
    """Published things are read by everybody; the selectors decide what is published."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return True
        return super().has_permission(request, view)


def token_allows(request: Request) -> bool:
    """A read-only token may not change anything; a session may do what its person may."""
    scope = getattr(request.auth, "scope", None)
    return scope is None or request.method in SAFE_METHODS or scope == WRITE_SCOPE
