"""The import commands: report, JSON, exit codes 0 / 1 / 2."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from accounts.enums import Role
from core.models import ImportBatch
from scenarios.models import Scenario
from tests.factories import make_organisation, make_person
from vendors.models import Capability

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def organisation(clock):
    return make_organisation("历城数据示范局")


@pytest.fixture
def person(organisation):
    return make_person(Role.DEMAND_SUBMITTER, Role.VENDOR_STAFF, organisation=organisation, username="jingban")


@pytest.fixture
def run(person, organisation, tmp_path):
    def _run(command, text, *options, name="表.csv", organisation_text=None, user="jingban"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        out = io.StringIO()
        who = ["--organisation", organisation_text or organisation.name, "--user", user, "--verbosity", "0"]
        call_command(command, str(path), *who, *options, stdout=out)
        return out.getvalue()

    return _run


def test_a_good_file_is_imported_and_told(run):
    assert "已导入 2 条草稿（共 2 行，跳过 0 行" in run("import_scenarios", "需求名称\n甲\n乙\n")
    assert Scenario.objects.count() == 2


def test_the_organisation_may_be_named_by_its_code(run, organisation):
    run("import_scenarios", "需求名称\n甲\n", organisation_text=organisation.unified_code.lower())
    assert Scenario.objects.get().owner == organisation


def test_faulty_rows_exit_with_one(run):
    with pytest.raises(SystemExit) as stopped:
        run("import_scenarios", "需求名称,需求内容\n甲,x\n,y\n")
    assert stopped.value.code == 1
    assert not Scenario.objects.exists()
    with pytest.raises(SystemExit) as stopped:
        run("import_scenarios", "需求名称,需求内容\n甲,x\n,y\n", "--partial")
    assert stopped.value.code == 1
    assert Scenario.objects.count() == 1


def test_a_dry_run_writes_nothing(run):
    assert "试运行，没有写入：共 1 行，可导入 1 条" in run("import_scenarios", "需求名称\n甲\n", "--dry-run")
    assert not (Scenario.objects.exists())
    assert not (ImportBatch.objects.exists())


def test_json_is_for_machines(run):
    report = json.loads(
        run("import_scenarios", "名字\n甲\n", "--mapping", "名字=需求名称", "--set", "地区=青岛", "--json")
    )
    assert (report["created"], report["rejected"], report["done"]) == (1, 0, True)
    assert report["mapping"] == {"名字": "title"}


@pytest.mark.parametrize(
    ("text", "options", "part"),
    [
        ("需求名称\n", {}, "下面没有数据"),
        ("事项\n甲\n", {}, "没有认出“需求名称”列"),
        ("需求名称\n甲\n", {"name": "表.pdf"}, "不支持“.pdf”"),
        ("需求名称\n甲\n", {"user": "meiyou"}, "没有用户名或邮箱为“meiyou”的可用账号"),
        ("需求名称\n甲\n", {"organisation_text": "别的单位"}, "不是“别的单位”的成员"),
    ],
)
def test_what_cannot_run_exits_with_two(run, text, options, part):
    with pytest.raises(CommandError) as caught:
        run("import_scenarios", text, **options)
    assert caught.value.returncode == 2
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("option", ["--mapping", "--set"])
def test_a_pair_without_an_equals_sign_exits_with_two(run, option):
    with pytest.raises(CommandError, match="的写法是“名称=值”") as caught:
        run("import_scenarios", "需求名称\n甲\n", option, "错的")
    assert caught.value.returncode == 2


def test_a_missing_file_exits_with_two(run, person, organisation):
    with pytest.raises(CommandError, match="不能读取文件") as caught:
        call_command("import_scenarios", "/nowhere/表.csv", "--organisation", organisation.name, "--user", "jingban")
    assert caught.value.returncode == 2


def test_the_same_file_again_exits_with_one(run):
    run("import_scenarios", "需求名称\n甲\n")
    with pytest.raises(CommandError, match="已于") as caught:
        run("import_scenarios", "需求名称\n甲\n")
    assert caught.value.returncode == 1
    assert Scenario.objects.count() == 1


def test_capabilities_are_imported_too(run):
    assert "已导入 1 条草稿" in run("import_capabilities", "能力名称\n甲\n")
    assert Capability.objects.get().title == "甲"
