"""The WSGI entry: HTTP, served by Granian."""

import os
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "praxtalk.settings")

django = get_wsgi_application()

from django.conf import settings


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django's, which knows of no body without a length: one that was sent in chunks is read here."""
    if environ.get("HTTP_TRANSFER_ENCODING"):
        body = environ["wsgi.input"].read(settings.MAX_UPLOAD_SIZE + 1)
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return django(environ, start_response)
