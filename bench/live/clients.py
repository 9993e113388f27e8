"""Control the load process (clients.mjs)."""

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.run import Invalid
from bench.servers import end_with_us

FOLDER = Path(__file__).parent
PATIENCE_SECONDS = 15.0


@dataclass
class Shown:
    """What the clients received. arrivals: for each client, (change, nanoseconds) in the order of arrival."""

    arrivals: list[list[tuple[int, int]]]
    value: Any  # the newest value of the first client
    bytes: int  # size of the frame with this value


class Clients:
    """The clients, which are connected to one side at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.process = psutil.Process(process.pid)

    def check_clock(self) -> None:
        """Check that Node and Python use the same monotonic clock. Raises Invalid if they do not."""
        before = time.monotonic_ns()
        there = self._ask("clock")["ns"]
        if not before - 1000 <= there <= time.monotonic_ns() + 1000:
            raise Invalid("Node's monotonic clock is not Python's: nothing can be measured between them.")

    def connect(self, *, kind: str, side: str, port: int, tokens: list[str], arguments: dict[str, Any]) -> None:
        """Connect one client for each token. Return when each has its first value."""
        self._ask("connect", kind=kind, side=side, port=port, tokens=tokens, args=arguments)

    def shown(self, *, change: int) -> Shown:
        """Return what arrived since the last call, once every client has received this change or a newer one.

        Raises Invalid if a client does not receive it within PATIENCE_SECONDS or loses its connection.
        """
        answer = self._ask("arrivals", change=change, seconds=PATIENCE_SECONDS)
        behind, broken = answer["behind"], answer["broken"]
        if behind or broken:
            raise Invalid(f"{behind} clients were not shown change {change}, {broken} lost their connection.")
        return Shown(answer["arrivals"], answer["value"], answer["bytes"])

    def close(self) -> None:
        self._ask("close")

    def _ask(self, command: str, **given: Any) -> dict[str, Any]:
        into, out = self._process.stdin, self._process.stdout
        if into is None or out is None:
            raise RuntimeError("the load process has no pipes")
        into.write(json.dumps({"command": command, **given}).encode() + b"\n")
        into.flush()
        line = out.readline()
        if not line:
            raise Invalid("The load process has ended.")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Invalid(f"{command}: {answer['error']}")
        return answer


@contextlib.contextmanager
def clients(log: Path) -> Iterator[Clients]:
    """Run the load process while the body runs."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            ["node", str(FOLDER / "clients.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            preexec_fn=end_with_us,
        )
    try:
        yield Clients(process)
    finally:
        process.kill()
        process.communicate()
