"""The status line of an answer, read from the raw bytes. It decides how an attempt ends, whatever follows it.

aiohttp gives no status if what follows is malformed: a body after a 204, a wrong chunk, a reset between two header lines.
So a `RecordingProtocol` stands between the connection and aiohttp's own protocol and keeps the first bytes of each answer.
"""

import asyncio
import re
from contextvars import ContextVar
from http import HTTPStatus
from typing import Protocol, cast

import aiohttp
from aiohttp.connector import Connection

MAX_RECORDED_BYTES = 64 * 1024
STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] ([1-5][0-9]{2})(?: [^\r\n]*)?\r?\n")
END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")


class Exchange:
    """One request on one connection. `is_reused` says whether the connection carried a request before."""

    def __init__(self) -> None:
        self.recorded = b""
        self.is_reused = False
        self.peer = ""
        self._body: aiohttp.StreamReader | None = None
        self._is_over = False

    def read_from(self, body: aiohttp.StreamReader) -> None:
        """Tell which stream the answer is read from, so that it ends with the connection."""
        self._body = body
        if self._is_over:
            self.end()

    def end(self) -> None:
        """The connection is lost. After a malformed chunk, aiohttp closes the connection but leaves the stream open."""
        self._is_over = True
        if self._body and not self._body.is_eof():
            self._body.feed_eof()

    @property
    def status_code(self) -> int | None:
        """The status of the final answer, or None as long as its status line is not complete."""
        start = 0
        while line := STATUS_LINE.match(self.recorded, start):
            status = int(line[1])
            if status >= 200 or status == HTTPStatus.SWITCHING_PROTOCOLS:
                return status
            end = END_OF_HEADERS.search(self.recorded, line.end() - 2)  # an interim answer such as 103 Early Hints
            if not end:
                return None
            start = end.end()
        return None

    @property
    def met_dead_connection(self) -> bool:
        """Whether the request went into a kept connection on which the other side no longer expected one.

        It gave no answer, or 408 (RFC 9110, 15.5.9), or the rest of the answer before. RFC 9110, 9.2.2 allows the client to
        send such a request again if it is idempotent. A delivery is: the receiver knows the event by its id.
        """
        has_answer = self.recorded.startswith(b"HTTP/") and self.status_code != HTTPStatus.REQUEST_TIMEOUT
        return self.is_reused and not has_answer


class _Resumable(Protocol):
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class RecordingProtocol(asyncio.Protocol):
    """Hands everything to aiohttp's protocol, and keeps the first bytes for the present exchange."""

    def __init__(self, inner: asyncio.Protocol) -> None:
        self._inner = inner
        self.exchange = Exchange()

    def data_received(self, data: bytes) -> None:
        room = MAX_RECORDED_BYTES - len(self.exchange.recorded)
        if room > 0:
            self.exchange.recorded += data[:room]
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)
        self.exchange.end()

    def pause_writing(self) -> None:
        cast(_Resumable, self._inner).pause_writing()

    def resume_writing(self) -> None:
        cast(_Resumable, self._inner).resume_writing()


current_exchange: ContextVar[Exchange | None] = ContextVar("current_exchange", default=None)


class RecordingRequest(aiohttp.ClientRequest):
    """Records the answer in `current_exchange`, where one is set."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        exchange = current_exchange.get()
        transport = conn.transport
        if exchange and isinstance(transport, asyncio.Transport):
            recorder = transport.get_protocol()
            exchange.is_reused = isinstance(recorder, RecordingProtocol)
            if not isinstance(recorder, RecordingProtocol):
                recorder = RecordingProtocol(cast(asyncio.Protocol, recorder))
                transport.set_protocol(recorder)
            recorder.exchange = exchange
            exchange.peer = str(transport.get_extra_info("peername", ("",))[0])
            if exchange.is_reused and conn.protocol and conn.protocol.should_close:
                raise aiohttp.ServerDisconnectedError  # bytes came while it was idle: aiohttp would take them for the answer
        return await super().send(conn)
