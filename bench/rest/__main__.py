"""Compare three REST calls of PraxTalk with the same calls of a hand-written baseline, in one run.

1. Start private services under .data/bench, seeded once (bench/seed.py), with a copy of the database for this run.
2. Start PraxTalk and the baseline (bench/rest/baseline.py), each in two processes of Granian. Their answers are compared first.
3. Measure each scenario in rounds. The two servers take turns, so that they run under the same conditions.
4. Report in addition: PraxTalk behind its reverse proxy, and both servers with a delay of 1 ms for every answer of PostgreSQL and
   Valkey.
"""

import asyncio
import contextlib
import itertools
import os
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import django

from bench.rest.load import Result, load
from bench.rest.parity import check, check_events
from bench.run import FOLDER, QUICK_FOLDER, Invalid, is_quick, run, say, table
from bench.servers import FLOOR, PRODUCT, WEB, free_port, running, serving

COMPARED_IDS = 8
DELAY_MILLISECONDS = 1.0
PRODUCT_SIDE, FLOOR_SIDE = "PraxTalk", "the floor"
FRONT_SIDE = "PraxTalk through the front"
FAR_PRODUCT_SIDE, FAR_FLOOR_SIDE = "PraxTalk, 1 ms a trip", "the floor, 1 ms a trip"


@dataclass(frozen=True)
class Extent:
    """The size of a benchmark."""

    folder: Path
    conversations: int
    rounds: int
    seconds: float  # of a round, for each server
    warm_up: float


FULL = Extent(FOLDER, 100_000, rounds=3, seconds=4.0, warm_up=1.0)
QUICK = Extent(QUICK_FOLDER, 1_000, rounds=1, seconds=1.0, warm_up=0.3)


@dataclass
class Scenario:
    """One call: its requests, the status of a correct answer, and the measurements."""

    name: str
    requests: Iterator[bytes]
    status: int
    results: dict[str, Result] = field(default_factory=lambda: defaultdict(Result))  # by side


def main() -> int:
    """Return the exit status: 1 if an answer was wrong or missing."""
    quick = is_quick("bench.rest", __doc__.splitlines()[0], "a small database and one round of a second, for a test")
    extent = QUICK if quick else FULL
    return run(extent.folder, lambda: _measured(extent))


def _measured(extent: Extent) -> str:
    scenarios = _run(extent)
    result = _table(scenarios, extent)
    if any(result.errors for scenario in scenarios for result in scenario.results.values()):
        raise Invalid(
            f"{result}\nThere were errors, so the numbers say nothing. The servers' own words: {extent.folder}/*.log"
        )
    return result


def _run(extent: Extent) -> list[Scenario]:
    django.setup()
    from bench.seed import fresh_copy, seeded  # it imports models, so not before django.setup()

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
        rounds = {PRODUCT_SIDE: product, FLOOR_SIDE: floor}
        say(f"Measuring for about {_seconds(scenarios, rounds, extent) * extent.rounds:.0f} s ...")
        for number in range(1, extent.rounds + 1):
            asyncio.run(_measure(scenarios, rounds, extent, f"round {number} of {extent.rounds}"))
    with contextlib.ExitStack() as stack:
        others = {FRONT_SIDE: stack.enter_context(serving(PRODUCT, log=extent.folder / "front.log", DATABASE_URL=url))}
        far = stack.enter_context(_far_services(url, extent.folder))
        others[FAR_PRODUCT_SIDE] = stack.enter_context(serving(WEB, log=extent.folder / "far-product.log", **far))
        others[FAR_FLOOR_SIDE] = stack.enter_context(serving(FLOOR, log=extent.folder / "far-floor.log", **far))
        say(f"Measuring the report for about {_seconds(scenarios, others, extent):.0f} s ...")
        asyncio.run(_measure(scenarios, others, extent, "report"))
        say("Stopping ...")
    return scenarios


