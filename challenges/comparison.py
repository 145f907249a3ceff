"""Whether the rows and files of a challenge are what its chain and their digests say (docs/security.md §3; ADR 0010).

The exported record proves itself to anybody; these comparisons need the database and are the platform's own: what
people read on its pages is what the record says. Before the opening only yes or no is told, never how many.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from django.utils.translation import gettext as _

from challenges import scoring
from challenges.draws_record import verify_draws
from challenges.enums import OpeningState, PanelPurpose, SeatState
from challenges.models import BidVersion, Challenge, Panel
from challenges.officers_record import verify_officers
from challenges.records import verify_files
from challenges.sealing import verification as kinds
from challenges.sealing.canonical import decode_bytes
from challenges.sealing.errors import SealingError
from challenges.sealing.receipts import body_digest, entry_faults, time_text, verify_receipt
from challenges.sealing.statements import signing_fingerprint
from challenges.sealing.suites import suite_named
from challenges.sealing.verification import Anchors, Row
from challenges.services.chain import as_link
from challenges.services.review import outcomes_of, sheets_digest
from challenges.signing import signer
from core.integrity import Fault, attachment_faults
from core.row_digests import compare_part

logger = logging.getLogger("marketplace.integrity")
#: Tables beside whose rows files may lie that belong to a challenge, with the lookup that leads there.
SUBJECTS = {
    "challenges.challenge": "pk",
    "challenges.bid": "bids__pk",
    "challenges.project": "projects__pk",
    "challenges.milestone": "projects__milestones__pk",
    "challenges.acceptance": "projects__acceptances__pk",
    "challenges.objection": "publicities__objections__pk",
}
Found = Iterator[tuple[str, bool, str]]
#: What is said of a kind of comparison before the opening, when it must not tell of what, or of how many.
BEFORE_OPENING = {
    "link": "链条不完整，或内容被改动。",
    "deadline": "截止时间与公布的不一致。",
    "text": "榜单文本与公布的不一致。",
    "keys": "封标密钥或开启人员与公布的不一致。",
    "freeze": "封存记录与链上的不一致。",
    "receipt_row": "收到的标书与链上的回执不一致。",
    "file": "密文文件缺失或被改动。",
    "attachment": "附件文件缺失或被改动。",
    "row": "关键数据与平台留存的校验值不符，可能绕过平台被改动、加入或删除。",
    "opening_row": "开启之前已有开启的数据。",
    "draw_row": "专家抽取的记录与公布的方法或链上的不符。",
    "score_row": "开启之前已有评分的数据。",
    "award_row": "开启之前已有中榜的数据。",
    "in_office": "开启环节有当时不在任的人参与。",
}


def compared_rows(challenge: Challenge, *, chain_is_judged: bool = False) -> list[Row]:
    """Rows of the report. Before the opening one per kind of comparison, without subject or number.

    `chain_is_judged`: the record exported from this chain was verified in the same run, so its links need not be again.
    """
    wanted = [entry for entry in COMPARISONS if not (chain_is_judged and entry[0] == "link")]
    rows = [row for check, compare in wanted for row in _judged(challenge, check, compare)]
    if challenge.opened_at is not None:
        return rows
    told = []
    for check, _compare in COMPARISONS:
        mine = [row for row in rows if row.check == check]
        ok = all(row.ok for row in mine)
        told.append(Row(check, str(challenge.code), ok, _("相符。") if ok else BEFORE_OPENING[check]))
    return told


def _judged(challenge: Challenge, check: str, compare: Callable[[Challenge], Found]) -> list[Row]:
    """What was changed may have any shape; a comparison that trips over it has found it."""
    rows = []
    try:
        for subject, ok, detail in compare(challenge):
            rows.append(Row(check, subject, ok, "" if ok else detail))
    except (SealingError, KeyError, TypeError, ValueError, AttributeError, IndexError, OSError) as error:
        logger.warning("comparison %s of challenge %s: %s", check, challenge.code, type(error).__name__)
        rows.append(Row(check, str(challenge.code), False, _("数据的结构不正确，无法核对，可能已被改动。")))
    return rows


def challenges_faults() -> Iterator[Fault]:
    """For `verify_audit`: every published challenge's chain against its rows, and its ciphertexts."""
    for challenge in Challenge.objects.exclude(suite="").order_by("pk").select_related("annual_list", "programme"):
        for row in compared_rows(challenge):
            if not row.ok and row.check not in COMPARED_ALREADY:
                yield Fault(row.check, f"{challenge.code} {row.subject}", row.detail)


#: What `core.integrity` compares for the whole installation.
COMPARED_ALREADY = frozenset({"row", "attachment"})


