"""Settings of the Elasticsearch drills: those of the tests, with the drill's own index prefix and database."""

import os

from marketplace.settings.test import *  # noqa: F403

SEARCH_URL = os.environ["SEARCH_URL"]
