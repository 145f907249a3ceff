"""Containers, manifests and envelopes damaged in many ways, as a bidder's own software might make them.

Each is harmless: at worst a library raises an error; nothing crashes, hangs or grows outside it.
"""

import json
import os
import struct
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from challenges.sealing.canonical import canonical, decode_bytes, encode_bytes
from challenges.sealing.containers import INDEX_LENGTH, MAGIC
from challenges.sealing.envelopes import CHUNK_SIZES, CONTENT_LENGTH, EnvelopeContext
from challenges.sealing.envelopes import MAGIC as MAGIC_OF_ENVELOPES
from challenges.sealing.keys import fingerprint
from challenges.sealing.padding import padded_length
from challenges.sealing.suites import suite_named

SOUND: dict[str, Any] = {"plan": "方案", "route": "路线", "leader": "王工", "members": [], "answers": {}, "team": []}
CHAR = "字"


def index_of(manifest: Any, attachments: Any = ()) -> bytes:
    return json.dumps({"manifest": manifest, "attachments": list(attachments)}, ensure_ascii=True).encode()


def container(index: bytes, tail: bytes = b"", *, magic: bytes = MAGIC, length: int | None = None) -> bytes:
    return magic + INDEX_LENGTH.pack(len(index) if length is None else length) + index + tail


def entry(name: Any = "a.pdf", media_type: Any = "application/pdf", size: Any = 0, **more: Any) -> dict[str, Any]:
    return {"name": name, "media_type": media_type, "size": size, **more}


def nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    return opening * depth + closing * depth


def raw(text: bytes) -> bytes:
    """An index whose manifest is this JSON text."""
    return b'{"manifest":' + text + b',"attachments":[]}'


#: Whole containers that are none, or whose index is none.
CONTAINERS: dict[str, bytes] = {
    "nothing at all": b"",
    "only the magic": MAGIC,
    "other magic": container(index_of(SOUND), magic=b"BIDBOX\x00\x02"),
    "a zip instead": b"PK\x03\x04" + bytes(60),
    "index longer than the container": container(index_of(SOUND), length=1 << 20),
    "index beyond its limit": container(index_of(SOUND), length=(1 << 32) - 1),
    "index of no bytes": container(b""),
    "index cut short": container(index_of(SOUND)[:-5]),
    "index not UTF-8": container(b"\xff\xfe" + index_of(SOUND)),
    "index in UTF-16": container(index_of(SOUND).decode().encode("utf-16")),
    "index a list": container(b"[]"),
    "index a number": container(b"7"),
    "index null": container(b"null"),
    "no manifest": container(b'{"attachments":[]}'),
    "no attachments": container(b'{"manifest":{}}'),
    "a field too many": container(b'{"manifest":{},"attachments":[],"more":1}'),
    "a name twice": container(b'{"manifest":{},"manifest":{},"attachments":[]}'),
    "manifest not a number": container(raw(b"NaN")),
    "manifest without end": container(raw(b"Infinity")),
    "manifest of a number of 5,000 digits": container(raw(b"9" * 5000)),
    "manifest of a number of 4,000 digits": container(raw(b"9" * 4000)),
    "manifest of a float with a huge exponent": container(raw(b"1e400")),
    "deep lists": container(raw(nested(b"[", b"]", 100_000))),
    "deep objects": container(raw(b'{"a":' * 50_000 + b"1" + b"}" * 50_000)),
    "lists of 900 levels": container(raw(nested(b"[", b"]", 900))),
    "bytes after the index": container(index_of(SOUND), b"more"),
    "attachments an object": container(b'{"manifest":{},"attachments":{}}'),
    "65 attachments": container(index_of(SOUND, [entry(f"{number}.pdf") for number in range(65)])),
    "an attachment that is a text": container(index_of(SOUND, ["a.pdf"])),
    "an attachment without size": container(index_of(SOUND, [{"name": "a.pdf", "media_type": "x"}])),
    "size below nothing": container(index_of(SOUND, [entry(size=-1)])),
    "size a text": container(index_of(SOUND, [entry(size="1")])),
    "size true": container(index_of(SOUND, [entry(size=True)]), b"x"),
    "size beyond the container": container(index_of(SOUND, [entry(size=1000)]), b"x"),
    "size beyond every limit": container(index_of(SOUND, [entry(size=10**15)])),
    "name of a path": container(index_of(SOUND, [entry("../../etc/passwd")])),
    "name with NUL": container(index_of(SOUND, [entry("a\0.pdf")])),
    "name with half a character": container(index_of(SOUND, [entry("a\ud800.pdf")])),
    "name that reads backwards": container(index_of(SOUND, [entry("a\u202efdp.exe")])),
    "name too long": container(index_of(SOUND, [entry(CHAR * 100 + ".pdf")])),
    "name twice": container(index_of(SOUND, [entry("a.pdf"), entry("a.pdf")])),
    "name null": container(index_of(SOUND, [entry(None)])),
    "media type a list": container(index_of(SOUND, [entry(media_type=[])])),
    "media type not ASCII": container(index_of(SOUND, [entry(media_type=CHAR)])),
}

