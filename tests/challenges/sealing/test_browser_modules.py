"""The browser's modules against Python's: each opens what the other made, and both refuse the same.

Node runs the very sources that are bundled for the browser (challenges/frontend/src). Needs `make install`, which
fetches their packages; without them the tests are skipped with a reason, under CI they fail.
"""

import copy
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from challenges.sealing.canonical import canonical, decode_bytes, encode_bytes
from challenges.sealing.envelopes import EnvelopeContext, inspect_envelope, open_envelope
from challenges.sealing.errors import MalformedInput, SealingError
from challenges.sealing.keys import (
    KeyContext,
    KeyPair,
    Officer,
    WrappedKey,
    check_peeled,
    fingerprint,
    generate_key_pair,
    make_possession_challenge,
    peel,
    possession_is_proved,
    valid_subsets,
)
from challenges.sealing.manifests import inclusion_proof, leaf_hash, root_of
from challenges.sealing.officer_files import lock_key, unlock_key
from challenges.sealing.padding import padme
from challenges.sealing.verification import verify_record
from tests.challenges.sealing.builders import SUITE, RecordBuilder, context
from tests.challenges.sealing.test_record import mutate

pytestmark = pytest.mark.unit
FRONTEND = Path(__file__).resolve().parents[3] / "challenges" / "frontend"
PASSPHRASE = "一句足够长的口令，不会忘记"


class Refused(Exception):
    """The module threw a SealingError; `args[0]` is its code."""


