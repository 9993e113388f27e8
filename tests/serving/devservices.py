"""Run `manage.py devservices` in a folder of its own, for the tests."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from praxtalk import devservices
from tests.servers import PROJECT

SCRIPT = """
import os, sys
import psycopg, redis
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
    database.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
    database.execute("INSERT INTO kept VALUES (1)")
    count = database.execute("SELECT count(*) FROM kept").fetchone()[0]
    postmaster = database.execute("SELECT pg_postmaster_start_time()").fetchone()[0]
redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
print(count, postmaster.timestamp(), os.environ["DATABASE_URL"], os.environ["REDIS_URL"], flush=True)
if len(sys.argv) > 1:
    sys.stdin.readline()
"""


SECONDS = 60


NOT_SET = (
    "DATABASE_URL, REDIS_URL, SECRET_KEY and ENCRYPTION_KEYS are not set: set them as docs/operations.md says, "
    "or for development start `make run` or `manage.py devservices` first.\n"
)


def environment(folder, **more):
    left = {name: value for name, value in os.environ.items() if name not in devservices.VARIABLES}
    return left | {"DATA_DIR": str(folder)} | more


def start(folder, *, stay=False, **more):
    command = [sys.executable, "manage.py", "devservices", "python", "-c", SCRIPT, *(["stay"] if stay else [])]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, cwd=PROJECT, env=environment(folder, **more), text=True, **pipes)


def finish_successfully(process):
    out, error = process.communicate("\n", timeout=180)
    assert process.returncode == 0, error
    return out.split()


def run_manage(folder, *arguments, **more):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def services_of(folder):
    """Return the running servers that use this folder's data, and the keeper: {"postgres": process, ...}."""
    found = {}
    for process in psutil.process_iter(["cmdline", "status", "cwd"]):
        if process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        text = " ".join(process.info["cmdline"] or []) + " " + (process.info["cwd"] or "")
        marks = {"postgres": "postgres -D", "valkey": "valkey-server", "keeper": "(keeper.py|import run_keeper_step)"}
        for name, mark in marks.items():
            if re.search(mark, text) and str(folder) in text:
                found[name] = process
    return found


def wait_until(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_for_end(folder):
    wait_until(lambda: not services_of(folder))


@pytest.fixture
def folder():
    """Return a folder outside pytest's temporary folder, which each starting pytest closes to PostgreSQL's user."""
    with TemporaryDirectory(prefix="praxtalk-", ignore_cleanup_errors=True) as name:
        yield Path(name) / "data"
        for process in services_of(name).values():
            process.kill()


def error_of_failed_start(folder, **more):
    process = start(folder, **more)
    _, error = process.communicate("\n", timeout=SECONDS)
    assert process.returncode == 1
    assert "Traceback" not in error
    return error