#: Manifests of a technical envelope that are JSON and have another form than docs/sealing.md §8.
MANIFESTS: dict[str, Any] = {
    "null": None,
    "a list": [],
    "a text": "方案",
    "a number": 7,
    "true": True,
    "members of numbers": {**SOUND, "members": [1, 2]},
    "members of nulls": {**SOUND, "members": [None]},
    "members of lists": {**SOUND, "members": [["lead"]]},
    "members a text": {**SOUND, "members": "甲公司"},
    "members an object": {**SOUND, "members": {"role": "lead"}},
    "members a number": {**SOUND, "members": 1},
    "21 members": {**SOUND, "members": [{"role": "member"}] * 21},
    "100,000 members": {**SOUND, "members": [{}] * 100_000},
    "a member's code a list": {**SOUND, "members": [{"unified_code": ["91"], "role": "lead"}]},
    "a member's code an object": {**SOUND, "members": [{"unified_code": {}, "role": "lead"}]},
    "a member's name a number": {**SOUND, "members": [{"name": 1, "role": "lead"}]},
    "a member's name an object": {**SOUND, "members": [{"name": {"a": 1}, "role": "lead"}]},
    "a member's name of 100,000 characters": {**SOUND, "members": [{"name": CHAR * 100_000}]},
    "a member's name with NUL": {**SOUND, "members": [{"name": "甲\0公司", "role": "lead"}]},
    "a member's name with half a character": {**SOUND, "members": [{"name": "甲\udc80", "role": "lead"}]},
    "a member's name of two lines": {**SOUND, "members": [{"name": "甲\n乙", "role": "lead"}]},
    "a member's name that reads backwards": {**SOUND, "members": [{"name": "\u202e司公", "role": "lead"}]},
    "a member's role another": {**SOUND, "members": [{"role": "boss"}]},
    "a member's role a list": {**SOUND, "members": [{"role": ["lead"]}]},
    "a share that is a number": {**SOUND, "members": [{"share_percent": 100}]},
    "a share of huge digits": {**SOUND, "members": [{"share_percent": "9" * 5000}]},
    "a share that is an object": {**SOUND, "members": [{"share_percent": {}}]},
    "a member's field too many": {**SOUND, "members": [{"role": "lead", "__class__": "x"}]},
    "agreement a list": {**SOUND, "agreement": []},
    "agreement a text": {**SOUND, "agreement": "x"},
    "a clause that is a number": {**SOUND, "agreement": {"tasks": 1}},
    "a clause nobody knows": {**SOUND, "agreement": {"more": "x"}},
    "answers a list": {**SOUND, "answers": [{"promise": "x"}]},
    "answers a text": {**SOUND, "answers": "x"},
    "an answer a text": {**SOUND, "answers": {"1": "达到"}},
    "an answer a number": {**SOUND, "answers": {"1": 97}},
    "an answer null": {**SOUND, "answers": {"1": None}},
    "a promise a number": {**SOUND, "answers": {"1": {"promise": 97}}},
    "a promise a list": {**SOUND, "answers": {"1": {"promise": ["x"]}}},
    "an answer to a superscript": {**SOUND, "answers": {"²": {"promise": "x"}}},
    "an answer to number zero": {**SOUND, "answers": {"0": {"promise": "x"}}},
    "an answer to a huge number": {**SOUND, "answers": {"9" * 30: {"promise": "x"}}},
    "1,000 answers": {**SOUND, "answers": {str(number): {} for number in range(1, 1001)}},
    "plan a list": {**SOUND, "plan": ["方案"]},
    "plan a number": {**SOUND, "plan": 1},
    "plan null": {**SOUND, "plan": None},
    "plan with NUL": {**SOUND, "plan": "a\0b"},
    "plan with half a character": {**SOUND, "plan": "\ud83d"},
    "plan with an escape": {**SOUND, "plan": "\x1b[2J"},
    "plan of 100,001 characters": {**SOUND, "plan": CHAR * 100_001},
    "route an object": {**SOUND, "route": {"a": "b"}},
    "leader a list": {**SOUND, "leader": ["王工"]},
    "leader of 101 characters": {**SOUND, "leader": CHAR * 101},
    "team an object": {**SOUND, "team": {"name": "x"}},
    "team of texts": {**SOUND, "team": ["王工"]},
    "team of numbers": {**SOUND, "team": [1]},
    "201 in the team": {**SOUND, "team": [{}] * 201},
    "a person's name a list": {**SOUND, "team": [{"name": ["王工"]}]},
    "the platform's refused files": {**SOUND, "refused_files": [1]},
    "the platform's refused files as a text": {**SOUND, "refused_files": "x"},
    "the platform's problems": {**SOUND, "problems": []},
    "a field nobody knows": {**SOUND, "备注": "x"},
    "a field of a long name": {**SOUND, "x" * 10_000: 1},
}

