"""The WebSocket connection of Uvicorn, which can also write a frame without waiting.

An application sends with `await send(...)`, for which the socket's own task must be woken. That costs more than the frame, when
one change goes to hundreds of sockets. So the connection offers itself as an ASGI extension: while `is_ready`, `write` takes a
frame at once. Sockets of other servers (Daphne, under `manage.py runserver`) do not have it, and `send` does the same.
"""

import asyncio
from typing import cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

EXTENSION = "praxtalk.frame_writer"


class FrameWriter(WebSocketsSansIOProtocol):
    """One connection. It has no write buffer: what the kernel does not take pauses the sender."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Write each frame at once. uvloop would collect those of all sockets, so that the first waited for the last."""
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=0)
        super().connection_made(transport)

    def handle_connect(self, event: Request) -> None:
        """Called by Uvicorn with the request; the application's task has not begun."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions = cast(dict[str, object], self.scope["extensions"])
            extensions[EXTENSION] = self

    def data_received(self, data: bytes) -> None:
        """Refuse a handshake that cannot be read, such as one with a header of over 8 KiB. Uvicorn would not answer."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.transport.close()

    @property
    def is_ready(self) -> bool:
        """Whether the client has taken all that was written before."""
        return self.writable.is_set() and self.conn.state is State.OPEN and not self.transport.is_closing()

    def write(self, text: str) -> None:
        """Send a text frame. Only while `is_ready`."""
        self.conn.send_text(text.encode())
        self.transport.write(b"".join(self.conn.data_to_send()))
