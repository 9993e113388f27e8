"""Start the processes that are measured. Each has a process tree of its own, and each server a free port."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from praxtalk.devservices import PROJECT
from praxtalk.supervisor import STOP_SECONDS

PRODUCT = ["manage.py", "serve", "--only", "front,web,sockets"]
WEB = ["manage.py", "serve", "--only", "web"]
SOCKETS = ["manage.py", "serve", "--only", "sockets"]
FLOOR = ["-m", "bench.application_server", "web", "bench.rest.baseline:application"]
PROCESSES = 2
UNLIMITED = "1000000000"
START_SECONDS = 40.0
PR_SET_PDEATHSIG = 1

# Overrides every setting that the environment may contain and that would change the measurements.
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "praxtalk.settings",
    "HOST": "127.0.0.1",
    "DEBUG": "false",
    "LOG_LEVEL": "WARNING",
    "LOG_FORMAT": "console",
    "TRUSTED_PROXIES": "",
    "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
    "WEB_PROCESSES": str(PROCESSES),
    "SOCKET_PROCESSES": str(PROCESSES),
    "RATE_LIMIT_READ_KEY": UNLIMITED,
    "RATE_LIMIT_WRITE_KEY": UNLIMITED,
}


@contextlib.contextmanager
def serving(arguments: list[str], *, log: Path, **environment: str) -> Iterator[int]:
    """Run a server while the body runs. Yield its port. Raises RuntimeError with the end of its log if it does not start."""
    with up([sys.executable, *arguments], log=log, **environment) as (port, _):
        yield port


@contextlib.contextmanager
def up(command: list[str], *, log: Path, **environment: str) -> Iterator[tuple[int, int]]:
    """Like `serving`, for any program that answers /healthz. Yield its port and its process id."""
    port = free_port()
    own = {"PORT": str(port), "BASE_URL": f"http://127.0.0.1:{port}", "ALLOWED_HOSTS": "127.0.0.1"}
    with _started(command, log, own | environment) as process:
        _wait(process, port, log)
        yield port, process.pid


@contextlib.contextmanager
def running(arguments: list[str], *, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run this Python interpreter with the arguments while the body runs. Yield the process."""
    with _started([sys.executable, *arguments], log, environment) as process:
        yield process


@contextlib.contextmanager
def _started(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=os.environ | ENVIRONMENT | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_us,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS + 5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and all its descendants, including those that have ended."""
    used = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            used += sum(each.cpu_times()[:4])
    return used


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{' '.join(process.args)} did not come up:\n{log.read_text(errors='replace')[-3000:]}")  # type: ignore[arg-type]


def end_with_us() -> None:
    """Make this child process receive SIGTERM when the benchmark is killed, so that nothing is left running.

    This works only on Linux. Pass it as `preexec_fn`.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
