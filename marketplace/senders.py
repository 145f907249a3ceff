"""What is known about a request before its body is read: whose it is, and what its address takes."""

from http.cookies import CookieError
from importlib import import_module
from io import BytesIO
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError, close_old_connections
from django.urls import Resolver404, resolve

from accounts.services import token_of_secret
from core.views import LARGEST_BODY


def _view_at(path_info: str) -> Any:
    """The view function of a WSGI path, None where there is none."""
    try:
        return resolve(path_info.encode("latin-1").decode("utf-8", "replace")).func
    except Resolver404:
        return None


def is_open_to_anyone(path_info: str) -> bool:
    """Whether a page takes forms of people who are not signed in. The API never does."""
    view = _view_at(path_info)
    return view is not None and getattr(view, "login_required", True) is False and not hasattr(view, "cls")


def largest_body(path_info: str) -> int:
    """Bytes that may be sent to this address (`core.views.takes_bodies_of`)."""
    return getattr(_view_at(path_info), "largest_body", LARGEST_BODY)


def is_signed_in(environ: dict[str, Any]) -> bool:
    """Whether the session or token of the request is somebody's; False while the database does not answer.

    Decides only whether the body is read. What the person may do is decided by the application, as always.
    """
    request = WSGIRequest({**environ, "wsgi.input": BytesIO(), "CONTENT_LENGTH": "0"})
    try:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token_of_secret(secret.strip()) is not None:
            return True
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
        return get_user(request).is_authenticated
    except (DatabaseError, CookieError):
        return False
    finally:
        close_old_connections()
