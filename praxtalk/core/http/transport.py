"""All outgoing HTTP: POST, and GET of a page. Only to permitted addresses, without redirects, limited in time and size.

- `addresses.parse_url` parses the URL here and when a URL is saved. The URL is sent exactly as it returns it: aiohttp does not
  change it.
- The resolver refuses a name if any of its addresses is forbidden. In addition, the socket factory checks the address of the
  actual connection: aiohttp does not resolve IP literals, and a name may resolve to another address the second time.
- One deadline limits the whole exchange. There are no proxies from the environment, no cookies and no decompression. At most
  16 KiB of the response to a POST are read.
- The status line alone decides the result. What follows it may be malformed, incomplete or late.
- If a reused connection turns out to be dead, the request is sent once more on a new connection, within the same deadline.
  Both together count as one attempt.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from django.utils import timezone
from yarl import URL

from praxtalk.core.http.addresses import ForbiddenAddress, ForbiddenUrl, check_address, is_in_allowed_cidrs, parse_url
from praxtalk.core.http.exchanges import Exchange, RecordingRequest, current_exchange
from praxtalk.core.http.results import DEADLINE_SECONDS, FetchedPage, PostResult

MAX_RESPONSE_BYTES = 16 * 1024
MAX_HEADER_LINE_BYTES = 64 * 1024
MAX_HEADER_LINES = 1000
MAX_LOOKUPS = 64
MAX_ERROR = 300
MAX_RETRY_AFTER_SECONDS = 10**7  # larger values are reduced to this; callers may set lower limits

_lookups = ThreadPoolExecutor(MAX_LOOKUPS, thread_name_prefix="dns")


class _PermittedResolver(AbstractResolver):
    """The system's resolver, on a thread pool of its own, so that names that do not resolve do not delay other names."""

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        look_up = partial(socket.getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM)
        infos = await asyncio.get_running_loop().run_in_executor(_lookups, look_up)
        for info in infos:
            check_address(str(info[4][0]))
        return [
            ResolveResult(
                hostname=host, host=str(peer[0]), port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST
            )
            for kind, _, protocol, _, peer in infos
        ]

    async def close(self) -> None:
        """Close nothing: all transports share the thread pool."""


class Transport:
    """A connection pool. Create it with `open_transport()`."""

    def __init__(self, reusing: aiohttp.ClientSession, fresh: aiohttp.ClientSession) -> None:
        """reusing: a session that reuses connections. fresh: a session that opens a new connection for each request."""
        self._reusing = reusing
        self._fresh = fresh

    async def get(self, url: str, *, max_bytes: int) -> FetchedPage:
        """Send a GET request and return the first `max_bytes` bytes of the page. A failing server causes no exception."""
        status_code, pairs, content = None, [], bytearray()
        try:
            encoded_url = URL(parse_url(url).url, encoded=True)
            headers = {"Accept": "text/html", "User-Agent": "PraxTalk-Check/1"}
            async with asyncio.timeout(DEADLINE_SECONDS):
                async with self._fresh.get(encoded_url, headers=headers, allow_redirects=False) as response:
                    status_code = response.status
                    pairs = [(name.lower(), value) for name, value in response.headers.items()]
                    await _read_head(response, content, max_bytes)
        except Exception as exception:  # for the same reason as in `post`
            if status_code is None:
                return FetchedPage(None, [], "", _error_message(exception))
        return FetchedPage(status_code, pairs, _decode(content))

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> PostResult:
        """Send a POST request with the body and return the result. A failing server causes no exception."""
        started = time.monotonic()
        post = _Post(headers, body)
        error = ""
        try:
            # encoded: receivers that sign or route by the URL get it as it was entered, neither decoded nor normalised
            encoded_url = URL(parse_url(url).url, encoded=True)
            async with asyncio.timeout(DEADLINE_SECONDS):
                try:
                    await post.send(self._reusing, encoded_url)
                except (aiohttp.ClientError, OSError):
                    if not post.exchange.used_stale_connection:
                        raise
                if post.exchange.used_stale_connection:
                    await post.send(self._fresh, encoded_url)
        except Exception as exception:  # whatever the external server causes is a result, not a bug in PraxTalk
            if post.exchange.status_code is None:
                error = _error_message(exception)
        if post.exchange.status_code is None:
            error = error or "The response has no status line."
        address = post.exchange.peer
        text = "" if address and is_in_allowed_cidrs(address) else _decode(post.content)
        duration_ms = round((time.monotonic() - started) * 1000)
        return PostResult(post.exchange.status_code, duration_ms, text, address, error, post.retry_after)


