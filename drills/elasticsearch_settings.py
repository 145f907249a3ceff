"""Settings of the Elasticsearch drills: those of the tests, with the drill's own index prefix, folder and database."""

import os
from pathlib import Path

from marketplace.settings.test import *  # noqa: F403
from marketplace.settings.test import DATABASES

SEARCH_URL = os.environ["SEARCH_URL"]
#: One folder for all processes of a drill; those of the tests are made anew by each.
VAR_DIR = Path(os.environ["MARKETPLACE_VAR_DIR"])
if "sqlite3" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["NAME"] = VAR_DIR / "drill.sqlite3"