@pytest.fixture(scope="module")
def node() -> Any:
    """`node(action, **request)` gives the result."""
    executable = shutil.which("node")
    if executable is None or not (FRONTEND / "node_modules" / "@hpke" / "core").is_dir():
        if os.environ.get("CI"):
            pytest.fail("缺少 Node 或前端软件包：先运行 make install")
        pytest.skip("缺少 Node 或前端软件包：运行 make install 后再试")

    def ask(action: str, **request: Any) -> Any:
        done = subprocess.run(
            [executable, str(FRONTEND / "tests" / "bridge.mjs")],
            input=json.dumps({"action": action, **request}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        if "error" in answer:
            raise Refused(answer["error"]["code"])
        return answer["result"]

    return ask


def private(pair: KeyPair) -> dict[str, str]:
    return {"private_key": encode_bytes(pair.private_key)}


def test_canonical_json_is_the_same_to_the_byte(node: Any) -> None:
    generator = random.Random(5)
    alphabet = 'aZ0 "\\/\n\t\b\f\r\x00\x1f\x7f\u2028\u2029甲é😀'

    def value(depth: int) -> Any:
        kind = generator.randrange(7 if depth else 5)
        if kind == 5:
            return [value(depth - 1) for _ in range(generator.randrange(4))]
        if kind == 6:
            names = ["".join(generator.choices('abAB09_ ~"\\', k=3)) for _ in range(4)]
            return {name: value(depth - 1) for name in names}
        if kind == 0:
            return generator.choice([True, False, None])
        if kind == 1:
            return generator.randrange(-(2**53) + 1, 2**53)
        return "".join(generator.choices(alphabet, k=generator.randrange(8)))

    values = [value(3) for _ in range(400)]
    assert node("canonical", values=values) == [encode_bytes(canonical(one)) for one in values]


def test_both_refuse_the_same_values(node: Any) -> None:
    values: list[Any] = [1.5, 2**53, {"é": 1}, "\ud800", [[{"a": 1e300}]]]
    for one in values:
        with pytest.raises(MalformedInput):
            canonical(one)
    assert node("canonical", values=values) == ["malformed"] * len(values)


def test_padding_is_the_same(node: Any) -> None:
    generator = random.Random(6)
    lengths = [*range(300), *(generator.randrange(2**exponent) for exponent in range(1, 45) for _ in range(20))]
    assert node("padme", lengths=lengths) == [padme(length) for length in lengths]


def seal_request(call: dict[str, Any], of: EnvelopeContext, output: Path, **more: Any) -> dict[str, Any]:
    request = {
        "call": call,
        "organisation": of.organisation,
        "bid": of.bid,
        "version": of.version,
        "kind": of.kind,
        "manifest": None,
        "files": [],
        "output": str(output),
    }
    return {**request, **more}


@pytest.mark.parametrize("length", [0, 1, (1 << 20) - 150, 1 << 20, 3_000_000])
def test_python_opens_what_the_browser_sealed(node: Any, tmp_path: Path, length: int) -> None:
    builder = RecordBuilder()
    pair = builder.envelope_pairs["technical"]
    content = random.Random(length).randbytes(length)
    (tmp_path / "a.pdf").write_bytes(content)
    files = [
        {"name": "技术方案 (终稿).pdf", "path": str(tmp_path / "a.pdf"), "type": "application/pdf"},
        {"name": "b", "path": str(tmp_path / "a.pdf"), "type": ""},
    ]
    manifest = {"answers": {"指标一": "99.5 %", "期限": 24, "比例": 0.5}, "empty": None}
    output = tmp_path / "technical.sealed"
    sealed = node("seal", **seal_request(builder.call(), context(), output, manifest=manifest, files=files))
    data = output.read_bytes()
    assert inspect_envelope(io.BytesIO(data), len(data), context(), fingerprint(pair.public_key)).envelope_size == len(
        data
    )
    sinks: dict[str, io.BytesIO] = {}
    opened = open_envelope(
        io.BytesIO(data), pair.private_key, context(), lambda name, *_: sinks.setdefault(name, io.BytesIO())
    )
    assert opened.contents.manifest == manifest
    assert {name: sink.getvalue() for name, sink in sinks.items()} == {"技术方案 (终稿).pdf": content, "b": content}
    assert [one.media_type for one in opened.contents.attachments] == ["application/pdf", "application/octet-stream"]
    entry = opened.envelope.receipt_entry()
    assert {name: sealed[name] for name in ("kind", "size", "sha256")} == entry
    assert sealed["again"] == {"size": entry["size"], "sha256": entry["sha256"]}
    assert sealed["lastStep"][0] == sealed["lastStep"][1]


def test_python_opens_a_price_sealed_in_the_browser(node: Any, tmp_path: Path) -> None:
    builder = RecordBuilder()
    pair, output = builder.envelope_pairs["price"], tmp_path / "price.sealed"
    sizes = set()
    for price in (1, 98765432101234):
        manifest = {"price": price, "currency": "CNY"}
        node("seal", **seal_request(builder.call(), context("price"), output, manifest=manifest))
        opened = open_envelope(io.BytesIO(output.read_bytes()), pair.private_key, context("price"))
        assert opened.contents.manifest == manifest
        sizes.add(output.stat().st_size)
    assert len(sizes) == 1


@pytest.mark.parametrize(
    ("changes", "more", "code"),
    [
        ({"suite": "X25519-SM3-SM4GCM-1"}, {}, "unknown_suite"),
        ({"suite": "NULL-1"}, {}, "unknown_suite"),
        ({"envelopes": []}, {}, "malformed"),
        ({}, {"kind": "legal"}, "malformed"),
        ({}, {"version": 0}, "malformed"),
        ({}, {"bid": ""}, "malformed"),
        ({}, {"kind": "price", "manifest": {"note": "x" * 5000}}, "limit_exceeded"),
        ({}, {"manifest": "x" * (3 << 20)}, "limit_exceeded"),
        ({}, {"files": ["a/b"]}, "malformed"),
        ({}, {"files": ["x\u202egpj.exe"]}, "malformed"),
        ({}, {"files": ["a", "a"]}, "malformed"),
        ({}, {"files": [str(number) for number in range(65)]}, "limit_exceeded"),
    ],
)
def test_the_browser_refuses_what_may_not_be_sealed(
    node: Any, tmp_path: Path, changes: dict[str, Any], more: dict[str, Any], code: str
) -> None:
    (tmp_path / "x").write_bytes(b"x")
    files = [{"name": name, "path": str(tmp_path / "x"), "type": ""} for name in more.pop("files", [])]
    request = seal_request({**RecordBuilder().call(), **changes}, context(), tmp_path / "out", files=files, **more)
    with pytest.raises(Refused, match=code):
        node("seal", **request)
    assert not (tmp_path / "out").exists()


def test_the_browser_refuses_a_public_key_that_is_not_the_published_one(node: Any, tmp_path: Path) -> None:
    call = RecordBuilder().call()
    for entry in call["envelopes"]:
        entry["public_key"] = encode_bytes(generate_key_pair().public_key)
    with pytest.raises(Refused, match="context_mismatch"):
        node("seal", **seal_request(call, context(), tmp_path / "out"))


def test_key_files_open_on_either_side(node: Any) -> None:
    made = node("createOfficerKey", passphrase=PASSPHRASE)
    pair = unlock_key(made["file"], PASSPHRASE)
    assert encode_bytes(pair.private_key) == made["private_key"]
    assert encode_bytes(pair.public_key) == made["public_key"]
    file = lock_key(generate_key_pair(), PASSPHRASE)
    assert node("unlockKey", file=file, passphrase=PASSPHRASE)["public_key"] == file["public_key"]
    with pytest.raises(Refused, match="cannot_decrypt"):
        node("unlockKey", file=file, passphrase="另一句足够长的口令，不会忘记")
    for changes, code in (
        ({"fingerprint": "0" * 64}, "cannot_decrypt"),
        ({"rounds": 1000}, "malformed"),
        ({"extra": 1}, "malformed"),
    ):
        with pytest.raises(Refused, match=code):
            node("unlockKey", file={**file, **changes}, passphrase=PASSPHRASE)


def test_an_officer_proves_possession_in_the_browser(node: Any) -> None:
    pair = generate_key_pair()
    question = make_possession_challenge(SUITE, "officer-a", pair.public_key)
    request = {"suite": SUITE, "officer": "officer-a", "blob": encode_bytes(question.blob), "pair": private(pair)}
    assert possession_is_proved(decode_bytes(node("answerPossession", **request)), question.answer_digest)
    for changes in ({"officer": "officer-b"}, {"pair": private(generate_key_pair())}):
        with pytest.raises(Refused, match="cannot_decrypt"):
            node("answerPossession", **{**request, **changes})


def officers_json(officers: list[Officer]) -> list[dict[str, str]]:
    return [
        {
            "id": officer.id,
            "organisation": officer.organisation,
            "public_key": encode_bytes(officer.public_key),
            "fingerprint": fingerprint(officer.public_key),
        }
        for officer in officers
    ]


@pytest.mark.parametrize("threshold", [2, 3])
def test_python_peels_what_the_browser_wrapped(node: Any, threshold: int) -> None:
    builder = RecordBuilder()
    made = node(
        "createEnvelopeKey",
        suite=SUITE,
        challenge="JB-2026-001",
        kind="price",
        officers=officers_json(builder.officers),
        threshold=threshold,
    )
    place = KeyContext(SUITE, "JB-2026-001", "price", made["fingerprint"])
    assert fingerprint(decode_bytes(made["public_key"])) == made["fingerprint"]
    assert [tuple(one["officers"]) for one in made["wrapped"]] == valid_subsets(builder.officers, threshold)
    for one in made["wrapped"]:
        wrapped = WrappedKey(tuple(one["officers"]), decode_bytes(one["blob"]), tuple(one["layer_digests"]))
        blob = wrapped.blob
        for position, officer in enumerate(wrapped.officers):
            info = place.layer_info(wrapped.officers, position)
            blob = peel(SUITE, blob, builder.officer_pairs[officer].private_key, info)
            check_peeled(wrapped, position, blob, place)


def test_the_browser_peels_what_python_wrapped(node: Any) -> None:
    builder = RecordBuilder()
    place = builder.key_context("technical")
    for wrapped in builder.wrapped["technical"]:
        blob = wrapped.blob
        for position, officer in enumerate(wrapped.officers):
            request = {
                "blob": encode_bytes(blob),
                "pair": private(builder.officer_pairs[officer]),
                "context": place.__dict__,
                "officers": list(wrapped.officers),
                "position": position,
                "wrapped": {"layer_digests": list(wrapped.layer_digests)},
            }
            answer = node("peel", **request)
            assert answer["right"] is True
            blob = decode_bytes(answer["peeled"])
            check_peeled(wrapped, position, blob, place)
        assert blob == builder.envelope_pairs["technical"].private_key
        for changes in (
            {"context": {**place.__dict__, "kind": "price"}},
            {"context": {**place.__dict__, "challenge": "JB-2026-002"}},
            {"officers": list(reversed(wrapped.officers))},
            {"position": 0},
        ):
            with pytest.raises(Refused, match="cannot_decrypt"):
                node("peel", **{**request, **changes})


def test_groups_are_the_same_on_either_side(node: Any) -> None:
    officers = [Officer(str(number), "X" if number < 3 else "Y", bytes([number + 1]) * 32) for number in range(5)]
    for threshold in (2, 3):
        subsets = node("validSubsets", officers=officers_json(officers), threshold=threshold)
        assert [tuple(subset) for subset in subsets] == valid_subsets(officers, threshold)
    for people, threshold in ((officers[:3], 2), (officers, 4), (officers[:1], 2), ([officers[0]] * 2, 2)):
        with pytest.raises(SealingError):
            valid_subsets(people, threshold)
        with pytest.raises(Refused, match="invalid_subset"):
            node("validSubsets", officers=officers_json(people), threshold=threshold)


def test_a_wrapping_key_that_does_not_match_its_fingerprint_is_refused(node: Any) -> None:
    officers = officers_json(RecordBuilder().officers)
    officers[1]["public_key"] = encode_bytes(generate_key_pair().public_key)
    request = {"suite": SUITE, "challenge": "JB", "kind": "price", "officers": officers, "threshold": 2}
    with pytest.raises(Refused, match="context_mismatch"):
        node("createEnvelopeKey", **request)


def test_drafts_come_back_for_their_owner_only_and_hide_their_length(node: Any) -> None:
    binding = {"challenge": "JB-2026-001", "organisation": "91370000100000001A"}
    value = {"answers": {"指标": "独特字词"}, "number": 0.5}
    draft = node("encryptDraft", value=value, passphrase=PASSPHRASE, binding=binding)
    assert "独特字词" not in json.dumps(draft, ensure_ascii=False)
    assert node("decryptDraft", draft=draft, passphrase=PASSPHRASE, binding=binding) == value
    longer = node("encryptDraft", value={**value, "more": "x" * 2000}, passphrase=PASSPHRASE, binding=binding)
    assert len(longer["ciphertext"]) == len(draft["ciphertext"])
    other_binding = {**binding, "organisation": "91370000100000002B"}
    changed = copy.deepcopy(draft)
    changed["ciphertext"] = ("B" if draft["ciphertext"][0] == "A" else "A") + draft["ciphertext"][1:]
    for request in (
        {"draft": draft, "passphrase": PASSPHRASE + "x", "binding": binding},
        {"draft": draft, "passphrase": PASSPHRASE, "binding": other_binding},
        {"draft": changed, "passphrase": PASSPHRASE, "binding": binding},
    ):
        with pytest.raises(Refused, match="cannot_decrypt"):
            node("decryptDraft", **request)


def test_receipts_verify_in_the_browser(node: Any) -> None:
    builder = RecordBuilder()
    builder.append("published", builder.call())
    body = builder.receive(1, 1)
    receipt, signing_key = builder.receipts[0], encode_bytes(builder.signer.public_key)
    assert node("verifyReceipt", receipt=receipt, signing_key=signing_key) == body
    changed = copy.deepcopy(receipt)
    changed["body"]["version"] = 2
    other_key = encode_bytes(RecordBuilder().signer.public_key)
    for one, key in ((changed, signing_key), (receipt, other_key), ({**receipt, "signature": "AAAA"}, signing_key)):
        with pytest.raises(Refused, match="invalid_signature"):
            node("verifyReceipt", receipt=one, signing_key=key)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 20])
