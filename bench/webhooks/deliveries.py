"""The measurements: a backlog, single events, and good receivers next to bad ones."""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil

from bench.harness import BenchmarkError, cpu_seconds, log
from bench.webhooks.databases import add_webhook, count_unfinished, record
from bench.webhooks.receivers import Receipt, Receivers
from integrations.models import WebhookSubscription

TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 0.1
SINGLE_POLL_SECONDS = 0.01  # while one delivery is measured
LOG_INTERVAL_SECONDS = 2.0
EVENTS_PER_SECOND = 75

Publish = Callable[[str], object]


@dataclass
class Sender:
    """A system that delivers webhooks: its name, its processes, and how to announce a delivery to it.

    publish: called with the id of each delivery, or None if the sender finds deliveries in the database.
    """

    name: str
    process: psutil.Process
    publish: Publish | None = None

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Suspend all processes of the sender while the body runs."""
        processes = [self.process, *self.process.children(recursive=True)]
        for each in processes:
            each.suspend()
        try:
            yield
        finally:
            for each in processes:
                each.resume()


@dataclass
class Throughput:
    """The measurements, added up over the rounds."""

    deliveries: int = 0
    seconds: float = 0.0  # from first to last receipt
    cpu_seconds: float = 0.0  # of the sender's processes
    database_cpu_seconds: float = 0.0

    def add(self, other: "Throughput") -> None:
        self.deliveries += other.deliveries
        self.seconds += other.seconds
        self.cpu_seconds += other.cpu_seconds
        self.database_cpu_seconds += other.database_cpu_seconds

    @property
    def per_second(self) -> float:
        return self.deliveries / self.seconds if self.seconds else 0.0


def drain(sender: Sender, count: int, receivers: Receivers, postgres: psutil.Process) -> Throughput:
    """Measure how a backlog is sent. The sender is suspended until all of it is committed and published."""
    with sender.suspended():
        _, ids = record(count)
        for delivery_id in ids if sender.publish else ():
            sender.publish(delivery_id)
        before = cpu_seconds(sender.process), cpu_seconds(postgres)
    moments = _received(receivers, ids, sender.name).values()
    after = cpu_seconds(sender.process), cpu_seconds(postgres)
    return Throughput(count, max(moments) - min(moments), after[0] - before[0], after[1] - before[1])


def idle_latencies(count: int, receivers: Receivers) -> list[float]:
    """Return the seconds from commit to the first byte at the receiver, for single events at random moments."""
    found = []
    for _ in range(count):
        time.sleep(random.uniform(0.05, 0.2))
        committed, ids = record(1)
        found.append(_received(receivers, ids, "PraxTalk")[ids[0]] - committed)
    return found


def latencies_with_bad_receivers(seconds: float, receivers: Receivers) -> list[float]:
    """Return the seconds from commit to the first byte at good receivers.

    Each event also goes to a receiver that hangs and to one that sends its response a byte a second.
    """
    bad = [add_webhook(url) for url in (receivers.hanging, receivers.dripping)]
    committed: dict[str, float] = {}
    begun = time.monotonic()
    for number in range(round(seconds * EVENTS_PER_SECOND)):
        time.sleep(max(0.0, begun + number / EVENTS_PER_SECOND - time.monotonic()))
        moment, ids = record(1)
        committed |= dict.fromkeys(ids, moment)
    received = _received(receivers, list(committed), "PraxTalk")
    WebhookSubscription.objects.filter(pk__in=bad).delete()
    return [received[delivery_id] - moment for delivery_id, moment in committed.items()]


def _received(receivers: Receivers, ids: list[str], name: str) -> dict[str, float]:
    """Wait until all deliveries are received and stored as succeeded. Return when each was received.

    Raises BenchmarkError if a delivery was lost, sent twice, invented or not stored.
    """
    receipts: list[Receipt] = []
    deadline, log_at = time.monotonic() + TIMEOUT_SECONDS, time.monotonic() + LOG_INTERVAL_SECONDS
    while len(receipts) < len(ids) or count_unfinished():
        time.sleep(POLL_SECONDS if len(ids) > 1 else SINGLE_POLL_SECONDS)
        if new := receivers.take():
            receipts += new
            deadline = time.monotonic() + TIMEOUT_SECONDS
        elif time.monotonic() > deadline:
            break
        if time.monotonic() > log_at:
            log(f"  {name}: {len(receipts):,} of {len(ids):,} received ...")
            log_at = time.monotonic() + LOG_INTERVAL_SECONDS
    receipts += receivers.take()
    counted = Counter(delivery_id for delivery_id, _ in receipts)
    faults = {
        "lost": len(set(ids) - set(counted)),
        "sent twice": counted.total() - len(counted),
        "invented": len(set(counted) - set(ids)),
        "not stored": count_unfinished(),
    }
    if any(faults.values()):
        listed = ", ".join(f"{number} {fault}" for fault, number in faults.items())
        raise BenchmarkError(f"{name}, {len(ids)} deliveries: {listed}.")
    return dict(receipts)
