"""`kill -9` at any moment of import, publication or matching loses nothing and repeats nothing a user sees.

The processes are the real ones, on an installation of its own: the import command, the publisher, and the runner
(relay, scheduler, index writer) that is killed again and again while it works.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parent.parent
ROWS = 300
IMPORT_KILLS = 8
RUNNER_KILLS = 8


class Installation:
    """An installation below one folder, driven only through processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("DJANGO_", "TEST_"))},
            "MARKETPLACE_VAR_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "marketplace.settings.dev",
            "PYTHONWARNINGS": "ignore",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, expected: int = 0) -> str:
        process = self.start(*arguments)
        output, _nothing = process.communicate(timeout=120)
        assert process.returncode == expected, output
        return output

    def exit_code(self, *arguments: str) -> int:
        process = self.start(*arguments)
        process.communicate(timeout=120)
        return process.returncode

    def kill_within(self, seconds: float, *arguments: str) -> bool:
        """Start the process and kill it at a random moment; True if it ended by itself before."""
        process = self.start(*arguments)
        try:
            process.communicate(timeout=random.uniform(0.0, seconds))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return False
        return process.returncode == 0

    def report(self) -> dict:
        return json.loads(self.run("-m", "tests.kill_steps", "report"))


@pytest.fixture(scope="module")
def installation(tmp_path_factory) -> Installation:
    built = Installation(tmp_path_factory.mktemp("installation"))
    built.run("manage.py", "migrate", "--verbosity", "0")
    built.run("manage.py", "load_classification")
    built.run("manage.py", "load_workdays", "2025", "2026")
    built.run("-m", "tests.kill_steps", "build")
    return built


def test_a_killed_import_leaves_all_of_the_file_or_nothing_and_is_never_doubled(installation, tmp_path):
    file = tmp_path / "demands.jsonl"
    file.write_text(
        "\n".join(
            json.dumps(
                {"需求名称": f"第{number}项数据治理需求", "需求内容": "梳理数据资源，统一口径，持续更新。"},
                ensure_ascii=False,
            )
            for number in range(ROWS)
        ),
        encoding="utf-8",
    )
    command = ["manage.py", "import_scenarios", str(file), "--organisation", "导入示范单位", "--user", "clerk"]

    seen = set()
    for _attempt in range(IMPORT_KILLS):
        installation.kill_within(3.0, *command)
        report = installation.report()
        seen.add((report["imported"], report["batches"]))
        assert (report["imported"], report["batches"]) in {(0, 0), (ROWS, 1)}
    if (ROWS, 1) not in seen:
        installation.run(*command)
    installation.start(*command).communicate(timeout=120)

    report = installation.report()
    assert (report["imported"], report["batches"]) == (ROWS, 1)


def test_killing_publisher_and_runner_loses_nothing_and_tells_nobody_twice(installation):
    for _attempt in range(20):
        installation.kill_within(2.5, "-m", "tests.kill_steps", "publish")
        report = installation.report()
        assert (report["list"], report["listed"]) in {("approved", 0), ("published", 6)}
        if report["list"] == "published":
            break
    else:
        installation.run("-m", "tests.kill_steps", "publish")

    for _kill in range(RUNNER_KILLS):
        installation.kill_within(4.0, "manage.py", "serve", "--without-web")

    runner = installation.start("manage.py", "serve", "--without-web")
    try:
        until = time.monotonic() + 120
        while (report := installation.report())["pending"] or report["parked"]:
            assert time.monotonic() < until, report
            assert runner.poll() is None
        # An index that a kill left half written is made anew by the runner itself (architecture.md §6.4).
        while installation.exit_code("manage.py", "check_index", "--json") == 1:
            assert time.monotonic() < until, "the runner has not repaired the index"
            assert runner.poll() is None
    finally:
        runner.send_signal(signal.SIGTERM)
        runner.communicate(timeout=60)

    assert report["codes"] == [f"2026Q4-00{number}" for number in range(1, 7)]
    assert (report["list_matchings"], report["matched"]) == (1, 1)
    assert report["runs_of_list"] == [1] * 6
    assert report["recommendations"] >= 6
    assert report["doubled_recommendations"] == 0
    assert report["digests"] >= 6
    assert report["doubled_digests"] == 0
    assert installation.run("manage.py", "check_index", "--json")
    assert "审计链完好" in installation.run("manage.py", "verify_audit")
