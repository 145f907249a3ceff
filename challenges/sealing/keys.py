"""Officers' key pairs, proof of possession, and envelope keys locked for every admissible group of officers.

A private envelope key is wrapped by nested HPKE for each k-subset of the n officers, `Enc_A(Enc_B(key))`, and then
forgotten (security.md §C.3). Officers peel one layer each, in the published order. Subsets whose officers all belong to
one organisation get no wrapping at all: that such a group cannot open is then a fact, not a rule that a server keeps.
"""

import hashlib
import hmac
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from challenges.sealing.canonical import canonical
from challenges.sealing.errors import ContextMismatch, InvalidSubset, MalformedInput
from challenges.sealing.suites import KEY_LENGTH, WRAPPING_OVERHEAD, load_private_key, load_public_key, suite_named

LAYER_PURPOSE = "marketplace-envelope-key-layer/1"
POSSESSION_PURPOSE = "marketplace-officer-possession/1"
#: security.md §C.3: configurable up to 3 of 5; at least two persons, from at least two organisations.
SMALLEST_THRESHOLD, LARGEST_THRESHOLD = 2, 3
LARGEST_OFFICERS = 5
LEAST_ORGANISATIONS = 2


@dataclass(frozen=True)
class KeyPair:
    """An X25519 pair, raw 32 bytes each. The private half never appears in the representation."""

    public_key: bytes
    private_key: bytes

    def __repr__(self) -> str:
        return f"KeyPair(fingerprint={fingerprint(self.public_key)})"


@dataclass(frozen=True)
class Officer:
    """Who may take part in an opening: public id, organisation (unified code or public id) and public key."""

    id: str
    organisation: str
    public_key: bytes


@dataclass(frozen=True)
class KeyContext:
    """Which envelope key is meant; bound into every layer, so that a peel for one cannot serve another."""

    suite: str
    challenge: str
    kind: str
    fingerprint: str

    def layer_info(self, officers: Sequence[str], position: int) -> bytes:
        """HPKE `info` of the layer that `officers[position]` peels in this subset."""
        if not 0 <= position < len(officers):
            raise InvalidSubset("开启人员的次序不正确。")
        return canonical(
            {
                "purpose": LAYER_PURPOSE,
                "suite": self.suite,
                "challenge": self.challenge,
                "kind": self.kind,
                "key": self.fingerprint,
                "officers": list(officers),
                "position": position,
            }
        )


@dataclass(frozen=True)
class WrappedKey:
    """One subset's copy of a private envelope key.

    `officers` is the order of peeling, outermost first. `layer_digests[i]` is the hex SHA-256 of what the (i+1)-th peel
    must yield while further layers remain (k − 1 of them): whoever hands over something else is found at once. The
    last peel yields the key itself, which is held against the published public key.
    """

    officers: tuple[str, ...]
    blob: bytes
    layer_digests: tuple[str, ...]


@dataclass(frozen=True)
class PossessionChallenge:
    """`blob` goes to the officer; of the answer the server keeps only `answer_digest` (hex SHA-256)."""

    blob: bytes
    answer_digest: str


def fingerprint(public_key: bytes) -> str:
    """Hex SHA-256 of the raw 32-byte public key."""
    load_public_key(public_key)
    return hashlib.sha256(public_key).hexdigest()


def spoken_fingerprint(public_key: bytes) -> str:
    """The fingerprint in sixteen groups of four, to be read out over the telephone."""
    text = fingerprint(public_key)
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def public_key_of(private_key: bytes) -> bytes:
    """The public half."""
    return load_private_key(private_key).public_key().public_bytes_raw()


def generate_key_pair() -> KeyPair:
    """A fresh pair, for an officer or for an envelope."""
    private = X25519PrivateKey.generate()
    return KeyPair(private.public_key().public_bytes_raw(), private.private_bytes_raw())


# -- Possession ---------------------------------------------------------------------------------------------------


def _possession_info(suite: str, officer: str, public_key: bytes) -> bytes:
    return canonical(
        {"purpose": POSSESSION_PURPOSE, "suite": suite, "officer": officer, "key": fingerprint(public_key)}
    )


def _possession_answer(nonce: bytes) -> bytes:
    # Not the nonce itself: an officer's browser must never hand out what it decrypted.
    return hashlib.sha256(POSSESSION_PURPOSE.encode() + b"\x00" + nonce).digest()


def make_possession_challenge(suite: str, officer: str, public_key: bytes) -> PossessionChallenge:
    """A question only the holder of the private key can answer; single use, kept by the caller with an end time.

    Raises MalformedInput for a key that cannot be encrypted to.
    """
    nonce = os.urandom(32)
    blob = suite_named(suite).wrap_key(nonce, public_key, _possession_info(suite, officer, public_key))
    return PossessionChallenge(blob, hashlib.sha256(_possession_answer(nonce)).hexdigest())


def answer_possession(suite: str, officer: str, blob: bytes, private_key: bytes) -> bytes:
    """The officer's answer (32 bytes); CannotDecrypt if the challenge was made for another key or officer."""
    info = _possession_info(suite, officer, public_key_of(private_key))
    return _possession_answer(suite_named(suite).unwrap_key(blob, private_key, info))


