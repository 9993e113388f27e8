"""The measurements: a backlog, single events, good receivers beside bad ones, and the claim alone."""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil

from bench.run import Invalid, say
from bench.servers import cpu_seconds
from bench.webhooks.outbox import add_webhook, count_undone, make_due, record
from bench.webhooks.receivers import Receipt, Receivers
from integrations.models import WebhookSubscription
from integrations.webhooks.dispatcher import MAX_AT_ONCE
from integrations.webhooks.leases import claim

PATIENCE_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.1
LOOK_AT_ONE_EVERY_SECONDS = 0.01
SAY_EVERY_SECONDS = 2.0
EVENTS_A_SECOND = 75

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
    def standing_still(self) -> Iterator[None]:
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
class Drained:
    """The measurements, added up over the rounds."""

    deliveries: int = 0
    seconds: float = 0.0  # from first to last receipt
    cpu_seconds: float = 0.0  # of the sender's processes
    database_cpu_seconds: float = 0.0

    def add(self, other: "Drained") -> None:
        self.deliveries += other.deliveries
        self.seconds += other.seconds
        self.cpu_seconds += other.cpu_seconds
        self.database_cpu_seconds += other.database_cpu_seconds

    @property
    def per_second(self) -> float:
        return self.deliveries / self.seconds if self.seconds else 0.0


def drain(sender: Sender, count: int, receivers: Receivers, postgres: psutil.Process) -> Drained:
    """Measure how a backlog is sent. The sender is suspended until all of it is committed and published."""
    with sender.standing_still():
        _, ids = record(count)
        for delivery_id in ids if sender.publish else ():
            sender.publish(delivery_id)
        before = cpu_seconds(sender.process), cpu_seconds(postgres)
    moments = _received(receivers, ids, sender.name).values()
    after = cpu_seconds(sender.process), cpu_seconds(postgres)
    return Drained(count, max(moments) - min(moments), after[0] - before[0], after[1] - before[1])


def latencies(count: int, receivers: Receivers) -> list[float]:
    """Return the seconds from commit to the first byte at the receiver, for single events at random moments."""
    found = []
    for _ in range(count):
        time.sleep(random.uniform(0.05, 0.2))
        committed, ids = record(1)
        found.append(_received(receivers, ids, "PraxTalk")[ids[0]] - committed)
    return found


def lags(seconds: float, receivers: Receivers) -> list[float]:
    """Return the seconds from commit to the first byte at good receivers.

    Each event also goes to a receiver that hangs and to one that sends its answer a byte a second.
    """
    bad = [add_webhook(url) for url in (receivers.hanging, receivers.dripping)]
    committed: dict[str, float] = {}
    begun = time.monotonic()
    for number in range(round(seconds * EVENTS_A_SECOND)):
        time.sleep(max(0.0, begun + number / EVENTS_A_SECOND - time.monotonic()))
        moment, ids = record(1)
        committed |= dict.fromkeys(ids, moment)
    received = _received(receivers, list(committed), "PraxTalk")
    WebhookSubscription.objects.filter(pk__in=bad).delete()
    return [received[delivery_id] - moment for delivery_id, moment in committed.items()]


def claim_seconds(due: int, times: int) -> list[float]:
    """Return the seconds that each of `times` claims takes while `due` deliveries are due, all of which it gets.

    No dispatcher may be running. Raises Invalid if a claim does not get all of them.
    """
    _, ids = record(due)
    found = []
    for _ in range(times):
        make_due(ids)
        started = time.perf_counter()
        claimed = claim(MAX_AT_ONCE)
        found.append(time.perf_counter() - started)
        if len(claimed) != due:
            raise Invalid(f"A claim gave {len(claimed)} of {due} due deliveries.")
    make_due([])
    return found


def _received(receivers: Receivers, ids: list[str], name: str) -> dict[str, float]:
    """Wait until all deliveries are received and stored as succeeded. Return when each was received.

    Raises Invalid if a delivery was lost, sent twice, invented or not stored.
    """
    receipts: list[Receipt] = []
    deadline, say_at = time.monotonic() + PATIENCE_SECONDS, time.monotonic() + SAY_EVERY_SECONDS
    while len(receipts) < len(ids) or count_undone():
        time.sleep(LOOK_EVERY_SECONDS if len(ids) > 1 else LOOK_AT_ONE_EVERY_SECONDS)
        if news := receivers.take():
            receipts += news
            deadline = time.monotonic() + PATIENCE_SECONDS
        elif time.monotonic() > deadline:
            break
        if time.monotonic() > say_at:
            say(f"  {name}: {len(receipts):,} of {len(ids):,} received ...")
            say_at = time.monotonic() + SAY_EVERY_SECONDS
    receipts += receivers.take()
    counted = Counter(delivery_id for delivery_id, _ in receipts)
    faults = {
        "lost": len(set(ids) - set(counted)),
        "sent twice": counted.total() - len(counted),
        "invented": len(set(counted) - set(ids)),
        "not written down": count_undone(),
    }
    if any(faults.values()):
        said = ", ".join(f"{number} {fault}" for fault, number in faults.items())
        raise Invalid(f"{name}, {len(ids)} deliveries: {said}.")
    return dict(receipts)
