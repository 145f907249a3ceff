"""Officers' keys: possession, layers, and who cannot open (security.md S6)."""

import itertools
from dataclasses import replace

import pytest

from challenges.sealing.errors import CannotDecrypt, ContextMismatch, InvalidSubset, MalformedInput, UnknownSuite
from challenges.sealing.keys import (
    KeyContext,
    KeyPair,
    Officer,
    WrappedKey,
    answer_possession,
    check_peeled,
    fingerprint,
    generate_key_pair,
    make_possession_challenge,
    peel,
    possession_is_proved,
    spoken_fingerprint,
    subset_is_valid,
    valid_subsets,
    wrap_for_subsets,
    wrapped_length,
)
from challenges.sealing.officer_files import lock_key, unlock_key
from tests.challenges.sealing.builders import SUITE, named_officers

pytestmark = pytest.mark.unit

OFFICERS, PAIRS = named_officers()
ENVELOPE = generate_key_pair()
CONTEXT = KeyContext(SUITE, "JB-2026-001", "technical", fingerprint(ENVELOPE.public_key))


def wrapped(threshold: int = 2, officers: list[Officer] | None = None) -> list[WrappedKey]:
    return wrap_for_subsets(ENVELOPE.private_key, officers or OFFICERS, threshold, CONTEXT)


def peeled_by(one: WrappedKey, pairs: dict[str, KeyPair], context: KeyContext = CONTEXT) -> bytes:
    blob = one.blob
    for position, officer in enumerate(one.officers):
        blob = peel(SUITE, blob, pairs[officer].private_key, context.layer_info(one.officers, position))
        check_peeled(one, position, blob, context)
    return blob


def test_every_pair_of_two_out_of_three_opens() -> None:
    assert [one.officers for one in wrapped()] == [
        ("officer-a", "officer-b"),
        ("officer-a", "officer-c"),
        ("officer-b", "officer-c"),
    ]
    assert {peeled_by(one, PAIRS) for one in wrapped()} == {ENVELOPE.private_key}
    assert {len(one.blob) for one in wrapped()} == {wrapped_length(2)}


@pytest.mark.parametrize(("people", "threshold", "blobs"), [(2, 2, 1), (3, 3, 1), (4, 2, 6), (5, 2, 10), (5, 3, 10)])
def test_every_size_up_to_three_of_five_opens(people: int, threshold: int, blobs: int) -> None:
    pairs = {f"o{number}": generate_key_pair() for number in range(people)}
    officers = [Officer(name, name, pair.public_key) for name, pair in pairs.items()]
    keys = wrapped(threshold, officers)
    assert len(keys) == blobs
    assert {peeled_by(one, pairs) for one in keys} == {ENVELOPE.private_key}


def test_a_group_of_one_organisation_gets_no_copy_at_all() -> None:
    officers = [replace(OFFICERS[0], organisation="X"), replace(OFFICERS[1], organisation="X"), OFFICERS[2]]
    assert [one.officers for one in wrapped(2, officers)] == [("officer-a", "officer-c"), ("officer-b", "officer-c")]
    with pytest.raises(InvalidSubset, match="至少两个机构"):
        wrapped(2, [replace(officer, organisation="X") for officer in OFFICERS])


@pytest.mark.parametrize(
    ("subset", "valid"),
    [
        (["a", "c"], True),
        (["c", "a"], True),
        (["a", "b"], False),  # one organisation
        (["a"], False),
        (["a", "a"], False),
        (["a", "b", "c"], False),
        (["a", "z"], False),
        ([], False),
    ],
)
def test_which_subsets_may_open(subset: list[str], valid: bool) -> None:
    assert subset_is_valid(subset, {"a": "X", "b": "X", "c": "Y"}, 2) is valid


@pytest.mark.parametrize("threshold", [0, 1, 4])
def test_thresholds_outside_the_scheme_are_refused(threshold: int) -> None:
    with pytest.raises(InvalidSubset):
        valid_subsets(OFFICERS, threshold)


