"""A challenge's exported record: every change shows, also one the server signed itself (security.md S8)."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from challenges.sealing.canonical import canonical
from challenges.sealing.manifests import freeze_leaf, manifest_leaves, root_of, sign_freeze
from challenges.sealing.receipts import ChainEntry, append_entry, parse_time, time_text
from challenges.sealing.suites import DEFAULT_SUITE, SUITES
from challenges.sealing.verification import Anchors, Report, export_entry, sign_head, verify_record
from tests.challenges.sealing.builders import DEADLINE, RecordBuilder

pytestmark = pytest.mark.unit


def failed(report: Report) -> set[str]:
    return {row.check for row in report.failures}


@pytest.mark.parametrize("suite", sorted(SUITES))
def test_an_honest_record_passes_every_check(suite: str) -> None:
    builder = RecordBuilder(suite=suite)
    report = verify_record(builder.play(), builder.anchors())
    assert report.failures == []
    assert {row.check for row in report.rows} == {
        "format",
        "chain",
        "head",
        "signing_key",
        "anchor",
        "call",
        "officer_key",
        "envelope_keys",
        "bid",
        "one_bid_per_organisation",
        "freeze",
        "root",
        "receipt",
        "opening",
        "in_office",
        "opened_envelopes",
        "opened_envelope",
        "scores",
        "award",
        "evidence",
    }


def test_a_record_survives_the_way_through_a_file() -> None:
    builder = RecordBuilder()
    record = json.loads(json.dumps(builder.play()))
    assert verify_record(record, builder.anchors()).ok


def test_without_outside_evidence_the_report_says_so() -> None:
    record = RecordBuilder().play()
    del record["receipts"]
    report = verify_record(record)
    assert report.ok
    assert report.rows[-1].check == "evidence"
    assert "未提供外部证据" in report.rows[-1].detail


def test_a_record_before_the_opening_passes() -> None:
    builder = RecordBuilder()
    builder.append("published", builder.call())
    first = builder.receive(1, 1)
    builder.freeze([first], DEADLINE)
    assert verify_record(builder.record(), builder.anchors()).failures == []


def test_a_challenge_without_bids_passes() -> None:
    builder = RecordBuilder()
    builder.append("published", builder.call())
    builder.freeze([], DEADLINE)
    assert verify_record(builder.record(), builder.anchors()).failures == []


# -- Random mutations of the file -----------------------------------------------------------------------------------


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every position in a JSON value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield (*path, name)
        yield from places(child, (*path, name))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


def another(value: Any, generator: random.Random) -> Any:
    if isinstance(value, bool) or value is None:
        return "x"
    if isinstance(value, int):
        return value + generator.choice([-1, 1, 1000])
    if isinstance(value, str):
        if not value or generator.random() < 0.1:
            return value + "0"
        position = generator.randrange(len(value))
        return value[:position] + chr(ord(value[position]) ^ 1) + value[position + 1 :]
    return None


def mutate(record: dict[str, Any], generator: random.Random) -> tuple[dict[str, Any], str]:
    """One change somewhere: a value altered, something removed, doubled, or two neighbours exchanged.

    Which receipts a reader brings along is the reader's affair: that list only has its contents altered.
    """
    changed = copy.deepcopy(record)
    path = generator.choice([path for path in places(changed) if path[0] != "receipts" or len(path) > 2])
    parent, name = at(changed, path[:-1]), path[-1]
    action = generator.choice(["alter", "remove", "double", "exchange"])
    if action == "alter":
        parent[name] = another(parent[name], generator)
    elif action == "remove":
        del parent[name]
    elif isinstance(parent, list) and action == "double":
        parent.insert(name, copy.deepcopy(parent[name]))
    elif isinstance(parent, list) and len(parent) > 1:
        other = (name + 1) % len(parent)
        parent[name], parent[other] = parent[other], parent[name]
    else:
        parent[name] = another(parent[name], generator)
    return changed, f"{action} {path}"


def test_twelve_hundred_random_changes_are_all_detected() -> None:
    builder = RecordBuilder()
    record = builder.play()
    anchors = builder.anchors()
    generator = random.Random(20261124)
    tried = 0
    while tried < 1200:
        changed, what = mutate(record, generator)
        if canonical(changed) == canonical(record):
            continue
        tried += 1
        assert not verify_record(changed, anchors).ok, what


# -- A server that rewrites its own history ---------------------------------------------------------------------------


def rewritten(
    builder: RecordBuilder, record: dict[str, Any], change: Callable[[list[list[Any]]], None]
) -> dict[str, Any]:
    """The record after `change` of `[kind, body, at]` steps, rebuilt and signed anew with the platform's own key."""
    steps = [[entry["kind"], copy.deepcopy(entry["body"]), entry["at"]] for entry in record["chain"]]
    change(steps)
    entries: list[ChainEntry] = []
    bodies: list[Any] = []
    final: dict[str, Any] = {}
    freeze = record["freeze"]
    for kind, body, moment in steps:
        if "previous_head" in body:
            body["previous_head"] = entries[-1].head if entries else "0" * 64
        if kind in ("bid_received", "bid_withdrawn"):
            final.pop(body["bid"], None)
        if kind == "bid_received":
            final[body["bid"]] = body
        if kind == "frozen":
            first = freeze_leaf("JB-2026-001", moment, record["freeze_salt"])
            body["root"] = root_of(manifest_leaves(first, list(final.values())), DEFAULT_SUITE.digest).hex()
            freeze = sign_freeze(body, builder.signer)
        if kind == "opened":
            hashes = {
                bid: next(one["sha256"] for one in kept["envelopes"] if one["kind"] == body["kind"])
                for bid, kept in final.items()
            }
            body["envelopes"] = [
                {**one, "sha256": hashes[one["bid"]], "version": final[one["bid"]]["version"]}
                for one in body["envelopes"]
                if one["bid"] in hashes
            ]
        entries.append(append_entry(entries[-1] if entries else None, kind, body, parse_time(moment)))
        bodies.append(body)
    return {
        **record,
        "chain": [export_entry(entry, body) for entry, body in zip(entries, bodies, strict=True)],
        "head": sign_head("JB-2026-001", entries[-1], builder.signer),
        "freeze": freeze,
    }


