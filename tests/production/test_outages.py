"""A database that cannot do its work is told as that, and nothing was saved."""

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.enums import Role
from core.models import AuditEntry
from marketplace import outages
from tests.factories import make_person

pytestmark = [pytest.mark.integration]


@pytest.mark.django_db
def test_an_unexpected_error_stays_an_unexpected_error():
    try:
        raise ValueError("a mistake of ours")
    except ValueError:
        answer = outages.server_error(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert "Retry-After" not in answer.headers


@pytest.mark.django_db(transaction=True)
def test_a_read_only_database_is_read_and_refuses_to_save_with_a_page_that_says_so(reference_data):
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL only: TEST_DATABASE_URL is not set")
    client = Client(raise_request_exception=False)
    client.force_login(make_person(Role.DEMAND_SUBMITTER))
    before = AuditEntry.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    try:
        assert client.get("/scenarios/").status_code == 200
        answer = client.post(reverse("notifications:preferences"), {"mail": []})
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "15"
    assert "本次操作没有生效" in answer.content.decode()
    assert AuditEntry.objects.count() == before
