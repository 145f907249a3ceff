"""Sealed envelopes: what goes in comes out, and nothing else ever does (security.md S6)."""

import io
import random
import struct
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from challenges.sealing import envelopes
from challenges.sealing.canonical import canonical, parse_json
from challenges.sealing.containers import Attachment, Limits
from challenges.sealing.envelopes import (
    EnvelopeContext,
    OpenedEnvelope,
    inspect_envelope,
    open_envelope,
    read_header,
    seal_envelope,
)
from challenges.sealing.errors import (
    CannotDecrypt,
    ContextMismatch,
    LimitExceeded,
    MalformedInput,
    SealingError,
    UnknownSuite,
)
from challenges.sealing.keys import KeyPair, fingerprint, generate_key_pair
from challenges.sealing.suites import SUITES
from tests.challenges.sealing.builders import context, sealed

pytestmark = pytest.mark.unit

PAIR = generate_key_pair()
MANIFEST = {"answers": {"指标一": "99.5 %", "期限": 24}, "consortium": ["甲", "乙"], "share": 0.5}
CONTEXT_CHANGES: dict[str, dict[str, Any]] = {
    "challenge": {"challenge": "JB-2026-002"},
    "organisation": {"organisation": "91370000100000002B"},
    "bid": {"bid": "bid-2"},
    "version": {"version": 2},
    "kind": {"kind": "price"},
}


def opened(data: bytes, of: EnvelopeContext, pair: KeyPair = PAIR) -> tuple[OpenedEnvelope, dict[str, bytes]]:
    files: dict[str, io.BytesIO] = {}

    def sink_for(name: str, media_type: str, size: int) -> io.BytesIO:
        files[name] = io.BytesIO()
        return files[name]

    result = open_envelope(io.BytesIO(data), pair.private_key, of, sink_for)
    return result, {name: file.getvalue() for name, file in files.items()}


def with_header(data: bytes, **changes: Any) -> bytes:
    """The envelope with other header fields, chunks as they were."""
    (length,) = struct.unpack(">I", data[8:12])
    fields = {**parse_json(data[12 : 12 + length]), **changes}
    header = canonical(fields)
    return data[:8] + struct.pack(">I", len(header)) + header + data[12 + length :]


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_contents_come_back_from_either_suite(suite: str) -> None:
    files = {"方案.pdf": random.Random(1).randbytes(2_500_000), "empty.docx": b"", "x.png": b"\x00"}
    data = sealed(PAIR, context(suite=suite), MANIFEST, files)
    result, found = opened(data, context(suite=suite))
    assert result.contents.manifest == MANIFEST
    assert found == files
    assert [(one.name, one.size) for one in result.contents.attachments] == [
        (name, len(content)) for name, content in files.items()
    ]
    assert result.envelope.size == len(data)


@pytest.mark.parametrize("length", [0, 1, 4000, 4096, (1 << 20) - 100, 1 << 20, (1 << 20) + 1, 2 << 20, 3_000_000])
def test_lengths_around_the_chunk_size_come_back(length: int) -> None:
    content = random.Random(length).randbytes(length)
    data = sealed(PAIR, context(), None, {"a": content})
    assert opened(data, context())[1] == {"a": content}
    assert inspect_envelope(io.BytesIO(data), len(data), context(), fingerprint(PAIR.public_key)).chunks >= 1


def test_price_envelopes_are_of_one_size_whatever_they_hold() -> None:
    sizes = {len(sealed(PAIR, context("price"), {"price": price})) for price in (1, 10**12, "9" * 3000)}
    assert len(sizes) == 1


def test_a_price_that_does_not_fit_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="4 KiB"):
        sealed(PAIR, context("price"), {"note": "x" * 4096})


def test_two_envelopes_of_the_same_contents_share_no_ciphertext() -> None:
    first, second = (sealed(PAIR, context(), MANIFEST) for _ in range(2))
    assert first != second
    assert first[-4000:] != second[-4000:]


@pytest.mark.parametrize("changes", CONTEXT_CHANGES.values(), ids=CONTEXT_CHANGES)
def test_an_envelope_does_not_open_for_another_context(changes: dict[str, Any]) -> None:
    data = sealed(PAIR, context(), MANIFEST)
    with pytest.raises(ContextMismatch):
        opened(data, replace(context(), **changes))


