"""Insert a row unless it violates a unique constraint."""

from django.db import connection
from django.db.models import Model
from django.db.models.expressions import DatabaseDefault


def insert_if_new(row: Model) -> bool:
    """INSERT ... ON CONFLICT DO NOTHING. Return whether the row was inserted.

    This is one statement, where `get_or_create` takes four. It waits for any open transaction that has inserted the same row. If
    that transaction commits, a later SELECT sees the row.
    """
    values = {}
    for field in row._meta.concrete_fields:
        if field.generated or (field.primary_key and row.pk is None):
            continue
        value = field.pre_save(row, add=True)
        if not isinstance(value, DatabaseDefault):
            values[connection.ops.quote_name(str(field.column))] = field.get_db_prep_save(value, connection)
    table, placeholders = connection.ops.quote_name(row._meta.db_table), ", ".join(["%s"] * len(values))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({placeholders}) ON CONFLICT DO NOTHING",  # noqa: S608 - a model's names
            list(values.values()),
        )
        is_new = bool(cursor.rowcount)
    row._state.adding = not is_new
    return is_new
