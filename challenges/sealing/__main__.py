"""`python -m challenges.sealing`: seal and verify on one's own machine, without trusting a page that a server sent.

Needs Python 3.11, the package `cryptography` and this folder. Exit codes: 0 done, 1 a check failed, 2 could not run
(one line on stderr says why). Files are only ever created, never overwritten.
"""

import argparse
import contextlib
import getpass
import json
import mimetypes
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from challenges.sealing.bid_schema import manifest_faults
from challenges.sealing.canonical import decode_bytes, parse_json
from challenges.sealing.containers import Attachment
from challenges.sealing.envelopes import (
    EnvelopeContext,
    EnvelopeDigests,
    SealedEnvelope,
    open_envelope,
    read_header,
    seal_envelope,
)
from challenges.sealing.errors import ContextMismatch, MalformedInput, SealingError
from challenges.sealing.keys import KeyContext, fingerprint, generate_key_pair, peel, spoken_fingerprint
from challenges.sealing.officer_files import lock_key, unlock_key
from challenges.sealing.receipts import verify_receipt
from challenges.sealing.suites import suite_named
from challenges.sealing.verification import Anchors, verify_record

DONE, NEGATIVE, COULD_NOT_RUN = 0, 1, 2


class CouldNotRun(Exception):
    """A file is missing or in the way."""


def say(text: str) -> None:
    sys.stdout.write(text + "\n")


def read_json(path: Path) -> Any:
    """The JSON value in a file; MalformedInput names the file."""
    try:
        return parse_json(path.read_bytes())
    except MalformedInput as error:
        raise MalformedInput(f"{path}：{error.message}") from error


def field_of(value: Any, name: str, path: Path) -> Any:
    """A required field of a JSON object that came from `path`."""
    if not isinstance(value, dict) or name not in value:
        raise MalformedInput(f"{path}：缺少字段 {name}。")
    return value[name]


@contextlib.contextmanager
def new_file(path: Path, *, secret: bool = False) -> Iterator[BinaryIO]:
    """A file that did not exist; removed again when the block fails. Secret files are readable by their owner only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any, *, secret: bool = False) -> None:
    with new_file(path, secret=secret) as file:
        file.write(json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n")


def passphrase_from(path: Path | None, *, twice: bool = False) -> str:
    """First line of the file, or asked for at the terminal."""
    if path is not None:
        return path.read_text(encoding="utf-8").split("\n", 1)[0]
    entered = getpass.getpass("口令：")
    if twice and getpass.getpass("再次输入口令：") != entered:
        raise CouldNotRun("两次输入的口令不一致。")
    return entered


def envelope_entry(call: Any, kind: str, path: Path) -> dict[str, Any]:
    """The call's entry for one kind of envelope, its public key held against its own fingerprint."""
    for entry in field_of(call, "envelopes", path):
        if field_of(entry, "kind", path) == kind:
            if fingerprint(decode_bytes(field_of(entry, "public_key", path))) != field_of(entry, "fingerprint", path):
                raise ContextMismatch(f"{path}：信封公钥与公布的指纹不符，请重新下载榜单文件。")
            return entry
    raise MalformedInput(f"{path}：榜单没有公布 {kind} 信封的公钥。")


def digests_of(path: Path) -> SealedEnvelope:
    """Kind, size and digests of an envelope file as a receipt lists them."""
    with path.open("rb") as file:
        context = read_header(file).context
        file.seek(0)
        digests = EnvelopeDigests(suite_named(context.suite))
        while piece := file.read(1 << 20):
            digests.update(piece)
    return digests.result(context.kind)


# -- Commands -----------------------------------------------------------------------------------------------------