@pytest.mark.parametrize("changes", CONTEXT_CHANGES.values(), ids=CONTEXT_CHANGES)
def test_a_rewritten_header_does_not_carry_an_envelope_into_another_context(changes: dict[str, Any]) -> None:
    data = with_header(sealed(PAIR, context(), MANIFEST), **changes)
    with pytest.raises(CannotDecrypt):
        opened(data, replace(context(), **changes))


@pytest.mark.parametrize("changes", CONTEXT_CHANGES.values(), ids=CONTEXT_CHANGES)
def test_the_content_key_itself_is_bound_to_the_context(changes: dict[str, Any]) -> None:
    wrapped_key = read_header(io.BytesIO(sealed(PAIR, context(), MANIFEST))).wrapped_key
    suite = SUITES[context().suite]
    assert len(suite.unwrap_key(wrapped_key, PAIR.private_key, context().info())) == suite.content_key_length
    with pytest.raises(CannotDecrypt):
        suite.unwrap_key(wrapped_key, PAIR.private_key, replace(context(), **changes).info())


def test_the_other_suite_does_not_open_it() -> None:
    other = "X25519-SM3-SM4GCM-1"
    with pytest.raises(MalformedInput):
        opened(with_header(sealed(PAIR, context(), MANIFEST), suite=other), context(suite=other))


def test_another_private_key_is_named_as_such() -> None:
    other = generate_key_pair()
    data = sealed(PAIR, context(), MANIFEST)
    with pytest.raises(ContextMismatch, match="另一把公钥"):
        opened(data, context(), other)
    with pytest.raises(CannotDecrypt):
        opened(with_header(data, key=fingerprint(other.public_key)), context(), other)


def test_every_byte_of_a_small_envelope_is_protected() -> None:
    data = sealed(PAIR, context("price"), {"price": 1})
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << (position % 8)
        with pytest.raises(SealingError):
            opened(bytes(changed), context("price"))


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_changed_bytes_in_every_region_of_a_large_envelope_are_found(suite: str) -> None:
    data = sealed(PAIR, context(suite=suite), MANIFEST, {"a": bytes(2_500_000)})
    generator = random.Random(7)
    for position in [*range(0, 700, 7), *(generator.randrange(len(data)) for _ in range(60)), len(data) - 1]:
        changed = bytearray(data)
        changed[position] ^= generator.randrange(1, 256)
        with pytest.raises(SealingError):
            opened(bytes(changed), context(suite=suite))


@pytest.mark.parametrize("kept", [0, 7, 11, 100, 2000, -1, -16, -17, -(1 << 20)])
def test_a_truncated_envelope_is_refused(kept: int) -> None:
    data = sealed(PAIR, context(), MANIFEST, {"a": bytes(3_000_000)})
    key = fingerprint(PAIR.public_key)
    with pytest.raises(SealingError):
        opened(data[:kept], context())
    with pytest.raises(SealingError):
        inspect_envelope(io.BytesIO(data[:kept]), len(data[:kept]), context(), key)


def test_a_truncation_at_a_chunk_with_a_matching_header_is_found_by_the_last_flag() -> None:
    data = sealed(PAIR, context(), None, {"a": bytes((3 << 20) - 200)})
    header = read_header(io.BytesIO(data))
    assert (header.content_length, header.chunks) == (3 << 20, 3)
    # Even with the associated data of the whole, a middle chunk does not open as a last one.
    chunk = (1 << 20) + 16
    content_key = envelopes.suite_named(header.context.suite).unwrap_key(
        header.wrapped_key, PAIR.private_key, context().info()
    )
    second = data[header.length + chunk : header.length + 2 * chunk]
    suite = envelopes.suite_named(header.context.suite)
    assert len(suite.decrypt(content_key, envelopes._nonce(1, False), second, header.associated)) == 1 << 20
    for number, last in ((1, True), (0, False), (2, False)):
        with pytest.raises(CannotDecrypt):
            suite.decrypt(content_key, envelopes._nonce(number, last), second, header.associated)


def test_chunks_cannot_be_reordered_doubled_or_dropped() -> None:
    data = sealed(PAIR, context(), None, {"a": random.Random(3).randbytes((4 << 20) - 200)})
    start, size = read_header(io.BytesIO(data)).length, (1 << 20) + 16
    chunks = [data[position : position + size] for position in range(start, len(data), size)]
    assert len(chunks) == 4
    for order in ((1, 0, 2, 3), (0, 0, 2, 3), (0, 2, 1, 3), (0, 1, 2), (0, 1, 2, 3, 3), (3, 0, 1, 2)):
        with pytest.raises(SealingError):
            opened(data[:start] + b"".join(chunks[number] for number in order), context())


