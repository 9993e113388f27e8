"""The WebSocket server: Uvicorn with two changes, and connections that write at once (praxtalk/core/live/frame_writer.py).

    python -m praxtalk.websocket_server --uds PATH
    python -m praxtalk.websocket_server --host 127.0.0.1 --port 8001     several may share the port

1. When it stops, each socket first does what it has been asked to do (praxtalk/core/live/hub.py).
2. A closed connection whose peer does not read is aborted after ten seconds. Uvicorn alone would keep it until the last byte
   is read.
"""

import argparse
import signal
import sys
import time
from typing import Any

import uvicorn

from praxtalk.core.live.frame_writer import FrameWriter
from praxtalk.endpoints import bound_socket

# An upper bound for one WebSocket message in either direction, far above what is accepted or sent.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
MAX_HEADERS = 64 * 1024  # bytes, as many as Caddy lets through
BACKLOG = 1024
PING_SECONDS = 20.0
PONG_SECONDS = 30.0  # without a pong, the connection is closed
ABORT_SECONDS = 10.0
STOP_SECONDS = 5  # for the closing handshakes


class Server(uvicorn.Server):
    """Uvicorn with the changes described above."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._closing_since: dict[Any, float] = {}

    async def on_tick(self, counter: int) -> bool:
        """Called by Uvicorn ten times a second."""
        if counter % 10 == 0:
            self._abort_unread(time.monotonic())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: Any = None) -> None:
        """Take no more connections, let the sockets finish, then close what is left."""
        from praxtalk.core.live import hub  # the application has set Django up by now

        for server in self.servers:
            server.close()
        await hub.drain()
        await super().shutdown(sockets)

    def _abort_unread(self, now: float) -> None:
        closing = [each for each in self.server_state.connections if each.transport.is_closing()]
        self._closing_since = {each: self._closing_since.get(each, now) for each in closing}
        for each, since in self._closing_since.items():
            if now - since >= ABORT_SECONDS:
                each.transport.abort()


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve PraxTalk's WebSockets.")
    parser.add_argument("--uds", help="the Unix socket to listen on")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("application", nargs="?", default="praxtalk.asgi:application")
    given = parser.parse_args()
    config = uvicorn.Config(
        given.application,
        uds=given.uds,
        backlog=BACKLOG,
        loop="uvloop",
        http="h11",
        ws=FrameWriter,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PONG_SECONDS,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # praxtalk/core/api/address.py reads them
        h11_max_incomplete_event_size=MAX_HEADERS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    for number in (signal.SIGINT, signal.SIGTERM):  # Uvicorn stops, then raises the signal again: an end like any other
        signal.signal(number, lambda *_: sys.exit())
    Server(config).run(sockets=None if given.uds else [bound_socket(given.host, given.port, is_shared=True)])


if __name__ == "__main__":
    main()
