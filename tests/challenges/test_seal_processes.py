"""R1, R4, R5, R15 and S15 in short: kills, races and bursts of real processes; the full counts are drills/sealed_bids.

Only PostgreSQL locks rows and keeps a clock of its own, so the races run there; the kills run on either database.
"""

import json
import os
from collections.abc import Iterator

import pytest

from tests.seal_installation import SealedGround, sealed_ground
from tests.test_kill import Installation

pytestmark = pytest.mark.integration

KILLS = int(os.environ.get("SEAL_KILLS", "16"))


@pytest.fixture(scope="module")
def installation(tmp_path_factory) -> Installation:
    """The embedded default."""
    built = Installation(tmp_path_factory.mktemp("sealed"))
    built.run("manage.py", "migrate", "--verbosity", "0")
    built.run("manage.py", "load_classification")
    built.run("manage.py", "load_workdays", "2025", "2026")
    return built


@pytest.fixture(scope="module")
def ground(tmp_path_factory) -> Iterator[SealedGround]:
    """PostgreSQL. Without it: skipped with the reason, or failed where services are required."""
    database_url = os.environ.get("TEST_DATABASE_URL", "")
    if not database_url.startswith("postgres"):
        reason = "TEST_DATABASE_URL names no PostgreSQL: row locks and the database's clock are not there to be tried"
        if os.environ.get("CI") == "true" and os.environ.get("MARKETPLACE_REQUIRE_SERVICES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sealed_ground(database_url, tmp_path_factory.mktemp("ground")) as made:
        yield made


def expect_nothing_lost(report: dict, kills: int) -> None:
    assert report["kills"] == kills
    assert set(report["by_point"].values()) == {kills // 8}
    assert (report["receipted"], report["lost"], report["unsigned"], report["changed_receipts"]) == (kills, 0, 0, 0)
    assert report["half"] == []


def test_a_process_killed_at_any_point_of_a_submission_loses_no_receipted_bid(installation):
    output = installation.run("-m", "tests.seal_steps", "kills", str(KILLS))
    expect_nothing_lost(json.loads(output.strip().splitlines()[-1]), KILLS)


def test_kills_lose_nothing_on_postgresql_while_others_hand_in(ground):
    report = ground.step("kills", "8", "load")
    expect_nothing_lost(report, 8)
    assert report["load_hand_ins"] > 0


def test_around_the_deadline_receipts_are_the_manifest_and_nobody_is_wronged(ground):
    report = ground.step("race", "30", "1")
    assert report["taken"] + report["refused"] == 30
    assert 0 < report["taken"] == report["manifest"] < 30
    for what in ("missing_from_manifest", "unreceipted_in_manifest", "late_taken", "early_refused"):
        assert report[what] == 0
    assert report["root_of_receipts"] is True
    assert report["freeze_seconds"] <= 1
    assert report["half"] == []


def test_with_the_freezer_dead_the_first_reader_closes_with_the_root_of_the_receipts(ground):
    report = ground.step("dead_freezer", "8")
    del report["longest_seconds"]
    assert report == {
        "freezer_killed": True,
        "left_nothing": True,
        "states_read": {"closed": 8},
        "different_roots": 1,
        "root_of_receipts": True,
        "frozen_links": 1,
        "late_refused": "bidding_closed",
        "frozen_again": 0,
    }


def test_a_burst_of_hand_ins_is_answered_while_others_read(ground):
    report = ground.step("burst", "20", "4", "10")
    assert (report["hand_ins"], report["refused"], report["stored"], report["half"]) == (20, 0, 20, [])
    assert report["longest_seconds"] <= 3
    assert report["reads"] > 0


def test_the_same_hand_in_and_withdrawal_many_times_at_once_have_one_effect(ground):
    report = ground.step("doubles", "10")
    assert report["submitted"].get("taken 1") in (1, 5)
    assert sum(report["submitted"].values()) == 10
    assert (report["versions"], report["received_links"], report["different_receipts"]) == (1, 1, 1)
    assert report["withdrawn"] == {"bid_withdrawn": 9, "withdrawn": 1}
    assert (report["withdrawn_links"], report["half"]) == (1, [])


def test_one_bidder_at_several_items_of_a_list_at_once_leads_no_more_than_allowed(ground):
    assert ground.step("leading", "6") == {"submitted": {"taken": 1, "too_many_bids": 5}, "stored": 1}


def test_the_same_decision_publicity_and_award_many_times_at_once_have_one_effect(ground):
    report = ground.step("decisions", "8")
    assert report["decided"] == {"decided": 1, "illegal_transition": 7}
    assert report["started"] == {"started": 1, "illegal_transition": 7}
    assert report["awarded"] == {"awarded": 1, "illegal_transition": 7}
    assert (report["decisions"], report["publicities"], report["awards"], report["award_links"]) == (1, 1, 1, 1)
    assert report["record_failures"] == []


def test_a_web_process_whose_clock_is_wrong_decides_by_the_databases(ground):
    report = ground.step("clocks", "5")
    for host in ("fast", "slow"):
        assert report.pop(f"{host}_receipt_off_seconds") <= 2
    assert report == {
        "fast_before": "taken",
        "fast_freezes_early": 0,
        "fast_after": "bidding_closed",
        "slow_before": "taken",
        "slow_freezes_early": 0,
        "slow_after": "bidding_closed",
        "slow_freezes": 1,
    }
