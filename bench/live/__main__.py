"""Compare live queries with socket.io: the time from a change's commit until every client of the inbox has it.

1. Start private servers as in bench.rest, with a copy of the database for this run. Each side has two processes, to which the
   clients connect directly. PraxTalk also runs a second time, behind its reverse proxy.
2. Both sides get the same change: a visitor writes, and the inbox is pushed again. Check first that both push the same data.
3. Measure 1, 50 and 500 clients in rounds. The sides take turns, so that they run under the same conditions. Only the clients of
   one side are connected at a time.
"""

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import django

from bench import harness
from bench.harness import PRAXTALK, PROCESSES, SERVE, BenchmarkError, log, serving, table
from bench.live.clients import FOLDER as PACKAGE
from bench.live.clients import clients

if TYPE_CHECKING:
    from bench.live.rounds import Result

Results = dict[int, dict[str, "Result"]]  # by number of clients and name of the side

INSTALL = ["npm", "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"]
PROXIES = "127.0.0.0/8"  # trusts the X-Forwarded-For of the load process, which gives its clients different addresses


@dataclass(frozen=True)
class Size:
    """The size of a benchmark."""

    conversations: int
    clients: tuple[int, ...]
    rounds: int
    changes: int  # in each round
    warm_up: int  # changes before the first round


FULL = Size(100_000, (1, 50, 500), rounds=3, changes=20, warm_up=30)
QUICK = Size(1_000, (1, 50), rounds=1, changes=5, warm_up=3)


def measure(folder: Path, is_quick: bool) -> str:
    """Run the benchmark and return its tables.

    Raises BenchmarkError if a client did not receive a change, or if the sides pushed different data.
    """
    size = QUICK if is_quick else FULL
    _install()
    django.setup()
    from bench import seed
    from bench.live import changes, rounds  # they import models, so not before django.setup()

    seed.seeded(folder, size.conversations)
    url = changes.use_copy()
    log(f"Issuing {max(size.clients)} operator tokens ...")
    tokens = changes.issue_tokens(max(size.clients))
    product = {"DATABASE_URL": url, "TRUSTED_PROXIES": PROXIES}
    baseline = {"PROCESSES": str(PROCESSES), **changes.baseline_environment(url)}
    commands = {
        "PraxTalk": ([*SERVE, "sockets"], product),
        "socket.io": (["node", str(PACKAGE / "baseline.mjs")], baseline),
        "behind the proxy": (PRAXTALK, product),
    }
    with contextlib.ExitStack() as stack:
        load = stack.enter_context(clients(folder / "live-clients.log"))
        load.check_clock()
        measured = rounds.Rounds(load, tokens)
        log("Starting PraxTalk and the baseline ...")
        sides = []
        for number, (name, (command, settings)) in enumerate(commands.items(), start=1):
            server = serving(command, log_file=folder / f"live-{number}.log", **settings)
            sides.append(rounds.Side(name, name == "socket.io", *stack.enter_context(server)))
        log(f"All sides send the same {measured.compare(sides)} rows of the inbox. Warming up ...")
        for side in sides:
            measured.warm_up(side, size.warm_up)
        results: Results = {count: {side.name: rounds.Result() for side in sides} for count in size.clients}
        for count, number, side in itertools.product(size.clients, range(1, size.rounds + 1), sides):
            result = results[count][side.name]
            measured.round(side, count, size.changes, result)
            log(
                f"{count} clients, round {number} of {size.rounds}: {side.name} "
                f"p50 so far {result.milliseconds(0.5):.1f} ms, p99 {result.milliseconds(0.99):.1f} ms"
            )
        log("Stopping ...")
    return _tables(size, results)


def _install() -> None:
    """Install the packages of package-lock.json, unless they are installed already."""
    if shutil.which("npm") is None:
        raise BenchmarkError("The clients and the baseline need Node.js and npm (apt-get install nodejs npm).")
    lock, installed = PACKAGE / "package-lock.json", PACKAGE / "node_modules" / ".installed"
    if installed.exists() and installed.stat().st_mtime > lock.stat().st_mtime:
        return
    log("Installing the clients and the baseline (npm ci, about 10 s) ...")
    subprocess.run(INSTALL, cwd=PACKAGE, check=True, stdout=sys.stderr)
    installed.touch()


def _tables(size: Size, results: Results) -> str:
    largest = max(size.clients)
    frames = " and ".join(f"{result.frame_bytes:,} bytes of {name}" for name, result in results[largest].items())
    head = (
        f"{size.conversations:,} conversations, {size.changes * size.rounds} changes each, {os.cpu_count()} cores, "
        f"clients included. A frame has {frames}."
    )
    memory = ", ".join(f"{result.memory_growth / 2**20:.0f} MB {name}" for name, result in results[largest].items())
    memory = f"Memory of {largest} connections: {memory}."
    return f"\n{head}\n\n{_latencies(results)}\n\n{memory}\n"


def _latencies(results: Results) -> str:
    names = next(iter(results.values()))
    rows = [["clients", *(f"{name} {part}" for name in names for part in ("p50 ms", "p99 ms", "max ms")), "p50 ratio"]]
    for count, sides in results.items():
        row = [f"{count:,}"]
        for result in sides.values():
            row += [f"{result.milliseconds(share):.1f}" for share in (0.5, 0.99, 1.0)]
        rows.append([*row, f"{sides['PraxTalk'].milliseconds(0.5) / sides['socket.io'].milliseconds(0.5):.2f}"])
    return table(rows)


if __name__ == "__main__":
    sys.exit(harness.main(__doc__, measure))
