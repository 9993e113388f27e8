"""The WebSocket server: Uvicorn with three changes.

    python -m praxtalk.websocket_server --uds PATH
    python -m praxtalk.websocket_server --host 127.0.0.1 --port 8001

Several servers may share the port. The changes are:

1. A connection can write a frame without waiting (praxtalk/core/live/frame_writer.py).
2. When the server stops, each WebSocket first finishes the requests that it has received (praxtalk/core/live/hub.py).
3. A closed connection whose peer does not read is aborted after ten seconds. Uvicorn would keep it until the peer has read the
   last byte.
"""

import argparse
import signal
import sys
import time
from typing import Any

import uvicorn

from praxtalk.core.live.frame_writer import FrameWriter
from praxtalk.endpoints import bound_socket

# The maximum size of one WebSocket message in either direction, far above what PraxTalk accepts or sends.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
MAX_HEADERS = 64 * 1024  # bytes; Caddy has the same limit
BACKLOG = 1024
PING_SECONDS = 20.0
PONG_SECONDS = 30.0  # if no pong arrives within this time, the connection is closed
ABORT_SECONDS = 10.0
STOP_SECONDS = 5  # timeout for the closing handshakes


class Server(uvicorn.Server):
    """Uvicorn with changes 2 and 3."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._closing_since: dict[Any, float] = {}

    async def on_tick(self, counter: int) -> bool:
        """Abort closed connections whose peer does not read. Uvicorn calls this ten times per second."""
        if counter % 10 == 0:
            self._abort_unread(time.monotonic())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: Any = None) -> None:
        """Accept no more connections, let the WebSockets finish, then close the remaining connections."""
        from praxtalk.core.live import hub  # not at module level: the application must set up Django first

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
    options = parser.parse_args()
    config = uvicorn.Config(
        "praxtalk.asgi:application",
        uds=options.uds,
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
        proxy_headers=False,  # praxtalk/core/api/address.py reads these headers
        h11_max_incomplete_event_size=MAX_HEADERS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    # Uvicorn stops and then raises the signal again. The handler turns this into a normal exit.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    Server(config).run(sockets=None if options.uds else [bound_socket(options.host, options.port, is_shared=True)])


if __name__ == "__main__":
    main()
