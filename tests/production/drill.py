"""What the drills share: their beginning, their report, their exit codes (0 as asked, 1 not, 2 could not run)."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.production.installation import (
    SERVERS,
    Installation,
    NotSo,
    Prepared,
    new_installation,
    prepared_release,
)

OPEN = "SELECT count(*) FROM core_outboxdelivery WHERE state <> 'done'"
NOTICES = "SELECT count(*) FROM notifications_notification"


@dataclass
class Report:
    """Figures beside what was asked; `failures` name what is not as asked."""

    drill: str
    figures: dict[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def ask(self, what: str, found: Any, as_asked: bool) -> None:
        self.figures[what] = found
        if not as_asked:
            self.failures.append(f"{what}: {found}")


def parser(documentation: str | None) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", action="store_true", help="the figures as JSON on standard output")
    return made


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def folder_for_servers() -> Iterator[Path]:
    """A folder that servers under their own users may enter."""
    folder = Path(tempfile.mkdtemp(prefix="marketplace-drill-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def prepared_on(servers: dict[str, str], folder: Path) -> Iterator[Prepared]:
    (folder / "static").mkdir()
    with prepared_release(servers, folder / "static") as made:
        yield made


@contextmanager
def installation_on(servers: dict[str, str], folder: Path) -> Iterator[Installation]:
    """An installation of the production profile on `servers`, below `folder`."""
    (folder / "installation").mkdir()
    with prepared_on(servers, folder) as prepared, new_installation(servers, prepared, folder / "installation") as made:
        yield made


def given_servers() -> dict[str, str]:
    """The servers of `drills/services`; SystemExit 2 without them."""
    missing = [name for name in SERVERS if not os.environ.get(name)]
    if missing:
        print(
            f'{", ".join(missing)} not set: drills/services start, then eval "$(drills/services env)"', file=sys.stderr
        )
        raise SystemExit(2)
    return {name: os.environ[name] for name in SERVERS}


def finish(report: Report, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"drill": report.drill, **report.figures, "failures": report.failures}, ensure_ascii=False))
    else:
        for what, found in report.figures.items():
            print(f"{what}: {found}")
        print("as asked" if not report.failures else "NOT as asked: " + "; ".join(report.failures))
    return 1 if report.failures else 0


def run(main: Any) -> None:
    """Call `main()` and end with its code; what did not come in time is a finding. SIGTERM cleans up too."""
    signal.signal(signal.SIGTERM, lambda *_arguments: sys.exit(2))
    try:
        code = main()
    except NotSo as problem:
        print(problem, file=sys.stderr)
        code = 1
    except FileNotFoundError as problem:
        print(problem, file=sys.stderr)
        code = 2
    sys.exit(code)
