"""The sealed envelope as a file: header, then content in authenticated chunks (docs/sealing.md §1).

    magic "SEALED\\x00\\x01" · u32 length of the header · header (canonical JSON) · chunks

The content key is random, used once, and wrapped by HPKE under an `info` that names suite, challenge, kind,
organisation, bid and version: replayed for another of them, it does not open. Each chunk's nonce carries its number and
whether it is the last; its associated data is the digest of everything in front. So no byte can be changed, no chunk
moved, dropped, doubled or borrowed, and nothing appended. Memory stays at one chunk whatever the size.
"""

import hashlib
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from challenges.sealing.canonical import canonical, decode_bytes, encode_bytes, parse_canonical
from challenges.sealing.containers import DEFAULT_LIMITS, Attachment, Contents, Limits, container_parts, read_container
from challenges.sealing.errors import CannotDecrypt, ContextMismatch, LimitExceeded, MalformedInput
from challenges.sealing.keys import fingerprint, public_key_of
from challenges.sealing.padding import KINDS, padded_length
from challenges.sealing.suites import (
    KEY_LENGTH,
    NONCE_LENGTH,
    TAG_LENGTH,
    WRAPPING_OVERHEAD,
    Hasher,
    Suite,
    load_public_key,
    suite_named,
)

MAGIC = b"SEALED\x00\x01"
HEADER_LENGTH = struct.Struct(">I")
CONTENT_LENGTH = struct.Struct(">Q")
PURPOSE = "marketplace-sealed-envelope/1"
LARGEST_HEADER = 4096
CHUNK_SIZES = {"technical": 1 << 20, "price": 4096}
SMALLEST_CHUNK, LARGEST_CHUNK = 4096, 4 << 20
LONGEST_IDENTIFIER = 100
HEADER_FIELDS = {
    "suite",
    "challenge",
    "kind",
    "organisation",
    "bid",
    "version",
    "key",
    "chunk_size",
    "content_length",
    "wrapped_key",
}


@dataclass(frozen=True)
class EnvelopeContext:
    """What an envelope belongs to. All of it is bound into the encryption.

    `challenge`, `organisation` and `bid` are public identifiers (organisation: unified code or public id); `kind` is
    "technical" or "price"; `version` counts the bid's versions from 1.
    """

    suite: str
    challenge: str
    kind: str
    organisation: str
    bid: str
    version: int

    def info(self) -> bytes:
        """HPKE `info`; raises MalformedInput or UnknownSuite for values no envelope may have."""
        self.check()
        return canonical({"purpose": PURPOSE, **asdict(self)})

    def check(self) -> None:
        suite_named(self.suite)
        if self.kind not in KINDS:
            raise MalformedInput("信封类型只能是 technical（技术）或 price（报价）。")
        for value in (self.challenge, self.organisation, self.bid):
            if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_IDENTIFIER or not value.isprintable():
                raise MalformedInput("榜单、机构和标书的编号应为 1 至 100 个可显示字符。")
        if not isinstance(self.version, int) or isinstance(self.version, bool) or not 1 <= self.version <= 1_000_000:
            raise MalformedInput("标书版本号应为正整数。")