class _Post:
    """One POST, with the part of its response that has been received so far. It stays available if `send` raises."""

    def __init__(self, headers: Mapping[str, str], body: bytes) -> None:
        self._headers = headers
        self._body = body
        self.exchange = Exchange()
        self.content = bytearray()
        self.retry_after: float | None = None

    async def send(self, session: aiohttp.ClientSession, url: URL) -> None:
        """Send the request and read the response. Raises aiohttp's exceptions."""
        self.exchange, self.content, self.retry_after = Exchange(), bytearray(), None
        current_exchange.set(self.exchange)
        async with session.post(url, data=self._body, headers=self._headers, allow_redirects=False) as response:
            self.retry_after = _retry_after_seconds(response.headers.get("Retry-After", ""))
            if response.status == HTTPStatus.NO_CONTENT and _announces_body(response):
                response.close()  # a 204 has no body, so aiohttp would read this one as the next response
                return
            self.exchange.read_from(response.content)
            await _read_head(response, self.content, MAX_RESPONSE_BYTES)


@contextlib.asynccontextmanager
async def open_transport() -> AsyncIterator[Transport]:
    """Open a transport for the duration of the block. Needs a running event loop."""
    async with _session(keepalive_timeout=10) as reusing, _session(force_close=True) as fresh:
        yield Transport(reusing, fresh)


def _session(**connections: Any) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        resolver=_PermittedResolver(),
        socket_factory=_checked_socket,
        use_dns_cache=False,
        limit=0,  # the webhook dispatcher limits them; waiting here would use up the deadline
        **connections,
    )
    return aiohttp.ClientSession(
        connector=connector,
        request_class=RecordingRequest,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
        skip_auto_headers=("Accept", "Accept-Encoding"),
        max_line_size=MAX_HEADER_LINE_BYTES,
        max_field_size=MAX_HEADER_LINE_BYTES,
        max_headers=MAX_HEADER_LINES,
    )


def _checked_socket(info: Any) -> socket.socket:
    family, kind, protocol, _, peer = info
    check_address(str(peer[0]))
    return socket.socket(family, kind, protocol)


async def _read_head(response: aiohttp.ClientResponse, content: bytearray, max_bytes: int) -> None:
    """Append the first `max_bytes` bytes of the body to `content`."""
    while len(content) < max_bytes:
        chunk = await response.content.read(max_bytes - len(content))
        if not chunk:
            return
        content += chunk
    response.close()  # the rest is not read, so the connection cannot be reused


def _announces_body(response: aiohttp.ClientResponse) -> bool:
    return "Transfer-Encoding" in response.headers or response.headers.get("Content-Length", "0") != "0"


def _retry_after_seconds(retry_after: str) -> float | None:
    """Parse Retry-After, a number or a date (RFC 9110, 10.2.3), to seconds from now. Return None if it is invalid."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(min(int(text[:10]), MAX_RETRY_AFTER_SECONDS))
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, (date - timezone.now()).total_seconds()) if date.tzinfo else None


def _decode(content: bytes | bytearray) -> str:
    return content.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _error_message(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, aiohttp.ClientConnectorError) and error.__cause__ else error
    if isinstance(error, TimeoutError):
        text = f"No complete response within {DEADLINE_SECONDS:.0f} s."
    elif isinstance(error, ForbiddenUrl):
        text = f"Refused: {error}"
    elif isinstance(cause, ForbiddenAddress):
        text = f"Refused: {cause}."
    elif isinstance(error, aiohttp.ClientConnectorDNSError):
        text = "DNS: the host name does not resolve."
    elif isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError | ssl.SSLError):
        text = f"TLS: {error}"
    elif isinstance(error, aiohttp.ClientConnectorError):
        text = f"No connection: {error.os_error.strerror or error.os_error}."
    else:
        text = f"{type(error).__name__}: {error}"
    return text[:MAX_ERROR].replace("\0", "")
