"""The status line of a response, read from the raw bytes. It alone decides the result of an attempt.

aiohttp returns no status if the rest of the response is malformed: a body after a 204, an invalid chunk, a reset between two
header lines. So a `RecordingProtocol` between the connection and aiohttp's own protocol records the first bytes of each response.
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
    """One request on one connection. `is_reused`: whether the connection has carried another request before."""

    def __init__(self) -> None:
        self.recorded = b""
        self.is_reused = False
        self.peer = ""
        self._body: aiohttp.StreamReader | None = None
        self._is_over = False

    def read_from(self, body: aiohttp.StreamReader) -> None:
        """Set the stream from which the response body is read, so that `end` can close it."""
        self._body = body
        if self._is_over:
            self.end()

    def end(self) -> None:
        """End the body's stream when the connection is lost.

        After a malformed chunk, aiohttp closes the connection but leaves the stream open.
        """
        self._is_over = True
        if self._body and not self._body.is_eof():
            self._body.feed_eof()

    @property
    def status_code(self) -> int | None:
        """The status code of the final response, or None while its status line is incomplete."""
        start = 0
        while line := STATUS_LINE.match(self.recorded, start):
            status = int(line[1])
            if status >= 200 or status == HTTPStatus.SWITCHING_PROTOCOLS:
                return status
            end = END_OF_HEADERS.search(self.recorded, line.end() - 2)  # an interim response such as 103 Early Hints
            if not end:
                return None
            start = end.end()
        return None

    @property
    def used_stale_connection(self) -> bool:
        """Whether the request was sent on a reused connection on which the server no longer expected one.

        The server sent no response, or 408 (RFC 9110, 15.5.9), or the rest of the previous response. RFC 9110, 9.2.2 allows the
        client to repeat such a request if it is idempotent. A delivery is: the receiver recognises the event by its id.
        """
        has_response = self.recorded.startswith(b"HTTP/") and self.status_code != HTTPStatus.REQUEST_TIMEOUT
        return self.is_reused and not has_response


class _Resumable(Protocol):
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class RecordingProtocol(asyncio.Protocol):
    """Pass everything to aiohttp's protocol, and record the first bytes for the current exchange."""

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
    """A request whose response is recorded in `current_exchange`, if one is set."""

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
                # Bytes have arrived while the connection was idle: aiohttp would read them as the response.
                raise aiohttp.ServerDisconnectedError
        return await super().send(conn)
