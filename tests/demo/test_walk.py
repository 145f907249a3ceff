"""Everybody of the demonstration finds their way: every link and form of every person's pages, and no page without one."""

import pytest
from django.urls import get_resolver

from accounts.models import User
from tests.demo.walking import Walk

#: Pages that nobody of the demonstration is led to, with the reason.
UNREACHED = {}


def people_of(accounts: list[dict]) -> list[User]:
    return list(User.objects.filter(username__in=[row["username"] for row in accounts]).order_by("pk"))
