"""The URLs and addresses that webhooks may use: public addresses only, unless WEBHOOK_ALLOW_CIDRS allows more.

- Only `parse_url` parses URLs, both when a webhook is created and at every attempt. It refuses every form that two parsers could
  interpret differently. It returns an ASCII URL with a plain host, so the connecting code and TLS interpret it in the same way.
- The address rules follow the IANA special-purpose registries; `is_global` alone would allow many of those addresses.
"""

import ipaddress
import queue
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NewType
from urllib.parse import quote

from django.conf import settings
from yarl import URL

from praxtalk.core.api.outgoing_slots import slot_count

MAX_URL = 2048  # characters
FIRST_UNPRIVILEGED_PORT = 1024
LAST_PORT = 65535
WEB_PORTS = (80, 443)
RESOLVE_SECONDS = 3.0
SLOT_WAIT_SECONDS = 0.1  # how long a thread waits for a slot of `_resolve_slots`
MAX_LOOKUPS = 4
CACHE_SIZE = 1000  # cached URLs and addresses: each attempt parses the same few again

PermittedUrl = NewType("PermittedUrl", str)  # a URL that check_url has returned
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Without re.ASCII, IGNORECASE would match the long s in "http\u017f" as an s.
WEB_URL = re.compile(r"(https?)://([^/?#]+)([^#]*)(#.*)?", re.ASCII | re.IGNORECASE)
AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^\[\]:]+)(:.*)?")
NAME = re.compile(r"(?=.{1,254}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
ENDS_IN_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?")  # resolvers interpret such a name as an IPv4 address
PORT = re.compile(r":[1-9][0-9]{0,4}")
SAFE_CHARACTERS = "%/?:@!$&'()*+,;=-._~[]"  # not percent-encoded again: the URL is sent as it was entered


def _networks(*texts: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(text) for text in texts]


# Link-local addresses, and the metadata addresses at which cloud providers hand out credentials
BLOCKED_NETWORKS = _networks(
    *("169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32"),
    *("fe80::/10", "fd00:ec2::/32", "fd20:ce::/32", "fd00:c1::/32", "fd00:42::42/128"),
)
NON_PUBLIC_NETWORKS = _networks(
    *("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15"),
    *("2001::/23", "2002::/16", "3fff::/20"),
)
# All IPv6 addresses that IANA has allocated for global use. This excludes NAT64 (64:ff9b::/96), site-local and discard-only
# addresses, and 5f00::/16.
PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")

# IPv6 addresses that a translator or tunnel converts to the IPv4 address in their last four bytes
IPV4_SUFFIX_NETWORKS = _networks("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")  # bytes 8 to 11, under any prefix


class ForbiddenUrl(ValueError):
    """A webhook may not have this URL. The message gives the reason."""


class ForbiddenAddress(OSError):
    """Webhooks may not be sent to this address. The message gives the reason."""


@dataclass(frozen=True)
class ParsedUrl:
    """A well-formed URL with its host and port. `url` is the URL to send. Parsing it again returns it unchanged."""

    url: str
    host: str  # a lowercase ASCII name, or an IP address without brackets
    port: int


def check_url(url: str) -> PermittedUrl:
    """Return the URL as it will be sent. Raises ForbiddenUrl, which says what to change, if a webhook may not have it.

    This resolves the host name, for at most RESOLVE_SECONDS. A name that does not resolve within this time is accepted: it may
    exist later, and each attempt checks the addresses that it resolves to.
    """
    parsed = parse_url(url)
    try:
        for address in [parsed.host] if _is_address(parsed.host) else _resolve(parsed.host, parsed.port):
            check_address(address)
    except ForbiddenAddress as error:
        raise ForbiddenUrl(f"url: {error}.") from error
    return PermittedUrl(parsed.url)


def check_address(text: str) -> None:
    """Check that a webhook may be sent to this IP address. Raises ForbiddenAddress otherwise."""
    address = _parse_address(text)
    if any(each in network for each in (address, *_embedded_ipv4(address)) for network in BLOCKED_NETWORKS):
        raise ForbiddenAddress("webhooks must not be sent to a link-local or metadata address")
    if not is_in_allowed_cidrs(text) and not _is_public(address):
        raise ForbiddenAddress("webhooks may be sent only to public addresses (see WEBHOOK_ALLOW_CIDRS)")


def is_in_allowed_cidrs(text: str) -> bool:
    """Return whether WEBHOOK_ALLOW_CIDRS contains the address. Responses from there are not stored: they may be internal."""
    address = _parse_address(text)
    return any(address in network for network in settings.WEBHOOK_ALLOW_CIDRS)


@lru_cache(CACHE_SIZE)
def parse_url(url: str) -> ParsedUrl:
    """Parse the URL without resolving its host. An internationalised host name becomes Punycode. Raises ForbiddenUrl."""
    if len(url) > MAX_URL:
        raise ForbiddenUrl(f"url: at most {MAX_URL} characters.")
    if not url.isprintable() or " " in url or "\\" in url:
        raise ForbiddenUrl("url: must not contain spaces, control characters or backslashes.")
    parts = WEB_URL.fullmatch(url)
    if parts is None:
        raise ForbiddenUrl("url: must be http://host/... or https://host/...")
    scheme, authority, rest, fragment = parts[1].lower(), parts[2], parts[3], parts[4]
    if "@" in authority:
        raise ForbiddenUrl("url: must not contain a user name or password.")
    if fragment is not None:
        raise ForbiddenUrl(
            "url: must not contain a fragment (#...), which is never sent. Write a # in the path as %23."
        )
    host_and_port = AUTHORITY.fullmatch(authority)
    if host_and_port is None:
        raise ForbiddenUrl("url: must be http://host/... or http://host:port/..., with an IPv6 address in brackets.")
    host, port = _host(host_and_port[1]), _port(host_and_port[2], scheme)
    bracketed = f"[{host}]" if ":" in host else host
    encoded = f"{scheme}://{bracketed}{host_and_port[2] or ''}{quote(rest, safe=SAFE_CHARACTERS)}"
    if len(encoded) > MAX_URL:
        raise ForbiddenUrl(f"url: at most {MAX_URL} characters, counted after percent-encoding.")
    return ParsedUrl(encoded, host, port)


def _port(text: str | None, scheme: str) -> int:
    if text is None:
        return 443 if scheme == "https" else 80
    port = int(text[1:]) if PORT.fullmatch(text) else 0
    if port not in WEB_PORTS and not FIRST_UNPRIVILEGED_PORT <= port <= LAST_PORT:
        raise ForbiddenUrl(f"url: the port must be 80, 443, or {FIRST_UNPRIVILEGED_PORT} to {LAST_PORT}.")
    return port


def _host(text: str) -> str:
    if text.startswith("["):
        if "%" in text or not _is_address(text[1:-1]) or ":" not in text:
            raise ForbiddenUrl("url: brackets must contain an IPv6 address without a zone.")
        return str(ipaddress.ip_address(text[1:-1]))
    try:
        name = text.lower() if text.isascii() else URL.build(scheme="http", host=text).raw_host or ""
    except ValueError:
        name = ""
    if not NAME.fullmatch(name):
        raise ForbiddenUrl("url: the host must be a name of letters, digits, hyphens and dots, or an IP address.")
    if ENDS_IN_NUMBER.fullmatch(name) and not _is_address(name):
        raise ForbiddenUrl("url: an IPv4 address must be four decimal numbers, such as 192.0.2.1.")
    return name


_lookup_slots = threading.BoundedSemaphore(MAX_LOOKUPS)  # held by the threads that `_look_up` starts, until they end
_resolve_slots = threading.BoundedSemaphore(slot_count(settings.WEB_THREADS))  # held by the web threads that wait


def _resolve(host: str, port: int) -> list[str]:
    """Return the addresses that the resolver finds within RESOLVE_SECONDS, or an empty list.

    The list is also empty if a quarter of this process's threads already wait for the resolver, so that the other threads
    remain free for other requests.
    """
    if not _resolve_slots.acquire(timeout=SLOT_WAIT_SECONDS):
        return []
    try:
        return _look_up(host, port)
    finally:
        _resolve_slots.release()


def _look_up(host: str, port: int) -> list[str]:
    deadline = time.monotonic() + RESOLVE_SECONDS
    if not _lookup_slots.acquire(timeout=RESOLVE_SECONDS):
        return []  # the resolver hangs on other names: start no further thread
    answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put([str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except OSError:
            answers.put([])
        finally:
            _lookup_slots.release()

    threading.Thread(target=look_up, daemon=True).start()  # daemon: a command can exit before it ends
    try:
        return answers.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        return []


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (address not in PUBLIC_IPV6 or _is_isatap(address)):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in NON_PUBLIC_NETWORKS)
    )


@lru_cache(CACHE_SIZE)
def _parse_address(text: str) -> Address:
    address = ipaddress.ip_address(text.split("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _embedded_ipv4(address: Address) -> Iterator[ipaddress.IPv4Address]:
    """Yield the IPv4 addresses to which a translator or a tunnel would forward this IPv6 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    packed = address.packed
    if _is_isatap(address) or any(address in network for network in IPV4_SUFFIX_NETWORKS):
        yield ipaddress.IPv4Address(packed[12:])
    if address in LOCAL_NAT64:  # RFC 6052: the IPv4 address's position depends on the prefix length, a local choice
        for ipv4 in (packed[6:8] + packed[9:11], packed[7:8] + packed[9:12], packed[9:13]):
            yield ipaddress.IPv4Address(ipv4)
    if address.sixtofour:
        yield address.sixtofour
    yield from address.teredo or ()


def _is_isatap(address: ipaddress.IPv6Address) -> bool:
    return address.packed[8:12] in ISATAP
