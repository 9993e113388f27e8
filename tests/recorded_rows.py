"""Rows that many tests start from: written once by the product's actions, then inserted again.

The `tenants`, `conversations` and `webhooks` fixtures call actions, which takes 40 to 100 statements, but most tests care about
the rows only. So a call records what it wrote, and the same call in the same state of the database inserts the recorded rows.
They have the same ids and times as before, so a recording is used for half a minute only.
"""

import io
import pickle
from datetime import timedelta
from functools import cache
from types import SimpleNamespace

from django.core.cache import caches
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from tests.empty_tables import can_disable_triggers, models_by_table

USABLE_FOR = timedelta(seconds=30)
MANY_ROWS = 500
_recordings = {}  # {(function, digest of the database before its call): recording}


def reuse_rows(make, *arguments):
    """Return `make(*arguments)`, or insert the rows that it wrote in the same state of the database and return a copy.

    make: a function whose result depends on the rows in the database only. Where its rows are inserted, it is not called, so no
    callback runs on commit, and nothing is published.
    arguments: namespaces of instances of these rows, as the fixtures return them; `make` does not change them. Where it returns
    one of these instances, the copy holds the instance that is passed now.
    """
    if not can_disable_triggers() or (digest := _digest()) is None:
        return make(*arguments)
    now, key = timezone.now(), (make, digest)
    recording = _recordings.get(key)
    _empty_valkey()
    if recording and timedelta() <= now - recording.at < USABLE_FOR:  # a test may have moved the clock back
        _write(recording.changes)
        return _Unpickler(recording.result, arguments).load()
    before = _all_rows()
    result = make(*arguments)
    _recordings[key] = SimpleNamespace(
        at=now, changes=_changes(before, _all_rows()), result=_pickled(result, arguments)
    )
    return result


class _Pickler(pickle.Pickler):
    """Pickles the instances that `arguments` hold as references to them."""

    def __init__(self, file, arguments):
        super().__init__(file)
        self._references = {
            id(instance): (number, name)
            for number, argument in enumerate(arguments)
            for name, instance in vars(argument).items()
        }

    def persistent_id(self, value):
        return self._references.get(id(value))


def _pickled(value, arguments):
    file = io.BytesIO()
    _Pickler(file, arguments).dump(value)
    return file.getvalue()


class _Unpickler(pickle.Unpickler):
    def __init__(self, pickled, arguments):
        super().__init__(io.BytesIO(pickled))
        self.arguments = arguments

    def persistent_load(self, reference):
        number, name = reference
        return getattr(self.arguments[number], name)


def _changes(before, after):
    """Return {table: (whether to delete its rows first, rows to insert)} of the tables whose rows differ."""
    changes = {}
    for table, rows in after.items():
        replaces_rows = not set(before[table]) <= set(rows)
        added = rows if replaces_rows else [row for row in rows if row not in before[table]]
        if replaces_rows or added:
            changes[table] = replaces_rows, added
    return changes


def _write(changes):
    statements = []
    for table, (replaces_rows, rows) in changes.items():
        names = {"table": sql.Identifier(table), "columns": sql.SQL(", ").join(map(sql.Identifier, _columns()[table]))}
        if replaces_rows:
            statements.append(sql.SQL("DELETE FROM {table}").format(**names))
        insert = "INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, {rows})"
        statements.append(sql.SQL(insert).format(**names, rows=f"[{','.join(rows)}]"))
    deletes_rows = any(replaces_rows for replaces_rows, _ in changes.values())
    if deletes_rows:  # without triggers; not in all cases, because it makes PostgreSQL plan every statement again
        role = "SET LOCAL session_replication_role = {}"
        statements = [sql.SQL(role).format("replica"), *statements, sql.SQL(role).format("origin")]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("; ").join(statements))


def _empty_valkey():
    """Delete what earlier tests stored in Valkey, also about rows with the same ids, but keep the queues of running workers."""
    valkey = caches["default"].client.get_client()
    if stored := [key for key in valkey.keys("*") if not key.startswith((b"_kombu", b"celery", b"unacked"))]:
        valkey.delete(*stored)


@cache
def _columns():
    """Return {table: its columns except generated ones} of every table that tests write."""
    return {
        table: [field.column for field in model._meta.local_concrete_fields if not field.generated]
        for table, model in models_by_table().items()
    }


def digest_of_all_rows():
    """Return a value that changes when a row is written, changed or deleted."""
    digest = _digest()
    assert digest is not None, f"A table has {MANY_ROWS} rows or more."
    return digest


def _digest():
    """Return a sum over the rows of each table; None if a table has MANY_ROWS rows or more."""
    sums = " UNION ALL ".join(
        f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM (SELECT * FROM {quoted(table)} LIMIT {MANY_ROWS}) t"
        for table in _columns()
    )
    connection.ensure_connection()
    digest = tuple(connection.connection.execute(sums, prepare=True).fetchall())
    return None if any(count == MANY_ROWS for count, _ in digest) else digest


def _all_rows():
    """Return {table: [each row as JSON]}."""
    rows = {}
    with connection.cursor() as cursor:
        for table in _columns():
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {quoted(table)} t")
            rows[table] = [row for (row,) in cursor.fetchall()]
    return rows


def quoted(name):
    return connection.ops.quote_name(name)
