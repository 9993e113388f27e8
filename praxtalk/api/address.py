"""The address a request came from, seen through trusted proxies only."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "0.0.0.0"  # noqa: S104 - not an address to bind to: what a Unix socket's peer counts as
LIMITED_IPV6_PREFIX = 64  # a household's or a server's share of IPv6; one address of it is free to change


def client_address(request: HttpRequest) -> str:
    """The client's IP address."""
    return address_behind(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def address_behind(peer: str, forwarded_for: str) -> str:
    """The client's IP address.

    The peer of the connection, or, if that is one of TRUSTED_PROXIES, the right-most address of X-Forwarded-For that is
    not: whatever stands further left was written by someone we have no reason to believe.
    """
    address = _parse(peer)
    for text in reversed(forwarded_for.split(",")):
        if address is None or not any(address in network for network in settings.TRUSTED_PROXIES):
            break
        forwarded = _parse(text.strip())
        if forwarded is None:
            break
        address = forwarded
    return str(address) if address else UNKNOWN


def is_trusted_proxy(address: str) -> bool:
    """Whether this peer is one of TRUSTED_PROXIES."""
    ip = _parse(address)
    return ip is not None and any(ip in network for network in settings.TRUSTED_PROXIES)


def limited_unit(address: str) -> str:
    """What the per-IP limit counts: an IPv4 address, or the /64 of an IPv6 address."""
    ip = ipaddress.ip_address(address)
    if ip.version == 6:
        return str(ipaddress.ip_network((ip, LIMITED_IPV6_PREFIX), strict=False))
    return address


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip
