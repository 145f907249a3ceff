"""The form of a manifest, judged by one table in three places: at the opening, on the page, on the command line."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from challenges.sealing.bid_schema import MOST_FAULTS, TABLE, NotInForm, checked_manifest, manifest_faults
from challenges.validators import AGREEMENT_CLAUSES

pytestmark = pytest.mark.unit

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("bid_schema_cases.json").read_text(encoding="utf-8"))
#: Numbers JavaScript reads as others, and whether it refuses them: 1.0 is 1 and sealed so, 3,000 digits are Infinity.
READ_OTHERWISE = {"total a float": False, "total of 4,000 digits": True}
BRIDGE = Path(__file__).resolve().parents[2] / "challenges" / "frontend" / "tests" / "bridge.mjs"


def faults(case: dict[str, Any]) -> list[list[str]]:
    return [[one.code, one.field, one.message] for one in manifest_faults(case["kind"], json.loads(case["manifest"]))]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['kind']}: {case['name']}")
def test_the_opening_finds_what_the_cases_say(case: dict[str, Any]) -> None:
    assert faults(case) == case["faults"]


def test_the_page_finds_the_same_in_the_same_words() -> None:
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI"):
            pytest.fail("缺少 Node：先运行 make install")
        pytest.skip("缺少 Node：运行 make install 后再试")
    request = {"action": "manifest_faults", "cases": [[case["kind"], case["manifest"]] for case in CASES]}
    answer = subprocess.run(
        [node, str(BRIDGE)], input=json.dumps(request), capture_output=True, text=True, timeout=60, check=True
    )
    said = [
        [[one["code"], one["field"], one["message"]] for one in found] for found in json.loads(answer.stdout)["result"]
    ]
    for case, found in zip(CASES, said, strict=True):
        if case["name"] in READ_OTHERWISE:
            assert bool(found) == READ_OTHERWISE[case["name"]]
            continue
        assert (case["name"], sorted(found)) == (case["name"], sorted(case["faults"]))


def test_the_table_is_json_schema_and_means_the_same_to_a_library() -> None:
    for kind in ("technical", "price"):
        schema = {"$schema": TABLE["$schema"], "$defs": TABLE["$defs"], "$ref": f"#/$defs/{kind}"}
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        for case in (one for one in CASES if one["kind"] == kind and one["name"] != "total a float"):
            assert validator.is_valid(json.loads(case["manifest"])) == (not case["faults"]), case["name"]


def test_the_clauses_of_the_table_are_those_of_the_rules() -> None:
    clauses = TABLE["$defs"]["technical"]["properties"]["agreement"]["properties"]
    assert {key: rule["title"] for key, rule in clauses.items()} == AGREEMENT_CLAUSES


def test_a_refusal_quotes_nothing_of_the_bid_and_names_only_so_many_places() -> None:
    words = "绝不公开的一句话"
    manifest = {words: 1, "leader": words * 100, "team": [words] * 200, "answers": {words: words}}
    assert len(manifest_faults("technical", manifest)) == MOST_FAULTS
    assert all(words not in fault.message for fault in manifest_faults("technical", manifest))
    with pytest.raises(NotInForm) as refusal:
        checked_manifest("technical", manifest)
    assert words not in refusal.value.message
    assert refusal.value.message.startswith("不符合规定格式：")
