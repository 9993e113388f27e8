"""The sockets that `serve` listens on, IPv4 and IPv6. Daphne adopts them: see praxtalk/adopted.py."""

import socket

EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound to


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket bound to an address or a host name; `::` takes IPv4 clients too. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host not in EVERY_ADDRESS)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def in_url(host: str) -> str:
    """A host as a URL writes it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def local_url(host: str, port: int) -> str:
    """Where a browser on this machine finds what listens on this host."""
    return f"http://{'127.0.0.1' if host in EVERY_ADDRESS else in_url(host)}:{port}"
