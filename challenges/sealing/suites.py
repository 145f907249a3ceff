"""The table of cipher suites. A suite is named in every file and signature; an unknown name is refused.

Key wrapping is HPKE (RFC 9180, base mode: X25519, HKDF-SHA256, AES-256-GCM) and signatures are Ed25519 in both suites.
The 国密 suite hashes with SM3 and encrypts content with SM4-GCM in software. It shows that the interface holds; it is
NOT a certified module: 密评 (GB/T 39786-2021) asks for SM2 keys in a certified HSM, which takes the place of
`wrap_key`/`unwrap_key` and of the signer. No SM2 library was found to stand on (docs/adr/0006).
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM
from cryptography.hazmat.primitives.hpke import Suite as HpkeSuite

from challenges.sealing.errors import CannotDecrypt, MalformedInput, UnknownSuite

KEY_LENGTH = 32  # X25519, either half
NONCE_LENGTH = 12
TAG_LENGTH = 16
#: Bytes that one HPKE wrapping adds: the encapsulated key and the tag.
WRAPPING_OVERHEAD = KEY_LENGTH + TAG_LENGTH


class Hasher(Protocol):
    """What `hashlib` objects offer; SM3 gets the same face."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class Suite(Protocol):
    """Everything the formats need from cryptography. Implementations raise CannotDecrypt, never library errors."""

    @property
    def name(self) -> str: ...

    @property
    def software_reference(self) -> bool:
        """True if the suite may be shown and tested, but asks for certified hardware before it counts for 密评."""
        ...

    @property
    def digest_name(self) -> str: ...

    @property
    def content_key_length(self) -> int: ...

    def hasher(self) -> Hasher: ...

    def digest(self, data: bytes) -> bytes: ...

    def encrypt(self, key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes: ...

    def decrypt(self, key: bytes, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes: ...

    def wrap_key(self, secret: bytes, public_key: bytes, info: bytes) -> bytes: ...

    def unwrap_key(self, wrapped: bytes, private_key: bytes, info: bytes) -> bytes: ...


#: Any private key tells a point of low order: what it agrees on with one is zero, known to everybody (RFC 7748 §6.1).
_PROBE = X25519PrivateKey.from_private_bytes(bytes(range(KEY_LENGTH)))


def load_public_key(public_key: bytes) -> X25519PublicKey:
    """Raises MalformedInput unless 32 bytes that stand for a point one can encrypt to: low order is refused."""
    if len(public_key) != KEY_LENGTH:
        raise MalformedInput("公钥应为 32 字节。")
    key = X25519PublicKey.from_public_bytes(public_key)
    try:
        _PROBE.exchange(key)
    except ValueError as error:
        raise MalformedInput("公钥无效（低阶点，任何人都能解开），请重新生成密钥。") from error
    return key


def load_private_key(private_key: bytes) -> X25519PrivateKey:
    """Raises MalformedInput unless 32 bytes."""
    if len(private_key) != KEY_LENGTH:
        raise MalformedInput("私钥应为 32 字节。")
    return X25519PrivateKey.from_private_bytes(private_key)


class HpkeWrapping:
    """HPKE base mode over X25519, HKDF-SHA256 and AES-256-GCM; the form is encapsulated key, then ciphertext."""

    _hpke = HpkeSuite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)

    def wrap_key(self, secret: bytes, public_key: bytes, info: bytes) -> bytes:
        """Encrypt `secret` to `public_key` under the context `info`; raises MalformedInput for an unusable key."""
        try:
            return self._hpke.encrypt(secret, load_public_key(public_key), info=info)
        except ValueError as error:
            raise MalformedInput("公钥无效，不能用于加密。") from error

    def unwrap_key(self, wrapped: bytes, private_key: bytes, info: bytes) -> bytes:
        """The secret; CannotDecrypt if key, context or any byte differs from the wrapping."""
        try:
            return self._hpke.decrypt(wrapped, load_private_key(private_key), info=info)
        except (InvalidTag, ValueError) as error:
            raise CannotDecrypt("无法解密：密钥不符、用途不符，或内容已被改动。") from error


@dataclass(frozen=True)
class InternationalSuite(HpkeWrapping):
    """SHA-256 and AES-256-GCM."""

    name: str = "X25519-SHA256-AES256GCM-1"
    software_reference: bool = False
    digest_name: str = "sha256"
    content_key_length: int = 32

    def hasher(self) -> Hasher:
        return hashlib.sha256()

    def digest(self, data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    def encrypt(self, key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
        return AESGCM(key).encrypt(nonce, plaintext, associated)

    def decrypt(self, key: bytes, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes:
        try:
            return AESGCM(key).decrypt(nonce, ciphertext, associated)
        except InvalidTag as error:
            raise CannotDecrypt("无法解密：密钥不符、用途不符，或内容已被改动。") from error


class Sm3Hasher:
    """SM3 (GB/T 32905-2016) with the face of a `hashlib` object; `digest` may be asked more than once."""

    def __init__(self) -> None:
        self._hash = hashes.Hash(hashes.SM3())

    def update(self, data: bytes, /) -> None:
        self._hash.update(data)

    def digest(self) -> bytes:
        return self._hash.copy().finalize()


@dataclass(frozen=True)
class ChineseSuite(HpkeWrapping):
    """SM3 and SM4-GCM (GB/T 32905-2016, GB/T 32907-2016) in software."""

    name: str = "X25519-SM3-SM4GCM-1"
    software_reference: bool = True
    digest_name: str = "sm3"
    content_key_length: int = 16

    def hasher(self) -> Hasher:
        return Sm3Hasher()

    def digest(self, data: bytes) -> bytes:
        hasher = Sm3Hasher()
        hasher.update(data)
        return hasher.digest()

    def encrypt(self, key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
        encryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated)
        return encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag

    def decrypt(self, key: bytes, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes:
        message = "无法解密：密钥不符、用途不符，或内容已被改动。"
        if len(ciphertext) < TAG_LENGTH:
            raise CannotDecrypt(message)
        body, tag = ciphertext[:-TAG_LENGTH], ciphertext[-TAG_LENGTH:]
        decryptor = Cipher(algorithms.SM4(key), modes.GCM(nonce, tag)).decryptor()
        decryptor.authenticate_additional_data(associated)
        try:
            return decryptor.update(body) + decryptor.finalize()
        except InvalidTag as error:
            raise CannotDecrypt(message) from error


SUITES: dict[str, Suite] = {suite.name: suite for suite in (InternationalSuite(), ChineseSuite())}
DEFAULT_SUITE = SUITES["X25519-SHA256-AES256GCM-1"]


def suite_named(name: object) -> Suite:
    """The suite of this exact name; raises UnknownSuite for any other value."""
    suite = SUITES.get(name) if isinstance(name, str) else None
    if suite is None:
        raise UnknownSuite("不认识的密码套件，已拒绝处理。请使用平台公布的套件名称。")
    return suite
