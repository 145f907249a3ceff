"""A form that is posted after the session ended is kept, and comes back filled after signing in again.

Kept in the (new, anonymous) session on the server, for whoever was signed in and nobody else. Passwords, codes and the
form's own secrets are never kept; files cannot be and are named, so that they are chosen again.
"""

import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, RawPostDataException, UnreadablePostError
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import sign_in

SESSION_KEY = "kept_form"
#: Longer than anybody needs to sign in again.
KEPT_SECONDS = 3600
#: Characters of all fields together: more than the longest form of the product, and no burden for the session table.
LONGEST = 600_000
_SECRET = re.compile(r"csrf|passw|credential|secret|token|^code$", re.IGNORECASE)
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True)
class KeptForm:
    """`action`: where it was posted to; `page`: where it was filled in; `fields`: in their order; `files`: names."""

    action: str
    page: str
    fields: list[tuple[str, str]]
    files: list[str]

    @property
    def shown(self) -> list[tuple[str, str]]:
        """Fields with something a person typed or chose."""
        return [(name, value) for name, value in self.fields if value.strip()]


def may_be_kept(request: HttpRequest) -> bool:
    """A form that a person sent with a button; scripts are answered at once and keep what they have."""
    return (
        request.method == "POST"
        and request.content_type in FORM_TYPES
        and "HX-Request" not in request.headers
        and request.headers.get("X-Requested-With", "") == ""
        and not request.path.startswith(("/account/", "/api/", "/admin/"))
    )


def read(request: HttpRequest) -> dict[str, Any] | None:
    """What would be kept of this request, without whose it is; None if it cannot be read or is too long."""
    if not may_be_kept(request):
        return None
    try:
        fields = [
            [name, value] for name, values in request.POST.lists() for value in values if not _SECRET.search(name)
        ]
        files = [upload.name for _name, uploads in request.FILES.lists() for upload in uploads]
    except (RawPostDataException, UnreadablePostError):
        return None
    if sum(len(name) + len(value) for name, value in fields) > LONGEST:
        return None
    return {
        "action": request.get_full_path(),
        "page": _page_of(request),
        "fields": fields,
        "files": files,
        "at": int(time.time()),
    }


def _page_of(request: HttpRequest) -> str:
    """The page the form was on, if the browser says so and it is ours."""
    referrer = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(referrer, allowed_hosts={request.get_host()}):
        parts = urlsplit(referrer)
        return parts.path + (f"?{parts.query}" if parts.query else "")
    return ""


def keep(request: HttpRequest, kept: dict[str, Any], owner: str) -> None:
    """Put it into the session; `owner` is the mark of the account it belongs to (accounts/sign_in.py)."""
    request.session[SESSION_KEY] = kept | {"owner": owner}


def waiting(request: HttpRequest) -> KeptForm | None:
    """The form that waits for the person who is signed in now. Anybody else's is thrown away unseen."""
    kept = request.session.get(SESSION_KEY)
    if not isinstance(kept, dict):
        return None
    if kept["owner"] != sign_in.mark_of(request.user) or time.time() - kept["at"] > KEPT_SECONDS:
        forget(request)
        return None
    return KeptForm(kept["action"], kept["page"], [(name, value) for name, value in kept["fields"]], kept["files"])


def forget(request: HttpRequest) -> None:
    request.session.pop(SESSION_KEY, None)
