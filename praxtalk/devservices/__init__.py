"""PostgreSQL 18 and Valkey 9 for development, under DATA_DIR (`.data/` by default).

`start()` sets DATABASE_URL, REDIS_URL, SECRET_KEY and ENCRYPTION_KEYS for this process. Variables that are already set are
kept. It starts the servers whose URLs are missing, and generates missing keys once. `attach()` uses servers that are already
running; it starts no server and generates no keys. Only `manage.py devservices`, the tests and the benchmarks call `start()`.

1. Every process that uses the servers holds a shared lock on `users.lock`. The kernel releases it however the process ends.
2. Servers are started and stopped under the exclusive lock `start.lock`, so that two commands never race.
3. A keeper process (`keeper.py`) runs in the background. It restarts a server that died, at the same address, and stops the
   servers once no process holds `users.lock`. Its own lock, `keeper.lock`, ensures that each folder has one keeper.
4. If all processes are killed, the next `start()` uses the servers that still answer and restarts the others.

PostgreSQL listens on a Unix socket only, Valkey on the loopback interface with its own password. Apart from the settings, only
this package reads and changes the environment, because it runs before the settings are loaded.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from praxtalk.devservices import postgres, valkey
from praxtalk.devservices.files import write_private
from praxtalk.devservices.locks import exclusive, folder_in_use, inherit_locks, is_unused, register_user
from praxtalk.devservices.postgres_programs import find_programs

__all__ = [
    "PROJECT",
    "VARIABLES",
    "attach",
    "ensure_keeper",
    "folder_in_use",
    "inherit_locks",
    "run",
    "run_keeper_step",
    "start",
    "write_environment",
]

PROJECT = Path(__file__).resolve().parent.parent.parent
VARIABLES = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEYS")
INVALID_PATH_CHARACTERS = '$`"\\\n'  # characters in a path that break the shell commands of PostgreSQL's programs
FREE_BYTES_NEEDED = 300 * 1024 * 1024
RETRY_SECONDS = 5
KEEPER = Path(__file__).with_name("keeper.py")
OWN_SERVERS_HINT = "or set DATABASE_URL and REDIS_URL to use servers of your own"


def start(data_dir: Path | None = None) -> None:
    """Set all variables in VARIABLES, and start the servers if needed. Exits with an error message if that fails."""
    missing = _missing()
    if not missing:
        return
    folder = _folder(data_dir)
    with _exit_on_error(folder):
        _check_folder(folder)
        with exclusive(folder / "start.lock"):
            register_user(folder)
            values = _keys(folder)
            # Start the keeper first: it stops the servers if this process is killed after it has started them.
            if "DATABASE_URL" in missing:
                _watch(folder, "postgres")
                values["DATABASE_URL"] = postgres.start(folder / "postgres", report=_report)
            if "REDIS_URL" in missing:
                _watch(folder, "valkey")
                values["REDIS_URL"] = valkey.start(folder / "valkey")
    os.environ.update({name: values[name] for name in missing})


def attach() -> None:
    """Set the missing variables to the running development services. Do nothing if DATABASE_URL is set or PostgreSQL is down."""
    missing = _missing()
    folder = _folder()
    if "DATABASE_URL" not in missing or not (folder / "users.lock").exists():
        return
    with _exit_on_error(folder), exclusive(folder / "start.lock"):
        url = postgres.url_if_running(folder / "postgres")
        if url is None:
            return
        register_user(folder)
        values = {**_keys(folder), "DATABASE_URL": url, "REDIS_URL": valkey.last_url(folder / "valkey")}
    os.environ.update({name: values[name] for name in missing if values.get(name)})


def run(command: list[str]) -> NoReturn:
    """Start the services and replace this process with `command`, which keeps them running until it ends.

    The programs of this virtual environment and of the development PostgreSQL (`psql`, `pg_dump`) come first on its PATH. Exits
    with an error message if there is no such command.
    """
    if "DATABASE_URL" in _missing() and (programs := find_programs()):
        _prepend_to_path(programs)
    _prepend_to_path(Path(sys.executable).parent)
    if shutil.which(command[0]) is None:
        sys.exit(f"{command[0]}: no such command.")
    start()
    inherit_locks()
    os.execvp(command[0], command)  # noqa: S606 - the developer's own command


def ensure_keeper(folder: Path) -> None:
    """Start the keeper of this folder's services unless it is running."""
    with exclusive(folder / "start.lock"):
        for server in _watched(folder):
            _watch(folder, server)


def write_environment() -> Path:
    """Write the variables to a file that a shell can source, and return its path."""
    path = _folder() / "devservices.env"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, "".join(f"export {name}={shlex.quote(os.environ[name])}\n" for name in VARIABLES))
    return path


