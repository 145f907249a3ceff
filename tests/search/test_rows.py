"""Plain values are the same however they are read; on PostgreSQL `rows_of` reads them in another form than Django."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Value

from core.models import OutboxEvent
from scenarios.models import Scenario
from search import indexing
from search.models import KeptDocument
from search.rows import rows_of
from tests.factories import make_listed_capability, make_listed_scenario, make_pooled_scenario
from vendors.models import Capability

pytestmark = [pytest.mark.django_db, pytest.mark.engine]


@pytest.mark.parametrize("model", [Scenario, Capability, OutboxEvent, KeptDocument])
def test_every_column_comes_as_django_reads_it(clock, model):
    make_listed_scenario(title="“引号”与\\反斜杠 100%", required_credentials=["甲级资质"])
    make_pooled_scenario()
    make_listed_capability(price_min_fen=2**40)
    indexing.rebuild("scenario")
    # JSON columns have a converter of Django's own, bytes come as memoryview from some cursors.
    names = [field.attname for field in model._meta.concrete_fields]
    queryset = model.objects.order_by("pk").values_list(*names)
    expected = [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row) for row in queryset]
    assert [tuple(row) for row in rows_of(queryset)] == expected
    assert len(expected) > 0


def test_related_columns_and_parameters_are_read_alike(clock):
    make_listed_scenario(title="100% 可用", required_credentials=["甲级资质"])
    queryset = (
        Scenario.objects.filter(title__contains="100%", pk__range=(1, 2**40), listed_at__isnull=False)
        .order_by("pk")
        .values_list("owner__name", "region__code", "listed_at", "previous__title")
    )
    assert [tuple(row) for row in rows_of(queryset)] == list(queryset)


def test_a_question_that_can_have_no_answer_is_not_asked(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert list(rows_of(Scenario.objects.filter(pk__in=[]).values_list("pk"))) == []


def test_a_refusal_of_the_database_is_one_of_djangos():
    impossible = Scenario.objects.annotate(zero=F("pk") / Value(0)).values_list("zero")
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL refuses to divide by zero")
    make_pooled_scenario()
    with pytest.raises(DatabaseError), transaction.atomic():
        rows_of(impossible)
