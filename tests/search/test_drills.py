"""The Elasticsearch drills in a short form, as processes of their own on the real cluster: they print what was asked.

The long forms are run by hand; `drills/elasticsearch_NAME --help` tells what each asks and how it is started.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.search.servers import search_url

pytestmark = pytest.mark.engine
DRILLS = Path(__file__).resolve().parent.parent.parent / "drills"


def drill(name: str, *options: str) -> dict[str, Any]:
    """Run it; its figures. A figure that is missed fails with what the drill says."""
    done = subprocess.run(
        [DRILLS / f"elasticsearch_{name}", "--json", *options],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "TEST_SEARCH_URL": search_url()},
        check=False,
    )
    assert done.stdout, done.stderr[-2000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["failures"] == []
    assert done.returncode == 0
    return figures


def test_a_killed_and_rolled_back_rebuild_loses_nothing_and_fails_no_search():
    figures = drill("reindex", "--documents", "300", "--added", "150", "--writers", "2", "--kills", "1")
    assert figures["killed"] == 1
    assert figures["searches"] > 0
    assert figures["failed_searches"] == figures["lost_updates"] == 0
    assert figures["rolled_back"] is True


def test_the_indexes_catch_up_after_the_cluster_was_cut_off():
    figures = drill("cut", "--documents", "60", "--writers", "4", "--seconds", "20")
    assert figures["cuts"] > 0
    assert figures["failed_writes"] == 0
    assert figures["no_drift_after_seconds"] <= 60


def test_pages_say_so_and_go_on_while_the_cluster_is_down_slow_full_or_talks_garbage():
    figures = drill("faults", "--documents", "60", "--seconds", "6", "--readers", "2")
    for fault in ("down", "slow", "full_429", "garbage"):
        assert figures[f"{fault}_pages"] > 0
        assert figures[f"{fault}_not_200"] == 0


def test_without_a_cluster_a_drill_says_what_to_start(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TEST_SEARCH_URL"}
    done = subprocess.run(
        [DRILLS / "elasticsearch_faults"], capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    assert done.returncode == 2
    assert "drills/services start elasticsearch" in done.stderr
