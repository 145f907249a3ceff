"""The page refuses before sealing exactly what the formal check would find afterwards: one set of cases for both."""

import json
import os
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from challenges.models import Challenge
from challenges.parameters import Parameters
from challenges.validators import AGREEMENT_CLAUSES, bid_problems, price_problems
from tests.factories import challenges as make

pytestmark = pytest.mark.django_db

CASES: dict[str, Any] = json.loads(Path(__file__).with_name("bid_rules.json").read_text(encoding="utf-8"))
BRIDGE = Path(__file__).resolve().parents[2] / "challenges" / "frontend" / "tests" / "bridge.mjs"
SHEET = replace(
    Parameters(),
    consortium_maximum_members=CASES["rules"]["maximum_members"],
    self_funding_percent=CASES["rules"]["self_funding_percent"],
)


@pytest.fixture
def challenge(clock: Any) -> Challenge:
    """Two indicators and the cap of the cases."""
    stage = make.make_stage(expert_count=0)
    need = make.make_need(stage, make.make_programme(stage))
    need.grant_cap_fen = CASES["rules"]["grant_cap_fen"]
    return need


def problems(challenge: Challenge) -> dict[str, list[list[dict[str, str]]]]:
    """What the server says of every case."""
    return {
        "bids": [[asdict(one) for one in bid_problems(case["manifest"], challenge, SHEET)] for case in CASES["bids"]],
        "prices": [
            [asdict(one) for one in price_problems(case["price"], challenge, SHEET)] for case in CASES["prices"]
        ],
    }


def test_the_formal_check_finds_what_the_cases_say(challenge: Challenge) -> None:
    found = problems(challenge)
    for group in ("bids", "prices"):
        named = {
            case["name"]: [one["code"] for one in reasons]
            for case, reasons in zip(CASES[group], found[group], strict=True)
        }
        assert named == {case["name"]: case["problems"] for case in CASES[group]}


def test_the_page_finds_the_same_in_the_same_words(challenge: Challenge) -> None:
    node = shutil.which("node")
    if node is None or not (BRIDGE.parent.parent / "node_modules").is_dir():
        if os.environ.get("CI"):
            pytest.fail("缺少 Node 或前端依赖：先运行 make install")
        pytest.skip("缺少 Node 或前端依赖：运行 make install 后再试")
    call = {
        "indicators": [{"sequence": row.sequence, "name": row.name} for row in challenge.indicators.all()],
        "rules": {
            **CASES["rules"],
            "clauses": [{"key": key, "label": label} for key, label in AGREEMENT_CLAUSES.items()],
        },
    }
    request = {
        "action": "bid_rules",
        "call": call,
        "bids": [case["manifest"] for case in CASES["bids"]],
        "prices": [case["price"] for case in CASES["prices"]],
        "amounts": [text for text, _fen in CASES["amounts"]],
    }
    answer = subprocess.run(
        [node, str(BRIDGE)], input=json.dumps(request), capture_output=True, text=True, timeout=60, check=True
    )
    result = json.loads(answer.stdout)["result"]
    expected = problems(challenge)
    for group in ("bids", "prices"):
        for case, said, wanted in zip(CASES[group], result[group], expected[group], strict=True):
            assert (case["name"], said) == (case["name"], wanted)
    assert result["amounts"] == [fen for _text, fen in CASES["amounts"]]
