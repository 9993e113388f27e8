"""Empty the database after a test that committed, by deleting the rows of the tables that have any.

Django truncates every table, and creates content types and permissions again. Both take far longer than most tests.
"""

from functools import cache

from django.apps import apps
from django.db import OperationalError, connection, transaction
from django.test import TransactionTestCase
from psycopg.errors import DeadlockDetected

# Written by the migrations, and equal in every test.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


def install():
    """Let every `django_db(transaction=True)` test end with `delete_all_rows`. Django has no public hook for this."""
    TransactionTestCase._fixture_teardown = lambda self: delete_all_rows()


def delete_all_rows():
    """Delete the rows of all tables that have any. Foreign keys and triggers are off, so the order does not matter.

    A request that a page sent in the test's last moment may still be running. If it and the deletion wait for each other,
    PostgreSQL ends one of them, so the deletion is tried again.
    """
    for remaining in (2, 1, 0):
        try:
            _delete_all_rows()
            break
        except OperationalError as error:
            if not remaining or not isinstance(error.__cause__, DeadlockDetected):
                raise


def _delete_all_rows():
    quote = connection.ops.quote_name
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_query_of_tables_with_rows())
        written = [name for (name,) in cursor.fetchall()]
        if written and can_disable_triggers():
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("; ".join(f"DELETE FROM {quote(name)}" for name in written))
        elif written:
            cursor.execute(f"TRUNCATE {', '.join(map(quote, written))} CASCADE")


def can_disable_triggers():
    """Return whether the database user may write rows without triggers and checks of foreign keys."""
    connection.ensure_connection()
    return connection.connection.info.parameter_status("is_superuser") == "on"


@cache
def models_by_table():
    """Return {table: its model} of all tables that tests may write."""
    models = apps.get_models(include_auto_created=True)
    managed = {model._meta.db_table: model for model in models if model._meta.managed and not model._meta.proxy}
    return {table: managed[table] for table in sorted(managed) if table not in KEPT}


@cache
def _query_of_tables_with_rows():
    quote = connection.ops.quote_name
    return " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {quote(name)})" for name in models_by_table())
