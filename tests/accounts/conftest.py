"""Tests about people sign in as the tests of the pages do."""

from tests.web.conftest import sign_in, visitor

__all__ = ["sign_in", "visitor"]
