"""What every benchmark does around its measurement: services of its own, one run at a time, progress, table, exit status."""

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
    """What was measured is not what was meant; the text says why."""


def is_quick(program: str, description: str, quick: str) -> bool:
    """Read the command line: whether --quick was given."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--quick", action="store_true", help=quick)
    return bool(parser.parse_args().quick)


def run(folder: Path, measure: Callable[[], str]) -> int:
    """Print what `measure` returns, run with the development services of this folder. The exit status: 1 if it raised Invalid."""
    signal.signal(signal.SIGTERM, _stop)
    for name in devservices.PROVIDED:
        os.environ.pop(name, None)  # never somebody's own database
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
    """A Markdown table, its first row the titles."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    ruled = [rows[0], ["-" * width for width in widths], *rows[1:]]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in ruled]
    return "\n".join(f"| {line} |" for line in lines)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def say(line: str) -> None:
    """Progress, beside the result."""
    print(line, file=sys.stderr, flush=True)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt
