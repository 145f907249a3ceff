"""Content at rest: encrypted under a data key of its own subject, which is kept wrapped by the installation's keys.

A data key is a short text beside the record it belongs to; blank it, and everything under it is unreadable, wherever
copies of the ciphertext lie (security.md C.3, 7: retention, then erasure of the key). Fernet does the cryptography.
"""

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from core.models import Attachment
from core.secret_files import kept_secret


class ContentUnreadable(ImproperlyConfigured):
    """None of the installation's CONTENT_KEYS opens this: a key was taken out too early, or bytes were changed."""


@lru_cache(maxsize=4)
def _wrapping(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def wrapping_keys() -> MultiFernet:
    """The installation's keys; the first encrypts, all decrypt. Made once where the profile allows it."""
    keys: Sequence[str] = settings.CONTENT_KEYS
    if keys:
        return _wrapping(tuple(keys))
    if not settings.CONTENT_KEY_FILE:
        raise ImproperlyConfigured("CONTENT_KEYS 未设置，无法保存开启后的标书内容。生成方法见 docs/operations.md。")
    return _wrapping((kept_secret(Path(settings.CONTENT_KEY_FILE), lambda: Fernet.generate_key().decode()),))


def new_data_key() -> str:
    """A fresh data key, wrapped."""
    return wrapping_keys().encrypt(Fernet.generate_key()).decode()


def rewrapped(data_key: str) -> str:
    """The same data key under the first of the installation's keys (after a new one was put in front)."""
    try:
        return wrapping_keys().rotate(data_key.encode()).decode()
    except InvalidToken as error:
        raise ContentUnreadable("CONTENT_KEYS 中没有能解开这份数据密钥的密钥。") from error


@lru_cache(maxsize=64)
def _unwrapped(wrapping: MultiFernet, data_key: str) -> Fernet:
    try:
        return Fernet(wrapping.decrypt(data_key.encode()))
    except InvalidToken as error:
        raise ContentUnreadable("CONTENT_KEYS 中没有能解开这份数据密钥的密钥。") from error


def encrypted(data_key: str, content: bytes) -> bytes:
    """`content` under a wrapped data key, as ASCII."""
    return _unwrapped(wrapping_keys(), data_key).encrypt(content)


def decrypted(data_key: str, token: bytes) -> bytes:
    """What `encrypted` was given. ContentUnreadable if it was changed or the key is another."""
    try:
        return _unwrapped(wrapping_keys(), data_key).decrypt(token)
    except InvalidToken as error:
        raise ContentUnreadable("保存的内容与数据密钥不符，可能已被改动。") from error


def stored_content(attachment: Attachment) -> BinaryIO:
    """The file as it was handed in, open for reading; the only way to read what lies beside a record."""
    stored = attachment.file.open("rb")
    if not attachment.content_key:
        return cast(BinaryIO, stored)
    with stored:
        return io.BytesIO(decrypted(attachment.content_key, stored.read()))
