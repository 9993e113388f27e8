"""REST beside its floor: three calls of PraxTalk, and the same calls of a hand-written server, in one run.

1. Private servers under .data/bench, filled once (bench/seed.py); this run's own copy of the database.
2. PraxTalk and the floor (bench/rest/floor.py), each in two Daphne processes; their answers are compared first.
3. Each scenario in rounds, the two in turn, so that both meet the same machine.
"""

import asyncio
import contextlib
import itertools
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import django

from bench.rest.load import Result, load
from bench.rest.sameness import check, check_events
from bench.run import FOLDER, QUICK_FOLDER, Invalid, is_quick, run, say, table
from bench.servers import FLOOR, WEB, serving

COMPARED_IDS = 8


@dataclass(frozen=True)
class Extent:
    """How much of everything."""

    folder: Path
    conversations: int
    rounds: int
    seconds: float  # of a round, for each of the two
    warm_up: float


FULL = Extent(FOLDER, 100_000, rounds=3, seconds=4.0, warm_up=1.0)
QUICK = Extent(QUICK_FOLDER, 1_000, rounds=1, seconds=1.0, warm_up=0.3)


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
    quick = is_quick("bench.rest", __doc__.splitlines()[0], "a small database and one round of a second, for a test")
    extent = QUICK if quick else FULL
    return run(extent.folder, lambda: _measured(extent))


def _measured(extent: Extent) -> str:
    scenarios = _run(extent)
    result = _table(scenarios, extent)
    if any(scenario.product.errors or scenario.floor.errors for scenario in scenarios):
        raise Invalid(
            f"{result}\nThere were errors, so the numbers say nothing. The servers' own words: {extent.folder}/*.log"
        )
    return result


def _run(extent: Extent) -> list[Scenario]:
    django.setup()
    from bench.seed import fresh_copy, seeded  # models can be imported from here on only

    seed = seeded(extent.folder, extent.conversations)
    say(f"{seed.conversations:,} conversations; starting PraxTalk and the floor ...")
    url, ids = fresh_copy()
    with contextlib.ExitStack() as stack:
        product = stack.enter_context(serving(WEB, log=extent.folder / "product.log", DATABASE_URL=url))
        floor = stack.enter_context(serving(FLOOR, log=extent.folder / "floor.log", DATABASE_URL=url))
        compared = check(product, floor, write_key=seed.write_key, read_key=seed.read_key, ids=ids[:COMPARED_IDS])
        check_events(url)
        say(f"{compared} answers compared: the floor's are PraxTalk's.")
        scenarios = _scenarios(ids, seed.write_key, seed.read_key)
        seconds = len(scenarios) * extent.rounds * 2 * (extent.seconds + extent.warm_up)
        say(f"Measuring for about {seconds:.0f} s ...")
        asyncio.run(_measure(scenarios, product, floor, extent))
        say("Stopping ...")
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
                say(f"{scenario.name}, round {number} of {extent.rounds}: {name} {result.per_second:,.0f}/s")


def _table(scenarios: list[Scenario], extent: Extent) -> str:
    rows = [["scenario", "PraxTalk req/s", "p50 ms", "p99 ms", "floor req/s", "p50 ms", "p99 ms", "ratio", "errors"]]
    for scenario in scenarios:
        row = [scenario.name]
        for result in (scenario.product, scenario.floor):
            row += [f"{result.per_second:,.0f}", f"{result.milliseconds(0.5):.1f}", f"{result.milliseconds(0.99):.1f}"]
        ratio = scenario.product.per_second / (scenario.floor.per_second or 1)
        errors = scenario.product.errors + scenario.floor.errors
        said = ", ".join(f"{count} {name}" for name, count in errors.items())
        rows.append([*row, f"{ratio:.2f}", said or "0"])
    return f"\n{extent.conversations:,} conversations, {os.cpu_count()} cores, load included\n\n{table(rows)}\n"


if __name__ == "__main__":
    sys.exit(main())
