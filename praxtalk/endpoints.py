"""Where the servers of a node listen, and whether they answer. Standard library only: the supervisor uses it, too."""

import http.client
import socket
from dataclasses import dataclass

WILDCARD_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound to


@dataclass(frozen=True)
class Endpoint:
    """A Unix socket, or host and port."""

    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def upstream(self) -> str:
        """The address in Caddy's upstream syntax."""
        return f"unix/{self.path}" if self.path else f"{in_url(self.host)}:{self.port}"

    def connect(self) -> socket.socket:
        """Raises OSError."""
        if not self.path:
            return socket.create_connection((local_address(self.host), self.port), timeout=1)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(1)
        connection.connect(self.path)
        return connection

    def is_healthy(self, host_header: str) -> bool:
        """Whether /healthz answers. Raises OSError or HTTPException."""
        connection = http.client.HTTPConnection(host_header, timeout=5)
        connection.sock = self.connect()
        try:
            connection.request("GET", "/healthz", headers={"X-Forwarded-For": "127.0.0.1"})
            return connection.getresponse().status == 200
        finally:
            connection.close()


def check_free(host: str, port: int) -> None:
    """Raises OSError if nothing can listen on this host name or address; `::` takes IPv4 clients too."""
    bound_socket(host, port).close()


def bound_socket(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A bound socket. is_shared: with others of this kind, among which the kernel spreads the connections. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host not in WILDCARD_ADDRESSES)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def every_address() -> str:
    """IPv6 and IPv4, where this machine has both."""
    return "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104 - the point of it


def in_url(host: str) -> str:
    """A host as a URL writes it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def local_address(host: str) -> str:
    """Where this machine reaches what listens on this host."""
    return "127.0.0.1" if host in WILDCARD_ADDRESSES else host


def local_url(host: str, port: int) -> str:
    """Where a browser on this machine finds what listens on this host."""
    return f"http://{in_url(local_address(host))}:{port}"
