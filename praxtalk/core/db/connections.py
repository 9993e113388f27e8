"""How processes connect to PostgreSQL."""

from typing import Any

MAX_CONNECTIONS = 16  # of one process; it opens as many as its threads need
IDLE_SECONDS = 600.0  # after which a connection is closed
# Over TCP, a host that vanished without a word is noticed within about half a minute.
LOST_PEER = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}


def database_settings(
    url_settings: dict[str, Any],
    *,
    is_server: bool,
    connect_timeout: int,
    statement_timeout: int,
    lock_timeout: int,
    idle_transaction_timeout: int,
) -> dict[str, Any]:
    """Django's settings of one database. Timeouts are in seconds; 0 is none.

    Servers take connections from a pool for each request: their threads come and go. Others keep one for each thread.
    A statement is prepared once it has been executed three times, which halves PostgreSQL's time for a list.
    """
    timeouts = {
        "statement_timeout": statement_timeout,
        "lock_timeout": lock_timeout,
        "idle_in_transaction_session_timeout": idle_transaction_timeout,
    }
    own = url_settings.get("OPTIONS", {})
    options = [own["options"]] if own.get("options") else []
    options += [f"-c {name}={seconds * 1000}" for name, seconds in timeouts.items() if seconds]
    more: dict[str, Any] = {"server_side_binding": True, "prepare_threshold": 3}
    if options:
        more["options"] = " ".join(options)
    if is_server:
        more["pool"] = {
            "min_size": 0,
            "max_size": MAX_CONNECTIONS,
            "max_idle": IDLE_SECONDS,
            "num_workers": 1,
            "timeout": connect_timeout,
            "reconnect_timeout": connect_timeout,  # then the next call begins another attempt
        }
    return {
        **url_settings,
        "CONN_MAX_AGE": 0 if is_server else None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": connect_timeout} | LOST_PEER | own | more,
    }
