"""Several counts in one round trip."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet


def count_each(rows: Mapping[str, QuerySet[Any, Any]]) -> dict[str, int]:
    """How many rows each of them has, by the same names. Bound them (`[:1000]`): each is counted to its end."""
    counts = dict.fromkeys(rows, 0)
    parts: dict[str, str] = {}
    values: list[Any] = []
    for name, each in rows.items():
        try:
            sql, parameters = each.values("pk").query.sql_with_params()
        except EmptyResultSet:  # it is known without asking
            continue
        parts[name] = f"(SELECT count(*) FROM ({sql}) AS counted)"  # noqa: S608 - the ORM's own SQL
        values += parameters
    if parts:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(parts.values())}", values)
            counts |= dict(zip(parts, cursor.fetchone(), strict=True))
    return counts
