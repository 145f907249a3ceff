"""A production environment as `.env.example` describes it, for tests that start processes of their own."""

import os
import re
import subprocess
import sys
from pathlib import Path

#: The request that causes everything the steps do.
REQUEST_ID = "request-of-the-test"
ROOT = Path(__file__).resolve().parents[2]
_ASSIGNMENT = re.compile(r"^(?P<optional># )?(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)$")
#: Of this process's own environment only what a program needs to start at all.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


def documented() -> tuple[dict[str, str], dict[str, str]]:
    """(required or set, optional) variables of .env.example with their values."""
    given: dict[str, str] = {}
    optional: dict[str, str] = {}
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        found = _ASSIGNMENT.match(line)
        if found:
            (optional if found["optional"] else given)[found["name"]] = found["value"]
    return given, optional


def production_environment(**changes: str) -> dict[str, str]:
    """What a process of the production profile gets: the example's values, with `changes`; "" takes a variable away."""
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment |= documented()[0] | changes
    return {name: value for name, value in environment.items() if value != ""}


def manage(*arguments: str, environment: dict[str, str], timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """`manage.py …` in a process of its own."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
