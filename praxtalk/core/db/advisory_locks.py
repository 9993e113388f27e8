"""PostgreSQL's advisory locks by name. A lock is held until the transaction ends or the connection is lost."""

from zlib import crc32

from django.db import connection

# The kinds of locks. The numbers are arbitrary. To avoid deadlocks, take locks of several kinds in this order.
ACCOUNTS, CLIENTS, STORED_FILES = 0x70747822, 0x70747823, 0x70747824


def lock(kind: int, name: bytes) -> None:
    """Wait until the lock is acquired. Different names may share one lock, because names are hashed to 32 bits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s::int, %s::int)", [kind, _number(name)])


def try_lock(kind: int, name: bytes) -> bool:
    """Acquire the lock if it is free, without waiting. Return whether it was acquired."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s::int, %s::int)", [kind, _number(name)])
        return bool(cursor.fetchone()[0])


def _number(name: bytes) -> int:
    return crc32(name) - 2**31
