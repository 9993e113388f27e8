"""The background process that watches the development services: `keeper.py FOLDER LOCK [--detach]`.

LOCK is the inherited file descriptor of the locked `keeper.lock`. To use little memory while it waits, this script imports only
the standard library. When a server has died or the services are no longer used, it replaces itself with a process that calls
`praxtalk.devservices.run_keeper_step`. If the services are still in use, that process becomes this script again.
"""

import fcntl
import os
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.25
PID_FILES = {"postgres": "postgres/postmaster.pid", "valkey": "valkey/pid"}
PROJECT = Path(__file__).resolve().parent.parent.parent
RUN_KEEPER_STEP = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from praxtalk.devservices import run_keeper_step
run_keeper_step(Path(sys.argv[1]), int(sys.argv[2]))
"""


def main(folder: Path, *arguments: str) -> None:
    if "--detach" in arguments and os.fork():
        os._exit(0)
    while is_used(folder / "users.lock") and is_complete(folder):
        time.sleep(POLL_SECONDS)
    os.execv(sys.executable, [sys.executable, "-c", RUN_KEEPER_STEP, str(folder), arguments[0], str(PROJECT)])  # noqa: S606


def is_used(lock: Path) -> bool:
    with lock.open() as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def is_complete(folder: Path) -> bool:
    """Return whether every server in the file `watched` has a live process."""
    return all(is_alive(folder / PID_FILES[name]) for name in (folder / "watched").read_text().split())


def is_alive(pid_file: Path) -> bool:
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
