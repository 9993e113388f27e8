"""Counts the round trips of a request to PostgreSQL and Valkey, as they go over the wire."""

import io
import re
import tempfile
from contextlib import contextmanager

from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test import RequestFactory
from psycopg.pq import Trace
from redis.connection import AbstractConnection

# Lines of libpq's trace, each of a message that the server answers: a simple statement, or the execution of a parsed one.
ANSWERED = re.compile(r"^F\t\d+\t(?:Query\t \"(?!DEALLOCATE )|Execute\t)", re.MULTILINE)


class Trips:
    """statements: to PostgreSQL, with BEGIN, SAVEPOINT, COMMIT and Django's check of the connection.
    writes: to Valkey, each of one command or one pipeline.
    sql: what Django has executed, to see where a number comes from.
    """

    def __init__(self):
        self.statements, self.writes, self.sql = 0, 0, []


@contextmanager
def counted(monkeypatch):
    """The Trips of this thread inside the block. What psycopg does by itself, preparing statements and forgetting them, is not
    counted: it happens once for many requests."""
    found = Trips()
    connection.ensure_connection()
    libpq = connection.connection.pgconn
    with (
        tempfile.TemporaryFile("w+") as trace,
        connection.execute_wrapper(_noting(found)),
        monkeypatch.context() as patch,
    ):
        patch.setattr(
            AbstractConnection, "send_packed_command", _counting(found, AbstractConnection.send_packed_command)
        )
        libpq.trace(trace.fileno())
        libpq.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield found
        finally:
            libpq.untrace()
        trace.seek(0)
        found.statements = len(ANSWERED.findall(trace.read()))


def answer_to(method, path, body=b"", *, content_type="application/json", headers=None):
    """(status, content) of a request as a WSGI server hands it in: with the signals at its beginning and end, which Django's
    test client leaves out."""
    query = path.partition("?")[2]
    request = RequestFactory().generic(method, path, body, content_type, QUERY_STRING=query, headers=headers)
    request.environ["wsgi.input"] = io.BytesIO(body)
    said = []
    response = get_wsgi_application()(request.environ, lambda status, headers: said.append(int(status[:3])))
    content = b"".join(response)
    response.close()
    return said[0], content


def _noting(found):
    def execute_and_note(execute, sql, params, many, context):
        found.sql.append(sql)
        return execute(sql, params, many, context)

    return execute_and_note


def _counting(found, send):
    def send_and_count(connection, command, check_health=True):
        found.writes += 1
        return send(connection, command, check_health)

    return send_and_count
