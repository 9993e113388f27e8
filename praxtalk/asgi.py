"""The ASGI entry of Daphne.

HTTP goes through WsgiToAsgi: one thread with one lasting database connection, measured at about twice the requests a second of
Django's own ASGI handler, which opens a thread and a connection for each.
"""

import os
from typing import Any
from urllib.parse import quote_from_bytes

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")

from asgiref.wsgi import WsgiToAsgi
from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from praxtalk.orphans import end_with_parent

QUERY_CHARACTERS = "!$%&'()*+,-./:;=?@_~"

_http = WsgiToAsgi(get_wsgi_application())


async def http(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Hand on what WSGI can express.

    - A header with an underscore is dropped: in WSGI, X_Forwarded_For and X-Forwarded-For are one, and a proxy vouches for
      the second only.
    - WSGI reads as far as Content-Length says. A body sent in chunks has none, so it is counted first.
    - Raw bytes in the query string are percent-encoded, as a browser would have done.
    """
    headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
    if any(name == b"transfer-encoding" for name, _ in headers):
        body = await _whole(receive)
        headers.append((b"content-length", b"%d" % len(body)))
        receive = _again(body)
    query = quote_from_bytes(scope["query_string"], safe=QUERY_CHARACTERS).encode()
    await _http(scope | {"headers": headers, "query_string": query}, receive, send)


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


application = ProtocolTypeRouter({"http": http})
end_with_parent()
