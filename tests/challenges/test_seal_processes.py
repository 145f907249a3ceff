"""R1 in short: processes die at every named point of a submission, and nothing is lost, halved or doubled.

The full counts are drills/sealed_bids; R4, R15 and S15 need a server's row locks and run on PostgreSQL only.
"""

import json
import os

import pytest

from tests.test_kill import Installation

pytestmark = pytest.mark.integration

KILLS = int(os.environ.get("SEAL_KILLS", "16"))


@pytest.fixture(scope="module")
def installation(tmp_path_factory) -> Installation:
    built = Installation(tmp_path_factory.mktemp("sealed"))
    built.run("manage.py", "migrate", "--verbosity", "0")
    built.run("manage.py", "load_classification")
    built.run("manage.py", "load_workdays", "2025", "2026")
    built.run("-m", "tests.seal_steps", "build")
    return built


def answer(output: str) -> dict:
    return json.loads(output.strip().splitlines()[-1])


def test_a_process_killed_at_any_point_of_a_submission_loses_no_receipted_bid(installation):
    report = answer(installation.run("-m", "tests.seal_steps", "kills", str(KILLS)))
    assert report["kills"] == KILLS
    assert set(report["by_point"].values()) == {KILLS // 8}
    assert (report["receipted"], report["lost"], report["changed_receipts"], report["half"]) == (KILLS, 0, 0, [])
