"""PostgreSQL's advisory locks by name: held until the transaction ends, or the connection is lost."""

from zlib import crc32

from django.db import connection

# One number for each use, this project's own choice. To avoid deadlocks, take locks of several kinds in this order.
ACCOUNTS, CLIENTS, STORED_FILES = 0x70747822, 0x70747823, 0x70747824


def lock(kind: int, name: bytes) -> None:
    """Block until the lock is held. Different names may share one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s::int, %s::int)", [kind, _number(name)])


def try_lock(kind: int, name: bytes) -> bool:
    """Take the lock if it is free; whether it was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s::int, %s::int)", [kind, _number(name)])
        return bool(cursor.fetchone()[0])


def _number(name: bytes) -> int:
    return crc32(name) - 2**31
