"""Generate load: a few keep-alive connections, each of which sends its next request as soon as it has a response."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.harness import quantile

CONNECTIONS = 16
CONNECT_INTERVAL_SECONDS = 0.01  # pause between connections, so that the kernel distributes them over the processes
TIMEOUT_SECONDS = 10.0
END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass
class Result:
    """The measurements, added up over the rounds."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)  # seconds, one for each response
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Result") -> None:
        self.seconds += other.seconds
        self.latencies += other.latencies
        self.errors += other.errors

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def milliseconds(self, share: float) -> float:
        """Return the latency that this share (0 to 1) of the responses did not exceed."""
        return quantile(self.latencies, share) * 1000


class _Connection(asyncio.Protocol):
    """One connection, which is closed after its first error.

    It parses only the HTTP that the measured servers send: a status line, and a body with Content-Length.
    """

    def __init__(self, requests: Iterator[bytes], status: bytes, begins: float, ends: float, result: Result) -> None:
        self.requests, self.status, self.result = requests, status, result
        self.begins, self.ends = begins, ends
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._next()

    def _next(self) -> None:
        self.received, self.expected_size = b"", 0
        self.transport.write(next(self.requests))
        self.sent_at = time.perf_counter()

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not self.expected_size:
            head, found, _ = self.received.partition(END_OF_HEAD)
            if not found:
                return
            length = LENGTH.search(head)
            if length is None or not head.startswith(self.status):
                self._end(f"status {head[9:12].decode('latin-1')}")
                return
            self.expected_size = len(head) + len(END_OF_HEAD) + int(length[1])
        if len(self.received) >= self.expected_size:
            self._on_response()

    def _on_response(self) -> None:
        now = time.perf_counter()
        if self.begins <= self.sent_at:
            self.result.latencies.append(now - self.sent_at)
        if now < self.ends:
            self._next()
        else:
            self._end()

    def _end(self, error: str = "") -> None:
        if not self.finished.done():
            self.finished.set_result(None)
            if error:
                self.result.errors[error] += 1
        self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._end("connection lost")


async def load(port: int, requests: Iterator[bytes], *, status: int, seconds: float, warm_up: float) -> Result:
    """Send `requests` to a local port for `seconds`, after `warm_up` seconds that are not measured. Return the measurements.

    status: the status of a correct response. Any other status and a lost connection count as errors.
    """
    loop, result = asyncio.get_running_loop(), Result()
    begins = time.perf_counter() + warm_up
    expected, connections = f"HTTP/1.1 {status} ".encode(), []
    for _ in range(CONNECTIONS):
        connection = _Connection(requests, expected, begins, begins + seconds, result)
        await loop.create_connection(lambda connection=connection: connection, "127.0.0.1", port)  # type: ignore[misc]
        connections.append(connection)
        await asyncio.sleep(CONNECT_INTERVAL_SECONDS)
    futures = [connection.finished for connection in connections]
    _, late = await asyncio.wait(futures, timeout=warm_up + seconds + TIMEOUT_SECONDS)
    result.errors["no response"] += len(late)
    result.errors += Counter()  # removes a count of zero
    for connection in connections:
        connection.transport.close()
    result.seconds = max(0.0, time.perf_counter() - begins)
    return result