def test_merkle_trees_are_the_same(node: Any, size: int) -> None:
    leaves = [bytes([number, 0]) for number in range(size)]
    answer = node("merkle", leaves=[encode_bytes(leaf) for leaf in leaves])
    hashed = [leaf_hash(leaf) for leaf in leaves]
    assert answer["root"] == root_of(hashed).hex()
    assert answer["proofs"] == [[one.hex() for one in inclusion_proof(hashed, index)] for index in range(size)]
    assert (answer["proved"], answer["refuted"]) == (True, True)


def test_the_browser_judges_records_as_python_does(node: Any) -> None:
    builder = RecordBuilder()
    record = builder.play()
    generator = random.Random(99)
    records = [record, *(mutate(record, generator)[0] for _ in range(250))]
    known = builder.anchors()
    answers = node("verifyRecords", records=records, anchors={"signingKey": known.signing_key, "root": known.root})
    expected = [verify_record(one, known) for one in records]
    assert answers[0] == {"ok": True, "rows": [[row.check, row.ok] for row in expected[0].rows]}
    assert [answer["ok"] for answer in answers] == [report.ok for report in expected]
    assert sum(answer["ok"] for answer in answers) < 10  # an exchange of equal neighbours changes nothing


def test_before_the_opening_a_receipt_is_never_said_to_be_in_the_record(node: Any) -> None:
    builder = RecordBuilder()
    builder.append("published", builder.call())
    builder.receive(1, 1)
    receipt = builder.receipts[0]
    call = {"challenge": receipt["body"]["challenge"], "signing_key": encode_bytes(builder.signer.public_key)}
    changed = copy.deepcopy(receipt)
    changed["body"]["version"] = 2
    good = node("checkReceipts", call=call, receipts=[receipt])
    assert (good["ok"], good["rows"]) == (True, [["receipt_signature", True], ["receipt_challenge", True]])
    assert not [text for text in good["now"].values() if "在记录里" in text]
    assert "您手中的回执在记录里" in good["later"]
    elsewhere = node("checkReceipts", call={**call, "challenge": "another"}, receipts=[receipt])
    assert (elsewhere["ok"], elsewhere["rows"][1]) == (False, ["receipt_challenge", False])
    assert node("checkReceipts", call=call, receipts=[changed])["rows"] == [["receipt_signature", False]]
    assert node("checkReceipts", call=call, receipts=[])["ok"] is False


