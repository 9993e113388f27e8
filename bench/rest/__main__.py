"""Compare three REST calls of PraxTalk with the same calls of a hand-written baseline, in one run.

1. Start private services under .data/bench, seeded once (bench/seed.py), with a copy of the database for this run.
2. Start PraxTalk and the baseline (bench/rest/baseline.py), each in two processes of Granian. Compare their responses.
3. Measure each scenario in rounds. The two servers take turns, so that they run under the same conditions.
"""

import asyncio
import contextlib
import http.client
import itertools
import json
import os
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import django

from bench import harness
from bench.harness import SERVE, BenchmarkError, free_port, log, serving, table
from bench.rest.load import Result, load

PRAXTALK, BASELINE = "PraxTalk", "the baseline"


@dataclass(frozen=True)
class Size:
    """The size of a benchmark."""

    conversations: int
    rounds: int
    seconds: float  # of a round, for each server
    warm_up: float


FULL = Size(100_000, rounds=3, seconds=4.0, warm_up=1.0)
QUICK = Size(1_000, rounds=1, seconds=1.0, warm_up=0.3)


@dataclass
class Scenario:
    """One call: its requests, the status of a correct response, and the measurements."""

    name: str
    requests: Iterator[bytes]
    status: int
    results: dict[str, Result] = field(default_factory=lambda: defaultdict(Result))  # by server


def measure(folder: Path, is_quick: bool) -> str:
    """Run the benchmark and return its tables. Raises BenchmarkError if a response was wrong or missing."""
    django.setup()
    from bench.seed import fresh_copy, seeded  # it imports models, so not before django.setup()

    size = QUICK if is_quick else FULL
    seed = seeded(folder, size.conversations)
    log(f"{seed.conversations:,} conversations. Starting PraxTalk and the baseline ...")
    url, ids = fresh_copy()
    scenarios = _scenarios(ids, seed.write_key, seed.read_key)
    ports = {PRAXTALK: free_port(), BASELINE: free_port()}
    commands = {PRAXTALK: [*SERVE, "web"], BASELINE: _baseline_command(ports[BASELINE])}
    with contextlib.ExitStack() as stack:
        for name, port in ports.items():
            log_file = folder / f"rest-{name.split()[-1].lower()}.log"
            stack.enter_context(serving(commands[name], log_file=log_file, port=port, DATABASE_URL=url))
        _compare(ports, seed.read_key, ids[0])
        log(f"Measuring for about {len(scenarios) * 2 * (size.seconds + size.warm_up) * size.rounds:.0f} s ...")
        for number in range(1, size.rounds + 1):
            asyncio.run(_measure_round(scenarios, ports, size, f"round {number} of {size.rounds}"))
        log("Stopping ...")
    result = _tables(scenarios, size)
    if any(result.errors for scenario in scenarios for result in scenario.results.values()):
        raise BenchmarkError(f"{result}\nThere were errors, so the numbers mean nothing. See {folder}/rest-*.log")
    return result


def _baseline_command(port: int) -> list[str]:
    """Return PraxTalk's command of Granian with the baseline's application, which uses ASGI instead of WSGI."""
    from praxtalk import processes
    from praxtalk.endpoints import Endpoint

    command = processes.web(Endpoint(host="127.0.0.1", port=port)).command
    command[command.index("wsgi")] = "asgi"
    threads = command.index("--blocking-threads")
    del command[threads : threads + 2]  # ASGI uses an event loop instead
    return [*command[:-1], "bench.rest.baseline:application"]


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


def _request(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    lines = [f"{method} /api/v1/conversations{path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {key}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def _compare(ports: dict[str, int], key: str, conversation_id: UUID) -> None:
    """Check that both servers return the same conversations. Raises BenchmarkError if they do not."""
    for path, name in (("?status=open&limit=50", "conversations"), (f"/{conversation_id}", "conversation")):
        product, baseline = (_get(port, path, key).get(name) for port in ports.values())
        if product is None or product != baseline:
            raise BenchmarkError(f"The baseline's response to GET {path} differs:\n{product}\n{baseline}")


def _get(port: int, path: str, key: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"/api/v1/conversations{path}", headers={"Authorization": f"Bearer {key}"})
    data: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return data


async def _measure_round(scenarios: list[Scenario], ports: dict[str, int], size: Size, what: str) -> None:
    """Run one round of all scenarios. ports: the port of each server, by name."""
    for scenario in scenarios:
        for name, port in ports.items():
            result = await load(
                port, scenario.requests, status=scenario.status, seconds=size.seconds, warm_up=size.warm_up
            )
            scenario.results[name].add(result)
            log(f"{scenario.name}, {what}: {name} {result.per_second:,.0f}/s")


def _tables(scenarios: list[Scenario], size: Size) -> str:
    rows = [["scenario", "PraxTalk req/s", "p50 ms", "p99 ms", "baseline req/s", "p50 ms", "p99 ms", "ratio", "errors"]]
    for scenario in scenarios:
        product, baseline = scenario.results[PRAXTALK], scenario.results[BASELINE]
        row = [scenario.name]
        for result in (product, baseline):
            row += [f"{result.per_second:,.0f}", *(f"{result.milliseconds(share):.1f}" for share in (0.5, 0.99))]
        errors = sum((result.errors for result in scenario.results.values()), Counter[str]())
        listed = ", ".join(f"{count} {name}" for name, count in errors.items())
        rows.append([*row, f"{product.per_second / (baseline.per_second or 1):.2f}", listed or "0"])
    return f"\n{size.conversations:,} conversations, {os.cpu_count()} cores, load included\n\n{table(rows)}\n"


if __name__ == "__main__":
    sys.exit(harness.main(__doc__, measure))
