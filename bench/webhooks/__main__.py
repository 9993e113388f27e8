"""Measure webhooks: throughput beside one Celery task per delivery, latency when idle, fairness, and the claim alone.

1. Start private services as in bench.rest, with databases for this run that contain 100,000 finished deliveries
   (bench/webhooks/outbox.py).
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
import psutil

from bench.run import FOLDER, QUICK_FOLDER, is_quick, quantile, run, say, table
from bench.servers import running
from bench.webhooks.receivers import Receivers, receivers

if TYPE_CHECKING:
    from bench.webhooks.deliveries import Drained, Sender

PRODUCT = ["manage.py", "serve", "--only", "webhooks,beat"]
WARM_UP = 100


@dataclass(frozen=True)
class Extent:
    """The size of a benchmark."""

    folder: Path
    conversations: int
    done: int  # finished deliveries in the database at the start
    rounds: int
    deliveries: int  # in each round
    rivals: int  # in each round of the baseline, which is slower
    single: int  # number of single events at random moments
    seconds: float  # duration of the part with bad receivers
    claims: int


FULL = Extent(FOLDER, 100_000, 100_000, rounds=3, deliveries=4_000, rivals=1_000, single=100, seconds=15.0, claims=50)
QUICK = Extent(QUICK_FOLDER, 1_000, 2_000, rounds=1, deliveries=300, rivals=100, single=10, seconds=2.0, claims=5)


def main() -> int:
    """Return the exit status: 1 if a delivery was lost, sent twice or invented."""
    quick = is_quick("bench.webhooks", __doc__.splitlines()[0], "a small database and one small round, for a test")
    extent = QUICK if quick else FULL
    return run(extent.folder, lambda: _measured(extent))


def _measured(extent: Extent) -> str:
    django.setup()
    from bench import seed
    from bench.webhooks import celery_baseline, deliveries, outbox  # they import models, so not before django.setup()

    seed.seeded(extent.folder, extent.conversations)
    say(f"Making databases with {extent.done:,} deliveries done ...")
    # The receivers are stopped first; otherwise PraxTalk would wait for the hanging one when it stops.
    with contextlib.ExitStack() as stack, receivers(outbox.WEBHOOKS) as crm:
        ours, rivals = outbox.make_databases(crm.good, done=extent.done)
        outbox.use(ours)
        say("Measuring the claim ...")
        claims = {due: deliveries.claim_seconds(due, extent.claims) for due in (0, 5, 100)}
        say("Starting PraxTalk and the rival ...")
        logs = [extent.folder / f"{name}.log" for name in ("webhooks", "rival")]
        product = stack.enter_context(running(PRODUCT, log=logs[0], DATABASE_URL=ours, LOG_LEVEL="INFO"))
        worker = stack.enter_context(running(celery_baseline.WORKER, log=logs[1], DATABASE_URL=rivals))
        senders = {
            ours: deliveries.Sender("PraxTalk", psutil.Process(product.pid)),
            rivals: deliveries.Sender("the rival", psutil.Process(worker.pid), celery_baseline.deliver.delay),
        }
        drained = _drain_in_turn(senders, extent, crm)
        outbox.use(ours)
        say(f"{extent.single} events at random moments, with the pump idle ...")
        single = deliveries.latencies(extent.single, crm)
        say(f"A hanging and a dripping receiver beside {outbox.WEBHOOKS} good ones, {extent.seconds:.0f} s ...")
        beside_bad = deliveries.lags(extent.seconds, crm)
        say("Stopping ...")
    parts = [
        f"{extent.deliveries * extent.rounds:,} deliveries of 2 KB to {outbox.WEBHOOKS} webhooks, {extent.done:,} done before, "
        f"{os.cpu_count()} cores, receivers included; 0 lost, 0 sent twice",
        _throughput(*drained),
        _times(single, beside_bad, claims),
    ]
    return "\n" + "\n\n".join(parts) + "\n"


def _drain_in_turn(senders: "dict[str, Sender]", extent: Extent, crm: Receivers) -> "tuple[Drained, Drained]":
    """Measure the rounds of both senders in turn. senders: by the URLs of their databases."""
    from bench.webhooks import deliveries, outbox

    postgres = psutil.Process(int((extent.folder / "postgres" / "postmaster.pid").read_text().split()[0]))
    drained = [deliveries.Drained() for _ in senders]
    for number in range(extent.rounds + 1):
        for (url, sender), count, total in zip(
            senders.items(), (extent.deliveries, extent.rivals), drained, strict=True
        ):
            outbox.use(url)
            if number == 0:
                say(f"Waiting until {sender.name} is up and warm ...")
                deliveries.drain(sender, WARM_UP, crm, postgres)
                continue
            say(f"Round {number} of {extent.rounds}: recording {count:,} events for {sender.name} ...")
            result = deliveries.drain(sender, count, crm, postgres)
            total.add(result)
            say(f"Round {number} of {extent.rounds}: {sender.name} {result.per_second:,.0f} deliveries/s")
    ours, rivals = drained
    return ours, rivals


def _throughput(ours: "Drained", rivals: "Drained") -> str:
    rows = [["", "deliveries/s", "CPU ms per delivery", "of which PostgreSQL", "ratio"]]
    for name, drained in (("PraxTalk", ours), ("a Celery task for each", rivals)):
        each = 1000 / drained.deliveries
        cpu = (drained.cpu_seconds + drained.database_cpu_seconds) * each
        cells = [f"{drained.per_second:,.0f}", f"{cpu:.2f}", f"{drained.database_cpu_seconds * each:.2f}"]
        rows.append([name, *cells, f"{drained.per_second / rivals.per_second:.1f}"])
    return table(rows)


def _times(single: Sequence[float], beside_bad: Sequence[float], claims: dict[int, list[float]]) -> str:
    measured = {"commit to first byte, idle": single, "beside a hanging and a dripping receiver": beside_bad}
    measured |= {f"one claim, {due or 'nothing'} due": seconds for due, seconds in claims.items()}
    rows = [["", "p50 ms", "p95 ms", "max ms"]]
    for name, seconds in measured.items():
        rows.append([name, *(f"{quantile(seconds, share) * 1000:.1f}" for share in (0.5, 0.95, 1.0))])
    return table(rows)


if __name__ == "__main__":
    sys.exit(main())