def seal(options: argparse.Namespace) -> int:
    """Two envelopes and `seal.json`, which lists their sizes and digests for comparison with the receipt."""
    call, bid = read_json(options.call), read_json(options.bid)
    manifests: dict[str, tuple[Any, list[Path]]] = {
        "technical": (field_of(bid, "manifest", options.bid), options.attachment)
    }
    if options.price is not None:
        manifests["price"] = (read_json(options.price), [])
    wanted = {field_of(entry, "kind", options.call) for entry in field_of(call, "envelopes", options.call)}
    if wanted != set(manifests):
        raise MalformedInput(f"榜单要求的信封为 {'、'.join(sorted(wanted))}，请检查是否需要 --price。")
    for kind, (manifest, _paths) in manifests.items():
        faults = manifest_faults(kind, manifest)
        if faults:
            place = options.bid if kind == "technical" else options.price
            raise MalformedInput(f"{place}：不符合规定格式：" + "".join(fault.message for fault in faults))
    options.out.mkdir(parents=True, exist_ok=True)
    results = []
    with contextlib.ExitStack() as stack:
        for kind, (manifest, paths) in manifests.items():
            entry = envelope_entry(call, kind, options.call)
            context = EnvelopeContext(
                field_of(call, "suite", options.call),
                field_of(call, "challenge", options.call),
                kind,
                field_of(bid, "organisation", options.bid),
                field_of(bid, "bid", options.bid),
                field_of(bid, "version", options.bid),
            )
            attachments = [
                Attachment(
                    path.name,
                    mimetypes.guess_type(path.name)[0] or "application/octet-stream",
                    path.stat().st_size,
                    stack.enter_context(path.open("rb")),
                )
                for path in paths
            ]
            sink = stack.enter_context(new_file(options.out / f"{kind}.sealed"))
            results.append(
                seal_envelope(sink, decode_bytes(entry["public_key"]), context, manifest, attachments).receipt_entry()
            )
        write_json(options.out / "seal.json", {"envelopes": results})
    for result in results:
        say(f"{result['kind']}：{result['size']} 字节，SHA-256 {result['sha256']}")
    return DONE


def check_receipt(options: argparse.Namespace) -> int:
    """The receipt's signature by the call's signing key, and the envelopes it lists against files, if given."""
    call = read_json(options.call)
    body = verify_receipt(read_json(options.receipt), decode_bytes(field_of(call, "signing_key", options.call)))
    if body["challenge"] != field_of(call, "challenge", options.call):
        raise ContextMismatch("回执属于另一个榜单。")
    listed = {entry["kind"]: entry for entry in body["envelopes"]}
    for path in options.envelope:
        found = digests_of(path).receipt_entry()
        if listed.get(found["kind"]) != found:
            raise ContextMismatch(f"{path}：与回执所列的信封不一致。")
        say(f"{path}：与回执一致。")
    say(f"回执有效：标书 {body['bid']} 第 {body['version']} 版，接收时间 {body['received_at']}。")
    return DONE


def make_officer_key(options: argparse.Namespace) -> int:
    """A new officer key file under a passphrase; the public part is printed."""
    pair = generate_key_pair()
    file = lock_key(pair, passphrase_from(options.passphrase_file, twice=True))
    write_json(options.out, file, secret=True)
    say(f"公钥：{file['public_key']}")
    say(f"指纹：{spoken_fingerprint(pair.public_key)}")
    return DONE


def peel_layer(options: argparse.Namespace) -> int:
    """Take one layer off a blob. The context file names suite, challenge, kind, fingerprint, officers, position."""
    place = read_json(options.context)
    fields = {name: field_of(place, name, options.context) for name in ("suite", "challenge", "kind", "fingerprint")}
    officers = field_of(place, "officers", options.context)
    info = KeyContext(**fields).layer_info(officers, field_of(place, "position", options.context))
    pair = unlock_key(read_json(options.key), passphrase_from(options.passphrase_file))
    with new_file(options.out, secret=True) as file:
        file.write(peel(fields["suite"], options.blob.read_bytes(), pair.private_key, info))
    say(f"已解封一层：{options.out}")
    return DONE


def open_one(options: argparse.Namespace) -> int:
    """Open an envelope with the private envelope key (for rehearsals): manifest.json and the attachments."""
    call = read_json(options.call)
    options.out.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(options.envelope.open("rb"))
        context = read_header(source).context
        envelope_entry(call, context.kind, options.call)
        if context.challenge != field_of(call, "challenge", options.call):
            raise ContextMismatch("信封属于另一个榜单。")
        source.seek(0)
        opened = open_envelope(
            source,
            options.private_key.read_bytes(),
            context,
            lambda name, media_type, size: stack.enter_context(new_file(options.out / name)),
        )
        write_json(options.out / f"{context.kind}-manifest.json", opened.contents.manifest)
    say(f"机构 {context.organisation}，标书 {context.bid} 第 {context.version} 版，{context.kind} 信封已打开。")
    return DONE


