"""The drills of drills/, short: each is run as a person runs it, and must end as asked. Full: docs/operations.md §9."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.production.environment import ROOT

pytestmark = pytest.mark.integration

#: Drill → options of its short version, seconds it may take. The times asked are longer: CI shows loss, not speed.
SHORT = {
    "kill_workers": (("--kills", "6", "--broker-kills", "1", "--within", "150"), 600),
    "kill_database": (("--stops", "2", "--within", "90"), 600),
    "degradation": (("--only", "redis", "broker", "smtp", "read-only", "disk"), 600),
    "slow_senders": (("--seconds", "5"), 600),
    "exactly_once": (("--events", "600"), 600),
}
#: Only by hand: fills a database for minutes.
BY_HAND = ("query_plans",)


def drill(name: str, *options: str, seconds: float = 60, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "drills" / name), *options],
        cwd=ROOT,
        env=os.environ | changes,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.mark.parametrize("name", list(SHORT))
def test_a_drill_ends_as_asked(servers: dict[str, str], name: str):
    options, seconds = SHORT[name]
    done = drill(name, *options, "--json", seconds=seconds)
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    found: dict[str, Any] = json.loads(done.stdout)
    print(json.dumps(found, ensure_ascii=False)[:2000])


@pytest.mark.parametrize("name", [*SHORT, *BY_HAND])
def test_a_drill_explains_itself_and_names_what_is_missing(name: str):
    help_text = drill(name, "--help")
    assert help_text.returncode == 0
    assert "drills/services env" in help_text.stdout
    done = drill(name, TEST_DATABASE_URL="", TEST_BROKER_URL="", TEST_REDIS_URL="")
    assert done.returncode == 2
    assert "TEST_DATABASE_URL" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
