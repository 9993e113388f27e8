"""The WSGI application. Granian serves it over HTTP."""

import os
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")

django_application = get_wsgi_application()

from django.conf import settings
from django.http import FileResponse

# Granian copies the process's environment into each request's environ, as in CGI. It may hold secrets, so variables without one
# of these prefixes are removed.
REQUEST_PREFIXES = ("CONTENT_", "GATEWAY_", "PATH_INFO", "QUERY_", "REMOTE_", "REQUEST_", "SCRIPT_", "SERVER_")
CHUNK_BYTES = 64 * 1024
PROCESS_VARIABLES = [name for name in os.environ if not name.startswith(REQUEST_PREFIXES)]


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Run Django's WSGI application, adapted to a server that frees the thread once it has the complete response.

    1. Django cannot read a body without Content-Length, so chunked bodies are read here.
    2. Granian gets a response of known size in one piece, so that slow clients do not occupy threads. This includes files, which
       have at most 10 MB. Other streams are sent as fast as the client reads.
    """
    for name in PROCESS_VARIABLES:
        environ.pop(name, None)
    if environ.get("HTTP_TRANSFER_ENCODING"):
        body = environ["wsgi.input"].read(settings.MAX_UPLOAD_SIZE + 1)
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    response = django_application(environ, start_response)
    _drain_body(environ)
    if response.streaming and not isinstance(response, FileResponse):
        return response
    try:
        return [b"".join(response)]
    finally:
        response.close()


def _drain_body(environ: dict[str, Any]) -> None:
    """Read the part of the body that Django has not read.

    Otherwise, Granian would close the connection while the client is still sending. The client would not see the response, such
    as an error about an invalid API key.
    """
    left = settings.MAX_UPLOAD_SIZE if environ.get("CONTENT_LENGTH") else 0
    while left > 0 and (piece := environ["wsgi.input"].read(min(left, CHUNK_BYTES))):
        left -= len(piece)
