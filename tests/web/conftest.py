"""Browsers without JavaScript: a client for a visitor and one for each person signed in."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client


@pytest.fixture
def visitor() -> Client:
    """Somebody who has not signed in."""
    return Client()


@pytest.fixture
def sign_in() -> Callable[[Any], Client]:
    """A client signed in as the given person."""

    def signed_in(user: Any) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in
