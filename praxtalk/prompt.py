"""Frames leave the process at once, and cheaply: what Twisted and Autobahn do around each one cost more than the frame.

1. Twisted's transport waits until the event loop says that the socket can be written to: registering for that and taking it
   back, and a turn of the loop, for each socket. Here the kernel is asked directly as long as nothing waits; what it does not
   take waits as before.
2. Autobahn composes a coloured text about each frame for a log that is not kept.

Measured with 500 sockets (bench/live): together half of the server's time for a change.
"""

from typing import Any

from autobahn.websocket import protocol
from twisted.internet import tcp


class PromptServer(tcp.Server):
    def write(self, data: bytes) -> None:
        waits = self.TLS or self.dataBuffer or self._tempDataBuffer
        if data and self.connected and not self._writeDisconnected and not waits:
            sent: Any = self.writeSomeData(data)
            if sent == len(data):
                return
            if isinstance(sent, int):  # else the connection is lost, which the event loop finds and tells
                data = data[sent:]
        super().write(data)  # type: ignore[no-untyped-call]


def write_promptly() -> None:
    """From now on, for all connections that this process accepts."""
    tcp.Port.transport = PromptServer
    vars(protocol).update(hltype=_plain, hlval=_plain)


def _plain(value: object, **colours: object) -> object:
    return value
