"""Where a webhook may go: public addresses only, unless the self-hoster allows more with WEBHOOK_ALLOW_CIDRS.

The lists follow the IANA special-purpose address registries; `is_global` alone lets several of these through.
"""

import ipaddress
import socket
from typing import NewType
from urllib.parse import urlsplit

from django.conf import settings

from integrations.models import MAX_URL

FIRST_FREE_PORT = 1024
WEB_PORTS = (80, 443)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
PermittedUrl = NewType("PermittedUrl", str)

NEVER = [
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::/32",
        "fd20:ce::/32",
        "100.100.100.200/32",
        "168.63.129.16/32",
    )
]  # link-local, and where clouds answer with credentials
NOT_PUBLIC = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "::/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
]


class ForbiddenUrl(ValueError):
    """A URL that no webhook may have; the text says why."""


class ForbiddenAddress(OSError):
    """An address to which no webhook goes."""


def check_address(text: str) -> None:
    """Raises ForbiddenAddress unless a webhook may be sent to this IP address."""
    address = _unwrapped(text)
    if any(address in network for network in NEVER):
        raise ForbiddenAddress("a webhook may not go to a link-local or metadata address")
    if is_allowed_privately(text):
        return
    if not address.is_global or address.is_multicast or any(address in network for network in NOT_PUBLIC):
        raise ForbiddenAddress("a webhook may go to public addresses only (see WEBHOOK_ALLOW_CIDRS)")


def is_allowed_privately(text: str) -> bool:
    """Whether WEBHOOK_ALLOW_CIDRS holds the address: an answer from there is not kept, it may be internal."""
    address = _unwrapped(text)
    return any(address in network for network in settings.WEBHOOK_ALLOW_CIDRS)


def check_url(url: str) -> PermittedUrl:
    """The URL, if a webhook may have it. Raises ForbiddenUrl with a sentence that says what to change."""
    if len(url) > MAX_URL:
        raise ForbiddenUrl(f"url: at most {MAX_URL} characters.")
    if not url.isprintable() or " " in url or "\\" in url:
        raise ForbiddenUrl("url: must not hold spaces, control characters or backslashes.")
    try:
        parts = urlsplit(url)
        port = (443 if parts.scheme == "https" else 80) if parts.port is None else parts.port
    except ValueError as error:
        raise ForbiddenUrl(f"url: {error}.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ForbiddenUrl("url: must be http://host/... or https://host/...")
    if parts.username is not None or parts.password is not None:
        raise ForbiddenUrl("url: must not hold a user name or password.")
    if port not in WEB_PORTS and port < FIRST_FREE_PORT:
        raise ForbiddenUrl(f"url: the port must be 80, 443, or {FIRST_FREE_PORT} and above.")
    try:
        for answer in _resolved(parts.hostname.rstrip("."), port):
            check_address(answer)
    except ForbiddenAddress as error:
        raise ForbiddenUrl(f"url: {error}.") from error
    return PermittedUrl(url)


def _resolved(host: str, port: int) -> list[str]:
    try:
        return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []  # it may exist tomorrow; what it then resolves to is checked at each attempt


def _unwrapped(text: str) -> Address:
    address = ipaddress.ip_address(text.split("%")[0])
    return getattr(address, "ipv4_mapped", None) or address