#: Manifests of a price envelope.
PRICES: dict[str, Any] = {
    "null": None,
    "a list": [1],
    "empty": {},
    "total a text": {"total_fen": "1", "grant_fen": 1, "own_fen": 0},
    "total a float": {"total_fen": 1.0, "grant_fen": 1, "own_fen": 0},
    "total true": {"total_fen": True, "grant_fen": 1, "own_fen": 0},
    "total below nothing": {"total_fen": -1, "grant_fen": 0, "own_fen": 0},
    "total of 4,000 digits": {"total_fen": int("9" * 3000), "grant_fen": 0, "own_fen": 0},
    "total beyond exact numbers": {"total_fen": 2**53, "grant_fen": 2**53, "own_fen": 0},
    "own money missing": {"total_fen": 1, "grant_fen": 1},
    "items an object": {"total_fen": 1, "grant_fen": 1, "own_fen": 0, "items": {}},
    "items of numbers": {"total_fen": 1, "grant_fen": 1, "own_fen": 0, "items": [1]},
    "an item without amount": {"total_fen": 1, "grant_fen": 1, "own_fen": 0, "items": [{"name": "x"}]},
    "the platform's problems": {"total_fen": 1, "grant_fen": 1, "own_fen": 0, "problems": []},
    "the platform's problems as a number": {"total_fen": 1, "grant_fen": 1, "own_fen": 0, "problems": 1},
    "a field nobody knows": {"total_fen": 1, "grant_fen": 1, "own_fen": 0, "more": 1},
}


def sealed(context: EnvelopeContext, public_key: str, content: bytes) -> bytes:
    """An envelope around any bytes at all, in the form of docs/sealing.md §1, as a bidder's own software makes it."""
    suite, key = suite_named(context.suite), decode_bytes(public_key)
    content_key = os.urandom(suite.content_key_length)
    length = padded_length(context.kind, CONTENT_LENGTH.size + len(content))
    plain = (CONTENT_LENGTH.pack(len(content)) + content).ljust(length, b"\0")
    size = CHUNK_SIZES[context.kind]
    header = canonical(
        {
            **asdict(context),
            "key": fingerprint(key),
            "chunk_size": size,
            "content_length": length,
            "wrapped_key": encode_bytes(suite.wrap_key(content_key, key, context.info())),
        }
    )
    front = MAGIC_OF_ENVELOPES + struct.pack(">I", len(header)) + header
    chunks = []
    for number, start in enumerate(range(0, length, size)):
        nonce = bytes(7) + struct.pack(">IB", number, start + size >= length)
        chunks.append(suite.encrypt(content_key, nonce, plain[start : start + size], suite.digest(front)))
    return front + b"".join(chunks)


def _flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


#: What becomes of a sound envelope's bytes after its header, which the platform looks at when it is received.
ENVELOPES: dict[str, Callable[[bytes], bytes]] = {
    "first byte of the content changed": lambda data: _flipped(data, data.index(b"}") + 2),
    "last byte changed": lambda data: _flipped(data, len(data) - 1),
    "a byte in the middle changed": lambda data: _flipped(data, len(data) - len(data) // 3),
    "content of zeros": lambda data: data[: data.index(b"}") + 1] + bytes(len(data) - data.index(b"}") - 1),
    "content of noise": lambda data: (
        data[: data.index(b"}") + 1]
        + b"".join(struct.pack(">I", number * 2654435761 % 2**32) for number in range(len(data) // 4 + 1))[
            : len(data) - data.index(b"}") - 1
        ]
    ),
}
