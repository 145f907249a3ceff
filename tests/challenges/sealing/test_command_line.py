"""`python -m challenges.sealing`, as bidders and officers run it: another process, no Django."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from challenges.sealing.canonical import decode_bytes, encode_bytes
from challenges.sealing.envelopes import SealedEnvelope
from challenges.sealing.keys import KeyContext, fingerprint, wrap_for_subsets
from challenges.sealing.receipts import receipt_body, sign_receipt
from tests.challenges.sealing.builders import DEADLINE, RecordBuilder

pytestmark = pytest.mark.unit
ROOT = Path(__file__).resolve().parents[3]
MANIFEST = {"plan": "采用多模态特征融合。", "answers": {"1": {"promise": "97%"}}}
PRICE = {"total_fen": 1_200_000, "grant_fen": 1_000_000, "own_fen": 200_000}
PASSPHRASE = "一句足够长的口令，不会忘记"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "challenges.sealing", *map(str, arguments)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, RecordBuilder]:
    builder = RecordBuilder()
    bid = {"organisation": "91370000100000001A", "bid": "bid-1", "version": 1, "manifest": MANIFEST}
    contents: dict[str, Any] = {"call.json": builder.call(), "bid.json": bid, "price.json": PRICE}
    for name, value in contents.items():
        (tmp_path / name).write_text(json.dumps(value), encoding="utf-8")
    (tmp_path / "方案.pdf").write_bytes(b"%PDF-1.7" + bytes(100_000))
    return tmp_path, builder


def seal(folder: Path, *more: str | Path) -> subprocess.CompletedProcess[str]:
    return run(
        *("seal", "--call", folder / "call.json", "--bid", folder / "bid.json", "--price", folder / "price.json"),
        *("--attachment", folder / "方案.pdf", "--out", folder / "out", *more),
    )


def test_seal_open_and_receipt(files: tuple[Path, RecordBuilder]) -> None:
    folder, builder = files
    done = seal(folder)
    assert (done.returncode, done.stderr) == (0, "")
    listed = json.loads((folder / "out" / "seal.json").read_text(encoding="utf-8"))["envelopes"]
    assert [entry["kind"] for entry in listed] == ["technical", "price"]
    for kind, pair in builder.envelope_pairs.items():
        (folder / f"{kind}.key").write_bytes(pair.private_key)
        envelope = folder / "out" / f"{kind}.sealed"
        options = ("--call", folder / "call.json", "--private-key", folder / f"{kind}.key", "--out", folder / "opened")
        assert run("open", "--envelope", envelope, *options).returncode == 0
    assert json.loads((folder / "opened" / "price-manifest.json").read_bytes()) == PRICE
    assert json.loads((folder / "opened" / "technical-manifest.json").read_bytes()) == MANIFEST
    assert (folder / "opened" / "方案.pdf").read_bytes() == (folder / "方案.pdf").read_bytes()

    body = receipt_body(
        suite=builder.suite,
        challenge="JB-2026-001",
        bid="bid-1",
        version=1,
        organisation="91370000100000001A",
        envelopes=[SealedEnvelope(**entry).receipt_entry() for entry in listed],
        received_at=DEADLINE,
        previous_head="0" * 64,
    )
    (folder / "receipt.json").write_text(json.dumps(sign_receipt(body, builder.signer)), encoding="utf-8")
    check = ("verify-receipt", "--call", folder / "call.json", "--receipt", folder / "receipt.json")
    done = run(*check, "--envelope", folder / "out" / "price.sealed", "--envelope", folder / "out" / "technical.sealed")
    assert (done.returncode, done.stderr) == (0, "")
    assert "回执有效" in done.stdout
    price = folder / "out" / "price.sealed"
    content = price.read_bytes()
    price.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = run(*check, "--envelope", price)
    assert done.returncode == 1
    assert "不一致" in done.stderr


def test_nothing_is_overwritten_and_a_failed_seal_leaves_nothing(files: tuple[Path, RecordBuilder]) -> None:
    folder, _ = files
    assert seal(folder).returncode == 0
    before = (folder / "out" / "technical.sealed").read_bytes()
    done = seal(folder)
    assert done.returncode == 2
    assert "已存在" in done.stderr
    assert (folder / "out" / "technical.sealed").read_bytes() == before
    items = [{"name": "设备" * 50, "amount_fen": 1}] * 40
    price = {"total_fen": 40, "grant_fen": 40, "own_fen": 0, "items": items}
    (folder / "price.json").write_text(json.dumps(price), encoding="utf-8")
    done = run(
        *("seal", "--call", folder / "call.json", "--bid", folder / "bid.json", "--price", folder / "price.json"),
        *("--out", folder / "second"),
    )
    assert done.returncode == 2
    assert "4 KiB" in done.stderr
    assert list((folder / "second").iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"suite": "NULL-1"}, "密码套件"),
        ({"envelopes": []}, "--price"),
        ({"envelopes": "fingerprint"}, "指纹不符"),
    ],
)
def test_a_call_that_does_not_fit_seals_nothing(
    files: tuple[Path, RecordBuilder], changes: dict[str, Any], message: str
) -> None:
    folder, builder = files
    call = {**builder.call(), **changes}
    if changes.get("envelopes") == "fingerprint":
        call["envelopes"] = [{**entry, "fingerprint": "0" * 64} for entry in builder.call()["envelopes"]]
    (folder / "call.json").write_text(json.dumps(call), encoding="utf-8")
    done = seal(folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(folder.glob("out/*"))


def test_an_officer_makes_a_key_and_peels(tmp_path: Path) -> None:
    builder = RecordBuilder()
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
    secret = ("--passphrase-file", tmp_path / "passphrase")
    assert run("make-officer-key", "--out", tmp_path / "key.json", *secret).returncode == 0
    assert (tmp_path / "key.json").stat().st_mode & 0o777 == 0o600
    file = json.loads((tmp_path / "key.json").read_bytes())
    officers = builder.officers
    officers[0] = type(officers[0])("officer-a", "X", decode_bytes(file["public_key"]))
    pair = builder.envelope_pairs["technical"]
    context = KeyContext(builder.suite, "JB-2026-001", "technical", fingerprint(pair.public_key))
    wrapped = wrap_for_subsets(pair.private_key, officers, 2, context)[0]
    (tmp_path / "blob").write_bytes(wrapped.blob)
    place = {**context.__dict__, "officers": list(wrapped.officers), "position": 0}
    (tmp_path / "context.json").write_text(json.dumps(place), encoding="utf-8")
    peel = ("peel", "--key", tmp_path / "key.json", "--blob", tmp_path / "blob", *secret)
    done = run(*peel, "--context", tmp_path / "context.json", "--out", tmp_path / "inner")
    assert (done.returncode, done.stderr) == (0, "")
    assert encode_bytes((tmp_path / "inner").read_bytes()) != encode_bytes(wrapped.blob)
    (tmp_path / "context.json").write_text(json.dumps({**place, "kind": "price"}), encoding="utf-8")
    done = run(*peel, "--context", tmp_path / "context.json", "--out", tmp_path / "other")
    assert done.returncode == 1
    assert not (tmp_path / "other").exists()


def test_verify_lists_what_fails(tmp_path: Path) -> None:
    builder = RecordBuilder()
    record = builder.play()
    receipts = record.pop("receipts")
    (tmp_path / "record.json").write_text(json.dumps(record), encoding="utf-8")
    (tmp_path / "receipt.json").write_text(json.dumps(receipts[0]), encoding="utf-8")
    root = builder.frozen["body"]["root"]
    check = ("verify", tmp_path / "record.json", "--receipt", tmp_path / "receipt.json")
    done = run(*check, "--root", root, "--signing-key", builder.signer.fingerprint)
    assert (done.returncode, done.stderr) == (0, "")
    done = run(*check, "--root", "0" * 64)
    assert done.returncode == 1
    assert "不通过\tanchor" in done.stdout
    done = run("verify", tmp_path / "missing.json")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_the_sealer_imports_neither_django_nor_the_platform() -> None:
    code = (
        "import sys, challenges.sealing.__main__\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in "
        "{'django', 'core', 'accounts', 'celery'} or name.startswith('challenges.') and 'sealing' not in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"
