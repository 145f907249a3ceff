"""Judge a challenge's exported record without trusting the server that exported it.

The record (docs/sealing.md §5) is one hash chain whose links carry their bodies: call, receipts, withdrawals, freeze,
peels, openings, scores, award. Everything checked is derived from the chain, so there is no second copy that could say
something else. What binds the server is outside the record: the receipts bidders hold, and the root, head and key
fingerprint that were noted when they were published (`Anchors`). With those, a server that rewrites and re-signs its
own history is found out; without them the report proves only that the record agrees with itself, and says so.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from challenges.sealing.canonical import decode_bytes
from challenges.sealing.draws_check import KINDS as DRAW_KINDS
from challenges.sealing.draws_check import draw_findings
from challenges.sealing.errors import SealingError
from challenges.sealing.keys import fingerprint, subset_is_valid
from challenges.sealing.manifests import freeze_leaf, manifest_leaves, root_of, verify_freeze
from challenges.sealing.officers_check import office_findings
from challenges.sealing.padding import KINDS
from challenges.sealing.receipts import (
    ENTRY_FIELDS,
    ChainEntry,
    body_digest,
    entry_faults,
    parse_time,
    verify_receipt,
    verify_withdrawal,
)
from challenges.sealing.statements import HEAD, RECEIPT, Signer, sign_statement, signing_fingerprint, verify_statement
from challenges.sealing.suites import Suite, suite_named

FORMAT = "marketplace-challenge-record/1"
RECORD_FIELDS = {"format", "challenge", "suite", "signing_key", "chain", "head", "freeze", "freeze_salt"}
OPTIONAL_FIELDS = {"receipts"}
#: Kinds of links whose bodies are judged. Other kinds are allowed and are only chained.
PUBLISHED, RECEIVED, WITHDRAWN, FROZEN = "published", "bid_received", "bid_withdrawn", "frozen"
PEELED, OPENED, SCORES_LOCKED, AWARDED = "peeled", "opened", "scores_locked", "awarded"
#: The database's clock was behind the last link: {clock, last}. Links carry `last` until it has caught up.
CLOCK_STEPPED = "clock_stepped"
STARTED, REPLACED = "opening_started", "officer_replaced"
JUDGED = (PUBLISHED, RECEIVED, WITHDRAWN, FROZEN, STARTED, REPLACED, PEELED, OPENED, SCORES_LOCKED, AWARDED)
#: The time a body names is its link's own time.
TIME_FIELDS = {RECEIVED: "received_at", WITHDRAWN: "withdrawn_at", FROZEN: "frozen_at", OPENED: "opened_at"}


@dataclass(frozen=True)
class Row:
    """One check. `check` is a stable word, `subject` what it is about, `detail` a sentence for people."""

    check: str
    subject: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Anchors:
    """What somebody noted outside the record, each optional.

    `signing_key`: fingerprint of the platform's signing key; `root`: the root published at the deadline; `heads`:
    heads of the chain published or received at any time (a receipt's `previous_head` is checked without being listed).
    """

    signing_key: str = ""
    root: str = ""
    heads: tuple[str, ...] = ()


@dataclass
class Report:
    """All checks in order; `ok` only if none failed."""

    rows: list[Row] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return bool(self.rows) and all(row.ok for row in self.rows)

    @property
    def failures(self) -> list[Row]:
        return [row for row in self.rows if not row.ok]

    def add(self, check: str, subject: str, ok: bool, passed: str, failed: str) -> bool:
        self.rows.append(Row(check, subject, ok, passed if ok else failed))
        return ok


@dataclass
class _Record:
    """The record taken apart once."""

    challenge: str
    suite: Suite
    signing_key: bytes
    entries: list[ChainEntry]
    bodies: list[Any]
    raw: Mapping[str, Any]

    def of_kind(self, *kinds: str) -> Iterable[tuple[int, ChainEntry, dict[str, Any]]]:
        for index, (entry, body) in enumerate(zip(self.entries, self.bodies, strict=True)):
            if entry.kind in kinds and isinstance(body, dict):
                yield index, entry, body

    def frozen_index(self) -> int | None:
        return next((index for index, _, _ in self.of_kind(FROZEN)), None)

    def call(self) -> dict[str, Any]:
        """The version in force at the freeze."""
        limit = self.frozen_index()
        calls = [body for index, _, body in self.of_kind(PUBLISHED) if limit is None or index < limit]
        if not calls:
            raise KeyError(PUBLISHED)
        return calls[-1]

    def final_bids(self) -> dict[str, dict[str, Any]]:
        """Receipt bodies in force at the freeze by bid, in order of reception."""
        final: dict[str, dict[str, Any]] = {}
        limit = self.frozen_index()
        for index, entry, body in self.of_kind(RECEIVED, WITHDRAWN):
            if limit is not None and index > limit:
                break
            final.pop(body["bid"], None)
            if entry.kind == RECEIVED:
                final[body["bid"]] = body
        return final


def sign_head(challenge: str, entry: ChainEntry, signer: Signer) -> dict[str, Any]:
    """The signed end of the chain as exported: cutting links off its end shows."""
    body = {"challenge": challenge, "sequence": entry.sequence, "head": entry.head, "at": entry.at}
    return sign_statement(HEAD, body, signer)


def export_entry(entry: ChainEntry, body: Any) -> dict[str, Any]:
    """A link as the record carries it; `body` None keeps the body back."""
    return {**{name: getattr(entry, name) for name in sorted(ENTRY_FIELDS)}, "body": body}


# -- The checks ---------------------------------------------------------------------------------------------------


def _parse(record: Any) -> _Record:
    fields = set(record)
    if not RECORD_FIELDS <= fields <= RECORD_FIELDS | OPTIONAL_FIELDS or record["format"] != FORMAT:
        raise ValueError(FORMAT)
    entries = []
    for entry in record["chain"]:
        if set(entry) != ENTRY_FIELDS | {"body"}:
            raise ValueError("chain")
        entries.append(ChainEntry(**{name: entry[name] for name in ENTRY_FIELDS}))
    if not isinstance(record["challenge"], str):
        raise TypeError("challenge")
    return _Record(
        record["challenge"],
        suite_named(record["suite"]),
        decode_bytes(record["signing_key"]),
        entries,
        [entry["body"] for entry in record["chain"]],
        record,
    )


def _check_chain(record: _Record, anchors: Anchors, report: Report) -> None:
    previous: ChainEntry | None = None
    for entry, body in zip(record.entries, record.bodies, strict=True):
        subject = f"#{entry.sequence} {entry.kind}"
        faults = entry_faults(entry, previous, record.suite)
        kept_back = body is None and entry.kind not in JUDGED
        if not kept_back and body_digest(body, record.suite) != entry.body_digest:
            faults.append("内容与摘要不一致，内容被改动")
        time_field = TIME_FIELDS.get(entry.kind)
        if time_field is not None and not (isinstance(body, dict) and body.get(time_field) == entry.at):
            faults.append("内容中的时间与事件时间不一致")
        report.add("chain", subject, not faults, "衔接无误，内容与摘要一致。", "；".join(faults) + "。")
        if entry.kind == CLOCK_STEPPED:
            noted = "数据库时钟曾经回拨，此后的事件沿用前一事件的时间，直到时钟赶上；先后以序号为准。"
            report.add("clock", subject, True, noted, "")
        previous = entry
    if previous is None:
        report.add("chain", record.challenge, False, "", "记录中没有任何事件。")
        return
    body = verify_statement(record.raw["head"], HEAD, record.signing_key)
    expected = {
        "challenge": record.challenge,
        "sequence": previous.sequence,
        "head": previous.head,
        "at": previous.at,
    }
    report.add(
        "head", f"#{previous.sequence}", body == expected, "链尾签名有效。", "链尾与签名不一致，可能有事件被删去。"
    )
    known = {entry.head for entry in record.entries}
    for head in anchors.heads:
        report.add(
            "anchor", head[:16], head in known, "先前公布的链头仍在链上。", "先前公布的链头不在链上：历史被改写。"
        )


def _check_signing_key(record: _Record, anchors: Anchors, report: Report) -> None:
    found = signing_fingerprint(record.signing_key)
    published = record.call()["signing_key"] == record.raw["signing_key"]
    report.add("signing_key", found[:16], published, "签名公钥与榜单公布的一致。", "签名公钥与榜单公布的不一致。")
    if anchors.signing_key:
        report.add(
            "anchor",
            anchors.signing_key[:16],
            anchors.signing_key == found,
            "签名公钥与您留存的指纹一致。",
            "签名公钥与您留存的指纹不一致。",
        )


def _check_call(record: _Record, anchors: Anchors, report: Report) -> None:
    call = record.call()
    report.add(
        "call",
        record.challenge,
        call["challenge"] == record.challenge and call["suite"] == record.suite.name,
        "榜单编号与密码套件一致。",
        "榜单编号或密码套件与记录不一致。",
    )
    organisations = {officer["id"]: officer["organisation"] for officer in call["officers"]}
    for officer in call["officers"]:
        same = fingerprint(decode_bytes(officer["public_key"])) == officer["fingerprint"]
        report.add("officer_key", officer["id"], same, "开启人员公钥与指纹一致。", "开启人员公钥与指纹不一致。")
    kinds = [envelope["kind"] for envelope in call["envelopes"]]
    report.add(
        "envelope_keys",
        record.challenge,
        bool(kinds) and len(set(kinds)) == len(kinds) and set(kinds) <= set(KINDS),
        "信封类型无误。",
        "信封类型有误。",
    )
    for envelope in call["envelopes"]:
        same = fingerprint(decode_bytes(envelope["public_key"])) == envelope["fingerprint"]
        subsets = [tuple(wrapped["officers"]) for wrapped in envelope["wrapped"]]
        admissible = bool(subsets) and len(set(subsets)) == len(subsets)
        admissible = admissible and all(subset_is_valid(one, organisations, call["threshold"]) for one in subsets)
        report.add(
            "envelope_keys",
            envelope["kind"],
            same and admissible,
            "信封公钥与指纹一致，每个开启组合都来自至少两个机构。",
            "信封公钥与指纹不一致，或存在不合规的开启组合。",
        )


def _check_bids(record: _Record, anchors: Anchors, report: Report) -> None:
    deadline = parse_time(record.call()["deadline"])
    kinds = sorted(envelope["kind"] for envelope in record.call()["envelopes"])
    limit = record.frozen_index()
    versions: dict[str, int] = {}
    owners: dict[str, str] = {}
    for index, entry, body in record.of_kind(RECEIVED, WITHDRAWN):
        received = entry.kind == RECEIVED
        reasons = []
        if body["challenge"] != record.challenge or body["previous_head"] != entry.previous_head:
            reasons.append("不属于本榜单或链上位置不符")
        if parse_time(entry.at) >= deadline or limit is None or index > limit:
            reasons.append("晚于截止时间或封存之后")
        if owners.setdefault(body["bid"], body["organisation"]) != body["organisation"]:
            reasons.append("同一标书换了机构")
        if received and body["version"] <= versions.get(body["bid"], 0):
            reasons.append("版本号没有递增")
        if not received and body["version"] != versions.get(body["bid"]):
            reasons.append("撤回的不是当时的有效版本")
        if received and [one["kind"] for one in body["envelopes"]] != kinds:
            reasons.append("信封不齐全")
        if received and body["suite"] != record.suite.name:
            reasons.append("密码套件不一致")
        versions[body["bid"]] = body["version"]
        report.add(
            "bid", f"{body['bid']} v{body['version']}", not reasons, "在截止前按规则接收。", "；".join(reasons) + "。"
        )
    organisations = [body["organisation"] for body in record.final_bids().values()]
    report.add(
        "one_bid_per_organisation",
        record.challenge,
        len(set(organisations)) == len(organisations),
        "每个机构至多一份有效标书。",
        "有机构存在多份有效标书。",
    )


def _check_freeze(record: _Record, anchors: Anchors, report: Report) -> None:
    frozen = [body for _, _, body in record.of_kind(FROZEN)]
    body = verify_freeze(record.raw["freeze"], record.signing_key)
    first = freeze_leaf(record.challenge, body["frozen_at"], record.raw["freeze_salt"])
    decode_bytes(record.raw["freeze_salt"])
    root = root_of(manifest_leaves(first, list(record.final_bids().values()), record.suite), record.suite.digest)
    report.add("freeze", record.challenge, frozen == [body], "封存记录签名有效且唯一。", "封存记录缺失、重复或不一致。")
    report.add(
        "root",
        str(body["root"])[:16],
        body["root"] == root.hex()
        and body["challenge"] == record.challenge
        and body["suite"] == record.suite.name
        and parse_time(body["frozen_at"]) >= parse_time(record.call()["deadline"]),
        "封存根与全部有效标书一致，且不早于截止时间。",
        "封存根与有效标书不一致，或封存早于截止时间。",
    )
    if anchors.root:
        report.add(
            "anchor",
            anchors.root[:16],
            anchors.root == body["root"],
            "封存根与截止时公布的一致。",
            "封存根与截止时公布的不一致。",
        )


def _check_receipts(record: _Record, anchors: Anchors, report: Report) -> None:
    """Each receipt or withdrawal confirmation handed in stands on the chain, where it says, as it says."""
    places = {(entry.kind, entry.body_digest): entry for entry in record.entries}
    for number, receipt in enumerate(record.raw.get("receipts", []), start=1):
        subject = f"回执 {number}"
        try:
            received = receipt["type"] == RECEIPT
            verify = verify_receipt if received else verify_withdrawal
            body = verify(receipt, record.signing_key)
            subject = f"{body['bid']} v{body['version']}"
            place = places.get((RECEIVED if received else WITHDRAWN, body_digest(body, record.suite)))
            on_chain = place is not None and place.previous_head == body["previous_head"]
            missing = (
                "回执有效，但不在链上：标书被删除或改动。"
                if body["challenge"] == record.challenge
                else "这张回执属于另一项榜单，与本记录无关：请选择那一项榜单的记录。"
            )
            report.add("receipt", subject, on_chain, "回执有效，并在链上。", missing)
        except (SealingError, KeyError, TypeError, ValueError) as error:
            detail = error.message if isinstance(error, SealingError) else "回执结构不正确。"
            report.add("receipt", subject, False, "", detail)


def _peels_precede(record: _Record, kind: str, subset: Sequence[str], start: int, end: int) -> bool:
    positions = [
        body["position"]
        for index, _, body in record.of_kind(PEELED)
        if start < index < end
        and body["kind"] == kind
        and list(body["officers"]) == list(subset)
        and 0 <= body["position"] < len(subset)
        and body["officer"] == subset[body["position"]]
    ]
    # A step may have been repeated after a break; what counts is that every officer's stands, in order.
    return list(dict.fromkeys(positions)) == list(range(len(subset)))


def _check_opening(record: _Record, anchors: Anchors, report: Report) -> None:
    call, limit = record.call(), record.frozen_index()
    organisations = {officer["id"]: officer["organisation"] for officer in call["officers"]}
    keys = {envelope["kind"]: envelope for envelope in call["envelopes"]}
    locked = next((index for index, _, _ in record.of_kind(SCORES_LOCKED)), None)
    opened: dict[str, int] = {}
    for index, _, body in record.of_kind(OPENED):
        kind, subset = body["kind"], body["officers"]
        reasons = []
        if kind in opened or kind not in keys:
            reasons.append("信封类型未知或重复开启")
        elif body["fingerprint"] != keys[kind]["fingerprint"]:
            reasons.append("开启所用的密钥不是公布的密钥")
        elif list(subset) not in [list(wrapped["officers"]) for wrapped in keys[kind]["wrapped"]]:
            reasons.append("开启组合不在公布的组合之内")
        if not subset_is_valid(subset, organisations, call["threshold"]):
            reasons.append("开启人员不足，或都来自同一机构")
        if limit is None or index < limit:
            reasons.append("在封存之前开启")
        elif not _peels_precede(record, kind, subset, limit, index):
            reasons.append("缺少开启人员逐层解封的记录")
        if kind == "price" and "technical" in keys and (locked is None or index < locked):
            reasons.append("报价信封在评分锁定之前开启")
        opened.setdefault(kind, index)
        report.add("opening", kind, not reasons, "由合规的人员在封存之后开启。", "；".join(reasons) + "。")
        _check_opened_envelopes(record, kind, body["envelopes"], report)
    if not opened:
        report.add("opening", record.challenge, True, "记录中尚无开启环节。", "")
    if locked is not None and "technical" in keys:
        report.add(
            "scores",
            f"#{record.entries[locked].sequence}",
            opened.get("technical", locked) < locked,
            "评分在技术信封开启之后锁定。",
            "评分锁定早于技术信封开启。",
        )


def _check_opened_envelopes(record: _Record, kind: str, envelopes: Sequence[dict[str, Any]], report: Report) -> None:
    expected = {
        (bid, body["version"], one["sha256"])
        for bid, body in record.final_bids().items()
        for one in body["envelopes"]
        if one["kind"] == kind
    }
    found = [(one["bid"], one["version"], one["sha256"]) for one in envelopes]
    report.add(
        "opened_envelopes",
        kind,
        len(found) == len(expected) and set(found) == expected,
        "开启的正是全部有效标书，密文摘要一致。",
        "开启的信封与有效标书不一致：有遗漏、多出或被替换。",
    )
    for one in envelopes:
        named = one["result"] == "opened" or (one["result"] == "unreadable" and bool(one["reason"]))
        report.add("opened_envelope", f"{kind} {one['bid']}", named, "结果已记录。", "无法读取的信封没有写明原因。")


def _check_award(record: _Record, anchors: Anchors, report: Report) -> None:
    kinds = {envelope["kind"] for envelope in record.call()["envelopes"]}
    final = record.final_bids()
    readable = {
        kind: {one["bid"] for one in body["envelopes"] if one["result"] == "opened"}
        for _, _, body in record.of_kind(OPENED)
        for kind in [body["kind"]]
    }
    last_opening = max((index for index, _, _ in record.of_kind(OPENED)), default=-1)
    for index, entry, body in record.of_kind(AWARDED):
        winners = body["winners"]
        valid = (
            bool(winners)
            and index > last_opening
            and all(
                winner["bid"] in final
                and final[winner["bid"]]["organisation"] == winner["organisation"]
                and all(winner["bid"] in readable.get(kind, set()) for kind in kinds)
                for winner in winners
            )
        )
        report.add(
            "award",
            f"#{entry.sequence}",
            valid,
            "中榜者均为已开启的有效标书。",
            "中榜者不在已开启的有效标书之内，或早于开启。",
        )


def _check_offices(record: _Record, anchors: Anchors, report: Report) -> None:
    links = ((entry.sequence, entry.kind, body) for _index, entry, body in record.of_kind(*JUDGED))
    for subject, right, words in office_findings(links):
        report.add("in_office", subject, right, words, words)


def _check_draws(record: _Record, anchors: Anchors, report: Report) -> None:
    links = ((entry.sequence, entry.kind, body) for _index, entry, body in record.of_kind(*DRAW_KINDS))
    for subject, right in draw_findings(links):
        report.add("draw", subject, right, "抽取专家所用的种子与事先的承诺一致。", "抽取专家的种子与事先的承诺不一致。")


CHECKS: tuple[tuple[str, Callable[[_Record, Anchors, Report], None]], ...] = (
    ("chain", _check_chain),
    ("signing_key", _check_signing_key),
    ("call", _check_call),
    ("bid", _check_bids),
    ("freeze", _check_freeze),
    ("receipt", _check_receipts),
    ("opening", _check_opening),
    ("in_office", _check_offices),
    ("award", _check_award),
    ("draw", _check_draws),
)


def verify_record(record: Any, anchors: Anchors | None = None) -> Report:
    """Run every check over an exported record (docs/sealing.md §5); never raises for what the record holds.

    `record["receipts"]`, when given, are what bidders bring themselves. Without `anchors` and receipts a record that
    the server forged as a whole would pass: the last row says which outside evidence was used.
    """
    report, known = Report(), anchors or Anchors()
    try:
        parsed = _parse(record)
    except (SealingError, KeyError, TypeError, ValueError, AttributeError) as error:
        detail = error.message if isinstance(error, SealingError) else "记录的结构不正确，或格式版本不受支持。"
        report.add("format", "", False, "", detail)
        return report
    report.add("format", parsed.challenge, True, "记录格式受支持。", "")
    for name, check in CHECKS:
        try:
            check(parsed, known, report)
        except SealingError as error:
            report.add(name, parsed.challenge, False, "", error.message)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            report.add(name, parsed.challenge, False, "", "记录中这一部分的结构不正确。")
    evidence = [
        ("回执", bool(parsed.raw.get("receipts"))),
        ("签名公钥指纹", bool(known.signing_key)),
        ("封存根", bool(known.root)),
        ("链头", bool(known.heads)),
    ]
    used = "、".join(name for name, present in evidence if present)
    passed = (
        f"已用外部证据核对：{used}。"
        if used
        else "未提供外部证据：只能说明记录自身一致，请附上回执或公布的封存根再核对。"
    )
    report.add("evidence", parsed.challenge, True, passed, "")
    return report


def layer_digest(data: bytes) -> str:
    """Hex SHA-256, as `blob_sha256` and `layer_digests` of a call carry it."""
    return hashlib.sha256(data).hexdigest()