def noted_rows(challenge: Challenge, anchors: Anchors) -> list[Row]:
    """What somebody noted outside, against a challenge whose record cannot be told yet."""
    rows = []
    if anchors.root:
        frozen = (challenge.freeze or {}).get("body", {})
        same = frozen.get("root") == anchors.root
        rows.append(Row("anchor", anchors.root[:16], same, "" if same else _("封存根与截止时公布的不一致。")))
    for head in anchors.heads:
        found = challenge.chain.filter(head=head).exists()
        rows.append(Row("anchor", head[:16], found, "" if found else _("先前公布的链头不在链上：历史被改写。")))
    if anchors.signing_key:
        same = signing_fingerprint(signer().public_key) == anchors.signing_key
        rows.append(Row("anchor", anchors.signing_key[:16], same, "" if same else _("签名公钥与留存的指纹不一致。")))
    return rows


def _bodies(challenge: Challenge, kind: str) -> list[dict[str, Any]]:
    return list(challenge.chain.filter(kind=kind).order_by("sequence").values_list("body", flat=True))


def _call(challenge: Challenge) -> dict[str, Any]:
    calls = _bodies(challenge, kinds.PUBLISHED)
    return calls[-1] if calls else {}


def _links(challenge: Challenge) -> Found:
    """The chain itself; after the opening `verify_record` says the same of the exported record."""
    suite, previous = suite_named(challenge.suite), None
    for row in challenge.chain.order_by("sequence").iterator(chunk_size=500):
        link = as_link(row)
        faults = entry_faults(link, previous, suite)
        if body_digest(row.body, suite) != row.body_digest:
            faults.append("内容与摘要不一致，内容被改动")
        if faults:
            yield f"#{link.sequence} {link.kind}", False, "；".join(faults) + "。"
        previous = link
    yield str(challenge.code), previous is not None, _("链上没有任何事件。")


def _deadline(challenge: Challenge) -> Found:
    published, present = _call(challenge).get("deadline", ""), challenge.deadline_at
    same = published == (time_text(present) if present else "")
    yield str(challenge.code), same, _("截止时间与公布的 %s 不一致。") % published


def _text(challenge: Challenge) -> Found:
    for body in _bodies(challenge, kinds.PUBLISHED):
        version = challenge.versions.filter(number=body.get("version")).first()
        same = version is not None and version.content == body.get("content")
        yield f"v{body.get('version')}", same, _("榜单文本与公布的不一致。")


def _keys(challenge: Challenge) -> Found:
    call = _call(challenge)
    rows = {key.kind: key for key in challenge.envelope_keys.filter(retired_at=None)}
    for published in call.get("envelopes", []):
        row = rows.pop(published["kind"], None)
        same = row is not None and (row.public_key, row.fingerprint) == (
            published["public_key"],
            published["fingerprint"],
        )
        same = same and [_wrapped(one) for one in row.wrapped] == published["wrapped"]  # type: ignore[union-attr]
        yield published["kind"], same, _("封标密钥与公布的不一致。")
    yield str(challenge.code), not rows, _("有未公布的封标密钥。")
    openers = challenge.annual_list.openers.select_related("key") if challenge.annual_list else ()
    known = {str(one.key.public_id): one.key.public_key for one in openers if one.key is not None}
    for officer in call.get("officers", []):
        same = known.get(officer["id"]) == officer["public_key"]
        yield officer["id"], same, _("开启人员的公钥与公布的不一致。")


def _wrapped(one: dict[str, Any]) -> dict[str, Any]:
    try:
        digest = kinds.layer_digest(decode_bytes(one["blob"]))
    except SealingError:
        digest = ""
    return {"officers": one["officers"], "blob_sha256": digest, "layer_digests": one["layer_digests"]}


def _freeze(challenge: Challenge) -> Found:
    frozen = _bodies(challenge, kinds.FROZEN)
    expected = frozen[-1] if frozen else None
    moment = time_text(challenge.frozen_at) if challenge.frozen_at else None
    same = (challenge.freeze or {}).get("body") == expected and moment == (expected or {}).get("frozen_at")
    yield str(challenge.code), same, _("封存记录与链上的不一致。")


def _receipts(challenge: Challenge) -> Found:
    versions = {
        (str(version.bid.public_id), version.number): version
        for version in BidVersion.objects.filter(bid__challenge=challenge).select_related("bid__organisation")
    }
    key = signer().public_key
    for body in _bodies(challenge, kinds.RECEIVED):
        subject, version = f"{body['bid']} v{body['version']}", versions.pop((body["bid"], body["version"]), None)
        same = (
            version is not None
            and version.receipt.get("body") == body
            and str(version.bid.organisation.public_id) == body["organisation"]
            and time_text(version.received_at) == body["received_at"]
            and _signed(version.receipt, key)
        )
        yield subject, same, _("标书版本或其回执与链上的不一致。")
    for bid, number in versions:
        yield f"{bid} v{number}", False, _("链上没有这一版标书。")


