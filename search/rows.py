"""Reading very many plain values: what a rebuild does for every row of an index."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet


def rows_of(queryset: QuerySet[Any, Any]) -> Iterable[tuple[Any, ...]]:
    """The rows of a `values_list`, all of them read.

    From PostgreSQL in its binary form: Django's own cursor asks for text, in which a kept document comes as twice as
    many hexadecimal digits and a moment is taken apart by a regular expression. That is half of the time of reading.
    Columns that Django converts itself (JSON) are left to it.
    """
    connection = connections[queryset.db]
    if connection.vendor != "postgresql":
        return list(queryset)
    compiler = queryset.query.get_compiler(connection=connection)
    try:
        sql, parameters = compiler.as_sql()
    except EmptyResultSet:
        return []
    if compiler.get_converters([selected for selected, _sql, _alias in compiler.select]):
        return list(queryset)
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.Database.Cursor(connection.connection) as cursor:
        cursor.execute(sql, parameters, binary=True)
        return cursor.fetchall()
