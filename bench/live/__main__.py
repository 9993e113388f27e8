"""Compare live queries with socket.io: the time from a change's commit until every client of the inbox has it.

1. Start private servers as in bench.rest, with a copy of the database for this run. Each side has two processes, to which the
   clients connect directly. PraxTalk also runs a second time, behind its reverse proxy.
2. Both sides get the same change: a visitor writes, and the inbox is pushed again. What the sides push is compared first.
3. Measure 1, 50 and 500 clients in rounds. The sides take turns, so that they run under the same conditions. Only the clients of
   one side are connected at a time.
4. Run one more round with timestamps inside PraxTalk (bench/live/traced.py): how often it runs the query, and where the time
   goes.
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
import psutil

from bench.live.clients import FOLDER as PACKAGE
from bench.live.clients import clients
from bench.live.steps import Steps, forget, read_steps
from bench.run import FOLDER, QUICK_FOLDER, is_quick, run, say, table
from bench.servers import PROCESSES, PRODUCT, SOCKETS, up

if TYPE_CHECKING:
    from bench.live.rounds import Result

TRACED = ["-m", "bench.application_server", "sockets", "bench.live.traced:application"]
RIVAL = ["node", str(PACKAGE / "rival.mjs")]
INSTALL = ["npm", "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"]
PROXIES = "127.0.0.0/8"  # trusts the X-Forwarded-For of the load process, which gives its clients different addresses


@dataclass(frozen=True)
class Extent:
    """The size of a benchmark."""

    folder: Path
    conversations: int
    sizes: tuple[int, ...]  # numbers of clients
    rounds: int
    changes: int  # in each round
    warm_up: int  # changes before the first round


FULL = Extent(FOLDER, 100_000, (1, 50, 500), rounds=3, changes=20, warm_up=30)
QUICK = Extent(QUICK_FOLDER, 1_000, (1, 50), rounds=1, changes=5, warm_up=3)


def main() -> int:
    """Return the exit status: 1 if a client did not receive a change, or if the sides pushed different data."""
    quick = is_quick("bench.live", __doc__.splitlines()[0], "a small database and one small round, for a test")
    if shutil.which("npm") is None:
        say("Live queries are not measured: the clients and the rival need Node and npm (apt-get install nodejs npm).")
        return 1
    extent = QUICK if quick else FULL
    return run(extent.folder, lambda: _measured(extent))


def _measured(extent: Extent) -> str:
    _install()
    django.setup()
    from bench import seed
    from bench.live import environment, rounds  # they import models, so not before django.setup()

    seed.seeded(extent.folder, extent.conversations)
    url = environment.make_database()
    say(f"Minting {max(extent.sizes)} operator tokens ...")
    tokens = environment.mint_tokens(max(extent.sizes))
    product = {"DATABASE_URL": url, "TRUSTED_PROXIES": PROXIES}
    rival = {"PROCESSES": str(PROCESSES), **environment.rivals_environment(url)}
    logs = {name: extent.folder / f"live-{name}.log" for name in ("clients", "praxtalk", "rival", "front", "traced")}
    with contextlib.ExitStack() as stack:
        load = stack.enter_context(clients(logs["clients"]))
        load.check_clock()
        others = {"PostgreSQL": _postgres(extent.folder), "Valkey": psutil.Process(environment.valkey_pid())}
        measured = rounds.Rounds(load, tokens, others)
        say("Starting PraxTalk and the rival ...")
        with contextlib.ExitStack() as servers:
            sides = [
                rounds.Side(name, key, *servers.enter_context(up(command, log=logs[key], **settings)))
                for name, key, command, settings in (
                    ("PraxTalk", "praxtalk", [sys.executable, *SOCKETS], product),
                    ("socket.io", "rival", RIVAL, rival),
                    ("through the front", "front", [sys.executable, *PRODUCT], product),
                )
            ]
            say(f"The {measured.compare(sides)} rows of the inbox are the same of both. Warming up ...")
            for side in sides:
                measured.warm_up(side, extent.warm_up)
            results = {size: {side.name: rounds.Result() for side in sides} for size in extent.sizes}
            for size, number, side in itertools.product(extent.sizes, range(1, extent.rounds + 1), sides):
                result = results[size][side.name]
                measured.round(side, size, extent.changes, result)
                say(
                    f"{size} clients, round {number} of {extent.rounds}: {side.name} "
                    f"p50 so far {result.milliseconds(0.5):.1f} ms, p99 {result.milliseconds(0.99):.1f} ms"
                )
        say("Starting PraxTalk with clocks inside ...")
        forget(extent.folder)
        traced = rounds.Result()
        with up([sys.executable, *TRACED], log=logs["traced"], TRACE_FOLDER=str(extent.folder), **product) as (
            port,
            pid,
        ):
            side = rounds.Side("PraxTalk", "praxtalk", port, pid)
            measured.warm_up(side, extent.warm_up)
            changes = measured.round(side, max(extent.sizes), extent.changes, traced)
        say("Stopping ...")
    return _told(extent, results, traced, read_steps(extent.folder, changes))


def _install() -> None:
    """Install the packages of package-lock.json, unless they are installed already."""
    lock, installed = PACKAGE / "package-lock.json", PACKAGE / "node_modules" / ".installed"
    if installed.exists() and installed.stat().st_mtime > lock.stat().st_mtime:
        return
    say("Installing the clients and the rival (npm ci, about 10 s) ...")
    subprocess.run(INSTALL, cwd=PACKAGE, check=True, stdout=sys.stderr)
    installed.touch()


def _postgres(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]))


def _told(extent: Extent, results: "dict[int, dict[str, Result]]", traced: "Result", steps: Steps) -> str:
    largest = max(extent.sizes)
    parts = [
        f"{extent.conversations:,} conversations, {extent.changes * extent.rounds} changes each, {os.cpu_count()} cores, "
        f"clients included. A frame is {_frames(results[largest])}; {steps.reads:.1f} reads a change at {largest} clients.",
        _latencies(results),
        _costs(results, largest),
        _ways(steps, traced, largest),
    ]
    return "\n" + "\n\n".join(parts) + "\n"


def _frames(results: "dict[str, Result]") -> str:
    return " and ".join(f"{result.frame_bytes:,} bytes of {name}" for name, result in results.items())


def _latencies(results: "dict[int, dict[str, Result]]") -> str:
    names = next(iter(results.values()))
    rows = [["clients", *(f"{name} {part}" for name in names for part in ("p50 ms", "p99 ms", "max ms")), "p50 ratio"]]
    for size, sides in results.items():
        row = [f"{size:,}"]
        for result in sides.values():
            row += [f"{result.milliseconds(share):.1f}" for share in (0.5, 0.99, 1.0)]
        rows.append([*row, f"{sides['PraxTalk'].milliseconds(0.5) / sides['socket.io'].milliseconds(0.5):.2f}"])
    return table(rows)


def _costs(results: "dict[int, dict[str, Result]]", largest: int) -> str:
    rows = [
        [
            "",
            f"MB for {largest} sockets",
            *(f"{who}, CPU ms a change" for who in ("server", "PostgreSQL", "Valkey", "load")),
        ]
    ]
    for name, result in results[largest].items():
        cpu = [f"{seconds / result.changes * 1000:.1f}" for seconds in result.cpu.values()]
        rows.append([f"{name}, {largest} clients", f"{result.grown / 2**20:.0f}", *cpu])
    return table(rows)


def _ways(steps: Steps, traced: "Result", largest: int) -> str:
    reached = {"half the clients have it": traced.milliseconds(0.5), "99 of 100 have it": traced.milliseconds(0.99)}
    rows = [[f"PraxTalk with {largest} clients and clocks inside", "ms after the commit"]]
    rows += [[step, f"{milliseconds:.1f}"] for step, milliseconds in (steps.after | reached).items()]
    return table(rows)


if __name__ == "__main__":
    sys.exit(main())
