"""Count several querysets in one round trip."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet


def count_each(rows: Mapping[str, QuerySet[Any, Any]]) -> dict[str, int]:
    """Return the number of rows of each queryset, by name. Slice large ones (`[:1000]`), since all their rows are counted."""
    counts = dict.fromkeys(rows, 0)
    parts: dict[str, str] = {}
    values: list[Any] = []
    for name, each in rows.items():
        try:
            sql, parameters = each.values("pk").query.sql_with_params()
        except EmptyResultSet:  # the ORM knows that there are no rows
            continue
        parts[name] = f"(SELECT count(*) FROM ({sql}) AS counted)"  # noqa: S608 - the ORM's own SQL
        values += parameters
    if parts:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(parts.values())}", values)
            counts |= dict(zip(parts, cursor.fetchone(), strict=True))
    return counts
