"""The Merkle tree over a challenge's final bids (RFC 9162 §2.1), and the signed freeze that publishes its root.

Leaf 0 is the freeze itself with a random salt, kept back until the opening: without it the root of an empty or
one-bid challenge could be recognised. Leaves 1…n are the receipt bodies of the final versions in order of reception.
"""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from challenges.sealing.canonical import canonical, encode_bytes
from challenges.sealing.receipts import SALT_LENGTH, time_text
from challenges.sealing.statements import FREEZE, Signer, sign_statement, verify_statement
from challenges.sealing.suites import DEFAULT_SUITE, Suite

Digest = Callable[[bytes], bytes]
LEAF, NODE = b"\x00", b"\x01"


def leaf_hash(leaf: bytes, digest: Digest = DEFAULT_SUITE.digest) -> bytes:
    """Hash of a leaf's bytes; the prefix keeps leaves and nodes apart (RFC 9162 §2.1.1)."""
    return digest(LEAF + leaf)


def _node_hash(left: bytes, right: bytes, digest: Digest) -> bytes:
    return digest(NODE + left + right)


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def root_of(hashes: Sequence[bytes], digest: Digest = DEFAULT_SUITE.digest) -> bytes:
    """Root over leaf hashes; the digest of nothing for none."""
    if not hashes:
        return digest(b"")
    if len(hashes) == 1:
        return hashes[0]
    middle = _split(len(hashes))
    return _node_hash(root_of(hashes[:middle], digest), root_of(hashes[middle:], digest), digest)


def inclusion_proof(hashes: Sequence[bytes], index: int, digest: Digest = DEFAULT_SUITE.digest) -> list[bytes]:
    """The hashes that lead from leaf `index` to the root, from below (RFC 9162 §2.1.3.1); IndexError outside."""
    if not 0 <= index < len(hashes):
        raise IndexError(index)
    if len(hashes) == 1:
        return []
    middle = _split(len(hashes))
    if index < middle:
        return [*inclusion_proof(hashes[:middle], index, digest), root_of(hashes[middle:], digest)]
    return [*inclusion_proof(hashes[middle:], index - middle, digest), root_of(hashes[:middle], digest)]


def inclusion_is_proved(
    hashed_leaf: bytes,
    index: int,
    size: int,
    proof: Sequence[bytes],
    root: bytes,
    digest: Digest = DEFAULT_SUITE.digest,
) -> bool:
    """Whether `proof` shows that the leaf stands at `index` of the tree of `size` leaves (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    number, last, result = index, size - 1, hashed_leaf
    for sibling in proof:
        if last == 0:
            return False
        if number & 1 or number == last:
            result = _node_hash(sibling, result, digest)
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            result = _node_hash(result, sibling, digest)
        number >>= 1
        last >>= 1
    return last == 0 and result == root


# -- The freeze ---------------------------------------------------------------------------------------------------


def new_freeze_salt() -> str:
    """Random base64 text for `freeze_leaf`; stored with the freeze, published with the opening."""
    return encode_bytes(os.urandom(SALT_LENGTH))


def freeze_leaf(challenge: str, frozen_at: datetime | str, salt: str) -> dict[str, Any]:
    """Leaf 0."""
    moment = frozen_at if isinstance(frozen_at, str) else time_text(frozen_at)
    return {"challenge": challenge, "frozen_at": moment, "salt": salt}


def manifest_leaves(
    first: dict[str, Any], receipt_bodies: Sequence[dict[str, Any]], suite: Suite = DEFAULT_SUITE
) -> list[bytes]:
    """Leaf hashes: the freeze leaf, then the final versions' receipt bodies in order of reception."""
    return [leaf_hash(canonical(leaf), suite.digest) for leaf in (first, *receipt_bodies)]


def freeze_body(challenge: str, suite: str, root: bytes, frozen_at: datetime) -> dict[str, Any]:
    """What is published at the deadline; it does not tell the number of bids."""
    return {"challenge": challenge, "suite": suite, "root": root.hex(), "frozen_at": time_text(frozen_at)}


def sign_freeze(body: dict[str, Any], signer: Signer) -> dict[str, Any]:
    """The signed freeze; the chain's link for it has kind "frozen" and the same body."""
    return sign_statement(FREEZE, body, signer)


def verify_freeze(freeze: Any, public_key: bytes) -> dict[str, Any]:
    """The freeze's body; raises InvalidSignature or MalformedInput."""
    return verify_statement(freeze, FREEZE, public_key)
