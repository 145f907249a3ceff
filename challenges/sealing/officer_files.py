"""An officer's private key as a file under a passphrase; the browser writes and reads the same form.

PBKDF2-SHA-256 with 600,000 rounds (what every browser's own cryptography offers), then AES-256-GCM whose associated
data is everything else in the file.
"""

import hashlib
import os
from typing import Any

from challenges.sealing.canonical import canonical, decode_bytes, encode_bytes
from challenges.sealing.errors import CannotDecrypt, MalformedInput
from challenges.sealing.keys import KeyPair, fingerprint, public_key_of
from challenges.sealing.suites import DEFAULT_SUITE, NONCE_LENGTH

FORMAT = "marketplace-officer-key/1"
ROUNDS = 600_000
#: A file may ask for more work than ours, within reason; never for less.
MOST_ROUNDS = 10_000_000
SHORTEST_PASSPHRASE = 12
FIELDS = {"format", "public_key", "fingerprint", "kdf", "rounds", "salt", "cipher", "nonce", "wrapped"}


def _passphrase_key(passphrase: str, salt: bytes, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode("utf-8"), salt, rounds, 32)


def lock_key(pair: KeyPair, passphrase: str) -> dict[str, Any]:
    """The key file as a JSON value. Raises MalformedInput for a passphrase below twelve characters."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise MalformedInput(f"口令过短：至少 {SHORTEST_PASSPHRASE} 个字符。")
    salt, nonce = os.urandom(16), os.urandom(NONCE_LENGTH)
    front = {
        "format": FORMAT,
        "public_key": encode_bytes(pair.public_key),
        "fingerprint": fingerprint(pair.public_key),
        "kdf": "PBKDF2-SHA-256",
        "rounds": ROUNDS,
        "salt": encode_bytes(salt),
        "cipher": "AES-256-GCM",
        "nonce": encode_bytes(nonce),
    }
    key = _passphrase_key(passphrase, salt, ROUNDS)
    wrapped = DEFAULT_SUITE.encrypt(key, nonce, pair.private_key, canonical(front))
    return {**front, "wrapped": encode_bytes(wrapped)}


def unlock_key(file: Any, passphrase: str) -> KeyPair:
    """The pair; CannotDecrypt for a wrong passphrase or a changed file, MalformedInput for another form."""
    if not isinstance(file, dict) or set(file) != FIELDS or file["format"] != FORMAT:
        raise MalformedInput("不是开启密钥文件，或格式版本不受支持。")
    rounds = file["rounds"]
    if file["kdf"] != "PBKDF2-SHA-256" or file["cipher"] != "AES-256-GCM" or not isinstance(rounds, int):
        raise MalformedInput("开启密钥文件的算法不受支持。")
    if not ROUNDS <= rounds <= MOST_ROUNDS:
        raise MalformedInput("开启密钥文件的迭代次数超出范围。")
    nonce = decode_bytes(file["nonce"])
    if len(nonce) != NONCE_LENGTH:
        raise MalformedInput("开启密钥文件已损坏。")
    front = {name: value for name, value in file.items() if name != "wrapped"}
    key = _passphrase_key(passphrase, decode_bytes(file["salt"]), rounds)
    try:
        private = DEFAULT_SUITE.decrypt(key, nonce, decode_bytes(file["wrapped"]), canonical(front))
    except CannotDecrypt as error:
        raise CannotDecrypt("口令不正确，或密钥文件已被改动。") from error
    pair = KeyPair(public_key_of(private), private)
    if encode_bytes(pair.public_key) != file["public_key"] or fingerprint(pair.public_key) != file["fingerprint"]:
        raise MalformedInput("密钥文件中的公钥与私钥不是一对。")
    return pair
