"""Downloads, the probes an operator's tools ask, and how much an address takes."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import FileResponse, HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.attachments import attachment_for
from core.content_keys import stored_content

#: Bytes of a request's body: a file of 20 MB and its form. `deploy/nginx.conf` says the same.
LARGEST_BODY = 25 << 20


def takes_bodies_of(size: int) -> Callable[[Any], Any]:
    """Says that a view takes bodies up to `size` bytes; the front of the web process asks before it reads one."""

    def marked(view: Any) -> Any:
        view.largest_body = size
        return view

    return marked


@login_not_required
@require_safe
def attachment_download(request: HttpRequest, public_id: str) -> FileResponse:
    """Always as a download, never shown inside our pages (security.md C.4)."""
    attachment = attachment_for(request.user, public_id)
    response = FileResponse(
        stored_content(attachment),
        as_attachment=True,
        filename=attachment.original_name,
        content_type=attachment.content_type,
    )
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response


@login_not_required
@require_safe
@never_cache
def live(_request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
@never_cache
def ready(_request: HttpRequest) -> JsonResponse:
    """The database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})