def bids_among(steps: list[list[Any]]) -> list[int]:
    return [index for index, step in enumerate(steps) if step[0] == "bid_received"]


def remove_a_bid(steps: list[list[Any]], generator: random.Random) -> None:
    del steps[generator.choice(bids_among(steps))]


def alter_a_bid(steps: list[list[Any]], generator: random.Random) -> None:
    envelope = generator.choice(steps[generator.choice(bids_among(steps))][1]["envelopes"])
    envelope["sha256"] = generator.randbytes(32).hex()


def add_a_bid(steps: list[list[Any]], generator: random.Random) -> None:
    place = generator.choice(bids_among(steps))
    kind, body, moment = copy.deepcopy(steps[place])
    body.update(bid=f"bid-{generator.randrange(1000, 9999)}", organisation=f"9137{generator.randrange(10**9)}")
    for envelope in body["envelopes"]:
        envelope["sha256"] = generator.randbytes(32).hex()
    steps.insert(place, [kind, body, moment])


def exchange_two_bids(steps: list[list[Any]], generator: random.Random) -> None:
    first, second = generator.sample(bids_among(steps), 2)
    steps[first][1], steps[second][1] = steps[second][1], steps[first][1]


def shift_a_time(steps: list[list[Any]], generator: random.Random) -> None:
    step = steps[generator.choice(bids_among(steps))]
    moment = time_text(parse_time(step[2]) + timedelta(microseconds=generator.randrange(1, 900_000)))
    step[1]["received_at"] = step[2] = moment


REWRITINGS = [remove_a_bid, alter_a_bid, add_a_bid, exchange_two_bids, shift_a_time]


def test_rebuilding_without_a_change_passes_so_that_the_next_test_means_something() -> None:
    builder = RecordBuilder()
    record = builder.play()
    assert verify_record({**rewritten(builder, record, lambda steps: None), "receipts": []}, Anchors()).failures == []


@pytest.mark.parametrize("change", REWRITINGS)
def test_a_history_the_server_rewrote_and_signed_is_found_by_the_published_root(
    change: Callable[[list[list[Any]], random.Random], None],
) -> None:
    builder = RecordBuilder(bids=4)
    record = builder.play()
    generator = random.Random(change.__name__)
    for _ in range(60):
        forged = rewritten(builder, record, lambda steps: change(steps, generator))
        report = verify_record({**forged, "receipts": []}, builder.anchors())
        assert "anchor" in failed(report) or "bid" in failed(report)


@pytest.mark.parametrize("change", REWRITINGS)
def test_a_history_the_server_rewrote_and_signed_is_found_by_bidders_receipts(
    change: Callable[[list[list[Any]], random.Random], None],
) -> None:
    builder = RecordBuilder(bids=4)
    record = builder.play()
    generator = random.Random(change.__name__)
    for _ in range(60):
        forged = rewritten(builder, record, lambda steps: change(steps, generator))
        assert "receipt" in failed(verify_record(forged))


def test_a_forged_record_fails_with_another_signing_key() -> None:
    honest, forger = RecordBuilder(), RecordBuilder()
    honest.play()
    forged = forger.play()
    assert verify_record({**forged, "receipts": []}).ok
    assert failed(verify_record({**forged, "receipts": []}, Anchors(signing_key=honest.signer.fingerprint))) == {
        "anchor"
    }
    assert failed(verify_record({**forged, "receipts": honest.receipts})) == {"receipt"}


def test_a_head_noted_earlier_must_still_be_on_the_chain() -> None:
    builder = RecordBuilder()
    record = builder.play()
    noted = record["chain"][3]["head"]
    assert verify_record(record, Anchors(heads=(noted,))).ok
    forged = rewritten(builder, record, lambda steps: None)
    assert failed(verify_record({**forged, "receipts": []}, Anchors(heads=(noted,)))) == {"anchor"}