def _signed(receipt: dict[str, Any], key: bytes) -> bool:
    try:
        verify_receipt(receipt, key)
    except SealingError:
        return False
    return True


def _openings(challenge: Challenge) -> Found:
    records = {one.kind: one.record for one in challenge.openings.filter(state=OpeningState.DONE)}
    for body in _bodies(challenge, kinds.OPENED):
        yield body["kind"], records.pop(body["kind"], None) == body, _("开启记录与链上的不一致。")
    for kind in records:
        yield kind, False, _("链上没有这次开启。")


def _draws(challenge: Challenge) -> Found:
    for row in verify_draws(challenge):
        yield row.subject, row.ok, row.detail


def _scores(challenge: Challenge) -> Found:
    """Signed sheets are what was signed, and results follow from them by the published rule."""
    for panel in challenge.panels.exclude(locked_at=None):
        for seat in panel.seats.filter(state=SeatState.SIGNED):
            yield str(seat.public_id), seat.signature == sheets_digest(seat), _("评分与专家签署时的不一致。")
        readable = challenge.contents_erased_at is None  # else there is no price left to calculate with
        if readable and panel.purpose == PanelPurpose.REVIEW and panel.results.exists():
            yield str(panel.public_id), _results_follow(panel), _("评审结果与签署的评分按公布的规则计算不符。")
    for body in _bodies(challenge, kinds.SCORES_LOCKED):
        signatures = set(challenge.panels.filter(public_id=body["panel"]).values_list("seats__signature", flat=True))
        yield body["panel"], set(body["signatures"]) <= signatures, _("签署摘要与链上的不一致。")


def _results_follow(panel: Panel) -> bool:
    def key(outcome: scoring.Outcome) -> tuple[Any, ...]:
        return outcome.bid, outcome.technical, outcome.price, outcome.total, outcome.rank

    kept = [
        (str(row.bid.public_id) if row.bid else "", row.technical, row.price, row.total, row.rank)
        for row in panel.results.select_related("bid")
    ]
    return sorted(kept, key=str) == sorted((key(one) for one in outcomes_of(panel)), key=str)


def _awards(challenge: Challenge) -> Found:
    for body in _bodies(challenge, kinds.AWARDED):
        for winner in body["winners"]:
            found = challenge.bids.filter(
                public_id=winner["bid"],
                organisation__public_id=winner["organisation"],
                awards__awarded_at__isnull=False,
            )
            yield winner["bid"], found.exists(), _("中榜单位与链上的不一致。")
    published = {str(one["first_day"]): one["content"] for one in _bodies(challenge, "publicity")}
    for publicity in challenge.publicities.all():
        content = published.get(publicity.first_day.isoformat())
        yield publicity.first_day.isoformat(), content == publicity.content, _("公示内容与链上的不一致。")


def _files(challenge: Challenge) -> Found:
    for row in verify_files(challenge):
        yield row.subject, row.ok, row.detail


def _subjects(challenge: Challenge) -> dict[str, list[int]]:
    found = {}
    for label, lookup in SUBJECTS.items():
        keys = Challenge.objects.filter(pk=challenge.pk).order_by().values_list(lookup, flat=True)
        found[label] = sorted({key for key in keys if key is not None})
    return found


def _attachments(challenge: Challenge) -> Found:
    for label, keys in _subjects(challenge).items():
        wanted = {"subject_type": label, "subject_id__in": [str(key) for key in keys]}
        for fault in attachment_faults(**wanted):
            yield fault.subject, False, fault.detail


def _digests(challenge: Challenge) -> Found:
    """Every row that decides something about this challenge: its own, its list's and its programme's, its files'."""
    parts = {
        **_subjects(challenge),
        "challenges.annuallist": [challenge.annual_list_id] if challenge.annual_list_id else [],
        "challenges.programme": [challenge.programme_id],
    }
    for label, keys in parts.items():
        if keys:
            for finding in compare_part(label, keys):
                yield f"{finding.table}#{finding.row}", False, finding.detail


def _officers(challenge: Challenge) -> Found:
    for row in verify_officers(challenge):
        yield row.subject, row.ok, row.detail


COMPARISONS: tuple[tuple[str, Callable[[Challenge], Found]], ...] = (
    ("link", _links),
    ("deadline", _deadline),
    ("text", _text),
    ("keys", _keys),
    ("freeze", _freeze),
    ("receipt_row", _receipts),
    ("file", _files),
    ("attachment", _attachments),
    ("row", _digests),
    ("opening_row", _openings),
    ("draw_row", _draws),
    ("score_row", _scores),
    ("award_row", _awards),
    ("in_office", _officers),
)
