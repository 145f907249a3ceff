"""Keeps a person's current organisation true to their memberships, on every request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.services import settle_current_organisation


class CurrentOrganisationMiddleware:
    """A membership that ended takes effect with the next click (domain.md §6)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            settle_current_organisation(request.user)
        return self.get_response(request)