def test_links_cut_off_the_end_show() -> None:
    record = RecordBuilder().play()
    record["chain"].pop()
    assert failed(verify_record(record)) == {"head"}


# -- Rules of the procedure, broken by a server that signs everything correctly --------------------------------------


def step_of(steps: list[list[Any]], kind: str, number: int = 0) -> int:
    return [index for index, step in enumerate(steps) if step[0] == kind][number]


def move_price_before_scores(steps: list[list[Any]]) -> None:
    scores = steps.pop(step_of(steps, "scores_locked"))
    place = step_of(steps, "opened", 1) + 1
    scores[2] = steps[place][2]
    steps.insert(place, scores)


def one_officer_twice(steps: list[list[Any]]) -> None:
    for step in steps:
        if step[0] in ("peeled", "opened") and step[1]["kind"] == "technical":
            step[1]["officers"] = ["officer-a", "officer-a"]
            if "officer" in step[1]:
                step[1]["officer"] = "officer-a"


def officers_of_one_organisation(steps: list[list[Any]]) -> None:
    call = steps[0][1]
    call["officers"][2]["organisation"] = call["officers"][0]["organisation"]


def a_single_officer(steps: list[list[Any]]) -> None:
    step = steps[step_of(steps, "opened")]
    step[1]["officers"] = ["officer-a"]


def no_peel_on_record(steps: list[list[Any]]) -> None:
    del steps[step_of(steps, "peeled")]


def open_before_the_freeze(steps: list[list[Any]]) -> None:
    frozen = steps.pop(step_of(steps, "frozen"))
    place = step_of(steps, "opened") + 1
    frozen[2] = frozen[1]["frozen_at"] = steps[place - 1][2]
    steps.insert(place, frozen)


def leave_out_an_envelope(steps: list[list[Any]]) -> None:
    steps[step_of(steps, "opened")][1]["envelopes"].pop()


def unreadable_without_a_reason(steps: list[list[Any]]) -> None:
    steps[step_of(steps, "opened")][1]["envelopes"][0]["result"] = "unreadable"


def award_to_a_stranger(steps: list[list[Any]]) -> None:
    steps[-1][1]["winners"][0]["bid"] = "bid-99"


def award_to_an_unreadable_bid(steps: list[list[Any]]) -> None:
    winner = steps[-1][1]["winners"][0]["bid"]
    for one in steps[step_of(steps, "opened", 1)][1]["envelopes"]:
        if one["bid"] == winner:
            one.update(result="unreadable", reason="密文损坏")


def late_bid(steps: list[list[Any]]) -> None:
    step = steps[step_of(steps, "bid_withdrawn") - 1]
    withdrawal = steps[step_of(steps, "bid_withdrawn")]
    step[2] = step[1]["received_at"] = time_text(DEADLINE)
    withdrawal[2] = withdrawal[1]["withdrawn_at"] = time_text(DEADLINE)


def freeze_before_the_deadline(steps: list[list[Any]]) -> None:
    step = steps[step_of(steps, "frozen")]
    step[2] = step[1]["frozen_at"] = time_text(DEADLINE - timedelta(seconds=1))


def two_bids_of_one_organisation(steps: list[list[Any]]) -> None:
    second = steps[step_of(steps, "bid_received", 1)][1]
    third = steps[step_of(steps, "bid_received", 2)][1]
    third["organisation"] = second["organisation"]


def an_old_version_again(steps: list[list[Any]]) -> None:
    steps[step_of(steps, "bid_received", 3)][1]["version"] = 1


def other_envelope_key(steps: list[list[Any]]) -> None:
    steps[step_of(steps, "opened")][1]["fingerprint"] = "0" * 64


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (move_price_before_scores, "opening"),
        (one_officer_twice, "opening"),
        (officers_of_one_organisation, "envelope_keys"),
        (a_single_officer, "opening"),
        (no_peel_on_record, "opening"),
        (open_before_the_freeze, "opening"),
        (leave_out_an_envelope, "opened_envelopes"),
        (unreadable_without_a_reason, "opened_envelope"),
        (award_to_a_stranger, "award"),
        (award_to_an_unreadable_bid, "award"),
        (late_bid, "bid"),
        (freeze_before_the_deadline, "root"),
        (two_bids_of_one_organisation, "one_bid_per_organisation"),
        (an_old_version_again, "bid"),
        (other_envelope_key, "opening"),
    ],
)
def test_a_broken_rule_shows_though_every_signature_is_right(
    change: Callable[[list[list[Any]]], None], check: str
) -> None:
    builder = RecordBuilder()
    forged = rewritten(builder, builder.play(), change)
    assert check in failed(verify_record({**forged, "receipts": []}))


@pytest.mark.parametrize(
    "record",
    [None, 1, "x", [], {}, {"format": "marketplace-challenge-record/1"}, {"format": "marketplace-challenge-record/2"}],
)
def test_nonsense_is_a_failed_check_and_never_an_exception(record: Any) -> None:
    assert failed(verify_record(record)) == {"format"}
