"""Control the load process (clients.mjs)."""

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.harness import BenchmarkError, end_with_parent

FOLDER = Path(__file__).parent
TIMEOUT_SECONDS = 15.0


@dataclass
class Received:
    """What the clients received. arrivals: for each client, (change, nanoseconds) in the order of arrival."""

    arrivals: list[list[tuple[int, int]]]
    value: Any  # the newest value of the first client
    bytes: int  # size of the frame with this value


class Clients:
    """The clients, which are connected to one side at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def check_clock(self) -> None:
        """Check that Node and Python use the same monotonic clock. Raises BenchmarkError if they do not."""
        before = time.monotonic_ns()
        node_time = self._call("clock")["ns"]
        if not before - 1000 <= node_time <= time.monotonic_ns() + 1000:
            raise BenchmarkError("Node's monotonic clock is not Python's: nothing can be measured between them.")

    def connect(self, *, kind: str, side: str, port: int, tokens: list[str], arguments: dict[str, Any]) -> None:
        """Connect one client for each token. Return when each has its first value."""
        self._call("connect", kind=kind, side=side, port=port, tokens=tokens, args=arguments)

    def received(self, *, change: int) -> Received:
        """Return what arrived since the last call, once every client has received this change or a newer one.

        Raises BenchmarkError if a client does not receive it within TIMEOUT_SECONDS or loses its connection.
        """
        reply = self._call("arrivals", change=change, seconds=TIMEOUT_SECONDS)
        behind, failed = reply["behind"], reply["failed"]
        if behind or failed:
            raise BenchmarkError(f"{behind} clients did not receive change {change}, {failed} lost their connection.")
        return Received(reply["arrivals"], reply["value"], reply["bytes"])

    def close(self) -> None:
        self._call("close")

    def _call(self, command: str, **given: Any) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the load process has no pipes")
        stdin.write(json.dumps({"command": command, **given}).encode() + b"\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise BenchmarkError("The load process exited.")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise BenchmarkError(f"{command}: {reply['error']}")
        return reply


@contextlib.contextmanager
def clients(log_file: Path) -> Iterator[Clients]:
    """Run the load process while the body runs."""
    with log_file.open("wb") as errors:
        process = subprocess.Popen(
            ["node", str(FOLDER / "clients.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    try:
        yield Clients(process)
    finally:
        process.kill()
        process.communicate()
