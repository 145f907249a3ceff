"""Vectors: what an encoder promises, and the few sums matching does with its answers. No engine, no setting."""

import math
import struct
from array import array
from collections.abc import Sequence
from operator import mul
from typing import Protocol

from search.contract import EngineUnavailable

Vector = array  # of floats of length 1


class EncoderUnavailable(EngineUnavailable):
    """The encoder gives no vectors now. Matching goes on without; indexing waits like in any outage."""


class Encoder(Protocol):
    """Texts to vectors of length 1. `identity` changes whenever the same text would get another vector."""

    identity: str
    dimensions: int

    def encode(self, texts: Sequence[str], *, asking: bool = False) -> list[Vector]:
        """`asking`: the texts are the side that looks for something. Raises EncoderUnavailable."""


def unit(values: Sequence[float]) -> Vector:
    """The vector of length 1 in the same direction; one without direction becomes the first axis."""
    length = math.sqrt(sum(map(mul, values, values)))
    if not math.isfinite(length):
        raise EncoderUnavailable
    if length == 0.0:
        return array("f", [1.0, *[0.0] * (len(values) - 1)])
    return array("f", [value / length for value in values])


def similarity(first: Sequence[float], second: Sequence[float]) -> float:
    """Cosine of two vectors of length 1."""
    return sum(map(mul, first, second))


def pack_vector(vector: Sequence[float]) -> bytes:
    """Half precision: a cosine changes by less than a thousandth."""
    return struct.pack(f"<{len(vector)}e", *vector)


def unpack_vector(packed: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(packed) // 2}e", packed)
