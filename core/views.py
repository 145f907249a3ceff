"""Downloads, and the probes an operator's tools ask."""

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import FileResponse, HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.attachments import attachment_for
from core.content_keys import stored_content


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