def possession_is_proved(answer: bytes, answer_digest: str) -> bool:
    """Whether `answer` is the one asked for, compared in constant time."""
    return hmac.compare_digest(hashlib.sha256(answer).hexdigest(), answer_digest)


# -- Subsets ------------------------------------------------------------------------------------------------------


def subset_is_valid(subset: Sequence[str], organisations: Mapping[str, str], threshold: int) -> bool:
    """Whether these officers may open together.

    `organisations` names every appointed officer's organisation. Exactly `threshold` different appointed officers, of
    at least two organisations (security.md §C.3).
    """
    return (
        len(subset) == threshold
        and len(set(subset)) == threshold
        and all(officer in organisations for officer in subset)
        and len({organisations[officer] for officer in subset}) >= LEAST_ORGANISATIONS
    )


def valid_subsets(officers: Sequence[Officer], threshold: int) -> list[tuple[str, ...]]:
    """Every admissible group, in the order in which `officers` are named; that order is also the order of peeling.

    Raises InvalidSubset for thresholds outside 2–3, more than five officers, doubled ids or keys, or if no group is
    admissible.
    """
    if not SMALLEST_THRESHOLD <= threshold <= LARGEST_THRESHOLD:
        raise InvalidSubset("开启人数只能是 2 或 3。")
    if not threshold <= len(officers) <= LARGEST_OFFICERS:
        raise InvalidSubset("开启人员的人数应不少于开启人数，且不超过 5 人。")
    if len({officer.id for officer in officers}) != len(officers):
        raise InvalidSubset("开启人员重复。")
    if len({officer.public_key for officer in officers}) != len(officers):
        raise InvalidSubset("两名开启人员使用了同一把公钥，请各自重新生成。")
    organisations = {officer.id: officer.organisation for officer in officers}
    subsets = [
        subset
        for subset in itertools.combinations([officer.id for officer in officers], threshold)
        if subset_is_valid(subset, organisations, threshold)
    ]
    if not subsets:
        raise InvalidSubset("开启人员必须来自至少两个机构。")
    return subsets


# -- Locking and peeling ------------------------------------------------------------------------------------------


def wrap_for_subsets(
    private_key: bytes, officers: Sequence[Officer], threshold: int, context: KeyContext
) -> list[WrappedKey]:
    """The private envelope key, wrapped once for each admissible subset. The caller then forgets the key.

    Raises ContextMismatch if `context.fingerprint` is not this key's, InvalidSubset as `valid_subsets` does.
    """
    suite = suite_named(context.suite)
    if fingerprint(public_key_of(private_key)) != context.fingerprint:
        raise ContextMismatch("信封私钥与公布的公钥指纹不符。")
    public_keys = {officer.id: officer.public_key for officer in officers}
    wrapped = []
    for subset in valid_subsets(officers, threshold):
        blob = private_key
        digests: list[str] = []
        for position in reversed(range(threshold)):
            blob = suite.wrap_key(blob, public_keys[subset[position]], context.layer_info(subset, position))
            if position > 0:
                digests.insert(0, hashlib.sha256(blob).hexdigest())
        wrapped.append(WrappedKey(subset, blob, tuple(digests)))
    return wrapped


def wrapped_length(threshold: int) -> int:
    """Length in bytes of an unpeeled blob."""
    return KEY_LENGTH + threshold * WRAPPING_OVERHEAD


def peel(suite: str, blob: bytes, officer_private_key: bytes, info: bytes) -> bytes:
    """Take one layer off. `info` comes from `KeyContext.layer_info`; CannotDecrypt if anything differs."""
    return suite_named(suite).unwrap_key(blob, officer_private_key, info)


def check_peeled(wrapped: WrappedKey, position: int, peeled: bytes, context: KeyContext) -> bytes:
    """`peeled`, if it is what the officer at `position` had to hand over; otherwise raises ContextMismatch.

    Needs no secret: an inner layer is known by its digest, the key by the published public key's fingerprint.
    """
    if not 0 <= position < len(wrapped.officers):
        raise InvalidSubset("开启人员的次序不正确。")
    if position < len(wrapped.layer_digests):
        if not hmac.compare_digest(hashlib.sha256(peeled).hexdigest(), wrapped.layer_digests[position]):
            raise ContextMismatch("提交的解封结果与该信封不符，未被接受。")
        return peeled
    return check_envelope_key(peeled, context.fingerprint)


def check_envelope_key(private_key: bytes, expected_fingerprint: str) -> bytes:
    """`private_key`, if it belongs to the published envelope key; otherwise raises ContextMismatch."""
    try:
        found = fingerprint(public_key_of(private_key))
    except MalformedInput as error:
        raise ContextMismatch("恢复出的不是信封私钥。") from error
    if not hmac.compare_digest(found, expected_fingerprint):
        raise ContextMismatch("恢复出的私钥与公布的信封公钥指纹不符。")
    return private_key
