"""Daphne's `--fd`, for IPv6 too.

Daphne takes every inherited socket for IPv4. An IPv6 socket that is read as IPv4 reports the same wrong peer for every client.
"""

import os
import socket
from typing import Any

from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.plugins import fd_endpoint


def adopt_by_family() -> None:
    """Patch Daphne so that it reads the family of an inherited socket instead of assuming IPv4."""
    plugin: Any = fd_endpoint._FDParser
    plugin._parseServer = _endpoint


def _endpoint(self: object, reactor: Any, fileno: str) -> Any:
    adopted: Any = AdoptedStreamServerEndpoint
    return adopted(reactor, int(fileno), family_of(int(fileno)))


def family_of(descriptor: int) -> int:
    with socket.socket(fileno=os.dup(descriptor)) as listening:
        return listening.family
