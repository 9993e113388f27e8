"""Transactions that may take longer than the timeouts of a server allow."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

LONG_SECONDS = 600


@contextmanager
def long_transaction(*, is_snapshot: bool = False) -> Iterator[None]:
    """For an export: a statement may take ten minutes, and so may the reader between two of them.

    is_snapshot: read-only, at REPEATABLE READ, so all statements see the data of one moment. Ignored inside another transaction.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if is_snapshot and not connection.savepoint_ids:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute("SELECT set_config(%s, %s, true)", [name, str(LONG_SECONDS * 1000)])
        yield
