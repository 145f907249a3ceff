"""Plaintext lengths that say little about the contents (security.md §C.3, step 3).

A price envelope always holds 4 KiB, so its size tells nothing. A technical envelope is padded after Padmé: lengths keep
only the leading bits of their exponent, at most 12 % is added, and a length tells O(log log n) bits.
"""

from challenges.sealing.errors import LimitExceeded, MalformedInput

PRICE_LENGTH = 4096
#: Padmé alone would leave very short contents almost unpadded.
SMALLEST_TECHNICAL_LENGTH = 4096
KINDS = ("technical", "price")


def padme(length: int) -> int:
    """The Padmé length for `length` bytes: not below it, at most 12 % above."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    kept_bits = exponent.bit_length()
    unit = 1 << (exponent - kept_bits)
    return (length + unit - 1) // unit * unit


def padded_length(kind: str, length: int) -> int:
    """Bytes of plaintext an envelope of `kind` holds for `length` bytes of contents.

    Raises LimitExceeded if price contents do not fit their fixed length, MalformedInput for an unknown kind.
    """
    if kind == "price":
        if length > PRICE_LENGTH:
            raise LimitExceeded("报价信封的内容过长：编码后不得超过 4 KiB。请把说明放入技术信封。")
        return PRICE_LENGTH
    if kind == "technical":
        return max(SMALLEST_TECHNICAL_LENGTH, padme(length))
    raise MalformedInput("信封类型只能是 technical（技术）或 price（报价）。")