def test_chunks_of_another_envelope_do_not_fit() -> None:
    first, second = (sealed(PAIR, context(), None, {"a": bytes(3_000_000)}) for _ in range(2))
    start, size = read_header(io.BytesIO(first)).length, (1 << 20) + 16
    with pytest.raises(CannotDecrypt):
        opened(first[: start + size] + second[start + size : start + 2 * size] + first[start + 2 * size :], context())


def test_appended_bytes_are_refused() -> None:
    data = sealed(PAIR, context(), MANIFEST) + b"\x00"
    with pytest.raises(MalformedInput, match="多余"):
        opened(data, context())
    with pytest.raises(MalformedInput, match="不一致"):
        inspect_envelope(io.BytesIO(data), len(data), context(), fingerprint(PAIR.public_key))


@pytest.mark.parametrize(
    "changes",
    [
        {"suite": "X25519-SHA256-AES256GCM-2"},
        {"suite": ["X25519-SHA256-AES256GCM-1"]},
        {"kind": "legal"},
        {"version": 0},
        {"version": True},
        {"chunk_size": 1},
        {"chunk_size": 1 << 30},
        {"content_length": 4097},
        {"content_length": -1},
        {"content_length": True},
        {"wrapped_key": "AAAA"},
        {"wrapped_key": 5},
        {"key": "F" * 64},
        {"extra": 1},
        {"bid": ""},
        {"bid": "a\u202eb"},
    ],
    ids=str,
)
def test_headers_of_another_form_are_refused(changes: dict[str, Any]) -> None:
    data = sealed(PAIR, context(), MANIFEST)
    with pytest.raises(SealingError):
        read_header(io.BytesIO(with_header(data, **changes)))


def test_a_declared_size_beyond_the_limits_is_refused_before_anything_is_read() -> None:
    data = with_header(sealed(PAIR, context(), MANIFEST), content_length=1 << 40)
    with pytest.raises(LimitExceeded):
        read_header(io.BytesIO(data))


def test_an_unencrypted_file_is_refused_by_the_receiver() -> None:
    for plain in (b"%PDF-1.7 ...............", b"PK\x03\x04............", b""):
        with pytest.raises(MalformedInput):
            inspect_envelope(io.BytesIO(plain), len(plain), context(), fingerprint(PAIR.public_key))


def test_the_receiver_checks_context_and_key_without_any_secret() -> None:
    data = sealed(PAIR, context(), MANIFEST)
    key = fingerprint(PAIR.public_key)
    assert inspect_envelope(io.BytesIO(data), len(data), context(), key).envelope_size == len(data)
    for changes in CONTEXT_CHANGES.values():
        with pytest.raises(ContextMismatch):
            inspect_envelope(io.BytesIO(data), len(data), replace(context(), **changes), key)
    with pytest.raises(ContextMismatch, match="公钥"):
        inspect_envelope(io.BytesIO(data), len(data), context(), "0" * 64)


def test_an_unknown_suite_seals_nothing() -> None:
    sink = io.BytesIO()
    with pytest.raises(UnknownSuite):
        seal_envelope(sink, PAIR.public_key, context(suite="NULL-1"), MANIFEST)
    assert sink.getvalue() == b""


def test_a_useless_public_key_seals_nothing() -> None:
    sink = io.BytesIO()
    for key in (bytes(32), b"\x01" + bytes(31), b"short"):
        with pytest.raises(MalformedInput):
            seal_envelope(sink, key, context(), MANIFEST)
    assert sink.getvalue() == b""


@pytest.mark.parametrize("declared", [2, 4])
def test_an_attachment_that_changes_while_it_is_read_is_refused(declared: int) -> None:
    one = Attachment("a", "text/plain", declared, io.BytesIO(b"abc"))
    with pytest.raises(MalformedInput, match="声明的大小"):
        seal_envelope(io.BytesIO(), PAIR.public_key, context(), None, [one])


def test_limits_count_attachments_and_bytes() -> None:
    small = Limits(index=100, attachments=1, attachment=10, total=10)
    for files, manifest in (({"a": b"", "b": b""}, None), ({"a": bytes(11)}, None), ({}, "x" * 200)):
        attachments = [Attachment(name, "text/plain", len(data), io.BytesIO(data)) for name, data in files.items()]
        with pytest.raises(LimitExceeded):
            seal_envelope(io.BytesIO(), PAIR.public_key, context(), manifest, attachments, small)


