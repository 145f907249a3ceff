"""Names for rows that tell nothing of how many there are.

A running number in an address, a form or a mail's header lets its reader count what lies between two of their own: how
many notices went out while bids came in, say (招标投标法 22). Where a row has no public id of its own its number is
shown enciphered: one block of AES under a key made from SECRET_KEY and the kind of row, written as a UUID. This is a
permutation of the numbers: nothing is stored, nothing can collide, and what was not made here is refused.
"""

import hashlib
import hmac
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.conf import settings
from django.db import models

_HALF = 8


def _cipher(kind: str, secret: str) -> Cipher:
    key = hmac.new(secret.encode(), f"opaque/1/{kind}".encode(), hashlib.sha256).digest()[:16]
    return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - single blocks that never repeat: a permutation is wanted


def opaque(row: models.Model) -> UUID:
    """The name of a saved row for people and machines outside; the same as long as SECRET_KEY is."""
    encryptor = _cipher(row._meta.label_lower, settings.SECRET_KEY).encryptor()
    return UUID(bytes=encryptor.update(bytes(_HALF) + int(row.pk).to_bytes(_HALF, "big")) + encryptor.finalize())


def key_behind(model: type[models.Model], name: UUID) -> int | None:
    """The primary key behind a name `opaque` gave a row of `model`; None for any other."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        decryptor = _cipher(model._meta.label_lower, str(secret)).decryptor()
        block = decryptor.update(name.bytes) + decryptor.finalize()
        number = int.from_bytes(block[_HALF:], "big")
        if block[:_HALF] == bytes(_HALF) and number < 1 << 63:
            return number
    return None
