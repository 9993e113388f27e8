"""The development services while commands are killed, start at the same time or find what others left behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from praxtalk import devservices
from tests.servers import PROJECT
from tests.serving.devservices import (
    NOT_SET,
    SCRIPT,
    SECONDS,
    environment,
    error_of_failed_start,
    finish_successfully,
    folder,
    run_manage,
    services_of,
    start,
    wait_for_end,
    wait_until,
)

__all__ = ["folder"]
pytestmark = pytest.mark.slow


def test_four_commands_can_start_at_the_same_time(folder):
    processes = [start(folder) for _ in range(4)]
    assert sorted(finish_successfully(process)[0] for process in processes)[-1] == "4"
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

    def responds():
        try:
            with psycopg.connect(database_url) as database:
                return database.execute("SELECT count(*) FROM kept").fetchone() == (1,) and (
                    redis.Redis.from_url(redis_url).ping()
                )
        except (psycopg.OperationalError, redis.ConnectionError):
            return False

    wait_until(lambda: not responds())
    wait_until(responds)
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
    stderr = process.communicate("\n", timeout=180)[1]
    assert process.returncode == 0
    (kept,) = folder.glob("postgres-16-*")
    assert (kept / "base").read_text() == "somebody's data"
    assert f"It was renamed to {kept}." in stderr


def test_database_from_before_the_first_release_is_moved_aside(folder):
    bootstrap = ["devservices", "python", "manage.py", "bootstrap"]
    assert "Demo workspace Acme" in run_manage(folder, *bootstrap).stdout
    older = "INSERT INTO django_migrations (app, name, applied) VALUES ('brands', '0005_signing_in', now())"
    run_manage(folder, "devservices", "sh", "-c", f'psql -q "$DATABASE_URL" -c "{older}"')
    (folder / "demo.json").unlink()
    stdout = run_manage(folder, *bootstrap).stdout
    assert (kept := re.search(r"It was renamed to (praxtalk_\d{8}_\d{6}), and a new one was created", stdout))
    assert "Demo workspace Acme" in stdout
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


def test_command_killed_while_starting_leaves_no_process_running(folder):
    for seconds in (0.3, 0.6, 0.9, 1.2, 1.5):
        command = [sys.executable, "manage.py", "devservices", "true"]
        with subprocess.Popen(command, cwd=PROJECT, env=environment(folder), stderr=subprocess.DEVNULL) as process:
            time.sleep(seconds)
            process.kill()
        wait_for_end(folder)


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


def test_failed_database_start_shows_the_end_of_the_log(folder):
    finish_successfully(start(folder))
    wait_for_end(folder)
    shutil.rmtree(folder / "postgres" / "global")
    error = error_of_failed_start(folder)
    assert f"The development services under {folder} did not start: pg_ctl: " in error
    assert "global" in error