def test_doubled_officers_and_shared_keys_are_refused() -> None:
    with pytest.raises(InvalidSubset, match="重复"):
        valid_subsets([OFFICERS[0], OFFICERS[0]], 2)
    with pytest.raises(InvalidSubset, match="同一把公钥"):
        valid_subsets([OFFICERS[0], replace(OFFICERS[1], public_key=OFFICERS[0].public_key)], 2)
    with pytest.raises(InvalidSubset, match="5 人"):
        valid_subsets([Officer(str(n), str(n), bytes([n]) * 32) for n in range(6)], 2)


def test_a_single_officer_gets_a_layer_and_not_the_key() -> None:
    one = wrapped()[0]
    first = peel(SUITE, one.blob, PAIRS["officer-a"].private_key, CONTEXT.layer_info(one.officers, 0))
    assert len(first) == wrapped_length(1)
    for position in (0, 1):
        with pytest.raises(CannotDecrypt):
            peel(SUITE, first, PAIRS["officer-a"].private_key, CONTEXT.layer_info(one.officers, position))


def test_the_second_officer_cannot_begin_and_an_outsider_cannot_peel() -> None:
    one = wrapped()[0]
    for name in ("officer-b", "officer-c"):
        for position in (0, 1):
            with pytest.raises(CannotDecrypt):
                peel(SUITE, one.blob, PAIRS[name].private_key, CONTEXT.layer_info(one.officers, position))


@pytest.mark.parametrize(
    "context",
    [
        replace(CONTEXT, challenge="JB-2026-002"),
        replace(CONTEXT, kind="price"),
        replace(CONTEXT, fingerprint="0" * 64),
        replace(CONTEXT, suite="X25519-SM3-SM4GCM-1"),
    ],
)
def test_a_peel_for_another_envelope_key_is_refused(context: KeyContext) -> None:
    one = wrapped()[0]
    with pytest.raises(CannotDecrypt):
        peel(SUITE, one.blob, PAIRS["officer-a"].private_key, context.layer_info(one.officers, 0))


def test_a_layer_of_one_group_does_not_serve_in_another() -> None:
    ab, ac, bc = wrapped()
    inner = peel(SUITE, ab.blob, PAIRS["officer-a"].private_key, CONTEXT.layer_info(ab.officers, 0))
    for other, position in itertools.product((ac, bc), (0, 1)):
        with pytest.raises(CannotDecrypt):
            peel(SUITE, inner, PAIRS["officer-b"].private_key, CONTEXT.layer_info(other.officers, position))
    with pytest.raises(CannotDecrypt):
        peel(SUITE, inner, PAIRS["officer-b"].private_key, CONTEXT.layer_info(tuple(reversed(ab.officers)), 1))
    assert (
        peel(SUITE, inner, PAIRS["officer-b"].private_key, CONTEXT.layer_info(ab.officers, 1)) == ENVELOPE.private_key
    )


def test_a_layer_is_bound_to_its_place_in_the_order() -> None:
    one, private_key = wrapped()[0], PAIRS["officer-a"].private_key
    assert len(peel(SUITE, one.blob, private_key, CONTEXT.layer_info(one.officers, 0))) == wrapped_length(1)
    with pytest.raises(CannotDecrypt):
        peel(SUITE, one.blob, private_key, CONTEXT.layer_info(one.officers, 1))
    for position in (-1, 2):
        with pytest.raises(InvalidSubset):
            CONTEXT.layer_info(one.officers, position)


