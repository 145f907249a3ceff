"""One shape for every API error: drf-standardized-errors' with our stable codes (architecture.md §10.8)."""

from typing import Any

from drf_standardized_errors.handler import ExceptionHandler
from rest_framework import exceptions
from rest_framework.exceptions import ErrorDetail

from core.errors import DomainError


class DomainAPIException(exceptions.APIException):
    """Carries a `DomainError` through DRF: same status, same code, fields as `attr`."""

    def __init__(self, error: DomainError) -> None:
        self.status_code = error.status
        if error.fields and error.status == 400:
            detail: Any = {
                name or "non_field_errors": [ErrorDetail(text, code=error.code) for text in texts]
                for name, texts in error.fields.items()
            }
        elif error.fields:
            detail = {
                name or "non_field_errors": [ErrorDetail(text, code=reason_code(error, name)) for text in texts]
                for name, texts in error.fields.items()
            }
        else:
            detail = ErrorDetail(error.message, code=error.code)
        self.detail = detail
        super().__init__(detail=detail, code=error.code)
        self.detail = detail


def reason_code(error: DomainError, field: str) -> str:
    """The code of the first reason given for a field."""
    return next((reason.code for reason in error.reasons if reason.field == field), error.code)


class Handler(ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, DomainError):
            return DomainAPIException(exc)
        return super().convert_known_exceptions(exc)