def check_record(options: argparse.Namespace) -> int:
    """Every check over an exported record, one line each."""
    record = read_json(options.record)
    if options.receipt and isinstance(record, dict):
        record["receipts"] = [read_json(path) for path in options.receipt]
    report = verify_record(record, Anchors(options.signing_key, options.root, tuple(options.head)))
    for row in report.rows if options.all else report.failures or report.rows[-1:]:
        say(f"{'通过' if row.ok else '不通过'}\t{row.check}\t{row.subject}\t{row.detail}")
    say(f"共 {len(report.rows)} 项，{len(report.failures)} 项不通过。")
    return DONE if report.ok else NEGATIVE


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="python -m challenges.sealing", description="标书加密与核验（不依赖平台页面）")
    commands = root.add_subparsers(dest="command", required=True)

    one = commands.add_parser("seal", help="加密标书，生成信封文件")
    one.add_argument("--call", type=Path, required=True, help="榜单文件 call.json（榜单页面下载）")
    one.add_argument("--bid", type=Path, required=True, help="标书内容 bid.json：organisation、bid、version、manifest")
    one.add_argument("--attachment", type=Path, action="append", default=[], help="附件，可重复")
    one.add_argument("--price", type=Path, help="报价 price.json")
    one.add_argument("--out", type=Path, required=True, help="输出文件夹")
    one.set_defaults(run=seal)

    one = commands.add_parser("verify-receipt", help="核验回执")
    one.add_argument("--call", type=Path, required=True)
    one.add_argument("--receipt", type=Path, required=True)
    one.add_argument("--envelope", type=Path, action="append", default=[], help="信封文件，可重复")
    one.set_defaults(run=check_receipt)

    one = commands.add_parser("make-officer-key", help="生成开启密钥")
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--passphrase-file", type=Path, help="口令文件；不给则在终端输入")
    one.set_defaults(run=make_officer_key)

    one = commands.add_parser("peel", help="用开启密钥解封一层")
    one.add_argument("--key", type=Path, required=True)
    one.add_argument("--blob", type=Path, required=True)
    one.add_argument("--context", type=Path, required=True)
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--passphrase-file", type=Path)
    one.set_defaults(run=peel_layer)

    one = commands.add_parser("open", help="用信封私钥打开信封（演练用）")
    one.add_argument("--call", type=Path, required=True)
    one.add_argument("--envelope", type=Path, required=True)
    one.add_argument("--private-key", type=Path, required=True, help="信封私钥，32 字节原始内容")
    one.add_argument("--out", type=Path, required=True)
    one.set_defaults(run=open_one)

    one = commands.add_parser("verify", help="核验公开记录")
    one.add_argument("record", type=Path)
    one.add_argument("--receipt", type=Path, action="append", default=[], help="自己持有的回执，可重复")
    one.add_argument("--signing-key", default="", help="留存的平台签名公钥指纹")
    one.add_argument("--root", default="", help="截止时公布的封存根")
    one.add_argument("--head", action="append", default=[], help="先前公布的链头，可重复")
    one.add_argument("--all", action="store_true", help="列出全部检查，而不只是不通过的")
    one.set_defaults(run=check_record)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is the result."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except FileExistsError as error:
        sys.stderr.write(f"文件已存在，未覆盖：{error.filename}\n")
    except OSError as error:
        sys.stderr.write(f"无法读写文件：{error.filename or ''} {error.strerror}\n")
    except CouldNotRun as error:
        sys.stderr.write(f"{error}\n")
    except SealingError as error:
        sys.stderr.write(f"{error.message}\n")
        return NEGATIVE if options.run in {check_receipt, open_one, peel_layer} else COULD_NOT_RUN
    return COULD_NOT_RUN


if __name__ == "__main__":
    sys.exit(main())
