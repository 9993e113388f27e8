"""Count the round trips of a request to PostgreSQL and Valkey, as sent over the wire."""

import io
import re
import tempfile
from contextlib import contextmanager

from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test import RequestFactory
from psycopg.pq import Trace
from redis.connection import AbstractConnection

# Lines of libpq's trace for messages that the server responds to: a simple query, or the execution of a parsed one.
ANSWERED = re.compile(r"^F\t\d+\t(?:Query\t \"(?!DEALLOCATE )|Execute\t)", re.MULTILINE)


class RoundTrips:
    """The round trips of a request.

    statements: the number sent to PostgreSQL, including BEGIN, SAVEPOINT, COMMIT and Django's check of the
    connection. writes: the number sent to Valkey, each a command or a pipeline. sql: the statements that Django
    executed, for diagnosis.
    """

    def __init__(self):
        self.statements, self.writes, self.sql = 0, 0, []


@contextmanager
def count_round_trips(monkeypatch):
    """Return the RoundTrips of this thread inside the block.

    Statements that psycopg sends by itself, to prepare and deallocate statements, are not counted: they occur once
    for many requests.
    """
    round_trips = RoundTrips()
    connection.ensure_connection()
    libpq = connection.connection.pgconn
    with (
        tempfile.TemporaryFile("w+") as trace,
        connection.execute_wrapper(_record_sql(round_trips)),
        monkeypatch.context() as patch,
    ):
        patch.setattr(
            AbstractConnection,
            "send_packed_command",
            _count_writes(round_trips, AbstractConnection.send_packed_command),
        )
        libpq.trace(trace.fileno())
        libpq.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield round_trips
        finally:
            libpq.untrace()
        trace.seek(0)
        round_trips.statements = len(ANSWERED.findall(trace.read()))


def run_request(method, path, body=b"", *, content_type="application/json", headers=None):
    """Run a request as a WSGI server does and return (status, content).

    Includes the request_started and request_finished signals, which Django's test client leaves out.
    """
    query = path.partition("?")[2]
    request = RequestFactory().generic(method, path, body, content_type, QUERY_STRING=query, headers=headers)
    request.environ["wsgi.input"] = io.BytesIO(body)
    statuses = []
    response = get_wsgi_application()(request.environ, lambda status, headers: statuses.append(int(status[:3])))
    content = b"".join(response)
    response.close()
    return statuses[0], content


def _record_sql(round_trips):
    def execute_and_note(execute, sql, params, many, context):
        round_trips.sql.append(sql)
        return execute(sql, params, many, context)

    return execute_and_note


def _count_writes(round_trips, send):
    def send_and_count(connection, command, check_health=True):
        round_trips.writes += 1
        return send(connection, command, check_health)

    return send_and_count
