"""Every test has indexes of its own: the database forgets between tests, a folder or a cluster would not.

`engine` runs a test once per engine. Elasticsearch is the one named by TEST_SEARCH_URL (`drills/services start
elasticsearch; eval "$(drills/services env)"`); without it those tests skip, unless services are required.
"""

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


@pytest.fixture(params=["embedded", "elasticsearch"])
def engine(request, settings, index_folder: Path) -> Iterator[Engine]:
    if request.param == "embedded":
        yield get_engine()
        return
    with cluster_of_its_own() as url:
        settings.SEARCH_URL = url
        yield get_engine()