@dataclass(frozen=True)
class Header:
    """What everybody can read of an envelope. `length` is that of magic, length field and header together."""

    context: EnvelopeContext
    key: str
    chunk_size: int
    content_length: int
    wrapped_key: bytes
    length: int
    associated: bytes

    @property
    def chunks(self) -> int:
        return -(-self.content_length // self.chunk_size)

    @property
    def envelope_size(self) -> int:
        """Bytes of the whole file, known from the header alone."""
        return self.length + self.content_length + self.chunks * TAG_LENGTH


@dataclass(frozen=True)
class SealedEnvelope:
    """The result of sealing: size in bytes and hex digests of the whole file (SM3 only under the 国密 suite)."""

    kind: str
    size: int
    sha256: str
    sm3: str | None = None

    def receipt_entry(self) -> dict[str, Any]:
        """The form a receipt lists it in."""
        entry: dict[str, Any] = {"kind": self.kind, "size": self.size, "sha256": self.sha256}
        return entry if self.sm3 is None else {**entry, "sm3": self.sm3}


class EnvelopeDigests:
    """Digests of an envelope while its bytes pass by, on either side."""

    def __init__(self, suite: Suite) -> None:
        self._sha256 = hashlib.sha256()
        self._sm3: Hasher | None = suite.hasher() if suite.digest_name == "sm3" else None
        self.size = 0

    def update(self, data: bytes) -> None:
        self.size += len(data)
        self._sha256.update(data)
        if self._sm3 is not None:
            self._sm3.update(data)

    def result(self, kind: str) -> SealedEnvelope:
        sm3 = None if self._sm3 is None else self._sm3.digest().hex()
        return SealedEnvelope(kind, self.size, self._sha256.hexdigest(), sm3)


def _nonce(number: int, last: bool) -> bytes:
    # The key is used for one envelope only, so number and last-flag make every nonce unique and name its place.
    return bytes(NONCE_LENGTH - 5) + struct.pack(">IB", number, last)


def _read_exactly(source: BinaryIO, length: int) -> bytes:
    pieces: list[bytes] = []
    left = length
    while left:
        piece = source.read(left)
        if not piece:
            raise MalformedInput("信封不完整：内容比信封头声明的短。")
        pieces.append(piece)
        left -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


# -- Reading the outside ------------------------------------------------------------------------------------------


def read_header(source: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> Header:
    """The header at the source's position; the source then stands at the first chunk.

    Raises MalformedInput, UnknownSuite or LimitExceeded. Nothing here needs a key, nothing here is proof: the header
    is authenticated when the envelope is opened.
    """
    front = _read_exactly(source, len(MAGIC) + HEADER_LENGTH.size)
    if not front.startswith(MAGIC):
        raise MalformedInput("不是加密信封文件，或格式版本不受支持。未加密的文件不予接收。")
    (length,) = HEADER_LENGTH.unpack(front[len(MAGIC) :])
    if length > LARGEST_HEADER:
        raise MalformedInput("信封头过长。")
    data = _read_exactly(source, length)
    fields = parse_canonical(data)
    if not isinstance(fields, dict) or set(fields) != HEADER_FIELDS:
        raise MalformedInput("信封头的字段不正确。")
    names = ("suite", "challenge", "kind", "organisation", "bid", "version")
    context = EnvelopeContext(**{name: fields[name] for name in names})
    context.check()
    suite = suite_named(context.suite)
    chunk_size, content_length = fields["chunk_size"], fields["content_length"]
    for number in (chunk_size, content_length):
        if not isinstance(number, int) or isinstance(number, bool):
            raise MalformedInput("信封头中的长度应为整数。")
    if not SMALLEST_CHUNK <= chunk_size <= LARGEST_CHUNK:
        raise MalformedInput("信封头中的分块大小超出范围。")
    largest = padded_length(
        "technical", limits.total + limits.index + CONTENT_LENGTH.size + len(MAGIC) + HEADER_LENGTH.size
    )
    if content_length > largest:
        raise LimitExceeded("信封过大。")
    if content_length < 1 or padded_length(context.kind, content_length) != content_length:
        raise MalformedInput("信封长度不符合填充规则。")
    wrapped_key = decode_bytes(fields["wrapped_key"])
    if len(wrapped_key) != suite.content_key_length + WRAPPING_OVERHEAD:
        raise MalformedInput("信封头中的内容密钥长度不正确。")
    load_public_key(wrapped_key[:KEY_LENGTH])
    key = fields["key"]
    if not isinstance(key, str) or len(key) != 64 or set(key) - set("0123456789abcdef"):
        raise MalformedInput("信封头中的公钥指纹不正确。")
    return Header(
        context, key, chunk_size, content_length, wrapped_key, len(front) + length, suite.digest(front + data)
    )


def inspect_envelope(
    source: BinaryIO, size: int, context: EnvelopeContext, key: str, limits: Limits = DEFAULT_LIMITS
) -> Header:
    """What a receiver may check without any key: this is an envelope, whole, for this context and public key.

    `size` is the file's length in bytes, `key` the published envelope key's fingerprint. Raises ContextMismatch when
    the envelope is meant for something else, MalformedInput when it is cut, lengthened or no envelope at all.
    """
    header = read_header(source, limits)
    if header.context != context:
        raise ContextMismatch("信封不属于本次提交：榜单、机构、标书、版本或信封类型不一致。")
    if header.key != key:
        raise ContextMismatch("信封不是用本榜单公布的公钥加密的，请刷新页面后重新加密。")
    if header.envelope_size != size:
        raise MalformedInput("信封不完整或带有多余内容：文件大小与信封头声明的不一致。")
    return header


# -- Sealing ------------------------------------------------------------------------------------------------------


def _rechunk(parts: Iterator[bytes], size: int) -> Iterator[bytes]:
    buffer = bytearray()
    for part in parts:
        buffer += part
        while len(buffer) > size:  # never the last one: that has to be known as such
            yield bytes(buffer[:size])
            del buffer[:size]
    yield bytes(buffer)


def _padded(parts: Iterator[bytes], length: int, content_length: int) -> Iterator[bytes]:
    yield CONTENT_LENGTH.pack(length)
    yield from parts
    left = content_length - CONTENT_LENGTH.size - length
    while left:
        piece = min(left, 1 << 20)
        yield bytes(piece)
        left -= piece


def seal_envelope(
    sink: BinaryIO,
    public_key: bytes,
    context: EnvelopeContext,
    manifest: Any,
    attachments: Sequence[Attachment] = (),
    limits: Limits = DEFAULT_LIMITS,
    progress: Callable[[int, int], None] | None = None,
) -> SealedEnvelope:
    """Write one envelope to `sink` and return its size and digests.

    `progress(done, total)` counts plaintext bytes. Raises MalformedInput, LimitExceeded or UnknownSuite; what was
    written to `sink` until then is worthless and to be thrown away.
    """
    info = context.info()
    suite = suite_named(context.suite)
    length, parts = container_parts(manifest, attachments, limits)
    content_length = padded_length(context.kind, CONTENT_LENGTH.size + length)
    content_key = os.urandom(suite.content_key_length)
    chunk_size = CHUNK_SIZES[context.kind]
    data = canonical(
        {
            **asdict(context),
            "key": fingerprint(public_key),
            "chunk_size": chunk_size,
            "content_length": content_length,
            "wrapped_key": encode_bytes(suite.wrap_key(content_key, public_key, info)),
        }
    )
    front = MAGIC + HEADER_LENGTH.pack(len(data)) + data
    associated = suite.digest(front)
    digests = EnvelopeDigests(suite)
    digests.update(front)
    sink.write(front)
    done = 0
    for number, chunk in enumerate(_rechunk(_padded(parts, length, content_length), chunk_size)):
        done += len(chunk)
        sealed = suite.encrypt(content_key, _nonce(number, done == content_length), chunk, associated)
        digests.update(sealed)
        sink.write(sealed)
        if progress is not None:
            progress(done, content_length)
    return digests.result(context.kind)


# -- Opening ------------------------------------------------------------------------------------------------------


class _Plaintext:
    """The content behind the chunks, read forwards; every byte handed out has been authenticated."""

    def __init__(self, source: BinaryIO, header: Header, content_key: bytes, digests: EnvelopeDigests) -> None:
        self._source = source
        self._header = header
        self._suite = suite_named(header.context.suite)
        self._key = content_key
        self._digests = digests
        self._number = 0
        self._buffer = b""
        self._start = 0
        self.position = 0

    def _next_chunk(self) -> None:
        header = self._header
        if self._number == header.chunks:
            raise MalformedInput("信封内容比声明的短。")
        last = self._number == header.chunks - 1
        length = header.content_length - self._number * header.chunk_size if last else header.chunk_size
        sealed = _read_exactly(self._source, length + TAG_LENGTH)
        self._digests.update(sealed)
        self._buffer = self._suite.decrypt(self._key, _nonce(self._number, last), sealed, header.associated)
        self._start = 0
        self._number += 1

    def read(self, length: int) -> bytes:
        """Exactly `length` bytes; raises MalformedInput beyond the end, CannotDecrypt at a changed chunk."""
        pieces: list[bytes] = []
        left = length
        while left:
            if self._start == len(self._buffer):
                self._next_chunk()
            piece = self._buffer[self._start : self._start + left]
            self._start += len(piece)
            left -= len(piece)
            pieces.append(piece)
        self.position += length
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@dataclass(frozen=True)
class OpenedEnvelope:
    """What was inside, and the digests of the file it came from (to be held against the receipt)."""

    contents: Contents
    envelope: SealedEnvelope


def open_envelope(
    source: BinaryIO,
    private_key: bytes,
    context: EnvelopeContext,
    sink_for: Callable[[str, str, int], BinaryIO | None] = lambda name, media_type, size: None,
    limits: Limits = DEFAULT_LIMITS,
) -> OpenedEnvelope:
    """Open one envelope of `context`, writing each attachment to `sink_for(name, media_type, size)` (None drops it).

    Raises ContextMismatch (other challenge, organisation, bid, version, kind or key), CannotDecrypt (changed bytes),
    MalformedInput or LimitExceeded. On any error the caller throws away what the sinks got: only a return proves
    that the envelope was whole.
    """
    expected = context.info()
    header = read_header(source, limits)
    if header.context != context:
        raise ContextMismatch("信封不属于本次提交：榜单、机构、标书、版本或信封类型不一致。")
    if header.key != fingerprint(public_key_of(private_key)):
        raise ContextMismatch("信封是用另一把公钥加密的，与当前私钥不符。")
    suite = suite_named(context.suite)
    content_key = suite.unwrap_key(header.wrapped_key, private_key, expected)
    if len(content_key) != suite.content_key_length:
        raise CannotDecrypt("信封中的内容密钥长度不正确。")
    digests = EnvelopeDigests(suite)
    digests.update(_front(header))
    plaintext = _Plaintext(source, header, content_key, digests)
    (length,) = CONTENT_LENGTH.unpack(plaintext.read(CONTENT_LENGTH.size))
    if length > header.content_length - CONTENT_LENGTH.size or header.content_length != padded_length(
        context.kind, CONTENT_LENGTH.size + length
    ):
        raise MalformedInput("信封内容的长度不符合填充规则。")
    contents = read_container(plaintext.read, length, sink_for, limits)
    while left := header.content_length - plaintext.position:
        if plaintext.read(min(left, 1 << 20)).strip(b"\x00"):
            raise MalformedInput("信封的填充部分含有内容。")
    if source.read(1):
        raise MalformedInput("信封之后带有多余内容。")
    return OpenedEnvelope(contents, digests.result(context.kind))


def plaintext_pieces(source: BinaryIO, private_key: bytes, context: EnvelopeContext) -> Iterator[bytes]:
    """Everything that was sealed, padding included, piece by piece and not looked at: for evidence of what is odd.

    Every piece yielded has been authenticated. Raises as `open_envelope` does, at the latest at the piece concerned.
    """
    header = read_header(source)
    if header.context != context:
        raise ContextMismatch("信封不属于本次提交：榜单、机构、标书、版本或信封类型不一致。")
    suite = suite_named(context.suite)
    content_key = suite.unwrap_key(header.wrapped_key, private_key, context.info())
    if len(content_key) != suite.content_key_length:
        raise CannotDecrypt("信封中的内容密钥长度不正确。")
    plaintext = _Plaintext(source, header, content_key, EnvelopeDigests(suite))
    while left := header.content_length - plaintext.position:
        yield plaintext.read(min(left, header.chunk_size))


def _front(header: Header) -> bytes:
    """The bytes in front of the chunks; canonical form makes them follow from the header."""
    data = canonical(
        {
            **asdict(header.context),
            "key": header.key,
            "chunk_size": header.chunk_size,
            "content_length": header.content_length,
            "wrapped_key": encode_bytes(header.wrapped_key),
        }
    )
    return MAGIC + HEADER_LENGTH.pack(len(data)) + data
