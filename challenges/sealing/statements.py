"""Statements the platform signs with Ed25519: receipts, the freeze, the head of a challenge's record.

The signature covers the statement's type together with its body, so that none can pass for another.
"""

import hashlib
from typing import Any

from cryptography.exceptions import InvalidSignature as LibraryInvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from challenges.sealing.canonical import canonical, decode_bytes, encode_bytes
from challenges.sealing.errors import InvalidSignature, MalformedInput
from challenges.sealing.suites import KEY_LENGTH

RECEIPT = "marketplace-receipt/1"
WITHDRAWAL = "marketplace-withdrawal/1"
FREEZE = "marketplace-freeze/1"
HEAD = "marketplace-head/1"
STATEMENT_FIELDS = {"type", "body", "key", "signature"}


class Signer:
    """The platform's signing key: 32 raw bytes of Ed25519. A hardware module takes this place with the same `sign`."""

    def __init__(self, private_key: bytes) -> None:
        if len(private_key) != KEY_LENGTH:
            raise MalformedInput("签名私钥应为 32 字节。")
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)

    def __repr__(self) -> str:
        return f"Signer(fingerprint={self.fingerprint})"

    @classmethod
    def generate(cls) -> "Signer":
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def private_key(self) -> bytes:
        return self._key.private_bytes_raw()

    @property
    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    @property
    def fingerprint(self) -> str:
        return signing_fingerprint(self.public_key)

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)


def signing_fingerprint(public_key: bytes) -> str:
    """Hex SHA-256 of the raw Ed25519 public key."""
    if len(public_key) != KEY_LENGTH:
        raise MalformedInput("签名公钥应为 32 字节。")
    return hashlib.sha256(public_key).hexdigest()


def sign_statement(statement_type: str, body: dict[str, Any], signer: Signer) -> dict[str, Any]:
    """`{"type", "body", "key", "signature"}`; `key` is the signer's fingerprint."""
    signature = signer.sign(canonical({"type": statement_type, "body": body}))
    return {
        "type": statement_type,
        "body": body,
        "key": signer.fingerprint,
        "signature": encode_bytes(signature),
    }


def verify_statement(statement: Any, statement_type: str, public_key: bytes) -> dict[str, Any]:
    """The body, if `statement` is of this type and signed by `public_key`.

    Raises MalformedInput for another form, InvalidSignature if type, key or any byte of the body differs.
    """
    if not isinstance(statement, dict) or set(statement) != STATEMENT_FIELDS or not isinstance(statement["body"], dict):
        raise MalformedInput("签名文件的结构不正确。")
    if statement["type"] != statement_type:
        raise InvalidSignature("签名文件的类型不符。")
    if statement["key"] != signing_fingerprint(public_key):
        raise InvalidSignature("签名所用的密钥不是公布的平台签名密钥。")
    data = canonical({"type": statement["type"], "body": statement["body"]})
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(decode_bytes(statement["signature"]), data)
    except (LibraryInvalidSignature, ValueError) as error:
        raise InvalidSignature("签名无效：内容已被改动，或不是平台签发。") from error
    return statement["body"]
