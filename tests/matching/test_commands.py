"""`manage.py match`, as an operator uses it."""

import io
import json

import pytest
from django.core.management import call_command

from core import relay
from matching.models import MatchRun
from search import indexing
from tests.factories import make_listed_capability, make_listed_scenario

pytestmark = [pytest.mark.django_db, pytest.mark.engine]


@pytest.fixture(autouse=True)
def indexes(clock, index_folder):
    indexing.heal()


def run(*arguments) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("match", *map(str, arguments), stdout=out, stderr=err)
    except SystemExit as stop:
        code = stop.code
    return code, out.getvalue(), err.getvalue()


def test_a_demand_by_its_number(clock):
    capability = make_listed_capability()
    scenario = make_listed_scenario()
    relay.drain()
    code, out, _err = run("--scenario", scenario.code, "--json")
    assert code == 0
    result = json.loads(out)
    (first,) = result["candidates"]
    assert (first["capability"], first["rank"]) == (capability.code, 1)
    assert round(sum(reason["share"] for reason in first["reasons"]), 1) == first["score"]
    assert MatchRun.objects.get(public_id=result["run"]).scenario == scenario
    code, out, _err = run("--scenario", scenario.code, "--top", "1")
    assert code == 0
    assert capability.title in out
    assert "文字相符" in out


@pytest.mark.parametrize(
    "content",
    ["政务材料预审\n识别营业执照，核对缺项，提示补正。", '{"title": "政务材料预审", "text": "识别营业执照，核对缺项"}'],
)
def test_a_text_from_a_file_leaves_no_rows(tmp_path, content):
    capability = make_listed_capability()
    relay.drain()
    before = MatchRun.objects.count()
    path = tmp_path / "demand.txt"
    path.write_text(content, encoding="utf-8")
    code, out, _err = run("--file", path, "--json")
    assert code == 0
    assert json.loads(out)["candidates"][0]["capability"] == capability.code
    assert MatchRun.objects.count() == before


def test_what_cannot_be_matched_is_one_line_and_exit_code_two(tmp_path, index_folder):
    bad = {
        "empty.txt": b"",
        "broken.json": b'{"title": ',
        "numbers.json": b'{"title": 5}',
        "binary.txt": b"\xff\xfe\x00",
        "long.txt": ("水" * 30_000).encode(),
        "huge.txt": b"a" * 1_100_000,
    }
    for name, content in bad.items():
        path = tmp_path / name
        path.write_bytes(content)
        code, out, err = run("--file", path)
        assert (name, code, out, err.count("\n")) == (name, 2, "", 1)
    assert run("--file", tmp_path / "missing.txt")[0] == 2
    assert run("--scenario", "2026Q4-999")[0] == 2
    assert run("--scenario", "2026Q4-999", "--top", "0")[0] == 2
    path = tmp_path / "fine.txt"
    path.write_text("政务材料预审", encoding="utf-8")
    (index_folder / "capability_match" / "current").unlink()
    code, _out, err = run("--file", path)
    assert (code, "检索引擎" in err) == (2, True)
