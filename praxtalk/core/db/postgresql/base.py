"""The database backend (settings.DATABASES): Django's PostgreSQL backend with one change.

While the database is unavailable, each request that waits for a connection blocks a thread. So once one request has waited in
vain, all others in the process fail at once. One request a second tries again. The first that gets a connection ends the outage.
"""

import threading
import time
from typing import Any

import psycopg
from django.db.backends.postgresql import base

PAUSE_SECONDS = 1.0


class Outage:
    """Tracks whether the database is unavailable to this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_active = False
        self._next_try = 0.0

    def begin(self) -> None:
        with self._lock:
            self._is_active, self._next_try = True, time.monotonic() + PAUSE_SECONDS

    def end(self) -> None:
        self._is_active = False

    def allows_attempt(self) -> bool:
        """Return whether the caller may request a connection. During an outage, only the first caller after each pause may."""
        if not self._is_active:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._next_try:
                return False
            self._next_try = now + PAUSE_SECONDS
            return True


_outage = Outage()


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a new connection. Raises psycopg.OperationalError after CONNECT_TIMEOUT, or at once during an outage."""
        if self.pool is None:
            return super().get_new_connection(conn_params)
        if not _outage.allows_attempt():
            raise psycopg.OperationalError("PostgreSQL is unavailable.")
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            _outage.begin()
            raise
        _outage.end()
        return connection
