"""Every test has an index folder of its own: the database forgets between tests, a folder would not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.contract import Engine
from search.engines import get_engine
from tests.search.servers import cluster_of_its_own


@pytest.fixture(autouse=True)
def index_folder(settings, tmp_path: Path) -> Path:
    folder = tmp_path / "search"
    settings.SEARCH_URL = f"embedded://{folder}"
    return folder


@pytest.fixture
def engine(request, settings, index_folder: Path) -> Iterator[Engine]:
    """The embedded engine; tests marked `both_engines` run with Elasticsearch too."""
    if getattr(request, "param", "embedded") == "embedded":
        yield get_engine()
        return
    with cluster_of_its_own() as url:
        settings.SEARCH_URL = url
        yield get_engine()
