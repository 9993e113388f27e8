"""A WebSocket connection of Uvicorn that can also write a frame without waiting.

An ASGI application sends with `await send(...)`, for which the socket's own task must be woken. When one change goes to hundreds
of sockets, that costs more than the frame itself. So the connection provides itself as an ASGI extension: while `is_ready` is
true, `write` sends a frame at once. Other servers (Daphne, under `manage.py runserver`) do not provide the extension; their
sockets use `send` instead.
"""

import asyncio
from typing import cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

EXTENSION = "praxtalk.frame_writer"


class FrameWriter(WebSocketsSansIOProtocol):
    """One connection. It has no write buffer: if the kernel does not accept all bytes, sending pauses."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Disable write buffering. uvloop would collect the frames of all sockets, so the first would wait for the last."""
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=0)
        super().connection_made(transport)

    def handle_connect(self, event: Request) -> None:
        """Add the extension to the ASGI scope. Uvicorn calls this before the application's task starts."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions = cast(dict[str, object], self.scope["extensions"])
            extensions[EXTENSION] = self

    def data_received(self, data: bytes) -> None:
        """Respond with 400 to a handshake that cannot be parsed, to which Uvicorn would not respond.

        An example is a header line longer than websockets' MAX_LINE_LENGTH (8192 bytes).
        """
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.transport.close()

    @property
    def is_ready(self) -> bool:
        """Return whether the connection is open and everything written before has been sent."""
        return self.writable.is_set() and self.conn.state is State.OPEN and not self.transport.is_closing()

    def write(self, text: str) -> None:
        """Send a text frame. Call this only while `is_ready` is true."""
        self.conn.send_text(text.encode())
        self.transport.write(b"".join(self.conn.data_to_send()))
