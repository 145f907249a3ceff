"""compose.yaml, Dockerfile and nginx.conf say what can be run: read here, and each command they name is tried here.

The containers themselves are not built or started by any test; docs/operations.md says so.
"""

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from marketplace.celery import QUEUES
from tests.production.environment import ROOT, documented, production_environment
from tests.production.proxy import nginx_for
from tests.production.web import dockerfile, image_command

pytestmark = pytest.mark.unit

OURS = "scenario-marketplace"
BIN = Path(sys.executable).parent


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def services(*, ours: bool) -> dict[str, dict[str, Any]]:
    return {name: entry for name, entry in compose()["services"].items() if entry["image"].startswith(OURS) is ours}


def commands_of_our_image() -> dict[str, list[str]]:
    commands = {name: entry["command"] for name, entry in services(ours=True).items() if "command" in entry}
    return {"image": image_command(), **commands}


def help_of(command: list[str], environment: dict[str, str]) -> str:
    """What the program says about the part of the command that comes before its options."""
    words = command[: next((i for i, word in enumerate(command) if i and word.startswith("--")), len(command))]
    words = [word for word in words if word != "marketplace.asgi:application"]
    program = str(BIN / words[0])
    assert os.access(program, os.X_OK), program
    done = subprocess.run(
        [program, *words[1:], "--help"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", sorted(commands_of_our_image()))
def test_every_command_of_our_image_exists_with_every_option_it_uses(name: str, tmp_path: Path):
    command = commands_of_our_image()[name]
    said = help_of(command, production_environment(MARKETPLACE_VAR_DIR=str(tmp_path)))
    for option in (word for word in command if word.startswith("--")):
        assert re.search(rf"{option}\b", said), f"{option} is not an option of {command}"


def test_every_queue_has_a_worker_and_there_is_one_beat():
    served: list[str] = []
    for entry in services(ours=True).values():
        command = entry.get("command", [])
        if "--queues" in command:
            served += command[command.index("--queues") + 1].split(",")
    assert sorted(served) == sorted(QUEUES)
    assert [name for name, entry in services(ours=True).items() if "beat" in entry.get("command", [])] == ["beat"]


def test_services_depend_on_services_that_exist_and_that_report_their_health():
    known = compose()["services"]
    for name, entry in known.items():
        for other, terms in entry.get("depends_on", {}).items():
            assert other in known, f"{name} → {other}"
            if terms["condition"] == "service_healthy":
                assert "healthcheck" in known[other], f"{name} waits for {other}, which has no health check"


def test_volumes_are_declared_and_files_that_are_mounted_exist():
    declared = set(compose()["volumes"])
    for name, entry in compose()["services"].items():
        for volume in entry.get("volumes", []):
            source = volume.split(":")[0]
            if not source.startswith("."):
                assert source in declared, f"{name}: {source}"
            elif source != "./deploy/tls":
                assert (ROOT / source).exists(), f"{name}: {source}"


def test_our_containers_run_without_rights_they_do_not_need():
    for name, entry in services(ours=True).items():
        assert entry["read_only"] is True, name
        assert entry["cap_drop"] == ["ALL"], name
        assert "privileged" not in entry, name
        assert "ports" not in entry, f"{name} is reached through nginx only"


def test_addresses_in_the_example_name_the_services_of_compose():
    given, _optional = documented()
    names = {re.search(r"(?:@|://)([a-z]+):\d+", given[name]).group(1) for name in ("DATABASE_URL", "BROKER_URL")}  # type: ignore[union-attr]
    names |= {re.search(r"://([a-z]+):\d+", given[name]).group(1) for name in ("SEARCH_URL", "CACHE_URL")}  # type: ignore[union-attr]
    assert names == {"postgres", "rabbitmq", "elasticsearch", "redis"}
    assert names <= set(services(ours=False))
    assert "web" in given["DJANGO_ALLOWED_HOSTS"].split(",")


@pytest.mark.parametrize("name", ["postgres", "rabbitmq", "redis"])
def test_commands_of_the_other_servers_run_where_they_are_installed(name: str):
    entry = services(ours=False)[name]
    command = entry["command"] if "command" in entry else entry["healthcheck"]["test"][1:]
    folders = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/lib/rabbitmq/bin"])
    program = shutil.which(command[0], path=folders)
    if program is None:
        pytest.skip(f"{command[0]} is not installed here")
    done = subprocess.run(
        [program, "help" if "rabbitmq" in program else "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert said.strip()
    for option in (word for word in command[1:] if word.startswith("--") and name == "postgres"):
        assert option in said


def test_the_image_is_made_in_two_stages_and_does_not_run_as_root():
    steps = dockerfile()
    bases = [rest for instruction, rest in steps if instruction == "FROM"]
    assert len(bases) == 2
    assert bases[0].endswith(" AS build")
    assert all(re.match(r"python:3\.1[1-9]-slim-\w+( |$)", base) for base in bases)
    last_stage = steps[max(i for i, (instruction, _rest) in enumerate(steps) if instruction == "FROM") :]
    user = next(rest for instruction, rest in last_stage if instruction == "USER")
    assert user not in ("root", "0")
    order = [instruction for instruction, _rest in last_stage]
    assert order.index("USER") < order.index("CMD")
    assert not any("requirements-dev" in rest or "curl" in rest for _instruction, rest in steps)


def test_what_the_image_copies_is_there_and_secrets_are_not():
    ignored = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    for instruction, rest in dockerfile():
        words = shlex.split(rest)
        if instruction == "COPY" and not words[0].startswith("--from"):
            for source in words[:-1]:
                assert (ROOT / source).exists(), source
    for name in (".env", ".git", "var", "tests", "deploy"):
        assert any(fnmatch.fnmatch(name, pattern) for pattern in ignored), name
    for name in ("manage.py", "requirements.txt", "marketplace", "core"):
        assert not any(fnmatch.fnmatch(name, pattern) for pattern in ignored), name


def test_nginx_accepts_its_configuration(tmp_path: Path):
    nginx, configuration = nginx_for(tmp_path, "127.0.0.1:8000")
    done = subprocess.run(
        [nginx, "-t", "-c", str(configuration), "-p", str(tmp_path), "-e", str(tmp_path / "error.log")],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr
