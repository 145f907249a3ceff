"""Fixtures on the real servers of `make services`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.production.installation import (
    SERVERS,
    Installation,
    Prepared,
    new_installation,
    prepared_release,
)


@pytest.fixture(scope="session")
def servers() -> dict[str, str]:
    """Addresses of the real servers. Without them: skipped with the reason, or failed where CI requires them."""
    missing = [name for name in SERVERS if not os.environ.get(name)]
    if missing:
        reason = f"{', '.join(missing)} not set: start the servers with `make services`"
        if os.environ.get("CI") == "true" and os.environ.get("MARKETPLACE_REQUIRE_SERVICES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return {name: os.environ[name] for name in SERVERS}


@pytest.fixture(scope="session")
def prepared(servers: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """Made once; each installation gets a copy of the database."""
    with prepared_release(servers, tmp_path_factory.mktemp("static")) as made:
        yield made


@pytest.fixture
def installation(servers: dict[str, str], prepared: Prepared, tmp_path: Path) -> Iterator[Installation]:
    """An empty installation of its own; nothing is left of it afterwards."""
    with new_installation(servers, prepared, tmp_path) as made:
        yield made