def run_keeper_step(folder: Path, keeper_lock: int) -> None:
    """Stop the servers if no process uses them; otherwise restart those that died and become the keeper again.

    The keeper replaces itself with a process that calls this. keeper_lock: the file descriptor of the locked `keeper.lock`.
    """
    must_stop = False
    try:
        with exclusive(folder / "start.lock"):
            must_stop = is_unused(folder)
            if must_stop:
                postgres.wait_for_late_start(folder / "postgres")
                postgres.stop(folder / "postgres")
                valkey.stop(valkey.last_url(folder / "valkey"))
                (folder / "watched").unlink(missing_ok=True)
                os.close(keeper_lock)  # before start.lock is released: the next start() must start a new keeper
                return
            if "postgres" in _watched(folder):
                postgres.start(folder / "postgres", report=_report)
            if "valkey" in _watched(folder):
                valkey.start(folder / "valkey")
    except FileNotFoundError:  # the folder was deleted
        return
    except (OSError, subprocess.SubprocessError, RuntimeError) as error:
        _report(f"The development services could not be {'stopped' if must_stop else 'restarted'}: {error}")
        if must_stop:
            return
        time.sleep(RETRY_SECONDS)
    os.execv(sys.executable, _keeper_command(folder, keeper_lock))  # noqa: S606


def _missing() -> list[str]:
    return [name for name in VARIABLES if not os.environ.get(name)]


def _folder(data_dir: Path | None = None) -> Path:
    return (data_dir or Path(os.environ.get("DATA_DIR") or PROJECT / ".data")).resolve()


def _prepend_to_path(folder: Path) -> None:
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


@contextlib.contextmanager
def _exit_on_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is not installed: pip install -r requirements-embedded.txt, {OWN_SERVERS_HINT}.")
    except TimeoutError as error:
        sys.exit(_start_error(folder, error))
    except OSError as error:
        reason = error.strerror or str(error)
        sys.exit(
            f"PraxTalk cannot use {folder} ({reason}). Set DATA_DIR to a folder it can write to, {OWN_SERVERS_HINT}."
        )
    except (subprocess.SubprocessError, RuntimeError, ValueError) as error:
        sys.exit(_start_error(folder, error))


def _start_error(folder: Path, error: Exception) -> str:
    log = folder / "postgres" / "log"
    tail = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-8:]) if log.exists() else ""
    return (
        f"The development services under {folder} did not start: {error}\n{tail}"
        f"Free some disk space or memory and try again, move {folder} away to start over, {OWN_SERVERS_HINT}."
    )


def _check_folder(folder: Path) -> None:
    if set(str(folder)) & set(INVALID_PATH_CHARACTERS):
        raise OSError(f"PostgreSQL cannot use a path that contains one of {INVALID_PATH_CHARACTERS.strip()}")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".write-test").open("w") as probe:
        probe.write("x")
    (folder / ".write-test").unlink(missing_ok=True)  # another command may have deleted it during its own check
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_NEEDED:
        raise OSError(f"only {free // 2**20} MB free, {FREE_BYTES_NEEDED // 2**20} MB needed")


def _keys(folder: Path) -> dict[str, str]:
    """Return the keys of this data folder. They are generated on first use, in a file that only its owner may read."""
    path = folder / "secrets.json"
    if not path.exists():
        from cryptography.fernet import Fernet

        keys = {"SECRET_KEY": secrets.token_urlsafe(48), "ENCRYPTION_KEYS": f"k1:{Fernet.generate_key().decode()}"}
        write_private(path, json.dumps(keys))
    values: dict[str, str] = json.loads(path.read_text())
    return values


def _watched(folder: Path) -> set[str]:
    path = folder / "watched"
    return set(path.read_text().split()) if path.exists() else set()


def _watch(folder: Path, server: str) -> None:
    """Make the keeper watch this server, and start the keeper unless it is running."""
    (folder / "watched").write_text(" ".join(sorted(_watched(folder) | {server})))
    with (folder / "keeper.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        # The keeper inherits the file descriptor and with it the lock, so the lock is never free in between.
        with (folder / "keeper.log").open("ab") as log:
            subprocess.run(
                _keeper_command(folder, lock.fileno(), "--detach"),
                check=True,
                cwd=PROJECT,
                pass_fds=[lock.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def _keeper_command(folder: Path, keeper_lock: int, *options: str) -> list[str]:
    """Return the command that runs the keeper: isolated and without site-packages, so that it uses little memory."""
    return [sys.executable, "-I", "-S", str(KEEPER), str(folder), str(keeper_lock), *options]


def _report(line: Any) -> None:
    print(line, file=sys.stderr, flush=True)
