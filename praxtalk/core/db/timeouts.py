"""Transactions that may exceed the timeouts of a server process."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

LONG_SECONDS = 600


@contextmanager
def long_transaction(*, is_snapshot: bool = False) -> Iterator[None]:
    """Begin a transaction for an export: a statement may take ten minutes, and so may the pause between two statements.

    is_snapshot: use a read-only REPEATABLE READ transaction, so that all statements see the same snapshot of the data. Ignored
    inside another transaction.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if is_snapshot and not connection.savepoint_ids:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute("SELECT set_config(%s, %s, true)", [name, str(LONG_SECONDS * 1000)])
        yield
