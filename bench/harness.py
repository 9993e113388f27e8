"""Code that all benchmarks share: the command line, private services, the measured processes, tables and statistics."""

import argparse
import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from praxtalk import devservices
from praxtalk.devservices import PROJECT
from praxtalk.supervisor import STOP_SECONDS

FOLDER = PROJECT / ".data" / "bench"
QUICK_FOLDER = Path(os.environ.get("BENCH_QUICK_FOLDER") or PROJECT / ".data" / "bench-quick")
QUICK_HELP = "a small database and few measurements: this tests the benchmark, and its results mean nothing"

SERVE = [sys.executable, "manage.py", "serve", "--only"]
PRAXTALK = [*SERVE, "front,web,sockets"]
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


class BenchmarkError(Exception):
    """Raised when a measurement is not valid. The message gives the reason."""


def main(description: str | None, measure: Callable[[Path, bool], str], *, suffix: str = "") -> int:
    """Parse --quick, start the development services and print what `measure(folder, is_quick)` returns.

    suffix: of the folder, for a benchmark with a database of its own. Return the exit status as `run` does.
    """
    program = sys.modules["__main__"].__spec__.name.removesuffix(".__main__")  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=(description or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help=QUICK_HELP)
    is_quick = parser.parse_args().quick
    folder = QUICK_FOLDER if is_quick else FOLDER
    folder = folder.with_name(folder.name + suffix)
    return run(folder, lambda: measure(folder, is_quick))


def run(folder: Path, measure: Callable[[], str]) -> int:
    """Start the development services of this folder, run `measure` and print what it returns.

    Return the exit status: 1 if `measure` raised BenchmarkError or RuntimeError, 130 after Ctrl-C or SIGTERM.
    """
    signal.signal(signal.SIGTERM, _stop)
    for name in devservices.VARIABLES:
        os.environ.pop(name, None)  # never use a database that the environment configures
    os.environ.update(ENVIRONMENT, DATA_DIR=str(folder))
    started = time.monotonic()
    try:
        with _locked(folder):
            devservices.start(folder)
            result = measure()
    except (BenchmarkError, RuntimeError) as error:
        log(str(error))
        return 1
    except KeyboardInterrupt:
        log("Stopped.")
        return 130
    print(result)
    log(f"Done in {time.monotonic() - started:.0f} s.")
    return 0


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises RuntimeError if another benchmark holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "bench.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"Another benchmark is running in {folder}.") from None
        yield


@contextlib.contextmanager
def serving(
    command: list[str], *, log_file: Path, port: int | None = None, **environment: str
) -> Iterator[tuple[int, psutil.Process]]:
    """Run a server while the body runs. Yield its port and its process.

    Raises RuntimeError with the end of its log if /healthz does not respond within START_SECONDS.
    """
    port = port or free_port()
    own = {"PORT": str(port), "BASE_URL": f"http://127.0.0.1:{port}", "ALLOWED_HOSTS": "127.0.0.1"}
    with running(command, log_file=log_file, **(own | environment)) as process:
        deadline = time.monotonic() + START_SECONDS
        while not _responds(port):
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE or time.monotonic() > deadline:
                text = log_file.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{' '.join(command)} did not start:\n{text}")
            time.sleep(0.1)
        yield port, process


@contextlib.contextmanager
def running(command: list[str], *, log_file: Path, **environment: str) -> Iterator[psutil.Process]:
    """Run a command while the body runs. Yield its process."""
    log_file.unlink(missing_ok=True)
    process = start_process(command, log_file=log_file, **environment)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS + 5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def start_process(command: list[str], *, log_file: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, and append its output to the log file."""
    with log_file.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env=os.environ | ENVIRONMENT | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )


def end_with_parent() -> None:
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


def _responds(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
            return True
    except OSError:
        return False


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and all its descendants, including those that have ended."""
    used = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            used += sum(each.cpu_times()[:4])
    return used


def postgres_process(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]))


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table. The first row contains the titles."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    ruled = [rows[0], ["-" * width for width in widths], *rows[1:]]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in ruled]
    return "\n".join(f"| {line} |" for line in lines)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that this share (0 to 1) of the values does not exceed, or 0 if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def log(line: str) -> None:
    """Print a line of progress to stderr. The result goes to stdout."""
    print(line, file=sys.stderr, flush=True)
