"""A pytest plugin (see pyproject.toml): starts PostgreSQL and Valkey before Django reads its settings."""

import fcntl
import os
import shutil
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / ".data" / "test"

os.environ["WEBHOOK_ALLOW_CIDRS"] = ""
os.environ["LOG_LEVEL"] = "ERROR"
os.environ["ATTACHMENTS_DIR"] = str(DATA / "attachments")
os.environ["STATIC_ROOT"] = str(DATA / "static")

from praxtalk import devservices  # noqa: E402


def only_suite_here():
    """Ensure that only one test run uses this folder, and drop databases that a killed run left behind."""
    import psycopg
    from psycopg import sql

    lock = (DATA / "suite.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("Another run of this suite is under way in this folder.")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'").fetchall()
        for (name,) in left:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    return lock


_is_private = "DATABASE_URL" not in os.environ
devservices.start(DATA)
# Each worker has a numbered database in Valkey, so that its Celery queues do not meet those of the others.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
os.environ["REDIS_URL"] = os.environ["REDIS_URL"].rsplit("/", 1)[0] + f"/{_worker + 1}"
if "PYTEST_XDIST_WORKER" not in os.environ:
    shutil.rmtree(DATA / "attachments", ignore_errors=True)
_lock = only_suite_here() if _is_private and "PYTEST_XDIST_WORKER" not in os.environ else None


def pytest_xdist_auto_num_workers():
    """Run one worker more than there are processors: while a test waits for a browser or a clock, another one computes.

    There are four at most: each has a server and a browser of its own.
    """
    return min((os.cpu_count() or 1) + 1, 4)
