"""Addresses on which the servers of a node listen, and health checks. Standard library only, because the supervisor uses it."""

import http.client
import socket
from dataclasses import dataclass

WILDCARD_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound to


@dataclass(frozen=True)
class Endpoint:
    """The address of a server: the path of a Unix socket, or a host and a port."""

    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def upstream(self) -> str:
        """The address in Caddy's upstream syntax."""
        return f"unix/{self.path}" if self.path else f"{url_host(self.host)}:{self.port}"

    def connect(self) -> socket.socket:
        """Return a connected socket with a timeout of one second. Raises OSError."""
        if not self.path:
            return socket.create_connection((local_address(self.host), self.port), timeout=1)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(1)
        connection.connect(self.path)
        return connection

    def is_healthy(self, host_header: str) -> bool:
        """Return whether /healthz responds with 200. Raises OSError or HTTPException."""
        connection = http.client.HTTPConnection(host_header, timeout=5)
        connection.sock = self.connect()
        try:
            connection.request("GET", "/healthz", headers={"X-Forwarded-For": "127.0.0.1"})
            return connection.getresponse().status == 200
        finally:
            connection.close()


def check_free(host: str, port: int) -> None:
    """Check that a server can listen on this host name or address. `::` includes IPv4. Raises OSError otherwise."""
    bound_socket(host, port).close()


def bound_socket(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """Return a socket that is bound to the address. Raises OSError.

    is_shared: other sockets may bind to the same port, and the kernel distributes the connections among them.
    """
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = min(infos, key=lambda info: info[0] != socket.AF_INET)  # prefer IPv4
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host not in WILDCARD_ADDRESSES)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def wildcard_address() -> str:
    """Return the wildcard address for IPv6 and IPv4, or for IPv4 if this machine has no dual-stack sockets."""
    return "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104 - intended


def url_host(host: str) -> str:
    """Return the host in URL syntax: an IPv6 address is put in brackets."""
    return f"[{host}]" if ":" in host else host


def local_address(host: str) -> str:
    """Return the address at which this machine reaches a server that listens on `host`."""
    return "127.0.0.1" if host in WILDCARD_ADDRESSES else host


def local_url(host: str, port: int) -> str:
    """Return the URL at which a browser on this machine reaches a server that listens on `host`."""
    return f"http://{url_host(local_address(host))}:{port}"
