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

from bench.live.clients import Clients, Shown
from bench.live.environment import ARGUMENTS, Change, change_inbox
from bench.run import Invalid, quantile
from bench.servers import cpu_seconds

INTERVAL_SECONDS = (0.25, 0.35)
SETTLE_SECONDS = 0.5
UNCOUNTED = 3  # changes at the start of a round
REAL = 1  # up to this number of clients, they are of the real kind


@dataclass(frozen=True)
class Side:
    """A running server: PraxTalk or socket.io."""

    name: str
    key: str  # "rival" for socket.io, anything else for PraxTalk
    port: int
    pid: int

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.pid)

    @property
    def resident(self) -> int:
        """The resident memory of all its processes, in bytes."""
        return sum(each.memory_info().rss for each in self.process.children(recursive=True))

    @property
    def sockets(self) -> list[int]:
        """The number of clients of each process, largest first."""
        lists = [each.net_connections("tcp") for each in self.process.children(recursive=True)]
        ours = [[one for one in each if one.laddr.port == self.port and one.status == "ESTABLISHED"] for each in lists]
        return sorted((len(each) for each in ours), reverse=True)


@dataclass
class Result:
    """The measurements of one side with one number of clients, added up over the rounds."""

    seconds: list[float] = field(default_factory=list)  # from commit to client, for each change and client
    changes: int = 0
    frame_bytes: int = 0
    cpu: dict[str, float] = field(default_factory=dict)  # seconds, by process
    grown: int = 0  # growth of the memory in the first round, in bytes
    sockets: list[int] = field(default_factory=list)  # of each process, in the last round

    def milliseconds(self, share: float) -> float:
        return quantile(self.seconds, share) * 1000


class Rounds:
    def __init__(self, load: Clients, tokens: list[str], others: dict[str, psutil.Process]) -> None:
        """others: the processes whose CPU seconds are measured besides those of a side."""
        self._load, self._tokens, self._others = load, tokens, others | {"load": load.process}

    def compare(self, sides: Sequence[Side]) -> int:
        """Compare the inbox that each side sends to a client. Return its number of rows. Raises Invalid if the sides differ."""
        values: dict[str, Any] = {}
        for side in sides:
            with self._connected(side, 1):
                values[side.name] = self._load.shown(change=0).value
        first, *rest = values.values()
        if any(value != first for value in rest):
            raise Invalid(f"{' and '.join(values)} show different inboxes.")
        return len(first)

    def warm_up(self, side: Side, changes: int) -> None:
        with self._connected(side, min(20, len(self._tokens))):
            self._change(side, changes)

    def round(self, side: Side, size: int, changes: int, into: Result) -> list[Change]:
        """Run one round and add its measurements to `into`. Return the changes that were made."""
        before = side.resident
        with self._connected(side, size):
            self._change(side, UNCOUNTED)
            cpu = self._cpu(side)
            made, shown = self._change(side, changes)
            for name, seconds in self._cpu(side).items():
                into.cpu[name] = into.cpu.get(name, 0.0) + seconds - cpu[name]
            into.grown = into.grown or side.resident - before
            into.sockets = side.sockets
        into.changes += len(made)
        into.frame_bytes = shown.bytes
        for arrivals in shown.arrivals:
            into.seconds += _delays(made, arrivals)
        return made

    @contextmanager
    def _connected(self, side: Side, size: int) -> Iterator[None]:
        kind = "real" if size <= REAL else "light"
        protocol = "rival" if side.key == "rival" else "praxtalk"
        tokens = self._tokens[:size]
        self._load.connect(kind=kind, side=protocol, port=side.port, tokens=tokens, arguments=ARGUMENTS)
        self._load.shown(change=0)
        time.sleep(SETTLE_SECONDS)
        try:
            yield
        finally:
            self._load.close()

    def _change(self, side: Side, changes: int) -> tuple[list[Change], Shown]:
        made = []
        for _ in range(changes):
            time.sleep(random.uniform(*INTERVAL_SECONDS))
            made.append(change_inbox(tell_rival=side.key == "rival"))
        return made, self._load.shown(change=made[-1].number)

    def _cpu(self, side: Side) -> dict[str, float]:
        return {name: cpu_seconds(each) for name, each in ({"server": side.process} | self._others).items()}


def _delays(changes: Sequence[Change], arrivals: Sequence[tuple[int, int]]) -> Iterator[float]:
    """Yield, for each change, the seconds until one client received it or a newer one."""
    for change in changes:
        yield next(at - change.committed for number, at in arrivals if number >= change.number) / 1e9
