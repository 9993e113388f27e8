"""Code that all benchmarks share around their measurements.

It starts private services, prevents parallel runs, prints progress and tables, and returns the exit status.
"""

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.servers import ENVIRONMENT
from praxtalk import devservices

FOLDER = devservices.PROJECT / ".data" / "bench"
QUICK_FOLDER = Path(os.environ.get("BENCH_QUICK_FOLDER") or devservices.PROJECT / ".data" / "bench-quick")


class Invalid(Exception):
    """Raised when a measurement is not valid. The message gives the reason."""


def is_quick(program: str, description: str, quick: str) -> bool:
    """Parse the command line. Return whether --quick was given."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--quick", action="store_true", help=quick)
    return bool(parser.parse_args().quick)


def run(folder: Path, measure: Callable[[], str]) -> int:
    """Start the development services of this folder, run `measure` and print what it returns.

    Return the exit status: 1 if `measure` raised Invalid or RuntimeError, 130 after Ctrl-C or SIGTERM.
    """
    signal.signal(signal.SIGTERM, _stop)
    for name in devservices.PROVIDED:
        os.environ.pop(name, None)  # never use a database that the environment configures
    os.environ.update(ENVIRONMENT, DATA_DIR=str(folder))
    started = time.monotonic()
    try:
        with _alone(folder):
            devservices.start(folder)
            result = measure()
    except (Invalid, RuntimeError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    print(result)
    say(f"Done in {time.monotonic() - started:.0f} s.")
    return 0


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "bench.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"Another benchmark is running in {folder}.") from None
        yield


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


def say(line: str) -> None:
    """Print a line of progress to stderr. The result goes to stdout."""
    print(line, file=sys.stderr, flush=True)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt
