"""The small formats everything stands on: canonical JSON, padding, containers, receipts, the Merkle tree."""

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from challenges.sealing.canonical import canonical, decode_bytes, encode_bytes, parse_canonical, parse_json
from challenges.sealing.containers import Attachment, check_name, container_parts, read_container
from challenges.sealing.errors import CannotDecrypt, InvalidSignature, LimitExceeded, MalformedInput, UnknownSuite
from challenges.sealing.manifests import (
    freeze_leaf,
    inclusion_is_proved,
    inclusion_proof,
    leaf_hash,
    manifest_leaves,
    root_of,
)
from challenges.sealing.padding import padded_length, padme
from challenges.sealing.receipts import (
    append_entry,
    parse_time,
    receipt_body,
    sign_receipt,
    time_text,
    verify_entry,
    verify_receipt,
    verify_withdrawal,
)
from challenges.sealing.statements import FREEZE, Signer, verify_statement
from challenges.sealing.suites import DEFAULT_SUITE, SUITES, suite_named

pytestmark = pytest.mark.unit

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.text(st.characters(codec="ascii"), max_size=10)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), TEXT)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(NAMES, inner, max_size=5)),
    max_leaves=20,
)

# -- Canonical JSON ---------------------------------------------------------------------------------------------------


@given(VALUES)
def test_canonical_form_is_json_and_has_one_form(value: Any) -> None:
    data = canonical(value)
    assert json.loads(data) == value
    assert parse_canonical(data) == value
    assert canonical(json.loads(json.dumps(value, indent=3))) == data


def test_canonical_form_to_the_byte() -> None:
    value = {"b": [1, True, None, '甲\n"\\\u0001\u007f\u2028/'], "a": {}, "A": -5}
    expected = '{"A":-5,"a":{},"b":[1,true,null,"甲\\n\\"\\\\\\u0001\u007f\u2028/"]}'
    assert canonical(value) == expected.encode()


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), 2**53, -(2**53), {"é": 1}, {1: 2}, "\ud800", b"x", {1}, [[[]]] and {"a": object()}]
)
def test_values_two_languages_might_write_differently_are_refused(value: Any) -> None:
    with pytest.raises(MalformedInput):
        canonical(value)


def test_deep_nesting_is_refused() -> None:
    value: list[Any] = []
    for _ in range(40):
        value = [value]
    with pytest.raises(MalformedInput, match="嵌套"):
        canonical(value)


@pytest.mark.parametrize("data", [b'{"a":1,"a":1}', b"NaN", b"\xff", b"", b"[" * 10**6])
def test_bad_json_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedInput):
        parse_json(data)


@pytest.mark.parametrize("data", [b'{ "a":1}', b'{"b":1,"a":1}', b'"\\u0041"', b"1.0", b"1\n"])
def test_json_in_another_form_is_refused_where_the_canonical_is_asked(data: bytes) -> None:
    with pytest.raises(MalformedInput):
        parse_canonical(data)


@given(st.binary(max_size=50))
def test_bytes_have_one_base64_form(data: bytes) -> None:
    assert decode_bytes(encode_bytes(data)) == data


@pytest.mark.parametrize("text", ["AAA", "AA==\n", "AB==", "A-_=", "===", None, 5, "é"])
def test_other_base64_forms_are_refused(text: Any) -> None:
    with pytest.raises(MalformedInput):
        decode_bytes(text)


# -- Padding ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**40))
def test_padding_never_cuts_adds_at_most_twelve_per_cent_and_is_stable(length: int) -> None:
    padded = padme(length)
    assert length <= padded <= length * 1.12 + 1
    assert padme(padded) == padded


@given(st.integers(0, 2**34), st.integers(0, 2**34))
def test_padding_keeps_the_order_of_lengths(first: int, second: int) -> None:
    low, high = sorted((first, second))
    assert padme(low) <= padme(high)


def test_padding_leaves_few_lengths_to_tell() -> None:
    # Between 1 MiB and 2 MiB there are a million lengths and 32 padded ones.
    assert len({padme(length) for length in range(1 << 20, 1 << 21, 101)}) <= 33


