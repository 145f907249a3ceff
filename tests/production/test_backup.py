"""The backup and restore of docs/operations.md, as written there: what comes back is what was saved."""

import re
import shutil
import subprocess
import time
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.production.environment import ROOT, manage
from tests.production.installation import Installation, until

pytestmark = pytest.mark.integration

TABLES = "SELECT relname FROM pg_stat_user_tables ORDER BY 1"
COMMANDS = re.compile(r"^(pg_dump|pg_restore) .*$", re.MULTILINE)


def documented_command(program: str) -> list[str]:
    """The command as docs/operations.md gives it."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    return next(found[0] for found in COMMANDS.finditer(text) if found[1] == program).split()


def counts(database_url: str) -> dict[str, int]:
    with psycopg.connect(database_url) as connection:
        names = [row[0] for row in connection.execute(TABLES).fetchall()]
        return {
            name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # type: ignore[index, arg-type]
            for name in names
        }


def test_a_restored_dump_has_every_row_and_an_unbroken_audit_chain(installation: Installation):
    if shutil.which("pg_dump") is None:
        pytest.skip("pg_dump is not installed here")
    installation.worker("relay,mail,maintenance")
    installation.beat()
    installation.step("verify", "50")
    until(
        lambda: installation.number("SELECT count(*) FROM core_outboxdelivery WHERE state <> 'done'") == 0,
        seconds=60,
        what="the notices are out",
    )
    until(
        lambda: installation.number("SELECT count(*) FROM core_auditentry WHERE sequence IS NULL") == 0,
        seconds=15,
        what="the audit chain is sealed",
    )
    installation.stop()
    saved = counts(installation.database_url)
    assert saved["core_auditentry"] >= 50

    name = urlsplit(installation.database_url).path[1:] + "_restored"
    restored_url = urlunsplit(urlsplit(installation.database_url)._replace(path=f"/{name}"))
    replaced = {
        '"$DATABASE_URL"': installation.database_url,
        '"$RESTORED_DATABASE_URL"': restored_url,
        "marketplace.dump": str(installation.folder / "marketplace.dump"),
    }
    with psycopg.connect(installation.database_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
    try:
        begun = time.monotonic()
        for program in ("pg_dump", "pg_restore"):
            command = [
                next((word.replace(key, text) for key, text in replaced.items() if key in word), word)
                for word in documented_command(program)
            ]
            subprocess.run(command, check=True, capture_output=True, timeout=120)
        seconds = time.monotonic() - begun
        assert counts(restored_url) == saved
        done = manage("verify_audit", environment=installation.environment | {"DATABASE_URL": restored_url})
        assert done.returncode == 0, done.stdout + done.stderr
        done = manage("migrate", "--check", environment=installation.environment | {"DATABASE_URL": restored_url})
        assert done.returncode == 0, done.stdout + done.stderr
        print(f"saved and restored {sum(saved.values())} rows in {seconds:.1f} s")
    finally:
        with psycopg.connect(installation.database_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # type: ignore[arg-type]
