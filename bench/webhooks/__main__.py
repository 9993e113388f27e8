"""Measure webhooks: throughput compared with one Celery task per delivery, latency when idle, and fairness.

1. Start private services as in bench.rest, with databases for this run that contain 100,000 finished deliveries
   (bench/webhooks/databases.py).
2. Start PraxTalk as `manage.py serve --only webhooks,beat`, and the baseline (bench/webhooks/celery_baseline.py) as a Celery
   worker.
3. Measure a backlog of deliveries for 20 receivers on loopback, in rounds. The two senders take turns, so that they run under the
   same conditions.

The run ends with an error if a delivery is lost, sent twice or invented.
"""

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import django

from bench import harness
from bench.harness import SERVE, log, postgres_process, quantile, running, table
from bench.webhooks.receivers import Receivers, receivers

if TYPE_CHECKING:
    from bench.webhooks.deliveries import Sender, Throughput

WARM_UP = 100


@dataclass(frozen=True)
class Size:
    """The size of a benchmark."""

    conversations: int
    finished: int  # deliveries in the database at the start
    rounds: int
    deliveries: int  # in each round
    baseline_deliveries: int  # in each round of the baseline, which is slower
    single: int  # number of single events at random moments
    seconds: float  # duration of the part with bad receivers


FULL = Size(100_000, 100_000, rounds=3, deliveries=4_000, baseline_deliveries=1_000, single=100, seconds=15.0)
QUICK = Size(1_000, 2_000, rounds=1, deliveries=300, baseline_deliveries=100, single=10, seconds=2.0)


def measure(folder: Path, is_quick: bool) -> str:
    """Run the benchmark and return its tables. Raises BenchmarkError if a delivery was lost, sent twice or invented."""
    django.setup()
    from bench import seed
    from bench.webhooks import (  # they import models, so not before django.setup()
        celery_baseline,
        databases,
        deliveries,
    )

    size = QUICK if is_quick else FULL
    seed.seeded(folder, size.conversations)
    log(f"Creating databases with {size.finished:,} finished deliveries ...")
    # The receivers are stopped first; otherwise PraxTalk would wait for the hanging one when it stops.
    with contextlib.ExitStack() as stack, receivers(databases.WEBHOOKS) as crm:
        product_url, baseline_url = databases.make_databases(crm.good, finished=size.finished)
        log("Starting PraxTalk and the baseline ...")
        command, log_file = [*SERVE, "webhooks,beat"], folder / "webhooks.log"
        product = stack.enter_context(running(command, log_file=log_file, DATABASE_URL=product_url, LOG_LEVEL="INFO"))
        log_file = folder / "webhooks-baseline.log"
        worker = stack.enter_context(running(celery_baseline.WORKER, log_file=log_file, DATABASE_URL=baseline_url))
        senders = {
            product_url: deliveries.Sender("PraxTalk", product),
            baseline_url: deliveries.Sender("the baseline", worker, celery_baseline.deliver.delay),
        }
        throughput = _drain_in_turn(senders, folder, size, crm)
        databases.use(product_url)
        log(f"{size.single} events at random moments, with an idle dispatcher ...")
        idle = deliveries.idle_latencies(size.single, crm)
        log(f"A hanging and a slow receiver next to {databases.WEBHOOKS} good ones, {size.seconds:.0f} s ...")
        with_bad_receivers = deliveries.latencies_with_bad_receivers(size.seconds, crm)
        log("Stopping ...")
    head = (
        f"{size.deliveries * size.rounds:,} deliveries of 2 KB to {databases.WEBHOOKS} webhooks, {size.finished:,} finished "
        f"before, {os.cpu_count()} cores, receivers included; 0 lost, 0 sent twice"
    )
    return f"\n{head}\n\n{_throughput(*throughput)}\n\n{_latencies(idle, with_bad_receivers)}\n"


def _drain_in_turn(
    senders: "dict[str, Sender]", folder: Path, size: Size, crm: Receivers
) -> "tuple[Throughput, Throughput]":
    """Measure the rounds of both senders in turn. senders: by the URLs of their databases."""
    from bench.webhooks import databases, deliveries

    postgres = postgres_process(folder)
    product, baseline = deliveries.Throughput(), deliveries.Throughput()
    for number in range(size.rounds + 1):
        for (url, sender), count, total in zip(
            senders.items(), (size.deliveries, size.baseline_deliveries), (product, baseline), strict=True
        ):
            databases.use(url)
            if number == 0:
                log(f"Warming up {sender.name} ...")
                deliveries.drain(sender, WARM_UP, crm, postgres)
                continue
            log(f"Round {number} of {size.rounds}: recording {count:,} events for {sender.name} ...")
            result = deliveries.drain(sender, count, crm, postgres)
            total.add(result)
            log(f"Round {number} of {size.rounds}: {sender.name} {result.per_second:,.0f} deliveries/s")
    return product, baseline


def _throughput(product: "Throughput", baseline: "Throughput") -> str:
    rows = [["", "deliveries/s", "CPU ms per delivery", "of which PostgreSQL", "ratio"]]
    for name, result in (("PraxTalk", product), ("a Celery task for each", baseline)):
        each = 1000 / result.deliveries
        cpu = (result.cpu_seconds + result.database_cpu_seconds) * each
        cells = [f"{result.per_second:,.0f}", f"{cpu:.2f}", f"{result.database_cpu_seconds * each:.2f}"]
        rows.append([name, *cells, f"{result.per_second / baseline.per_second:.1f}"])
    return table(rows)


def _latencies(idle: Sequence[float], with_bad_receivers: Sequence[float]) -> str:
    rows = [["commit to first byte at the receiver", "p50 ms", "p95 ms", "max ms"]]
    for name, seconds in (("idle", idle), ("with a hanging and a slow receiver", with_bad_receivers)):
        rows.append([name, *(f"{quantile(seconds, share) * 1000:.1f}" for share in (0.5, 0.95, 1.0))])
    return table(rows)


if __name__ == "__main__":
    sys.exit(harness.main(__doc__, measure))
