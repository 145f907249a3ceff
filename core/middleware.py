"""Request id, and the page for a refused request."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from core.entered import is_keepable, keepable_fields
from core.errors import DomainError, ObjectNotFound
from core.json_bodies import BodyTooLarge

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


class PlainRequestMiddleware:
    """UTF-8 and nothing else, and no cookie with a character that PostgreSQL does not keep.

    A request may name any codec of Python's as its charset (`base64`, `idna`), and quoted cookies may hold NUL: both
    would be errors of ours where the query string, or the session's key, is read.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.encoding is not None and request.encoding.lower() != "utf-8":
            request.encoding = "utf-8"
        for name in [name for name, text in request.COOKIES.items() if not is_keepable(name + text)]:
            del request.COOKIES[name]
        return self.get_response(request)


class KeepableCharactersMiddleware:
    """Takes control characters and lone surrogates off what was asked for and typed; an address with one is unknown.

    They come from pasted text and from probing, PostgreSQL refuses NUL, and nobody means them. JSON is read by
    `core.json_bodies`. Stands behind the check for forgery, which has read a form's fields already.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, _arguments: Any, parameters: dict[str, Any]
    ) -> HttpResponse | None:
        if not is_keepable(request.path_info):
            if hasattr(view, "cls"):
                return refused_json(ObjectNotFound())
            raise Http404
        request.GET = keepable_fields(request.GET)  # type: ignore[assignment]
        # The API's views read their bodies themselves (their class stands on the function).
        if request.method == "POST" and not hasattr(view, "cls") and request.content_type in _FORM_TYPES:
            request.POST = keepable_fields(request.POST)  # type: ignore[assignment]
        return None


def refused_json(error: DomainError) -> JsonResponse:
    """A refusal before an API view was reached, in the API's one error shape."""
    one = {"code": error.code, "detail": error.message, "attr": None}
    return JsonResponse({"type": "client_error", "errors": [one]}, status=error.status)


_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


class DomainErrorMiddleware:
    """A rule's refusal that no view caught becomes a page that says what is wrong and what to do."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
            exception = BodyTooLarge(_("提交的内容过多，没有保存。请精简或分次提交。"))
        if not isinstance(exception, DomainError):
            return None
        return render(request, "errors/refused.html", {"error": exception}, status=exception.status)
