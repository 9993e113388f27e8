"""Rows that many tests start from: written once, then inserted again in one round trip.

The `tenants`, `conversations` and `webhooks` fixtures call the product's actions, which takes 40 to 100 statements, but most
tests care about the rows only. So a call records what it wrote, and an equal call in the same state of the database inserts the
recorded rows. They have the same ids and times as before, so a recording is used for half a minute only.
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
    """Return `make(*arguments)`, or insert the rows that an equal call wrote, and return a copy of what it returned.

    arguments: namespaces of model instances, as the fixtures return them; `make` does not change them. Where it returns one of
    these instances, the copy holds the instance that is passed now.
    """
    digest = digest_of_all_rows() if can_disable_triggers() else None
    if digest is None:
        return make(*arguments)
    now, key = timezone.now(), (make, digest)
    recording = _recordings.get(key)
    if recording and timedelta() <= now - recording.at < USABLE_FOR:
        _write(recording.rows)
        _forget_in_valkey()
        return _Unpickler(recording.result, arguments).load()
    before = _all_rows()
    result = make(*arguments)
    _recordings[key] = SimpleNamespace(
        at=now, rows=_difference(before, _all_rows()), result=_Pickler.pickled(result, arguments)
    )
    return result


class _Pickler(pickle.Pickler):
    """Pickles the instances that `arguments` hold as references to them."""

    @classmethod
    def pickled(cls, value, arguments):
        file = io.BytesIO()
        pickler = cls(file)
        pickler.references = {
            id(each): (i, name) for i, part in enumerate(arguments) for name, each in vars(part).items()
        }
        pickler.dump(value)
        return file.getvalue()

    def persistent_id(self, value):
        return self.references.get(id(value))


class _Unpickler(pickle.Unpickler):
    def __init__(self, pickled, arguments):
        super().__init__(io.BytesIO(pickled))
        self.arguments = arguments

    def persistent_load(self, reference):
        number, name = reference
        return getattr(self.arguments[number], name)


def _difference(before, after):
    """Return {table: (whether all its rows are replaced, rows to insert)} of the tables whose rows differ."""
    changes = {}
    for table, rows in after.items():
        is_replaced = not set(before[table]) <= set(rows)
        added = rows if is_replaced else [row for row in rows if row not in before[table]]
        if is_replaced or added:
            changes[table] = is_replaced, added
    return changes


def _write(changes):
    statements = []
    for table, (is_replaced, rows) in changes.items():
        names = {"table": sql.Identifier(table), "columns": sql.SQL(", ").join(map(sql.Identifier, _columns()[table]))}
        if is_replaced:
            statements.append(sql.SQL("DELETE FROM {table}").format(**names))
        insert = "INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, {rows})"
        statements.append(sql.SQL(insert).format(**names, rows=f"[{','.join(rows)}]"))
    if any(
        is_replaced for is_replaced, _ in changes.values()
    ):  # only then: it makes PostgreSQL plan every statement again
        role = "SET LOCAL session_replication_role = {}"
        statements = [sql.SQL(role).format("replica"), *statements, sql.SQL(role).format("origin")]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("; ").join(statements))


def _forget_in_valkey():
    """Delete what an earlier test stored in Valkey about rows with the same ids, but keep the queues of running workers."""
    valkey = caches["default"].client.get_client()
    kept = (b"_kombu", b"celery", b"unacked")
    if stored := [key for key in valkey.keys("*") if not key.startswith(kept)]:
        valkey.delete(*stored)


@cache
def _columns():
    """Return {table: its columns except generated ones} of every table that tests write."""
    return {
        table: [field.column for field in model._meta.local_concrete_fields if not field.generated]
        for table, model in models_by_table().items()
    }


def digest_of_all_rows():
    """Return a hashable value that changes when a row is written, changed or deleted; None if a table has very many rows."""
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
