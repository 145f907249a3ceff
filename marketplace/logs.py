"""One JSON object per line, with the id of the request it belongs to: web → outbox → task.

The id is set by `core.middleware`, stored with each outbox event, and set again while its handlers run.
"""

import logging
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

from core.middleware import current_request_id

access_logger = logging.getLogger("marketplace.access")

#: Probes would drown everything else.
_SILENT_PATHS = frozenset({"/livez", "/readyz", "/metrics"})


def add_request_id(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The id of the request or task that is being worked on, if any."""
    request_id = current_request_id()
    if request_id:
        entry.setdefault("request_id", request_id)
    return entry


def _processors() -> list[Any]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_request_id,
        structlog.processors.format_exc_info,
    ]


def logging_configuration(level: str) -> dict[str, Any]:
    """Django's LOGGING for production: everything to standard error as JSON lines."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": "structlog.stdlib.ProcessorFormatter",
                "foreign_pre_chain": _processors(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(ensure_ascii=False),
                ],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "axes": {"level": "WARNING"},
            # One line per delivery that was carried out, under the id of the request that caused it.
            "marketplace.relay": {"level": "DEBUG"},
            "celery": {"level": "WARNING"},
            "elastic_transport": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},
            # Requests are logged once, by the middleware below.
            "django.server": {"level": "ERROR", "propagate": True},
        },
    }


class AccessLogMiddleware:
    """One line per request: method, path without its query (people type names there), status, milliseconds."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun = time.perf_counter()
        response = self.get_response(request)
        if request.path not in _SILENT_PATHS:
            access_logger.info(
                "request",
                extra={
                    "method": request.method,
                    "path": request.path,
                    "status": response.status_code,
                    "milliseconds": round((time.perf_counter() - begun) * 1000, 1),
                },
            )
        return response
