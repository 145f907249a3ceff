"""Request id, and the page for a refused request."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import render

from core.errors import DomainError

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_ACCEPTED_ID = re.compile(r"^[A-Za-z0-9-]{8,64}$")


def current_request_id() -> str:
    """The id that follows a request into the outbox and the tasks it causes; "" outside one."""
    return _request_id.get()


@contextmanager
def request_id_scope(request_id: str) -> Iterator[None]:
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


class RequestIdMiddleware:
    """Gives each request an id (the proxy's, if well-formed) and returns it as X-Request-ID."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _ACCEPTED_ID.match(given) else uuid.uuid4().hex
        with request_id_scope(request_id):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class HearOutMiddleware:
    """Reads what is left of a refused upload before the answer goes out.

    A large body is passed on while it is still arriving. Answered in the middle of it, the connection closes with bytes
    on the way, and the proxy shows a bidder whose session ended, or who came too late, a failure of its own (502)
    instead of our words. Beyond `MOST_BYTES` nobody is heard out.
    """

    MOST_BYTES = 64 << 20
    PIECE = 1 << 20

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code >= 400 and request.headers.get("Content-Length", "0") != "0":
            with suppress(UnreadablePostError):  # the sender went away: nobody is left to be answered
                for _piece in range(self.MOST_BYTES // self.PIECE):
                    if not request.read(self.PIECE):
                        break
        return response


class DomainErrorMiddleware:
    """A rule's refusal that no view caught becomes a page that says what is wrong and what to do."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DomainError):
            return None
        return render(request, "errors/refused.html", {"error": exception}, status=exception.status)
