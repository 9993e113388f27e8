"""REST beside its floor: three calls of PraxTalk, and the same calls of a hand-written server, in one run.

1. Private servers under .data/bench, filled once (bench/seed.py); this run's own copy of the database.
2. PraxTalk and the floor (bench/floor.py), each in two Daphne processes; their answers are compared first.
3. Each scenario in rounds, the two in turn, so that both meet the same machine.
"""

import argparse
import asyncio
import contextlib
import fcntl
import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import django

from bench.load import Result, load
from bench.sameness import NotTheSame, check, check_events
from bench.servers import ENVIRONMENT, FLOOR, PRODUCT, serving
from praxtalk import embedded

COMPARED_IDS = 8


@dataclass(frozen=True)
class Extent:
    """How much of everything."""

    folder: Path
    conversations: int
    rounds: int
    seconds: float  # of a round, for each of the two
    warm_up: float


FULL = Extent(embedded.PROJECT / ".data" / "bench", 100_000, rounds=3, seconds=4.0, warm_up=1.0)
QUICK = Extent(embedded.PROJECT / ".data" / "bench-quick", 1_000, rounds=1, seconds=1.0, warm_up=0.3)


@dataclass
class Scenario:
    """One call: the requests that make it, the status of a right answer, and what was measured."""

    name: str
    requests: Iterator[bytes]
    status: int
    product: Result
    floor: Result


def main() -> int:
    """The exit status: 1 if an answer was wrong or did not come."""
    parser = argparse.ArgumentParser(prog="python -m bench.rest", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small database and one round of a second, for a test")
    extent = QUICK if parser.parse_args().quick else FULL
    signal.signal(signal.SIGTERM, _stop)
    for name in embedded.PROVIDED:
        os.environ.pop(name, None)  # never somebody's own database
    os.environ.update(ENVIRONMENT, DATA_DIR=str(extent.folder))
    started = time.monotonic()
    try:
        with _alone(extent.folder), embedded.services(extent.folder):
            scenarios = _run(extent)
    except (NotTheSame, RuntimeError) as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("Stopped.")
        return 130
    print(_table(scenarios, extent))
    _say(f"Done in {time.monotonic() - started:.0f} s.")
    if any(scenario.product.errors or scenario.floor.errors for scenario in scenarios):
        _say(f"There were errors, so the numbers say nothing. The servers' own words: {extent.folder}/*.log")
        return 1
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


def _run(extent: Extent) -> list[Scenario]:
    django.setup()
    from bench.seed import fresh_copy, seeded  # models can be imported from here on only

    seed = seeded(extent.folder, extent.conversations, _say)
    _say(f"{seed.conversations:,} conversations; starting PraxTalk and the floor ...")
    url, ids = fresh_copy()
    with contextlib.ExitStack() as stack:
        product = stack.enter_context(serving(PRODUCT, log=extent.folder / "product.log", DATABASE_URL=url))
        floor = stack.enter_context(serving(FLOOR, log=extent.folder / "floor.log", DATABASE_URL=url))
        compared = check(product, floor, write_key=seed.write_key, read_key=seed.read_key, ids=ids[:COMPARED_IDS])
        check_events(url)
        _say(f"{compared} answers compared: the floor's are PraxTalk's.")
        scenarios = _scenarios(ids, seed.write_key, seed.read_key)
        seconds = len(scenarios) * extent.rounds * 2 * (extent.seconds + extent.warm_up)
        _say(f"Measuring for about {seconds:.0f} s ...")
        asyncio.run(_measure(scenarios, product, floor, extent))
        _say("Stopping ...")
    return scenarios


def _scenarios(ids: list[UUID], write_key: str, read_key: str) -> list[Scenario]:
    chosen = random.Random(1).choices(ids, k=len(ids))
    lists = _request("GET", "?status=open&limit=50", read_key)
    one = [_request("GET", f"/{conversation_id}", read_key) for conversation_id in chosen]
    body = b'{"body":"Thank you for your patience! The cable left our warehouse this morning and comes by Friday."}'
    sends = [_request("POST", f"/{conversation_id}/messages", write_key, body) for conversation_id in chosen]
    return [
        Scenario("list of 50 conversations", itertools.repeat(lists), 200, Result(), Result()),
        Scenario("one conversation", itertools.cycle(one), 200, Result(), Result()),
        Scenario("send a message", itertools.cycle(sends), 201, Result(), Result()),
    ]


def _request(method: str, way: str, key: str, body: bytes = b"") -> bytes:
    lines = [f"{method} /api/v1/conversations{way} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {key}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _measure(scenarios: list[Scenario], product: int, floor: int, extent: Extent) -> None:
    for scenario in scenarios:
        for number in range(1, extent.rounds + 1):
            for name, port, total in (("PraxTalk", product, scenario.product), ("the floor", floor, scenario.floor)):
                result = await load(
                    port, scenario.requests, status=scenario.status, seconds=extent.seconds, warm_up=extent.warm_up
                )
                total.add(result)
                _say(f"{scenario.name}, round {number} of {extent.rounds}: {name} {result.per_second:,.0f}/s")


def _table(scenarios: list[Scenario], extent: Extent) -> str:
    titles = ["scenario", "PraxTalk req/s", "p50 ms", "p99 ms", "floor req/s", "p50 ms", "p99 ms", "ratio", "errors"]
    rows = [titles, ["---"] * len(titles)]
    for scenario in scenarios:
        row = [scenario.name]
        for result in (scenario.product, scenario.floor):
            row += [f"{result.per_second:,.0f}", f"{result.milliseconds(0.5):.1f}", f"{result.milliseconds(0.99):.1f}"]
        ratio = scenario.product.per_second / (scenario.floor.per_second or 1)
        errors = scenario.product.errors + scenario.floor.errors
        said = ", ".join(f"{count} {name}" for name, count in errors.items())
        rows.append([*row, f"{ratio:.2f}", said or "0"])
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return (
        f"\n{extent.conversations:,} conversations, {os.cpu_count()} cores, load included\n\n" + "\n".join(lines) + "\n"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