def test_known_padded_lengths() -> None:
    assert [padme(length) for length in (0, 1, 9, 100, 1000, 10_000_000)] == [0, 1, 10, 104, 1024, 10_223_616]
    assert [padded_length("price", length) for length in (0, 4096)] == [4096, 4096]
    assert [padded_length("technical", length) for length in (0, 4096, 4097)] == [4096, 4096, 4352]


# -- Containers -------------------------------------------------------------------------------------------------------

FILES = st.dictionaries(
    st.from_regex(r"[a-z0-9甲乙丙]{1,20}\.(pdf|docx)", fullmatch=True), st.binary(max_size=200), max_size=6
)


def written(manifest: Any, files: dict[str, bytes]) -> bytes:
    length, parts = container_parts(
        manifest, [Attachment(name, "application/pdf", len(data), io.BytesIO(data)) for name, data in files.items()]
    )
    data = b"".join(parts)
    assert len(data) == length
    return data


def read(data: bytes, length: int | None = None) -> tuple[Any, dict[str, bytes]]:
    source, sinks = io.BytesIO(data), dict[str, io.BytesIO]()

    def exactly(size: int) -> bytes:
        piece = source.read(size)
        if len(piece) != size:
            raise MalformedInput("short")
        return piece

    contents = read_container(
        exactly, len(data) if length is None else length, lambda name, *_: sinks.setdefault(name, io.BytesIO())
    )
    return contents.manifest, {name: sink.getvalue() for name, sink in sinks.items()}


@given(VALUES, FILES)
def test_containers_come_back(manifest: Any, files: dict[str, bytes]) -> None:
    assert read(written(manifest, files)) == (manifest, files)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_no_container_and_no_crash(data: bytes) -> None:
    with pytest.raises((MalformedInput, LimitExceeded)):
        read(data)


@given(FILES, st.data())
def test_a_container_of_another_length_is_refused(files: dict[str, bytes], data: st.DataObject) -> None:
    whole = written({}, files)
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(MalformedInput):
        read(whole[:length])
    with pytest.raises(MalformedInput):
        read(whole + b"\x00")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "a\x00b",
        "a\nb",
        "x\u202egpj.exe",
        "e\u0301",
        "x" * 256,
        "甲" * 86,
        None,
        5,
        "\ud800",
    ],
)
def test_names_that_deceive_or_lead_elsewhere_are_refused(name: Any) -> None:
    with pytest.raises(MalformedInput):
        check_name(name)


@pytest.mark.parametrize("name", ["方案 (终稿).pdf", "a", "…", "甲" * 85, "é.docx"])
def test_plain_names_are_allowed(name: str) -> None:
    assert check_name(name) == name


# -- Suites -----------------------------------------------------------------------------------------------------------


def labeled(suite_id: bytes, label: bytes, data: bytes) -> bytes:
    return b"HPKE-v1" + suite_id + label + data


def extract(salt: bytes, data: bytes) -> bytes:
    return HKDF.extract(hashes.SHA256(), salt or bytes(32), data)


def expand(key: bytes, suite_id: bytes, label: bytes, info: bytes, length: int) -> bytes:
    data = length.to_bytes(2, "big") + labeled(suite_id, label, info)
    return HKDFExpand(hashes.SHA256(), length, data).derive(key)


def hpke_key_and_nonce(private: bytes, enc: bytes, info: bytes, aead: int, key_length: int) -> tuple[bytes, bytes]:
    """RFC 9180 §4.1 and §5.1 (base mode), written out independently of the library."""
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01" + aead.to_bytes(2, "big")
    key = X25519PrivateKey.from_private_bytes(private)
    shared = key.exchange(X25519PublicKey.from_public_bytes(enc))
    context = enc + key.public_key().public_bytes_raw()
    secret = expand(extract(b"", labeled(kem, b"eae_prk", shared)), kem, b"shared_secret", context, 32)
    schedule = (
        b"\x00" + extract(b"", labeled(suite, b"psk_id_hash", b"")) + extract(b"", labeled(suite, b"info_hash", info))
    )
    root = extract(secret, labeled(suite, b"secret", b""))
    return expand(root, suite, b"key", schedule, key_length), expand(root, suite, b"base_nonce", schedule, 12)


