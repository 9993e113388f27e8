"""The WSGI entry: HTTP, served by Granian."""

import os
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")

django = get_wsgi_application()

from django.conf import settings
from django.http import FileResponse

# Granian puts the process's environment into every request, as CGI does: secrets have no place there.
REQUEST_PREFIXES = ("CONTENT_", "GATEWAY_", "PATH_INFO", "QUERY_", "REMOTE_", "REQUEST_", "SCRIPT_", "SERVER_")
READ_AT_ONCE = 64 * 1024  # bytes
PROCESS_VARIABLES = [name for name in os.environ if not name.startswith(REQUEST_PREFIXES)]


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django, for a server that gives a thread back as soon as it has the whole answer.

    1. Django cannot read a body without Content-Length, so a chunked one is read here.
    2. An answer of known size goes to Granian in one piece, so that a slow client holds no thread; so does a file,
       which has at most 10 MB. Other streams are sent as fast as the client reads.
    """
    for name in PROCESS_VARIABLES:
        environ.pop(name, None)
    if environ.get("HTTP_TRANSFER_ENCODING"):
        body = environ["wsgi.input"].read(settings.MAX_UPLOAD_SIZE + 1)
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    response = django(environ, start_response)
    _read_rest(environ)
    if response.streaming and not isinstance(response, FileResponse):
        return response
    try:
        return [b"".join(response)]
    finally:
        response.close()


def _read_rest(environ: dict[str, Any]) -> None:
    """Read what Django has left of the body. Else Granian would close the connection on the sender, who would not see the answer,
    such as that the key is wrong."""
    left = settings.MAX_UPLOAD_SIZE if environ.get("CONTENT_LENGTH") else 0
    while left > 0 and (piece := environ["wsgi.input"].read(min(left, READ_AT_ONCE))):
        left -= len(piece)
