"""The ASGI entry of Daphne.

HTTP goes through WsgiToAsgi: one thread with one lasting database connection, measured at about twice the requests a second of
Django's own ASGI handler, which opens a thread and a connection for each.
"""

import os
from http import HTTPStatus
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")

from asgiref.wsgi import WsgiToAsgi
from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from twisted.web.http import RESPONSES as REASONS

from praxtalk.api.address import is_trusted_proxy
from praxtalk.orphans import end_with_parent

_http = WsgiToAsgi(get_wsgi_application())  # type: ignore[no-untyped-call]


async def http(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Hand on what WSGI can express.

    - A header with an underscore is dropped: in WSGI, X_Forwarded_For and X-Forwarded-For are one, and a proxy vouches for
      the second only.
    - X-Forwarded-Proto is believed from trusted proxies only, as X-Forwarded-For is in praxtalk/api/address.py.
    - WSGI reads as far as Content-Length says. A body sent in chunks has none, so it is counted first.
    """
    headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    if not is_trusted_proxy((scope.get("client") or [""])[0]):
        headers = [(name, value) for name, value in headers if name != b"x-forwarded-proto"]
    if any(name == b"transfer-encoding" for name, _ in headers):
        body = await _whole(receive)
        headers.append((b"content-length", b"%d" % len(body)))
        receive = _again(body)
    await _http(scope | {"headers": headers}, receive, send)


async def _whole(receive: Any) -> bytes:
    """The body; one byte more than the longest that is accepted where it is longer, which suffices to refuse it."""
    body, more = b"", True
    while more:
        message = await receive()
        body = (body + message.get("body", b""))[: settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1]
        more = message.get("more_body", False)
    return body


def _again(body: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


REASONS.update({status.value: status.phrase.encode() for status in HTTPStatus})  # Twisted knows no 422 and no 429

application = ProtocolTypeRouter({"http": http})
end_with_parent()
