"""Connection settings for PostgreSQL."""

from typing import Any

MAX_CONNECTIONS = 16  # per process, which opens only as many as its threads need
IDLE_SECONDS = 600.0  # then an idle connection is closed
# Over TCP, detect within about 30 seconds that a host has disappeared without closing the connection.
KEEPALIVE_OPTIONS = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}


def database_settings(
    url_settings: dict[str, Any],
    *,
    is_server: bool,
    connect_timeout: int,
    statement_timeout: int,
    lock_timeout: int,
    idle_transaction_timeout: int,
) -> dict[str, Any]:
    """Return an entry of Django's DATABASES setting. Timeouts are in seconds; 0 disables a timeout.

    Servers take a connection from a pool for each request, because their threads are short-lived. Other processes keep one
    connection for each thread. A statement is prepared after three executions, which halves PostgreSQL's time for a list.
    """
    timeouts = {
        "statement_timeout": statement_timeout,
        "lock_timeout": lock_timeout,
        "idle_in_transaction_session_timeout": idle_transaction_timeout,
    }
    url_options = url_settings.get("OPTIONS", {})
    session_options = [url_options["options"]] if url_options.get("options") else []
    session_options += [f"-c {name}={seconds * 1000}" for name, seconds in timeouts.items() if seconds]
    options: dict[str, Any] = {"server_side_binding": True, "prepare_threshold": 3}
    if session_options:
        options["options"] = " ".join(session_options)
    if is_server:
        options["pool"] = {
            "min_size": 0,
            "max_size": MAX_CONNECTIONS,
            "max_idle": IDLE_SECONDS,
            "num_workers": 1,
            "timeout": connect_timeout,
            "reconnect_timeout": connect_timeout,  # then the next call starts another attempt
        }
    return {
        **url_settings,
        "CONN_MAX_AGE": 0 if is_server else None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": connect_timeout} | KEEPALIVE_OPTIONS | url_options | options,
    }
