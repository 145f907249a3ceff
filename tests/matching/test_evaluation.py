"""`evaluate_matching`: the measures, the folder's form, bad input, and that it leaves nothing behind."""

import io
import json
import tempfile
from pathlib import Path

import pytest
from django.core.management import call_command

from matching.evaluation import evaluate, measures, percentile, read_folder
from matching.scoring import Profile

PROVINCE = Path(__file__).resolve().parents[2] / "matching" / "evaluation_sets" / "province"


def run(*arguments) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("evaluate_matching", *map(str, arguments), stdout=out, stderr=err)
    except SystemExit as stop:
        code = stop.code
    return code, out.getvalue(), err.getvalue()


def write(folder: Path, docs=None, queries=None, qrels="q1\td1\t1\n", judged=None) -> Path:
    documents = (
        docs
        if docs is not None
        else [
            {"id": "d1", "title": "城市内涝预警", "text": "液位监测"},
            {"id": "d2", "title": "海洋牧场", "text": "水下摄像"},
            {"id": "d3", "text": "跌倒识别雷达"},
            {"id": 4, "title": "虚拟电厂"},
        ]
    )
    asked = (
        queries if queries is not None else [{"id": "q1", "title": "内涝预警"}, {"id": "q2", "text": "水下摄像监测"}]
    )
    for name, entries in (("docs", documents), ("queries", asked)):
        lines = entries if isinstance(entries, str) else "".join(json.dumps(entry) + "\n" for entry in entries)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    (folder / "qrels.tsv").write_text(qrels, encoding="utf-8")
    if judged is not None:
        (folder / "judged.tsv").write_text(judged, encoding="utf-8")
    return folder


@pytest.mark.unit
def test_measures_follow_their_definitions():
    grades = {"a": 2, "b": 1, "c": 0, "d": 3}
    found = measures(["c", "b", "x", "a"], grades)
    ideal = 3 + 2 / 1.584962500721156 + 1 / 2
    assert found["ndcg@10"] == pytest.approx((1 / 1.584962500721156 + 2 / 2.321928094887362) / ideal)
    assert found["mrr@10"] == 1 / 2
    assert found["recall@10"] == found["recall@100"] == pytest.approx(2 / 3)
    assert measures([], grades) == {"ndcg@10": 0, "mrr@10": 0, "recall@10": 0, "recall@100": 0}
    assert measures(["d", "a", "b"], grades)["ndcg@10"] == 1.0


@pytest.mark.unit
def test_percentiles():
    assert percentile([5, 1, 4, 2, 3], 0.5) == 3
    assert percentile(list(range(1, 101)), 0.95) == 95
    assert percentile([7], 0.95) == 7


@pytest.mark.engine
def test_the_projects_own_set_does_not_get_worse():
    report = evaluate(read_folder(PROVINCE), Profile())
    assert (report.queries, report.documents) == (14, 30)
    assert report.means["mrr@10"] == 1.0
    assert report.means["ndcg@10"] >= 0.89


@pytest.mark.engine
def test_json_has_the_promised_keys_and_needs_no_database(tmp_path):
    code, out, err = run(write(tmp_path, qrels="q1\td1\t2\nq2\td2\t1\nq2\tmissing\t1\n"), "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    for key in ("ndcg@10", "mrr@10", "recall@10", "recall@100"):
        assert set(report) >= {key, f"{key}_se"}
    assert set(report["latency_ms"]) == {"p50", "p95"}
    assert (report["queries"], report["documents"], report["mrr@10"], report["recall@10"]) == (2, 4, 1.0, 0.75)


@pytest.mark.engine
def test_nothing_is_left_behind(tmp_path, monkeypatch):
    workplace = tmp_path / "temporary"
    workplace.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(workplace))
    folder = tmp_path / "set"
    folder.mkdir()
    assert run(write(folder))[0] == 0
    assert list(workplace.iterdir()) == []
    engine_folder = tmp_path / "engine"
    assert run(folder, "--engine", f"embedded://{engine_folder}")[0] == 0
    assert not any(path.is_file() and path.name != "current" for path in engine_folder.rglob("*"))


