"""Every test has an index folder of its own: the database forgets between tests, a folder would not."""

from pathlib import Path

import pytest

from search.contract import Engine
from search.engines import get_engine


@pytest.fixture(autouse=True)
def index_folder(settings, tmp_path: Path) -> Path:
    folder = tmp_path / "search"
    settings.SEARCH_URL = f"embedded://{folder}"
    return folder


@pytest.fixture
def engine(index_folder: Path) -> Engine:
    return get_engine()
