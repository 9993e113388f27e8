"""Run the rounds: connect clients, make changes, and collect when each client received them.

This module imports models, so import it after django.setup().
"""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil

from bench.harness import BenchmarkError, quantile
from bench.live.changes import ARGUMENTS, Change, change_inbox
from bench.live.clients import Clients, Received

INTERVAL_SECONDS = (0.25, 0.35)
SETTLE_SECONDS = 0.5
WARM_UP_CHANGES = 3  # changes at the start of a round
MAX_REAL_CLIENTS = 1  # up to this number, the clients are real ones (see clients.mjs); otherwise they are light ones


@dataclass(frozen=True)
class Side:
    """A running server: PraxTalk or socket.io."""

    name: str
    is_baseline: bool
    port: int
    process: psutil.Process

    @property
    def resident(self) -> int:
        """The resident memory of all its processes, in bytes."""
        return sum(each.memory_info().rss for each in self.process.children(recursive=True))


@dataclass
class Result:
    """The measurements of one side with one number of clients, added up over the rounds."""

    seconds: list[float] = field(default_factory=list)  # from commit to client, for each change and client
    frame_bytes: int = 0
    memory_growth: int = 0  # in the first round, in bytes

    def milliseconds(self, share: float) -> float:
        return quantile(self.seconds, share) * 1000


class Rounds:
    def __init__(self, clients: Clients, tokens: list[str]) -> None:
        self._clients, self._tokens = clients, tokens

    def compare(self, sides: Sequence[Side]) -> int:
        """Compare the inbox that each side sends to a client. Return its number of rows.

        Raises BenchmarkError if the sides differ.
        """
        values: dict[str, Any] = {}
        for side in sides:
            with self._connected(side, 1):
                values[side.name] = self._clients.received(change=0).value
        first, *rest = values.values()
        if any(value != first for value in rest):
            raise BenchmarkError(f"{' and '.join(values)} show different inboxes.")
        return len(first)

    def warm_up(self, side: Side, changes: int) -> None:
        with self._connected(side, min(20, len(self._tokens))):
            self._change(side, changes)

    def round(self, side: Side, size: int, changes: int, result: Result) -> None:
        """Run one round and add its measurements to `result`."""
        before = side.resident
        with self._connected(side, size):
            self._change(side, WARM_UP_CHANGES)
            made, received = self._change(side, changes)
            result.memory_growth = result.memory_growth or side.resident - before
        result.frame_bytes = received.bytes
        for arrivals in received.arrivals:
            result.seconds += _delays(made, arrivals)

    @contextmanager
    def _connected(self, side: Side, size: int) -> Iterator[None]:
        kind = "real" if size <= MAX_REAL_CLIENTS else "light"
        protocol = "baseline" if side.is_baseline else "praxtalk"
        tokens = self._tokens[:size]
        self._clients.connect(kind=kind, side=protocol, port=side.port, tokens=tokens, arguments=ARGUMENTS)
        self._clients.received(change=0)
        time.sleep(SETTLE_SECONDS)
        try:
            yield
        finally:
            self._clients.close()

    def _change(self, side: Side, changes: int) -> tuple[list[Change], Received]:
        made = []
        for _ in range(changes):
            time.sleep(random.uniform(*INTERVAL_SECONDS))
            made.append(change_inbox(notify_baseline=side.is_baseline))
        return made, self._clients.received(change=made[-1].number)


def _delays(changes: Sequence[Change], arrivals: Sequence[tuple[int, int]]) -> Iterator[float]:
    """Yield, for each change, the seconds until one client received it or a newer one."""
    for change in changes:
        yield next(at - change.committed for number, at in arrivals if number >= change.number) / 1e9