@pytest.mark.engine
def test_only_the_judged_pool_is_ranked(tmp_path):
    docs = [{"id": f"d{number}", "text": f"内涝预警监测{number}号"} for number in range(30)]
    folder = write(tmp_path, docs=docs, qrels="q1\td29\t1\n", judged="q1\td29\nq1\td28\n")
    report = json.loads(run(folder, "--json")[1])
    assert (report["recall@10"], report["recall@100"]) == (1.0, 1.0)
    (tmp_path / "judged.tsv").write_text("q1\td3\nq1\td28\n", encoding="utf-8")
    assert json.loads(run(folder, "--json")[1])["recall@100"] == 0.0


@pytest.mark.engine
def test_a_document_that_is_the_query_itself_is_no_answer(tmp_path):
    text = "城市排水管网液位监测与内涝预警系统建设，布设监测终端，汛期提前发布积水预警，联动泵站调度，减少群众损失。"
    docs = [
        {"id": "q1", "text": text},
        {"id": "d1", "text": "排水管网液位监测终端与内涝预警平台"},
        {"id": "d2", "text": "养老"},
    ]
    folder = write(tmp_path, docs=docs, queries=[{"id": "q1", "text": text}])
    assert json.loads(run(folder, "--json")[1])["mrr@10"] == 1.0


@pytest.mark.engine
def test_trec_columns_headings_blank_lines_and_a_byte_order_mark_are_understood(tmp_path):
    folder = write(tmp_path, qrels="\ufeffquery\tdoc\tgrade\n\nq1\t0\td1\t1\nq2\t0\td2\t0.5\n")
    assert json.loads(run(folder, "--json")[1])["mrr@10"] == 1.0


@pytest.mark.engine
def test_a_profile_from_a_file_is_used(tmp_path):
    weights = tmp_path / "weights.json"
    weights.write_text(json.dumps({"title_weight": 0.0}), encoding="utf-8")
    folder = tmp_path / "set"
    folder.mkdir()
    assert run(write(folder), "--profile", weights)[0] == 0
    weights.write_text('{"titel_weight": 1}', encoding="utf-8")
    code, out, err = run(folder, "--profile", weights)
    assert (code, out) == (2, "")
    assert "titel_weight" in err


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"docs": ""}, "docs.jsonl"),
        ({"docs": "{\n"}, "docs.jsonl 第 1 行"),
        ({"docs": '{"title": "无编号"}\n'}, "缺少 id"),
        ({"docs": '["x"]\n'}, "缺少 id"),
        ({"docs": '{"id": "a"}\n{"id": "a"}\n'}, "重复"),
        ({"queries": ""}, "queries.jsonl"),
        ({"qrels": ""}, "qrels.tsv"),
        ({"qrels": "q1\td1\t0\n"}, "qrels.tsv"),
        ({"qrels": "q1\td1\t1\nq1 d2\n"}, "第 2 行"),
        ({"qrels": "q1\td1\t1\nq1\td2\t高\n"}, "“高”"),
        ({"qrels": "q1\td1\tnan\n"}, "有限"),
        ({"qrels": "other\td1\t1\n"}, "qrels.tsv"),
        ({"judged": "q1\n"}, "judged.tsv 第 1 行"),
    ],
)
def test_a_bad_folder_is_one_line_that_names_the_place(tmp_path, files, word):
    code, out, err = run(write(tmp_path, **files))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert word in err


def test_missing_or_unreadable_files_are_named(tmp_path):
    code, _out, err = run(tmp_path / "nowhere")
    assert (code, "nowhere" in err) == (2, True)
    folder = write(tmp_path)
    (folder / "docs.jsonl").write_bytes(b"\xff\xfe\x00")
    code, _out, err = run(folder)
    assert (code, "UTF-8" in err) == (2, True)
    (folder / "docs.jsonl").unlink()
    code, _out, err = run(folder)
    assert (code, "docs.jsonl" in err) == (2, True)
    code, _out, err = run(folder, "--engine", "redis://x")
    assert (code, "SEARCH_URL" in err) == (2, True)
