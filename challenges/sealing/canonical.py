"""One byte form for one JSON value, so that hashes and signatures agree between Python and the browser.

A subset of RFC 8785 in which both languages' own serialisers agree without further rules: objects with ASCII names,
arrays, strings, whole numbers within ±(2^53 − 1), true, false, null. Anything else is refused.
"""

import base64
import binascii
import json
from typing import Any

from challenges.sealing.errors import MalformedInput

LARGEST_INTEGER = 2**53 - 1
#: Deep nesting is refused before it can exhaust a parser's stack.
DEEPEST_NESTING = 32


def _check(value: Any, depth: int = 0) -> None:
    if depth > DEEPEST_NESTING:
        raise MalformedInput("JSON 内容嵌套过深。")
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise MalformedInput("JSON 内容中的整数超出可精确表示的范围。")
        return
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise MalformedInput("JSON 内容中含有无法编码的字符。") from error
        return
    if isinstance(value, list | tuple):
        for element in value:
            _check(element, depth + 1)
        return
    if isinstance(value, dict):
        for name, element in value.items():
            if not isinstance(name, str) or not name.isascii():
                raise MalformedInput("JSON 内容的字段名必须是 ASCII 字符串。")
            _check(element, depth + 1)
        return
    raise MalformedInput("JSON 内容只能包含对象、数组、字符串、整数、布尔值和空值。")


def canonical(value: Any) -> bytes:
    """The one UTF-8 form of `value`: names sorted, no spaces, nothing escaped that need not be.

    Raises MalformedInput for floats, names that are not ASCII, lone surrogates and integers beyond 2^53 − 1.
    """
    _check(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _object_without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MalformedInput("JSON 内容中有重复的字段名。")
    return result


def parse_json(data: bytes) -> Any:
    """The value in `data`; repeated names and non-finite numbers are refused with MalformedInput."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object_without_doubles, parse_constant=_refuse)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise MalformedInput("不是有效的 UTF-8 JSON 内容。") from error


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def parse_canonical(data: bytes) -> Any:
    """The value in `data`, which must be its canonical form to the byte; raises MalformedInput."""
    value = parse_json(data)
    if canonical(value) != data:
        raise MalformedInput("JSON 内容不是规范形式。")
    return value


def encode_bytes(data: bytes) -> str:
    """Standard base64 with padding, as all formats here carry bytes."""
    return base64.b64encode(data).decode("ascii")


def decode_bytes(text: Any) -> bytes:
    """The bytes of standard base64; anything that is not exactly its own encoding is refused (one form only)."""
    if not isinstance(text, str):
        raise MalformedInput("应为 Base64 文本。")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedInput("不是有效的 Base64 文本。") from error
    if encode_bytes(data) != text:
        raise MalformedInput("Base64 文本不是规范形式。")
    return data
