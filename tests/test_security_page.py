"""`docs/asvs.csv` names every requirement of ASVS 5.0.0 levels 1 and 2, and its evidence is there."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from core.row_digests import deciding_models

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[1]
#: Requirements of levels 1 and 2 by chapter, counted in the standard: 70 and 183 in all.
CHAPTERS = {
    1: 27,
    2: 11,
    3: 19,
    4: 10,
    5: 9,
    6: 35,
    7: 18,
    8: 7,
    9: 7,
    10: 29,
    11: 14,
    12: 9,
    13: 13,
    14: 9,
    15: 13,
    16: 16,
    17: 7,
}
STATES = {"test", "reason", "installation", "none", "open"}


def rows() -> list[dict[str, str]]:
    with (ROOT / "docs" / "asvs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_requirement_of_both_levels_is_named_once():
    counted = Counter(row["level"] for row in rows())
    assert (counted["1"], counted["2"]) == (70, 183)
    assert len({row["requirement"] for row in rows()}) == len(rows())
    chapters = Counter(int(row["requirement"].split(".")[0]) for row in rows() if row["level"] in "12")
    assert dict(chapters) == CHAPTERS


def test_every_claim_has_its_evidence():
    missing = []
    for row in rows():
        assert row["state"] in STATES, row
        assert row["evidence"].strip(), row
        if row["state"] == "test":
            missing += [name for name in row["evidence"].split() if not exists(name)]
    assert missing == []


def test_tests_named_on_the_page_exist():
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", page)
    assert named
    assert [name for name in named if not exists(name)] == []


def exists(name: str) -> bool:
    """`tests/…/file.py` or `tests/…/file.py::function`."""
    path, _separator, function = name.partition("::")
    file = ROOT / path
    return file.exists() and (not function or f"def {function}(" in file.read_text(encoding="utf-8"))


def test_the_page_tells_how_many_tables_are_vouched_for():
    told = re.search(
        r"`core\.deciding\.DecidingModel`: (\d+) tables", (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    )
    assert told is not None
    assert int(told[1]) == len(deciding_models())
