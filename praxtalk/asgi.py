"""The ASGI entry of Daphne.

HTTP runs as WSGI in one thread with one lasting database connection: measured at about twice the requests a second of Django's
own ASGI handler, which opens a thread and a connection for each. (Not by asgiref's WsgiToAsgi: its separate last message lets
a keep-alive client's next request begin inside the one that is ending, which answered one request in twenty with a 500.)
Calls that wait for the network have a few threads of their own.
"""

import asyncio
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")

from asgiref.wsgi import WsgiToAsgiInstance
from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, StreamingHttpResponse
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.web.http import RESPONSES as REASONS

from praxtalk.adopted import adopt_by_family
from praxtalk.api.address import is_trusted_proxy
from praxtalk.dates import date_every_answer
from praxtalk.orphans import end_with_parent
from praxtalk.prompt import write_promptly

# Calls that wait for somebody else's server, for a resolver, for a storage or for who downloads, and those that hash a
# password: they must not keep the others waiting.
SLOW = re.compile(r"/api/v1/webhooks(/[^/]*(/test)?)?|/app/.*")
FILES = re.compile(r"/(api|widget)/v1/attachments/[^/]*|/app/(.*/)?export/")
SLOW_THREADS = 4
# /api/1.48.0/sync from npm, /api/sync from PyPI. With a slash at the end of its URL npm asks for //api/1.48.0/sync, which is
# read as host "api" and the rest.
SYNC = re.compile(r"(/api)?(/[\w.+-]{1,60})?/sync")

_wsgi = get_wsgi_application()

from praxtalk.live import hub  # these need the apps to be there
from praxtalk.live.consumer import SyncConsumer

_thread = ThreadPoolExecutor(1, thread_name_prefix="http")
sync = SyncConsumer.as_asgi()
_slow_threads = ThreadPoolExecutor(SLOW_THREADS, thread_name_prefix="slow")


async def http(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """One request: the whole body in, the whole answer out, as one message each. What is streamed goes out as it is made."""
    is_upload = dict(scope["headers"]).get(b"content-type", b"").lower().startswith(b"multipart/")
    body = await _whole_body(receive, settings.MAX_UPLOAD_SIZE if is_upload else settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    is_slow = (
        is_upload or FILES.fullmatch(scope["path"]) or (scope["method"] != "GET" and SLOW.fullmatch(scope["path"]))
    )
    threads = _slow_threads if is_slow else _thread
    loop = asyncio.get_running_loop()

    def hand_on(message: dict[str, Any]) -> None:
        """From the thread; returns when the message has been taken, so that a slow reader slows what is made for them."""
        asyncio.run_coroutine_threadsafe(send(message), loop).result()

    answer = await loop.run_in_executor(threads, _answer, scope, body, hand_on)
    if answer is None:
        return
    status, headers, content = answer
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _whole_body(receive: Any, longest: int) -> bytes:
    """The body; of one that is longer than what is accepted, enough to refuse it."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if len(body) <= longest:
            body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def _answer(
    scope: dict[str, Any], body: bytes, hand_on: Callable[[dict[str, Any]], None]
) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
    """Django's answer as (status, headers, content); None for a stream, which has been handed on."""
    started: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started["status"] = int(status.split(" ", 1)[0])
        started["headers"] = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers]

    response = _wsgi(_environ(scope, body), start_response)
    try:
        if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
            hand_on({"type": "http.response.start", **started})
            for chunk in response:
                hand_on({"type": "http.response.body", "body": chunk, "more_body": True})
            hand_on({"type": "http.response.body", "body": b""})
            return None
        content = b"".join(response)
    finally:
        response.close()
    return started["status"], started["headers"], content


def _environ(scope: dict[str, Any], body: bytes) -> dict[str, Any]:
    """WSGI's environment, with what it cannot tell apart left out.

    - A header with an underscore is dropped: in WSGI, X_Forwarded_For and X-Forwarded-For are one, and a proxy vouches for
      the second only.
    - X-Forwarded-Proto is believed from trusted proxies only, as X-Forwarded-For is in praxtalk/api/address.py.
    - A request line may name the whole URL (RFC 9112, 3.2.2); its path counts.
    - Content-Length is the body's own: one sent in chunks came without.
    """
    headers = [(name, value) for name, value in scope["headers"] if b"_" not in name and name != b"content-length"]
    if not is_trusted_proxy((scope.get("client") or [""])[0]):
        headers = [(name, value) for name, value in headers if name != b"x-forwarded-proto"]
    headers.append((b"content-length", b"%d" % len(body)))
    instance = WsgiToAsgiInstance(_wsgi, duplicate_header_limit=0)  # type: ignore[no-untyped-call]
    path = scope["path"] if scope["path"].startswith("/") else urlsplit(scope["path"]).path or "/"
    instance.scope = scope = scope | {"headers": headers, "path": path}
    environ: dict[str, Any] = instance.build_environ(scope, BytesIO(body))  # type: ignore[no-untyped-call]
    return environ


async def websocket(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The sync endpoint at any version of its clients; every other path is refused with 403."""
    if SYNC.fullmatch(scope["path"]):
        await sync(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close"})


REASONS.update({status.value: status.phrase.encode() for status in HTTPStatus})  # Twisted knows no 422 and no 429

date_every_answer()
adopt_by_family()
write_promptly()
# Before Daphne cancels all that runs; it fails to when a request has just ended.
_reactor: Any = reactor  # typed as if it took no phase
_reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromFuture(asyncio.ensure_future(hub.drain())))

application = ProtocolTypeRouter({"http": http, "websocket": websocket})
end_with_parent()
