"""The one door to the outside: POST, and GET of a page, to permitted addresses only, no redirects, bounded in time and size.

- The URL is read by `addresses.target`, as when it was saved, and sent as that writes it: aiohttp is left nothing to decide.
- The resolver refuses a name if any of its addresses is forbidden; the socket factory checks again the address really dialled
  (aiohttp asks no resolver about IP literals, and a name may resolve otherwise the second time).
- One deadline over the whole exchange: a receiver that drips a byte a second is cut off like one that hangs.
- No environment proxies, no cookies, no decompression; the answer is read up to 16 KB.
"""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from django.utils import timezone
from yarl import URL

from integrations.webhooks.addresses import ForbiddenAddress, ForbiddenUrl, check_address, is_allowed_privately, target

DEADLINE_SECONDS = 15.0
MAX_ANSWER_BYTES = 16 * 1024
MAX_LOOKUPS = 64
MAX_ERROR = 300
MAX_RETRY_AFTER_SECONDS = 10**7  # what is obeyed of it, delivery.py says

_lookups = ThreadPoolExecutor(MAX_LOOKUPS, thread_name_prefix="dns")


@dataclass(frozen=True)
class Answer:
    """How one POST ended. `status_code` is None when no answer came; `error` then says why."""

    status_code: int | None
    duration_ms: int
    body: str = ""
    address: str = ""
    error: str = ""
    retry_after: float | None = None  # seconds, where a receiver asked for a pause

    @property
    def is_success(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(frozen=True)
class Page:
    """How one GET ended. `status_code` is None when no answer came; `error` then says why. headers: names in lower case."""

    status_code: int | None
    headers: list[tuple[str, str]]
    text: str
    error: str = ""


class _PermittedResolver(AbstractResolver):
    """The system's resolver, on threads of its own: names that nobody answers for must not keep other names waiting."""

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
        """Nothing: the threads serve the next transport too."""


class _Response(aiohttp.ClientResponse):
    """Remembers whom it came from: the connection itself is let go as soon as the answer is complete."""

    peer = ""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        if connection.transport:
            self.peer = str(connection.transport.get_extra_info("peername", ("",))[0])
        return await super().start(connection)


class Transport:
    """A pool of connections; made by `open_transport()`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, url: str, *, most: int) -> Page:
        """GET a page, the first `most` bytes of it; never raises for what the other side does."""
        try:
            as_given = URL(target(url).url, encoded=True)
            headers = {"Accept": "text/html", "User-Agent": "PraxTalk-Check/1"}
            async with asyncio.timeout(DEADLINE_SECONDS):
                async with self._session.get(as_given, headers=headers, allow_redirects=False) as response:
                    content = await _read_head(response, most)
                    pairs = [(name.lower(), value) for name, value in response.headers.items()]
                    return Page(response.status, pairs, _as_text(content))
        except Exception as problem:  # as in post
            return Page(None, [], "", _sentence(problem))

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST the body; never raises for what the other side does."""
        started, address = time.monotonic(), ""
        status_code, answer, error, retry_after = None, "", "", None
        try:
            # encoded: receivers that sign or route by the URL get it as it was given, not decoded and not normalised
            as_given = URL(target(url).url, encoded=True)
            async with asyncio.timeout(DEADLINE_SECONDS):
                async with self._session.post(as_given, data=body, headers=headers, allow_redirects=False) as response:
                    assert isinstance(response, _Response)  # noqa: S101 - for the type checker
                    address = response.peer
                    content = await _read_head(response)
                    status_code = response.status
                    retry_after = _seconds(response.headers.get("Retry-After", ""))
                    answer = "" if address and is_allowed_privately(address) else _as_text(content)
        except Exception as problem:  # whatever a stranger's server causes is an outcome, not our failure
            error = _sentence(problem)
        return Answer(status_code, round((time.monotonic() - started) * 1000), answer, address, error, retry_after)


@contextlib.asynccontextmanager
async def open_transport() -> AsyncIterator[Transport]:
    """The transport, for as long as the body runs; inside a running event loop."""
    connector = aiohttp.TCPConnector(
        resolver=_PermittedResolver(),
        socket_factory=_checked_socket,
        use_dns_cache=False,
        limit=0,  # the pump bounds them; a wait here would use up the deadline
        keepalive_timeout=10,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        response_class=_Response,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
        skip_auto_headers=("Accept", "Accept-Encoding"),
    ) as session:
        yield Transport(session)


def _checked_socket(info: Any) -> socket.socket:
    family, kind, protocol, _, peer = info
    check_address(str(peer[0]))
    return socket.socket(family, kind, protocol)


async def _read_head(response: aiohttp.ClientResponse, most: int = MAX_ANSWER_BYTES) -> bytes:
    content = b""
    while len(content) < most:
        chunk = await response.content.read(most - len(content))
        if not chunk:
            return content
        content += chunk
    response.close()  # the rest is not read, so the connection cannot be used again
    return content


def _seconds(retry_after: str) -> float | None:
    """Retry-After in seconds from now: a number, or a date (RFC 9110, 10.2.3)."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(min(int(text[:10]), MAX_RETRY_AFTER_SECONDS))
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, (date - timezone.now()).total_seconds()) if date.tzinfo else None


def _as_text(content: bytes) -> str:
    return content.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _sentence(problem: Exception) -> str:
    cause = problem.__cause__ if isinstance(problem, aiohttp.ClientConnectorError) and problem.__cause__ else problem
    if isinstance(problem, TimeoutError):
        text = f"No whole answer within {DEADLINE_SECONDS:.0f} s."
    elif isinstance(problem, ForbiddenUrl):
        text = f"Refused: {problem}"
    elif isinstance(cause, ForbiddenAddress):
        text = f"Refused: {cause}."
    elif isinstance(problem, aiohttp.ClientConnectorDNSError):
        text = "DNS: the host name does not resolve."
    elif isinstance(problem, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError | ssl.SSLError):
        text = f"TLS: {problem}"
    elif isinstance(problem, aiohttp.ClientConnectorError):
        text = f"No connection: {problem.os_error.strerror or problem.os_error}."
    else:
        text = f"{type(problem).__name__}: {problem}"
    return text[:MAX_ERROR].replace("\0", "")
