"""Import of a 5,000-row workbook against a raw insert of the same rows: medians of three runs, and their ratio.

Run: .venv/bin/python benchmarks/import_bench.py [--rows 5000] [--json]
It works in a database of its own in a temporary folder and leaves nothing behind. Target: 5,000 rows in at most 30 s.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
FOLDER = Path(tempfile.mkdtemp(prefix="import-bench-"))
TARGET_SECONDS = 30.0
TEXT = "现状：人工巡查每周一次，发现问题平均滞后三天；希望用视频识别与传感监测自动发现并派单。" * 4
HEADINGS = (
    *("序号", "单位名称", "需求名称", "需求内容", "预期目标", "预算金额（万元）"),
    *("落地地区", "应用领域", "主要技术", "响应截止时间", "联系电话", "备注"),
)
CITIES = ("济南市历下区", "青岛", "山东省烟台市", "潍坊市", "临沂", "菏泽市")
FIELDS = ("智慧交通", "数字水利", "智慧社区", "生态治理", "工业互联网")


def workbook(rows: int, salt: int) -> bytes:
    """A demand list as an agency sends it: a title, twelve columns; in every hundred rows two lots and a repeat."""
    values = []
    for number in range(rows):
        title = f"第{salt}批{number}号场景智能巡查"
        if number % 100 in (1, 2):
            title = f"第{salt}批{number - number % 100}号场景智能巡查（标段{number % 100}）"
        if number % 100 == 50:
            title = f"第{salt}批{number - 1}号场景智能巡查（重发）"
        values.append(
            [
                number + 1,
                f"示范单位{number // 100}",
                title,
                f"{TEXT}编号{number}。",
                "发现滞后由三天缩短到两小时，准确率不低于百分之九十。",
                f"{10 + number % 90}-{120 + number % 90}",
                CITIES[number % len(CITIES)],
                FIELDS[number % len(FIELDS)],
                "人工智能、物联网",
                "2026-12-20 17:00",
                "0531-66600001",
                "",
            ]
        )
    return write_xlsx(HEADINGS, values, f"第{salt}批需求汇总表")


def make_person():
    """Somebody who may import for a provincial body."""
    region = Region.objects.get(code="370000")
    organisation = Organisation.objects.create(name="基准示范局", kind="agency", level="province", region=region)
    user = User.objects.create_user("bench", "bench@example.org", "not-a-secret-here")
    membership = Membership.objects.create(user=user, organisation=organisation)
    RoleGrant.objects.create(membership=membership, role=Role.DEMAND_SUBMITTER)
    user.current_organisation = organisation
    user.save()
    return user, organisation


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with open(os.devnull, "w", encoding="utf-8") as nothing:
        call_command("migrate", verbosity=0, stdout=nothing)
        call_command("load_classification", stdout=nothing)
    user, organisation = make_person()
    imports, raws, reads = [], [], []
    for run in range(3):
        content = workbook(options.rows, run)
        started = time.perf_counter()
        plan = read_scenarios(content, "bench.xlsx", organisation=organisation)
        reads.append(time.perf_counter() - started)
        started = time.perf_counter()
        outcome = import_scenarios(acting_user=user, organisation=organisation, content=content, file_name="bench.xlsx")
        imports.append(time.perf_counter() - started)
        if not outcome.done:
            print(f"not imported: {[str(entry) for entry in outcome.errors[:5]]}", file=sys.stderr)
            return 2
        rows = [Scenario(owner=organisation, **row.values) for row in plan.accepted]
        started = time.perf_counter()
        with transaction.atomic():
            Scenario.objects.bulk_create(rows, batch_size=500)
        raws.append(time.perf_counter() - started)
        Scenario.objects.filter(import_batch=None).delete()
    result = {
        "rows": options.rows,
        "import_seconds": round(statistics.median(imports), 2),
        "of_which_reading_seconds": round(statistics.median(reads), 2),
        "raw_insert_seconds": round(statistics.median(raws), 2),
        "ratio_to_raw_insert": round(statistics.median(imports) / statistics.median(raws), 2),
        "target_seconds": TARGET_SECONDS * options.rows / 5000,
    }
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:28} {value}")
    return 0 if result["import_seconds"] <= result["target_seconds"] else 1


if __name__ == "__main__":
    os.environ["MARKETPLACE_VAR_DIR"] = str(FOLDER)
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings.dev"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import transaction

    from accounts.enums import Role
    from accounts.models import Membership, Organisation, RoleGrant, User
    from core.models import Region
    from core.spreadsheets import write_xlsx
    from scenarios.importing import import_scenarios, read_scenarios
    from scenarios.models import Scenario

    try:
        code = main()
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    sys.exit(code)