def test_key_schedule_of_rfc_9180_appendix_a_1_1() -> None:
    key, nonce = hpke_key_and_nonce(
        bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"),
        bytes.fromhex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"),
        bytes.fromhex("4f6465206f6e2061204772656369616e2055726e"),
        aead=1,
        key_length=16,
    )
    assert (key.hex(), nonce.hex()) == ("4531685d41d65f03dc48f6b8302c05b0", "56d890e5accaaf011cff4b7d")


def test_our_wrapping_is_rfc_9180_base_mode_with_aes_256_gcm() -> None:
    private = X25519PrivateKey.generate()
    wrapped = DEFAULT_SUITE.wrap_key(b"secret", private.public_key().public_bytes_raw(), b"info")
    key, nonce = hpke_key_and_nonce(private.private_bytes_raw(), wrapped[:32], b"info", aead=2, key_length=32)
    assert AESGCM(key).decrypt(nonce, wrapped[32:], b"") == b"secret"
    assert DEFAULT_SUITE.unwrap_key(wrapped, private.private_bytes_raw(), b"info") == b"secret"


def test_sm3_and_sm4_gcm_give_the_published_values() -> None:
    suite = SUITES["X25519-SM3-SM4GCM-1"]
    # GB/T 32905-2016 example 1; RFC 8998 appendix A.1.
    assert suite.digest(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    key, nonce = bytes.fromhex("0123456789abcdeffedcba9876543210"), bytes.fromhex("00001234567800000000abcd")
    associated = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    plaintext = b"".join(bytes([byte]) * 8 for byte in (0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0xEE, 0xAA))
    expected = (
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        "83de3541e4c2b58177e065a9bf7b62ec"
    )
    sealed = suite.encrypt(key, nonce, plaintext, associated)
    assert sealed.hex() == expected
    assert suite.decrypt(key, nonce, sealed, associated) == plaintext
    for wrong in (b"", b"x" * 15, sealed[:-1], bytes([sealed[0] ^ 1]) + sealed[1:]):
        with pytest.raises(CannotDecrypt):
            suite.decrypt(key, nonce, wrong, associated)


@pytest.mark.parametrize("name", ["", "x25519-sha256-aes256gcm-1", "X25519-SHA256-AES256GCM-1 ", None, 1, ["x"]])
def test_unknown_suites_fail_closed(name: Any) -> None:
    with pytest.raises(UnknownSuite):
        suite_named(name)


def test_only_the_chinese_suite_is_marked_as_a_software_reference() -> None:
    assert {name: suite.software_reference for name, suite in SUITES.items()} == {
        "X25519-SHA256-AES256GCM-1": False,
        "X25519-SM3-SM4GCM-1": True,
    }


# -- Merkle tree ------------------------------------------------------------------------------------------------------

#: Inputs and roots of the certificate-transparency tree tests; the tree of RFC 9162 is the same.
LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_published_roots() -> None:
    hashed = [leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]
    assert [root_of(hashed[:size]).hex() for size in range(1, 9)] == ROOTS
    assert root_of([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(st.integers(1, 70), st.data())
def test_inclusion_is_proved_for_the_leaf_at_its_place_only(size: int, data: st.DataObject) -> None:
    hashed = [leaf_hash(bytes([number])) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(hashed, index), root_of(hashed)
    assert inclusion_is_proved(hashed[index], index, size, proof, root)
    for other in {index - 1, index + 1, size, -1}:
        assert not inclusion_is_proved(hashed[index], other, size, proof, root)
    assert not inclusion_is_proved(leaf_hash(b"other"), index, size, proof, root)
    assert not inclusion_is_proved(hashed[index], index, size, [*proof, bytes(32)], root)
    for number in range(len(proof)):
        assert not inclusion_is_proved(hashed[index], index, size, proof[:number] + proof[number + 1 :], root)
        altered = [*proof[:number], bytes(32), *proof[number + 1 :]]
        assert not inclusion_is_proved(hashed[index], index, size, altered, root)


def test_a_proof_beyond_the_tree_is_an_error() -> None:
    for index in (-1, 1):
        with pytest.raises(IndexError):
            inclusion_proof([bytes(32)], index)


def test_the_root_of_one_bid_cannot_be_recognised_by_its_bidder() -> None:
    receipt = {"bid": "only"}
    roots = {
        root_of(manifest_leaves(freeze_leaf("JB", datetime(2026, 1, 1, tzinfo=UTC), salt), [receipt]))
        for salt in ("a", "b")
    }
    assert len(roots) == 2
    assert root_of([leaf_hash(canonical(receipt))]) not in roots


# -- Chain and receipts -----------------------------------------------------------------------------------------------

MOMENT = datetime(2026, 11, 24, 10, 0, 0, 5, tzinfo=timezone(timedelta(hours=8)))


def test_times_are_utc_with_microseconds_and_sort_as_text() -> None:
    assert time_text(MOMENT) == "2026-11-24T02:00:00.000005Z"
    assert parse_time("2026-11-24T02:00:00.000005Z") == MOMENT
    with pytest.raises(MalformedInput, match="时区"):
        time_text(datetime(2026, 1, 1))  # noqa: DTZ001 - a moment without a zone is what is refused
    for text in ("2026-11-24T02:00:00Z", "2026-11-24T2:00:00.000005Z", "2026-13-01T00:00:00.000000Z", None, 5):
        with pytest.raises(MalformedInput):
            parse_time(text)


def test_a_chain_cannot_be_continued_from_another_head_or_into_the_past() -> None:
    first = append_entry(None, "published", {"a": 1}, MOMENT)
    second = append_entry(first, "other", {"a": 1}, MOMENT)
    assert verify_entry(first, None)
    assert verify_entry(second, first)
    assert not verify_entry(second, None)
    assert not verify_entry(first, second)
    assert not verify_entry(append_entry(first, "other", {}, MOMENT - timedelta(seconds=1)), first)


def test_equal_events_have_heads_that_nobody_can_compute_in_advance() -> None:
    heads = {append_entry(None, "published", {"a": 1}, MOMENT).head for _ in range(20)}
    assert len(heads) == 20


def receipt() -> dict[str, Any]:
    return receipt_body(
        suite=DEFAULT_SUITE.name,
        challenge="JB-2026-001",
        bid="bid-1",
        version=1,
        organisation="91370000100000001A",
        envelopes=[
            {"kind": "technical", "size": 9, "sha256": "a" * 64},
            {"kind": "price", "size": 8, "sha256": "b" * 64},
        ],
        received_at=MOMENT,
        previous_head="0" * 64,
    )


def test_a_receipt_verifies_and_is_the_same_when_made_again() -> None:
    signer = Signer.generate()
    signed = sign_receipt(receipt(), signer)
    assert verify_receipt(signed, signer.public_key) == receipt()
    assert sign_receipt(receipt(), signer) == signed
    assert [entry["kind"] for entry in signed["body"]["envelopes"]] == ["price", "technical"]
    assert signer.private_key.hex() not in repr(signer)


def test_a_receipt_tells_no_running_number() -> None:
    assert set(receipt()) == {
        "suite",
        "challenge",
        "bid",
        "version",
        "organisation",
        "envelopes",
        "received_at",
        "previous_head",
    }


@pytest.mark.parametrize("name", sorted(receipt()))
def test_a_receipt_with_any_field_changed_is_refused(name: str) -> None:
    signer = Signer.generate()
    signed = sign_receipt(receipt(), signer)
    for body in ({**signed["body"], name: "x"}, {key: value for key, value in signed["body"].items() if key != name}):
        with pytest.raises(InvalidSignature):
            verify_receipt({**signed, "body": body}, signer.public_key)


def test_statements_of_one_type_do_not_pass_for_another() -> None:
    signer = Signer.generate()
    signed = sign_receipt(receipt(), signer)
    with pytest.raises(InvalidSignature):
        verify_withdrawal(signed, signer.public_key)
    with pytest.raises(InvalidSignature):
        verify_statement({**signed, "type": FREEZE}, FREEZE, signer.public_key)
    with pytest.raises(InvalidSignature):
        verify_receipt(signed, Signer.generate().public_key)
    for broken in (None, {}, {**signed, "body": []}, {**signed, "signature": "AA"}, {**signed, "more": 1}):
        with pytest.raises(MalformedInput):
            verify_receipt(broken, signer.public_key)
    with pytest.raises(InvalidSignature):
        verify_receipt({**signed, "signature": encode_bytes(bytes(64))}, signer.public_key)
