"""JSON as it may be sent to us: one reader for the API and for the pages' own scripts.

RFC 8259 lets a reader set limits. Ours: a size, a depth, numbers of a length that a column holds, characters that can
be kept. What does not fit is named; nothing is made of it.
"""

import json
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from core.entered import deepest, is_keepable
from core.errors import DomainError

LARGEST_BYTES = 5 << 20
DEEPEST = 32
#: 2⁶³ has nineteen digits; amounts are in fen.
MOST_DIGITS = 18


class BodyNotReadable(DomainError):
    """Not JSON, or not of a kind that is read here."""

    code = "parse_error"
    status = 400


class BodyTooLarge(DomainError):
    code = "body_too_large"
    status = 413


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > MOST_DIGITS:
        raise BodyNotReadable(_("JSON 中有超过 %d 位的整数，没有处理。") % MOST_DIGITS)
    return int(digits)


def _fraction(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise BodyNotReadable(_("JSON 中有过大的数，没有处理。"))
    return number


def _refuse_constant(name: str) -> Any:
    raise BodyNotReadable(_("JSON 中不能使用 %s。") % name)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, names included."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting.extend(one)
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def read_json(content: bytes) -> Any:
    """The value in `content` (UTF-8); BodyTooLarge, or BodyNotReadable with what is wrong."""
    if len(content) > LARGEST_BYTES:
        raise BodyTooLarge(_("提交的 JSON 超过 %d MB，没有处理。请拆分后提交。") % (LARGEST_BYTES >> 20))
    try:
        text = content.decode("utf-8")
        value = json.loads(text, parse_int=_whole, parse_float=_fraction, parse_constant=_refuse_constant)
    except RecursionError:
        raise BodyNotReadable(_("JSON 嵌套超过 %d 层，没有处理。") % DEEPEST) from None
    except ValueError:
        raise BodyNotReadable(_("提交的内容不是完整的 JSON（UTF-8），请检查引号、括号和逗号。")) from None
    if deepest(value, DEEPEST) > DEEPEST:
        raise BodyNotReadable(_("JSON 嵌套超过 %d 层，没有处理。") % DEEPEST)
    # Escapes make characters that the text itself could not hold.
    if ("\\u" in text or not is_keepable(text)) and not all(map(is_keepable, _texts(value))):
        raise BodyNotReadable(_("JSON 中有控制字符或不成对的代理字符，没有处理。"))
    return value
