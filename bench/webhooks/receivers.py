"""Receivers on loopback, all in one separate process. They respond with 204 immediately, never, or with one byte a second.

They parse only the HTTP that the two senders use: one request at a time, a head with Content-Length, and a body.
"""

import asyncio
import contextlib
import multiprocessing
import re
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing.connection import Connection

RESPONSE = b"HTTP/1.1 204 No Content\r\n\r\n"
DRIPPING_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
DELIVERY = re.compile(rb"\r\nx-praxtalk-delivery: *([0-9a-f-]{36})", re.IGNORECASE)
STOP_SECONDS = 5.0

Receipt = tuple[str, float]  # the id of the delivery, and when its first byte arrived (time.time())


class Receivers:
    """The URLs of the running receivers, and access to what they received. `receivers()` creates it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.good: list[str] = pipe.recv()
        self.hanging: str = pipe.recv()
        self.dripping: str = pipe.recv()

    def take(self) -> list[Receipt]:
        """Return what the good receivers got since the last call."""
        self._pipe.send(None)
        receipts: list[Receipt] = self._pipe.recv()
        return receipts


@contextlib.contextmanager
def receivers(good: int) -> Iterator[Receivers]:
    """Run `good` good receivers, a hanging one and a dripping one (one byte a second) while the body runs. Yield them."""
    parent, child = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(child, good), daemon=True)
    process.start()
    child.close()  # so that each side notices when the other one ends
    try:
        yield Receivers(parent)
    finally:
        parent.close()
        process.join(STOP_SECONDS)
        process.kill()


def _run(pipe: Connection, good: int) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(pipe, good))


async def _serve(pipe: Connection, good: int) -> None:
    loop, received = asyncio.get_running_loop(), list[Receipt]()
    pipe.send([await _listen(partial(_Good, received)) for _ in range(good)])
    pipe.send(await _listen(asyncio.Protocol))
    pipe.send(await _listen(_Dripping))
    ended = asyncio.Event()

    def send_receipts() -> None:
        try:
            pipe.recv()
            pipe.send(received)
            received.clear()
        except (EOFError, OSError):
            loop.remove_reader(pipe.fileno())
            ended.set()

    loop.add_reader(pipe.fileno(), send_receipts)
    await ended.wait()


async def _listen(protocol: "type[asyncio.Protocol] | partial[_Good]") -> str:
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks/praxtalk"


class _Good(asyncio.Protocol):
    def __init__(self, received: list[Receipt]) -> None:
        self._received = received
        self._data, self._first_byte_at = b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._data:
            self._first_byte_at = time.time()
        self._data += data
        head, found, body = self._data.partition(END_OF_HEAD)
        if not found:
            return
        length, delivery = LENGTH.search(head), DELIVERY.search(head)
        assert length, head
        assert delivery, head
        if len(body) >= int(length[1]):
            self._received.append((delivery[1].decode(), self._first_byte_at))
            self._data = b""
            self._transport.write(RESPONSE)


class _Dripping(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(DRIPPING_HEAD)
        self._drip()

    def _drip(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(b".")
            asyncio.get_running_loop().call_later(1.0, self._drip)
