"""`Idempotency-Key` on creating POSTs: the same key gives the same answer, and the effect once."""

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import DomainError
from core.models import IdempotencyRecord

MAXIMUM_KEY_LENGTH = 100


class KeyReused(DomainError):
    code = "idempotency_key_reused"
    status = 409


def _fingerprint(request: Request) -> str:
    content = json.dumps([request.method, request.path, request.data], ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()


def idempotent(method: Callable[..., Response]) -> Callable[..., Response]:
    """Store the answer with the effect, in one transaction; a repeat with other content is refused (409).

    Without the header the method runs as it is. Refusals (an exception) are not stored: they may be tried again.
    """

    @wraps(method)
    def wrapped(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        if not key:
            return method(view, request, *args, **kwargs)
        if len(key) > MAXIMUM_KEY_LENGTH:
            raise DomainError(_("Idempotency-Key 最长 100 个字符。"), code="idempotency_key_too_long")
        fingerprint = _fingerprint(request)
        with transaction.atomic():
            # The unique (user, key) row is taken first, so that a second request with the key waits for this one.
            record, created = IdempotencyRecord.objects.select_for_update().get_or_create(
                user=request.user, key=key, defaults={"fingerprint": fingerprint, "status": 0, "body": {}}
            )
            if not created:
                if record.fingerprint != fingerprint:
                    raise KeyReused(_("这个 Idempotency-Key 已用于另一项请求，请换一个新的。"))
                return Response(record.body, status=record.status, headers={"Idempotency-Replayed": "true"})
            response = method(view, request, *args, **kwargs)
            record.status, record.body = response.status_code, json.loads(json.dumps(response.data, default=str))
            record.save(update_fields=["status", "body"])
        return response

    return wrapped
