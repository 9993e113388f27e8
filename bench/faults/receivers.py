"""Receivers on loopback, all in one thread, each on its own port.

They record the requests that they get and check the signatures.
"""

import asyncio
import contextlib
import hashlib
import hmac
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from bench.faults import times

ROLLED_BACK_MARKER = b"gone-"  # marks the texts of changes that are rolled back
MAX_AGE_SECONDS = 300


@dataclass
class Receipt:
    """One request, as its receiver got it."""

    receiver: str
    event_id: str
    delivery_id: str
    number: int
    at: float
    digest: bytes
    is_signed: bool
    is_of_rolled_back_change: bool
    is_first: bool  # whether it is the first one on its connection
    status: int | None = None  # of the response; None if no status line was sent
    closed: float = 0.0


class Exchange:
    """A request, and methods to respond to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, receipt: Receipt) -> None:
        self._reader, self.writer, self.receipt = reader, writer, receipt

    async def respond(self, status: int, body: bytes = b"", headers: str = "") -> None:
        """Send a complete response. The receipt records it, and the end of the request, before the first byte is sent."""
        self.receipt.status, self.receipt.closed = status, time.time()
        head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self.writer.write(head.encode() + body)
        await self.writer.drain()

    async def is_closed_within(self, seconds: float) -> bool:
        """Wait until the sender closes the connection. Return False if it does not within `seconds`."""
        try:
            return not await asyncio.wait_for(self._reader.read(1), seconds)
        except TimeoutError:
            return False


Behaviour = Callable[[Exchange], Awaitable[None]]


@dataclass
class Receiver:
    """The receiver of one subscription."""

    name: str
    behaviour: Behaviour
    receipts: list[Receipt] = field(default_factory=list)
    secret: str = ""
    port: int = 0
    _server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Listen on the port that was used before, or on a free one."""
        self._server = await asyncio.start_server(self._serve, times.RECEIVER_ADDRESS, self.port, backlog=256)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop_listening(self) -> None:
        """Refuse new connections until `listen`, and abort the open ones."""
        if self._server:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()

    def __post_init__(self) -> None:
        self._writers: set[asyncio.StreamWriter] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            is_first = True
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                headers = _headers(head)
                body = await reader.readexactly(int(headers["content-length"]))
                receipt = self._receipt(headers, body, is_first=is_first)
                is_first = False
                self.receipts.append(receipt)
                try:
                    await self.behaviour(Exchange(reader, writer, receipt))
                finally:
                    receipt.closed = receipt.closed or time.time()
        self._writers.discard(writer)
        writer.close()

    def _receipt(self, headers: dict[str, str], body: bytes, *, is_first: bool) -> Receipt:
        now = time.time()
        return Receipt(
            receiver=self.name,
            event_id=headers["x-praxtalk-event-id"],
            delivery_id=headers["x-praxtalk-delivery"],
            number=int(headers["x-praxtalk-attempt"]),
            at=now,
            digest=hashlib.sha256(body).digest(),
            is_signed=is_signed(headers["x-praxtalk-signature"], self.secret, body, now),
            is_of_rolled_back_change=ROLLED_BACK_MARKER in body,
            is_first=is_first,
        )


def is_signed(header: str, secret: str, body: bytes, now: float) -> bool:
    """Return whether the signature is valid, checked as docs/webhooks.md describes."""
    parts = dict(part.split("=", 1) for part in header.split(","))
    expected = hmac.new(secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"]) and abs(now - int(parts["t"])) < MAX_AGE_SECONDS


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}


class ReceiverPool:
    """All receivers, in a thread with an event loop, and traps to which nothing may ever connect."""

    def __init__(self, receivers: list[Receiver]) -> None:
        self.receivers = {receiver.name: receiver for receiver in receivers}
        self.trapped = 0
        self.trap_port = 0
        self._loop = asyncio.new_event_loop()

    def run(self, work: Awaitable[None]) -> None:
        """Run a coroutine in the event loop of the receivers, and wait for it for up to 10 seconds."""

        async def wait() -> None:
            await work

        asyncio.run_coroutine_threadsafe(wait(), self._loop).result(10)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Run the receivers and the traps while the body runs."""
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        try:
            self.run(self._listen())
            yield
        finally:
            self.run(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(10)
            self._loop.close()

    async def _listen(self) -> None:
        for receiver in self.receivers.values():
            await receiver.listen()
        trap = await asyncio.start_server(self._trap, times.RECEIVER_ADDRESS, 0)
        self.trap_port = trap.sockets[0].getsockname()[1]
        with contextlib.suppress(OSError):  # only Linux configures all of 127.0.0.0/8
            await asyncio.start_server(self._trap, times.FORBIDDEN_ADDRESS, self.receivers["rebinding"].port)

    async def _trap(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.trapped += 1
        writer.close()

    async def _end(self) -> None:
        for receiver in self.receivers.values():
            await receiver.stop_listening()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def receipts(self) -> list[Receipt]:
        return [receipt for receiver in self.receivers.values() for receipt in list(receiver.receipts)]