def test_a_wrong_hand_over_is_known_without_any_secret() -> None:
    ab, ac, _ = wrapped()
    right = peel(SUITE, ab.blob, PAIRS["officer-a"].private_key, CONTEXT.layer_info(ab.officers, 0))
    other = peel(SUITE, ac.blob, PAIRS["officer-a"].private_key, CONTEXT.layer_info(ac.officers, 0))
    assert check_peeled(ab, 0, right, CONTEXT) == right
    for wrong in (other, right[:-1], right + b"\x00", b"", ENVELOPE.private_key):
        with pytest.raises(ContextMismatch):
            check_peeled(ab, 0, wrong, CONTEXT)
    for wrong in (generate_key_pair().private_key, b"", right):
        with pytest.raises(ContextMismatch):
            check_peeled(ab, 1, wrong, CONTEXT)
    for position in (-1, 2):
        with pytest.raises(InvalidSubset):
            check_peeled(ab, position, right, CONTEXT)


def test_every_byte_of_a_blob_is_protected() -> None:
    one = wrapped()[0]
    for position in range(len(one.blob)):
        changed = bytearray(one.blob)
        changed[position] ^= 1 << (position % 8)
        with pytest.raises(CannotDecrypt):
            peel(SUITE, bytes(changed), PAIRS["officer-a"].private_key, CONTEXT.layer_info(one.officers, 0))


def test_a_key_that_is_not_the_published_one_is_not_wrapped() -> None:
    with pytest.raises(ContextMismatch):
        wrap_for_subsets(generate_key_pair().private_key, OFFICERS, 2, CONTEXT)
    with pytest.raises(UnknownSuite):
        wrap_for_subsets(ENVELOPE.private_key, OFFICERS, 2, replace(CONTEXT, suite="X"))


def test_possession_is_proved_by_the_holder_only() -> None:
    pair, other = generate_key_pair(), generate_key_pair()
    challenge = make_possession_challenge(SUITE, "officer-a", pair.public_key)
    answer = answer_possession(SUITE, "officer-a", challenge.blob, pair.private_key)
    assert possession_is_proved(answer, challenge.answer_digest)
    assert not possession_is_proved(bytes(32), challenge.answer_digest)
    again = make_possession_challenge(SUITE, "officer-a", pair.public_key)
    assert not possession_is_proved(answer, again.answer_digest)
    with pytest.raises(CannotDecrypt):
        answer_possession(SUITE, "officer-a", challenge.blob, other.private_key)
    with pytest.raises(CannotDecrypt):
        answer_possession(SUITE, "officer-b", challenge.blob, pair.private_key)


def test_a_wrapped_key_cannot_be_passed_off_as_a_possession_challenge() -> None:
    one = wrapped()[0]
    with pytest.raises(CannotDecrypt):
        answer_possession(SUITE, "officer-a", one.blob, PAIRS["officer-a"].private_key)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(32), b"\x01" + bytes(31)])
def test_a_useless_officer_key_is_refused(key: bytes) -> None:
    with pytest.raises(MalformedInput):
        make_possession_challenge(SUITE, "officer-a", key)


def test_private_keys_do_not_appear_when_a_pair_is_printed() -> None:
    pair = generate_key_pair()
    assert pair.private_key.hex() not in repr(pair)
    assert repr(pair.private_key) not in repr(pair)
    assert spoken_fingerprint(pair.public_key).replace(" ", "") == fingerprint(pair.public_key)


def test_a_key_file_opens_with_its_passphrase_only() -> None:
    pair = generate_key_pair()
    file = lock_key(pair, "一句足够长的口令，不会忘记")
    assert unlock_key(file, "一句足够长的口令，不会忘记") == pair
    assert pair.private_key.hex() not in str(file)
    with pytest.raises(CannotDecrypt, match="口令"):
        unlock_key(file, "另一句足够长的口令，不会忘记")
    with pytest.raises(CannotDecrypt):
        unlock_key({**file, "fingerprint": "0" * 64}, "一句足够长的口令，不会忘记")
    for changes in ({"rounds": 1000}, {"rounds": 10**9}, {"kdf": "none"}, {"format": "x"}, {"extra": 1}):
        with pytest.raises(MalformedInput):
            unlock_key({**file, **changes}, "一句足够长的口令，不会忘记")
    with pytest.raises(MalformedInput, match="过短"):
        lock_key(pair, "短")
