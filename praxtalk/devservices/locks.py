"""Locks on files, by which processes register as users of the development services and start them one at a time."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

IN_USE = "DEVSERVICES_IN_USE"  # environment variable that child processes inherit

_locks: list[IO[str]] = []


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on this file inside the block."""
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def register_user(folder: Path) -> None:
    """Register this process as a user of the services until it ends."""
    users = (folder / "users.lock").open("a")
    fcntl.flock(users, fcntl.LOCK_SH)
    _locks.append(users)
    os.environ[IN_USE] = str(folder)


def is_unused(folder: Path) -> bool:
    """Return whether no process uses the services of this folder."""
    with (folder / "users.lock").open("a") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def inherit_locks() -> None:
    """Make the locks on `users.lock` inheritable, so that the program that replaces this process keeps the services running."""
    for users in _locks:
        os.set_inheritable(users.fileno(), True)


def folder_in_use() -> str:
    """Return the folder of the development services that this process uses; empty if it uses other servers.

    A parent process may have started the services.
    """
    return os.environ.get(IN_USE, "")
