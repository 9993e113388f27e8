"""WebSocketConsumer: sends to one WebSocket, and closes it on errors."""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import structlog
from channels.consumer import AsyncConsumer
from django.db import InterfaceError, OperationalError

from praxtalk.core.live.limits import CloseCode
from praxtalk.core.live.protocol import Violation

# What Uvicorn and Daphne raise when the client has disconnected, or the server itself has closed the connection.
DISCONNECT_ERRORS = (OSError, RuntimeError)

log = structlog.get_logger("praxtalk.live")


class WebSocketConsumer(AsyncConsumer):  # type: ignore[misc]
    """A consumer whose sends fail silently once the client has disconnected."""

    channel_layer_alias = ""  # no channel layer: the hub subscribes for all sockets of the process
    _is_closed = True  # until the subclass accepts the connection
    _sent_at = 0.0  # monotonic seconds

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the handler of a message.

        Channels' own dispatch checks database connections in a thread for every message. The handlers use none.
        """
        await getattr(self, message["type"].replace(".", "_"))(message)

    async def _send(self, frame: str) -> None:
        if self._is_closed:
            return
        self._sent_at = time.monotonic()
        with contextlib.suppress(*DISCONNECT_ERRORS):
            await self.base_send({"type": "websocket.send", "text": frame})

    async def _close(self, code: CloseCode) -> None:
        if not self._is_closed:
            self._is_closed = True
            with contextlib.suppress(*DISCONNECT_ERRORS):
                await self.base_send({"type": "websocket.close", "code": code.value})

    async def _close_on_error(self, do: Callable[[], Any]) -> None:
        """Await `do()`, and close the socket on any error.

        The client then reconnects and starts from version 0. If a Transition were left out, it would ignore every later update.
        """
        try:
            await do()
        except Violation:
            await self._close(CloseCode.VIOLATION)
        except (OperationalError, InterfaceError) as error:
            log.error("closing a socket because the database is unavailable", error=type(error).__name__)
            await self._close(CloseCode.INTERNAL_ERROR)
        except Exception as error:
            log.exception("closing a socket after an unexpected error", exc_info=error)
            await self._close(CloseCode.INTERNAL_ERROR)
