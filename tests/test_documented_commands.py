"""Every command that README and docs name is there, with the options they name; programs and targets, too."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
COMMAND = re.compile(r"manage\.py ([a-z_]+)([^`\n|·#]*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
PROGRAM = re.compile(r"`(?:\.venv/bin/python )?((?:benchmarks|drills)/[a-z_]+(?:\.py)?)(?=[` ])")
TARGET = re.compile(r"`make ([a-z-]+)[^`]*`")


def told(pattern: re.Pattern[str]) -> list[tuple[str, tuple[str, ...]]]:
    """(page, groups) of every place where a page names such a thing."""
    found = []
    for page in PAGES:
        for match in pattern.finditer(page.read_text(encoding="utf-8")):
            found.append((page.relative_to(ROOT).as_posix(), match.groups()))
    return found


def test_every_command_is_there_with_its_options():
    known, faults, checked = get_commands(), [], set()
    for page, (name, rest) in told(COMMAND):
        if name not in known:
            faults.append(f"{page}: manage.py {name}")
            continue
        parser = load_command_class(known[name], name).create_parser("manage.py", name)
        options = {option for action in parser._actions for option in action.option_strings}
        faults += [f"{page}: manage.py {name} {option}" for option in OPTION.findall(rest) if option not in options]
        checked.add(name)
    assert faults == []
    assert {"prepare", "serve", "found_platform", "verify_challenge", "verify_audit"} <= checked


def test_every_program_and_target_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    faults = [f"{page}: {path}" for page, (path,) in told(PROGRAM) if not (ROOT / path).is_file()]
    faults += [f"{page}: make {name}" for page, (name,) in told(TARGET) if not re.search(rf"^{name}:", makefile, re.M)]
    assert faults == []
