"""The address a request came from, seen through trusted proxies only."""

import ipaddress
import re
import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

UNKNOWN = "0.0.0.0"  # noqa: S104 - not an address to bind to: what a caller without one counts as
UNIX_SOCKET = ""  # the peer's address on a Unix socket
LIMITED_IPV6_PREFIX = 64  # a household's or a server's share of IPv6; one address of it is free to change
# As proxies write them: 203.0.113.7:5678, [2001:db8::7], [2001:db8::7]:5678, "[2001:db8::7]:5678"
WITH_PORT = re.compile(r'"?(?:\[(?P<six>[^\]]+)\](?::\d+)?|(?P<four>[\d.]+):\d+)"?')
TOLD_EVERY_SECONDS = 60.0

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

log = structlog.get_logger("praxtalk.addresses")
_told_at: dict[str, float] = {}


class ForwardedProtoMiddleware:
    """Believes X-Forwarded-Proto from trusted proxies only."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_trusted_proxy(request.META.get("REMOTE_ADDR", "")):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
        return self.get_response(request)


def client_address(request: HttpRequest) -> str:
    """The client's IP address."""
    return address_behind(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def address_behind(peer: str, forwarded_for: str) -> str:
    """The client's IP address.

    The peer of the connection, or, if that is one of TRUSTED_PROXIES, the right-most address of X-Forwarded-For that is
    not: whatever stands further left was written by someone we have no reason to believe. A peer without an address has
    come through the Unix socket that only the front can open, and is trusted likewise.

    Callers whose address is unknown share one, and with it their limits: the log says so once a minute.
    """
    address = None if peer == UNIX_SOCKET else _parse(peer)
    if address is None and peer != UNIX_SOCKET:
        _tell("the peer of a connection is not an IP address")
        return UNKNOWN
    for text in reversed([part.strip() for part in forwarded_for.split(",") if part.strip()]):
        if address is not None and not _is_trusted(address):
            break
        forwarded = _parse(text)
        if forwarded is None:
            _tell("a trusted proxy wrote something into X-Forwarded-For that is not an IP address")
            break
        address = forwarded
    if address is None:
        _tell("the front sent no X-Forwarded-For")
        return UNKNOWN
    return str(address)


def is_trusted_proxy(address: str) -> bool:
    """Whether this peer is the front, or one of TRUSTED_PROXIES."""
    ip = _parse(address)
    return address == UNIX_SOCKET or (ip is not None and _is_trusted(ip))


def limited_unit(address: str) -> str:
    """What the per-IP limit counts: an IPv4 address, or the /64 of an IPv6 address."""
    ip = ipaddress.ip_address(address)
    if ip.version == 6:
        return str(ipaddress.ip_network((ip, LIMITED_IPV6_PREFIX), strict=False))
    return address


def _is_trusted(address: IP) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


def _parse(text: str) -> IP | None:
    """IPv4 that is mapped into IPv6, as on a socket for both, is IPv4. A zone (fe80::1%eth0) is ours, not the caller's."""
    if with_port := WITH_PORT.fullmatch(text):
        text = with_port["six"] or with_port["four"]
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _tell(why: str) -> None:
    now = time.monotonic()
    if now - _told_at.get(why, -TOLD_EVERY_SECONDS) >= TOLD_EVERY_SECONDS:
        _told_at[why] = now
        log.error("a caller's address is unknown; it shares its limits with others", why=why)
