"""A document as bytes: kept beside the database, and written to a cluster as it is.

The form is that of a JSON object of the fields that have a value; bytes stand in base64.
"""

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import Any

import orjson

from search.contract import Kind, Schema


def pack(schema: Schema, document: Mapping[str, Any] | bytes) -> bytes:
    """The document as bytes; one that is bytes already stays as it is."""
    if isinstance(document, bytes):
        return document
    values = {name: value for name, value in document.items() if value is not None}
    for name in schema.names(Kind.STORED_BYTES):
        if name in values:
            values[name] = b2a_base64(values[name], newline=False).decode()
    return to_json(values)


def unpack(schema: Schema, document: Mapping[str, Any] | bytes) -> Mapping[str, Any]:
    """The counterpart of `pack`: fields without a value are missing."""
    if not isinstance(document, bytes):
        return document
    values = from_json(document)
    for name in schema.names(Kind.STORED_BYTES):
        if name in values:
            values[name] = a2b_base64(values[name])
    return values


def to_json(values: Any) -> bytes:
    """What orjson refuses (half a character, a number beyond 64 bits) goes the standard way."""
    try:
        return orjson.dumps(values)
    except TypeError:
        return json.dumps(values, separators=(",", ":")).encode()


def from_json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data)