def _scenarios(ids: list[UUID], write_key: str, read_key: str) -> list[Scenario]:
    chosen = random.Random(1).choices(ids, k=len(ids))
    lists = _request("GET", "?status=open&limit=50", read_key)
    one = [_request("GET", f"/{conversation_id}", read_key) for conversation_id in chosen]
    body = b'{"body":"Thank you for your patience! The cable left our warehouse this morning and comes by Friday."}'
    sends = [_request("POST", f"/{conversation_id}/messages", write_key, body) for conversation_id in chosen]
    return [
        Scenario("list of 50 conversations", itertools.repeat(lists), 200),
        Scenario("one conversation", itertools.cycle(one), 200),
        Scenario("send a message", itertools.cycle(sends), 201),
    ]


@contextlib.contextmanager
def _far_services(url: str, folder: Path) -> Iterator[dict[str, str]]:
    """Run proxies that delay the answers of PostgreSQL and Valkey. Yield the settings that use them."""
    database, valkey = urlsplit(url), urlsplit(os.environ["REDIS_URL"])
    options = dict(parse_qsl(database.query))
    ports = {"DATABASE_URL": free_port(), "REDIS_URL": free_port()}
    targets = {
        "DATABASE_URL": f"{options['host']}/.s.PGSQL.{options['port']}",
        "REDIS_URL": f"{valkey.hostname}:{valkey.port}",
    }
    with contextlib.ExitStack() as stack:
        for name, port in ports.items():
            arguments = ["-m", "bench.delay", str(port), targets[name], str(DELAY_MILLISECONDS)]
            stack.enter_context(running(arguments, log=folder / f"delay-{name}.log"))
        yield {
            name: url._replace(netloc=f"{url.netloc.rpartition('@')[0]}@127.0.0.1:{ports[name]}", query="").geturl()
            for name, url in (("DATABASE_URL", database), ("REDIS_URL", valkey))
        }


def _seconds(scenarios: list[Scenario], ports: dict[str, int], extent: Extent) -> float:
    return len(scenarios) * len(ports) * (extent.seconds + extent.warm_up)


def _request(method: str, way: str, key: str, body: bytes = b"") -> bytes:
    lines = [f"{method} /api/v1/conversations{way} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {key}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _measure(scenarios: list[Scenario], ports: dict[str, int], extent: Extent, what: str) -> None:
    """Run one round of all scenarios. ports: the port of each side, by name."""
    for scenario in scenarios:
        for side, port in ports.items():
            result = await load(
                port, scenario.requests, status=scenario.status, seconds=extent.seconds, warm_up=extent.warm_up
            )
            scenario.results[side].add(result)
            say(f"{scenario.name}, {what}: {side} {result.per_second:,.0f}/s")


def _table(scenarios: list[Scenario], extent: Extent) -> str:
    rows = [["scenario", "PraxTalk req/s", "p50 ms", "p99 ms", "floor req/s", "p50 ms", "p99 ms", "ratio", "errors"]]
    report = [["report", "through the front", "p50 ms", "1 ms a trip", "p50 ms", "the floor so", "p50 ms", "ratio"]]
    for scenario in scenarios:
        results = scenario.results
        row = [scenario.name]
        for side in (PRODUCT_SIDE, FLOOR_SIDE):
            row += [_rate(results[side]), _milliseconds(results[side], 0.5), _milliseconds(results[side], 0.99)]
        errors = sum((result.errors for result in results.values()), Counter[str]())
        said = ", ".join(f"{count} {name}" for name, count in errors.items())
        rows.append([*row, _ratio(results[PRODUCT_SIDE], results[FLOOR_SIDE]), said or "0"])
        other = [scenario.name]
        for side in (FRONT_SIDE, FAR_PRODUCT_SIDE, FAR_FLOOR_SIDE):
            other += [_rate(results[side]), _milliseconds(results[side], 0.5)]
        report.append([*other, _ratio(results[FAR_PRODUCT_SIDE], results[FAR_FLOOR_SIDE])])
    head = f"{extent.conversations:,} conversations, {os.cpu_count()} cores, load included"
    return f"\n{head}\n\n{table(rows)}\n\n{table(report)}\n"


def _rate(result: Result) -> str:
    return f"{result.per_second:,.0f}"


def _milliseconds(result: Result, share: float) -> str:
    return f"{result.milliseconds(share):.1f}"


def _ratio(product: Result, floor: Result) -> str:
    return f"{product.per_second / (floor.per_second or 1):.2f}"


if __name__ == "__main__":
    sys.exit(main())
