"""Frames leave the process at once.

Twisted's own transport waits until the event loop says that the socket can be written to: registering and unregistering for
that, and a turn of the loop, cost as much as all the rest of a live query's frame, for each socket. As long as nothing waits,
the kernel is asked directly; what it does not take waits as before.
"""

from typing import Any

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
