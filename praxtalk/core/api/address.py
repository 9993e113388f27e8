"""The client's IP address. X-Forwarded-For and X-Forwarded-Proto count only if a trusted proxy sent them."""

import ipaddress
import re
import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 - not an address to bind to; stands for all clients whose address is unknown
UNIX_SOCKET = ""  # the peer's address on a Unix socket
LIMITED_IPV6_PREFIX = 64  # a household or server usually gets a /64 and can change its address within it
# Forms that proxies write: 203.0.113.7:5678, [2001:db8::7], [2001:db8::7]:5678, "[2001:db8::7]:5678"
WITH_PORT = re.compile(r'"?(?:\[(?P<ipv6>[^\]]+)\](?::\d+)?|(?P<ipv4>[\d.]+):\d+)"?')
LOG_INTERVAL_SECONDS = 60.0

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

log = structlog.get_logger("praxtalk.addresses")
_logged_at: dict[str, float] = {}


class ForwardedProtoMiddleware:
    """Remove X-Forwarded-Proto unless a trusted proxy sent the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_trusted_proxy(request.META.get("REMOTE_ADDR", "")):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
        return self.get_response(request)


def client_address(request: HttpRequest) -> str:
    """Return the IP address of the client that sent the request."""
    return resolve_client_address(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def resolve_client_address(peer: str, forwarded_for: str) -> str:
    """Return the client's IP address. peer: the address of the connection; forwarded_for: the X-Forwarded-For header.

    This is the peer, unless the peer is one of TRUSTED_PROXIES: then it is the right-most address in X-Forwarded-For that is
    not one of them. Addresses further left come from clients that are not trusted. A peer without an address is connected
    through the Unix socket that only the reverse proxy can open, and is trusted in the same way.

    All clients whose address is unknown get UNKNOWN_ADDRESS, and so share one rate limit. The log reports this once a minute.
    """
    address = None if peer == UNIX_SOCKET else _parse(peer)
    if address is None and peer != UNIX_SOCKET:
        _log_unknown_address("the peer of a connection is not an IP address")
        return UNKNOWN_ADDRESS
    for text in reversed([part.strip() for part in forwarded_for.split(",") if part.strip()]):
        if address is not None and not _is_trusted(address):
            break
        forwarded = _parse(text)
        if forwarded is None:
            _log_unknown_address("a trusted proxy sent an X-Forwarded-For that is not an IP address")
            break
        address = forwarded
    if address is None:
        _log_unknown_address("the reverse proxy sent no X-Forwarded-For")
        return UNKNOWN_ADDRESS
    return str(address)


def is_trusted_proxy(address: str) -> bool:
    """Return whether this peer is PraxTalk's own reverse proxy or one of TRUSTED_PROXIES."""
    ip = _parse(address)
    return address == UNIX_SOCKET or (ip is not None and _is_trusted(ip))


def rate_limit_unit(address: str) -> str:
    """Return what the per-IP limit counts: the IPv4 address, or the /64 network of an IPv6 address."""
    ip = ipaddress.ip_address(address)
    if ip.version == 6:
        return str(ipaddress.ip_network((ip, LIMITED_IPV6_PREFIX), strict=False))
    return address


def _is_trusted(address: IP) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


def _parse(text: str) -> IP | None:
    """Parse an address, with or without a port; return None if it is invalid.

    IPv4-mapped IPv6 addresses, which dual-stack sockets report, become IPv4. A zone such as %eth0 in fe80::1%eth0 is dropped:
    it names a network interface of this machine and is not part of the client's address.
    """
    if with_port := WITH_PORT.fullmatch(text):
        text = with_port["ipv6"] or with_port["ipv4"]
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _log_unknown_address(reason: str) -> None:
    now = time.monotonic()
    if now - _logged_at.get(reason, -LOG_INTERVAL_SECONDS) >= LOG_INTERVAL_SECONDS:
        _logged_at[reason] = now
        log.error("a client's address is unknown; all such clients share one rate limit", reason=reason)
