"""Inject faults according to a timeline, and restart the processes that have ended. All of it runs in one thread."""

import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg

from bench.faults import times
from bench.faults.processes import Valkey, WorkerPool
from bench.faults.receivers import ReceiverPool

POLL_SECONDS = 0.05
MAX_DELAY = 60.0  # seconds; on a busy machine, workers take long to start

TERMINATE_CONNECTION = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = %s AND datname = current_database() AND (xact_start IS NOT NULL OR %s)
    ORDER BY random() LIMIT 1
"""


@dataclass(frozen=True)
class Faults:
    """How many faults of each kind to inject, spread over the time after the calm start."""

    kills: int  # of workers; two thirds at the kill points in turn, the rest at random moments
    flushes: int
    valkey_freezes: int
    valkey_stops: int
    worker_freezes: int
    worker_stops: int  # clean shutdowns, with SIGTERM
    beat_kills: int
    writer_disconnects: int
    worker_disconnects: int
    receiver_outages: int  # of the receiver "away"
    pauses: int  # of the subscription "paused"

    valkey_seconds: float = 4.0
    frozen_seconds: float = 6.0  # longer than a lease
    outage_seconds: float = 3.0
    paused_seconds: float = 5.0


class Chaos:
    """The timeline of faults."""

    def __init__(
        self,
        faults: Faults,
        *,
        workers: WorkerPool,
        valkey: Valkey,
        receivers: ReceiverPool,
        folder: Path,
        database_url: str,
        pause: Callable[[bool], None],
        seed: int,
    ) -> None:
        self._faults = faults
        self._workers, self._valkey, self._receivers, self._folder = workers, valkey, receivers, folder
        self._database_url, self._pause = database_url, pause
        self._random = random.Random(f"chaos {seed}")
        self._points = itertools.cycle(times.KILL_POINTS)
        self.injected: Counter[str] = Counter()
        self._timeline: list[tuple[float, Callable[[], None]]] = []

    def plan(self, *, calm: float, until: float) -> None:
        """Spread the faults over the time between `calm` and `until` seconds from now."""
        faults = self._faults
        self._until = until
        spread = lambda count, do, latest=until: self._spread(calm, latest, count, do)  # noqa: E731
        by_point = faults.kills * 2 // 3
        spread(by_point, self._arm_next_point)
        spread(faults.kills - by_point, self._kill)
        spread(faults.flushes, self._flush)
        spread(faults.worker_stops, lambda: self._signal_random_worker(signal.SIGTERM, "worker stopped with SIGTERM"))
        spread(faults.beat_kills, self._kill_beat)
        spread(faults.writer_disconnects, lambda: self._terminate_connection(times.WRITER))
        spread(faults.worker_disconnects, lambda: self._terminate_connection(times.WORKER))
        # Faults of one kind do not overlap: Valkey is either frozen or stopped, for example.
        outages = [(self._freeze_valkey, self._thaw_valkey)] * faults.valkey_freezes
        outages += [(self._stop_valkey, self._start_valkey)] * faults.valkey_stops
        self._schedule_pairs(calm, until, outages, faults.valkey_seconds)
        spread(faults.worker_freezes, (self._folder / times.STOP_POINT).touch, until - faults.frozen_seconds)
        self._schedule_pairs(
            calm, until, [(self._stop_receiver, self._start_receiver)] * faults.receiver_outages, faults.outage_seconds
        )
        self._schedule_pairs(
            calm, until, [(self._pause_subscription, self._resume_subscription)] * faults.pauses, faults.paused_seconds
        )
        self._timeline.sort(key=lambda each: each[0])
        self._started = time.monotonic()

    def step(self) -> None:
        """Inject the faults that are due, restart processes that have ended, and wait for POLL_SECONDS."""
        while self._timeline and self._elapsed >= self._timeline[0][0]:
            self._timeline.pop(0)[1]()
        self._resume_frozen()
        self._workers.restart_ended()
        time.sleep(POLL_SECONDS)

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _at(self, moment: float, do: Callable[[], None]) -> None:
        self._timeline.append((moment, do))
        self._timeline.sort(key=lambda each: each[0])

    @property
    def killed(self) -> int:
        return self._workers.killed["webhooks"]

    @property
    def is_over(self) -> bool:
        """Whether the timeline has ended and no worker is still to be frozen.

        A freeze that no worker has reached by MAX_DELAY after the end is not waited for any longer.
        """
        is_waiting = (self._folder / times.STOP_POINT).exists() and self._elapsed < self._until + MAX_DELAY
        return not self._timeline and not is_waiting

    def kill_until(self, count: int) -> bool:
        """After the timeline, disarm all points, resume all workers, and kill one more if fewer than `count` were killed.

        Return whether `count` is reached.
        """
        for point in (*times.KILL_POINTS, times.STOP_POINT):
            (self._folder / point).unlink(missing_ok=True)
        for worker in self._workers.webhooks:
            worker.signal(signal.SIGCONT)
        if self.killed < count:
            self._kill()
        return self.killed >= count

    def _spread(self, since: float, until: float, count: int, do: Callable[[], None]) -> None:
        step = (until - since) / max(1, count)
        for number in range(count):
            self._timeline.append((since + (number + self._random.random()) * step, do))

    def _schedule_pairs(
        self, since: float, until: float, pairs: list[tuple[Callable[[], None], Callable[[], None]]], seconds: float
    ) -> None:
        step = (until - since) / max(1, len(pairs))
        for number, (begin, end) in enumerate(pairs):
            at = since + number * step + self._random.random() * max(0.0, step - seconds - 1)
            self._timeline += [(at, begin), (at + seconds, end)]

    def _arm_next_point(self) -> None:
        (self._folder / next(self._points)).touch()

    def _kill(self) -> None:
        self._signal_random_worker(signal.SIGKILL, "worker killed at a random moment")

    def _signal_random_worker(self, number: int, name: str) -> None:
        if awake := [one for one in self._workers.webhooks if not one.is_frozen]:
            self._random.choice(awake).signal(number)
            self.injected[name] += 1

    def _kill_beat(self) -> None:
        next(worker for worker in self._workers.workers if worker.name == "beat").signal(signal.SIGKILL)
        self.injected["beat killed"] += 1

    def _flush(self) -> None:
        import redis

        try:
            self._valkey.flush()
        except redis.RedisError:  # Valkey is frozen or stopped: try again later
            self._at(self._elapsed + 0.5, self._flush)
            return
        self.injected["FLUSHALL"] += 1

    def _terminate_connection(self, whose: str) -> None:
        with psycopg.connect(self._database_url, autocommit=True) as database:
            count = database.execute(TERMINATE_CONNECTION, [whose, whose == times.WORKER]).rowcount
        self.injected[f"database connection terminated: {whose}"] += count

    def _freeze_valkey(self) -> None:
        self._valkey.freeze()
        self.injected["Valkey frozen"] += 1

    def _thaw_valkey(self) -> None:
        self._valkey.thaw()

    def _stop_valkey(self) -> None:
        self._valkey.stop()
        self.injected["Valkey stopped"] += 1

    def _start_valkey(self) -> None:
        self._valkey.start()

    def _resume_frozen(self) -> None:
        """Resume each worker that has stopped itself at the stop point, after a time that is longer than its leases."""
        for worker in self._workers.webhooks:
            mark = self._folder / f"{times.STOP_POINT}.{worker.process.pid}"
            if not worker.is_frozen and mark.exists():
                mark.unlink()
                worker.is_frozen = True
                self.injected["worker frozen"] += 1
                self._at(self._elapsed + self._faults.frozen_seconds, partial(worker.signal, signal.SIGCONT))

    def _stop_receiver(self) -> None:
        self._receivers.run(self._receivers.receivers["away"].stop_listening())
        self.injected["receiver stopped"] += 1

    def _start_receiver(self) -> None:
        self._receivers.run(self._receivers.receivers["away"].listen())

    def _pause_subscription(self) -> None:
        self._pause(True)
        self.injected["subscription paused"] += 1

    def _resume_subscription(self) -> None:
        self._pause(False)
