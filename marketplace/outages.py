"""A database that is away, read-only or out of room: a page that says so, instead of "an error occurred".

What was being saved was not saved, as a whole: each service writes in one transaction.
"""

import sys

from django.conf import settings
from django.db import DatabaseError, InternalError, NotSupportedError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.csrf import requires_csrf_token

from core.errors import ServiceUnavailable
from core.middleware import current_request_id

RETRY_AFTER_SECONDS = 15


def is_outage(error: BaseException | None) -> bool:
    """Whether the database could not do its work now. PostgreSQL calls a write where none may be an internal error."""
    return isinstance(error, OperationalError | InternalError) and not isinstance(error, NotSupportedError)


@requires_csrf_token
def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler for what no view caught: 503 with what to do when the database is the reason, else 500."""
    if not is_outage(sys.exc_info()[1]):
        return HttpResponse(
            render_to_string(
                "500.html", {"reference": current_request_id(), "contact": settings.SITE_IDENTITY["contact"]}
            ),
            status=500,
        )
    error = ServiceUnavailable(
        _("系统暂时不能保存或读取数据，本次操作没有生效。请保留填写的内容，稍后重试；如持续出现，请联系平台运行人员。")
    )
    try:
        response = render(request, "errors/refused.html", {"error": error}, status=error.status)
    except DatabaseError:
        # The frame of the page reads the database too.
        response = HttpResponse(
            render_to_string("503.html", {"error": error, "contact": settings.SITE_IDENTITY["contact"]}),
            status=error.status,
        )
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