def test_both_compare_the_seed_of_every_draw_with_what_was_committed_to(node: Any) -> None:
    def played(seed: str, number: int | None) -> dict[str, Any]:
        builder = RecordBuilder()
        builder.play()
        about = {"panel": "p-1"} if number is None else {"panel": "p-1", "number": number}
        first = number is None
        commitment = hashlib.sha256(b"5" * 64).hexdigest()
        builder.append(
            "draw_committed" if first else "supplementary_draw_committed", {**about, "commitment": commitment}
        )
        builder.append("experts_drawn" if first else "supplementary_experts_drawn", {**about, "seed": seed})
        return builder.record()

    right = [played("5" * 64, None), played("5" * 64, 1)]
    wrong = [played("6" * 64, None), played("6" * 64, 1)]
    uncommitted = RecordBuilder()
    uncommitted.play()
    uncommitted.append("supplementary_experts_drawn", {"panel": "p-1", "number": 2, "seed": "5" * 64})
    records = [*right, *wrong, uncommitted.record()]
    judged = [[row.ok for row in verify_record(one).rows if row.check == "draw"] for one in records]
    assert judged == [[True], [True], [False], [False], [False]]
    answers = node("verifyRecords", records=records, anchors={})
    assert [[ok for check, ok in answer["rows"] if check == "draw"] for answer in answers] == judged
    assert [answer["ok"] for answer in answers] == [True, True, False, False, False]
