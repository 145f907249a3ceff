"""The plaintext inside an envelope: one JSON manifest and named attachments, all lengths declared in front.

Nothing is compressed, so nothing can expand: the container is exactly as long as it says, and every length is held
against `Limits` before a byte of it is read. Layout (docs/sealing.md §2):

    magic "BIDBOX\\x00\\x01" · u32 length of the index · index (JSON) · attachments one after another

The index is `{"manifest": …, "attachments": [{"name", "media_type", "size"}]}`.
"""

import hashlib
import json
import struct
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from challenges.sealing.canonical import parse_json
from challenges.sealing.errors import LimitExceeded, MalformedInput

MAGIC = b"BIDBOX\x00\x01"
INDEX_LENGTH = struct.Struct(">I")
READ_SIZE = 1 << 20
#: Characters that change how a file name reads without being seen (bidirectional controls, zero width).
INVISIBLE = frozenset("\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


@dataclass(frozen=True)
class Limits:
    """What one envelope may hold, in bytes and pieces."""

    index: int = 2 << 20
    attachments: int = 64
    attachment: int = 200 << 20
    total: int = 512 << 20


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Attachment:
    """A file to be sealed: `size` bytes that `stream` yields from where it stands."""

    name: str
    media_type: str
    size: int
    stream: BinaryIO


@dataclass(frozen=True)
class OpenedAttachment:
    """A file found in a container; `media_type` is what the bidder claimed, not what was checked."""

    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Contents:
    """What a container held."""

    manifest: Any
    attachments: list[OpenedAttachment] = field(default_factory=list)


def check_name(name: Any) -> str:
    """The attachment's name, if it is one plain file name; raises MalformedInput otherwise."""
    if not isinstance(name, str) or not name or name in {".", ".."}:
        raise MalformedInput("附件名称不能为空。")
    if len(name.encode("utf-8", "surrogatepass")) > 255:
        raise MalformedInput("附件名称过长：不得超过 255 字节。")
    if unicodedata.normalize("NFC", name) != name:
        raise MalformedInput("附件名称的 Unicode 写法不规范（应为 NFC）。")
    if any(
        character in INVISIBLE or character in "/\\" or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
        for character in name
    ):
        raise MalformedInput("附件名称不能包含路径分隔符、控制字符或不可见字符。")
    return name


def _declared(entries: Any, limits: Limits) -> list[tuple[str, str, int]]:
    if not isinstance(entries, list):
        raise MalformedInput("容器目录的 attachments 应为数组。")
    if len(entries) > limits.attachments:
        raise LimitExceeded(f"附件过多：最多 {limits.attachments} 个。")
    declared: list[tuple[str, str, int]] = []
    for entry in entries:
        if not isinstance(entry, dict) or set(entry) != {"name", "media_type", "size"}:
            raise MalformedInput("容器目录中的附件记录不完整。")
        size, media_type = entry["size"], entry["media_type"]
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise MalformedInput("附件大小应为非负整数。")
        if size > limits.attachment:
            raise LimitExceeded(f"附件过大：每个不得超过 {limits.attachment >> 20} MiB。")
        if not isinstance(media_type, str) or len(media_type) > 100 or not media_type.isascii():
            raise MalformedInput("附件类型标识无效。")
        declared.append((check_name(entry["name"]), media_type, size))
    if len({name for name, _, _ in declared}) != len(declared):
        raise MalformedInput("附件名称重复。")
    if sum(size for _, _, size in declared) > limits.total:
        raise LimitExceeded(f"附件总量过大：合计不得超过 {limits.total >> 20} MiB。")
    return declared


def _index(manifest: Any, attachments: Sequence[Attachment], limits: Limits) -> bytes:
    entries = [{"name": one.name, "media_type": one.media_type, "size": one.size} for one in attachments]
    _declared(entries, limits)
    try:
        index = json.dumps(
            {"manifest": manifest, "attachments": entries}, ensure_ascii=False, separators=(",", ":"), allow_nan=False
        ).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedInput("标书内容不能表示为 JSON。") from error
    if len(index) > limits.index:
        raise LimitExceeded(f"填报内容过长：编码后不得超过 {limits.index >> 20} MiB。")
    return index


def container_parts(
    manifest: Any, attachments: Sequence[Attachment] = (), limits: Limits = DEFAULT_LIMITS
) -> tuple[int, Iterator[bytes]]:
    """The container's length in bytes, known before anything is read, and its bytes piece by piece.

    Raises MalformedInput or LimitExceeded at once for what is declared, and MalformedInput while iterating when a
    stream yields fewer or more bytes than its attachment's `size`.
    """
    index = _index(manifest, attachments, limits)
    front = MAGIC + INDEX_LENGTH.pack(len(index)) + index

    def parts() -> Iterator[bytes]:
        yield front
        for one in attachments:
            left = one.size
            while left:
                piece = one.stream.read(min(left, READ_SIZE))
                if not piece:
                    raise MalformedInput(f"附件“{one.name}”比声明的大小短，可能在读取时被改动。")
                left -= len(piece)
                yield piece
            if one.stream.read(1):
                raise MalformedInput(f"附件“{one.name}”比声明的大小长，可能在读取时被改动。")

    return len(front) + sum(one.size for one in attachments), parts()


def read_container(
    read: Callable[[int], bytes],
    length: int,
    sink_for: Callable[[str, str, int], BinaryIO | None],
    limits: Limits = DEFAULT_LIMITS,
) -> Contents:
    """Read a container of exactly `length` bytes from `read`, which returns as many bytes as asked.

    `sink_for(name, media_type, size)` gives the file each attachment is written to, or None to drop it. Raises
    MalformedInput or LimitExceeded; the caller then throws away whatever the sinks got.
    """
    smallest = len(MAGIC) + INDEX_LENGTH.size
    if length < smallest or read(len(MAGIC)) != MAGIC:
        raise MalformedInput("信封内容不是标书容器。")
    (index_length,) = INDEX_LENGTH.unpack(read(INDEX_LENGTH.size))
    if index_length > limits.index:
        raise LimitExceeded("容器目录过长。")
    if smallest + index_length > length:
        raise MalformedInput("容器目录超出信封内容。")
    index = parse_json(read(index_length))
    if not isinstance(index, dict) or set(index) != {"manifest", "attachments"}:
        raise MalformedInput("容器目录的结构不正确。")
    declared = _declared(index["attachments"], limits)
    if smallest + index_length + sum(size for _, _, size in declared) != length:
        raise MalformedInput("容器声明的长度与实际内容不一致。")
    opened = []
    for name, media_type, size in declared:
        sink = sink_for(name, media_type, size)
        digest = hashlib.sha256()
        left = size
        while left:
            piece = read(min(left, READ_SIZE))
            left -= len(piece)
            digest.update(piece)
            if sink is not None:
                sink.write(piece)
        opened.append(OpenedAttachment(name, media_type, size, digest.hexdigest()))
    return Contents(index["manifest"], opened)