class Repeating(io.RawIOBase):
    """A large file that takes no memory."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        taken = min(self.left, size)
        self.left -= taken
        return bytes(taken)


def test_sealing_and_opening_hold_a_few_chunks_whatever_the_size(tmp_path: Any) -> None:
    size = 64 << 20
    path = tmp_path / "technical.sealed"
    tracemalloc.start()
    try:
        with path.open("wb") as sink:
            seal_envelope(
                sink, PAIR.public_key, context(), None, [Attachment("a", "text/plain", size, Repeating(size))]
            )
        with path.open("rb") as source:
            assert open_envelope(source, PAIR.private_key, context()).contents.attachments[0].size == size
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_progress_ends_at_the_whole() -> None:
    seen: list[tuple[int, int]] = []
    one = Attachment("a", "text/plain", 3_000_000, io.BytesIO(bytes(3_000_000)))
    seal_envelope(io.BytesIO(), PAIR.public_key, context(), None, [one], progress=lambda *step: seen.append(step))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1][0] == seen[-1][1] >= 3_000_000


def hand_made(content: bytes, content_length: int) -> Iterator[bytes]:
    """An envelope whose sealer broke the rules inside, by the sealer's own cryptography."""
    suite = SUITES[context().suite]
    key = bytes(32)
    header = canonical(
        {
            **context().__dict__,
            "key": fingerprint(PAIR.public_key),
            "chunk_size": 1 << 20,
            "content_length": content_length,
            "wrapped_key": envelopes.encode_bytes(suite.wrap_key(key, PAIR.public_key, context().info())),
        }
    )
    front = envelopes.MAGIC + struct.pack(">I", len(header)) + header
    yield front
    yield suite.encrypt(key, envelopes._nonce(0, True), content.ljust(content_length, b"\x00"), suite.digest(front))


def container(index: Any, rest: bytes = b"") -> bytes:
    data = canonical(index) if not isinstance(index, bytes) else index
    return b"BIDBOX\x00\x01" + struct.pack(">I", len(data)) + data + rest


@pytest.mark.parametrize(
    "inside",
    [
        b"",
        b"NOTBOX\x00\x01" + bytes(4),
        container({"manifest": 1}),
        container({"manifest": 1, "attachments": {}}),
        container({"manifest": 1, "attachments": [{"name": "a", "media_type": "b", "size": 5}]}, b"1234"),
        container({"manifest": 1, "attachments": [{"name": "a", "media_type": "b", "size": 3}]}, b"1234"),
        container({"manifest": 1, "attachments": [{"name": "a", "media_type": "b", "size": 1 << 50}]}),
        container({"manifest": 1, "attachments": [{"name": "a", "media_type": "b", "size": -1}]}),
        container({"manifest": 1, "attachments": [{"name": "../a", "media_type": "b", "size": 0}]}),
        container({"manifest": 1, "attachments": [{"name": "a", "media_type": "b", "size": 0}] * 2}),
        container(b'{"manifest":1,"manifest":2,"attachments":[]}'),
        container(b"[" * 100_000),
        b"BIDBOX\x00\x01" + struct.pack(">I", 1 << 31),
        b"BIDBOX\x00\x01" + struct.pack(">I", 3000),
    ],
)
def test_a_dishonest_container_is_refused_though_its_cryptography_is_right(inside: bytes) -> None:
    content = struct.pack(">Q", len(inside)) + inside
    length = envelopes.padded_length("technical", len(content))
    with pytest.raises((MalformedInput, LimitExceeded)):
        opened(b"".join(hand_made(content, length)), context())


def test_padding_that_is_too_long_or_not_empty_is_refused() -> None:
    inside = container({"manifest": 1, "attachments": []})
    content = struct.pack(">Q", len(inside)) + inside
    assert opened(b"".join(hand_made(content, 4096)), context())[0].contents.manifest == 1
    with pytest.raises(MalformedInput, match="填充规则"):
        opened(b"".join(hand_made(content, 8192)), context())
    with pytest.raises(MalformedInput, match="填充部分"):
        opened(b"".join(hand_made(content.ljust(4095, b"\x00") + b"!", 4096)), context())
    with pytest.raises(MalformedInput, match="填充规则"):
        opened(b"".join(hand_made(struct.pack(">Q", 1 << 60) + inside, 4096)), context())
