"""The platform's signing key, from the settings or from a file beside the installation's other secrets."""

import base64
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from challenges.sealing.statements import Signer
from core.secret_files import kept_secret


@lru_cache(maxsize=4)
def _signer_from(encoded: str) -> Signer:
    return Signer(base64.b64decode(encoded, validate=True))


def signer() -> Signer:
    """The signer of receipts and freezes. Made once where the profile allows it; else its absence stops the request.

    Production sets SEALING_SIGNING_KEY (32 bytes, base64). A new key is a new fingerprint, published with each call.
    """
    encoded = settings.SEALING_SIGNING_KEY
    if encoded:
        return _signer_from(encoded)
    if not settings.SEALING_SIGNING_KEY_FILE:
        raise ImproperlyConfigured("SEALING_SIGNING_KEY 未设置，无法签发回执。生成方法见 docs/operations.md。")
    return _signer_from(kept_secret(Path(settings.SEALING_SIGNING_KEY_FILE), _new_key))


def _new_key() -> str:
    return base64.b64encode(Signer.generate().private_key).decode()
