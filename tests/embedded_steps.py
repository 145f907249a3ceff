"""Steps for tests of an embedded installation, in processes of their own.

`python -m tests.embedded_steps build|report`; MARKETPLACE_VAR_DIR names the installation.
"""

import json
import os
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings.dev")
django.setup()

# ruff: noqa: E402 - models can be imported only after django.setup()
from django.conf import settings
from django.test import Client

import tests.sessions  # noqa: F401 - sessions as the sign-in pages leave them
from accounts import services
from accounts.enums import Role
from core.models import Attachment
from scenarios.models import Scenario
from tests.factories import make_person, make_scenario


def build() -> dict[str, Any]:
    """A clerk with a draft, signed in by a session and by a token."""
    clerk = make_person(Role.DEMAND_SUBMITTER)
    client = Client()
    client.force_login(clerk)
    _token, secret = services.token_create(name="测试", scope="write", days=1, acting_user=clerk)
    return {
        "session": client.cookies[settings.SESSION_COOKIE_NAME].value,
        "token": secret,
        "draft": str(make_scenario(clerk.current_organisation).key),
    }


def report() -> dict[str, Any]:
    """What is kept: names of demands, names of files."""
    return {
        "titles": sorted(Scenario.objects.values_list("title", flat=True)),
        "files": sorted(Attachment.objects.values_list("original_name", flat=True)),
    }


if __name__ == "__main__":
    print(json.dumps({"build": build, "report": report}[sys.argv[1]]()))
