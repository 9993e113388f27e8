"""/widget.js and its source map, as `make widget` left them in static/widget.

The one script for every site: cacheable by anyone, for pages of any origin, also under COEP. Its answer depends on the
Accept-Encoding alone, so no cookie is read or set.
"""

import functools
import hashlib
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

FOLDER = settings.BASE_DIR / "static/widget"
SUFFIXES = {"br": ".br", "gzip": ".gz", "identity": ""}  # the smallest first
CONTENT_TYPES = {"widget.js": "text/javascript; charset=utf-8", "widget.js.map": "application/json"}
HEADERS = {
    "Cache-Control": "public, max-age=300, stale-while-revalidate=86400",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}
UNLISTED_IDENTITY = 0.0001  # acceptable, but below whatever the client names (RFC 9110, 12.5.3)


@dataclass(frozen=True)
class Form:
    """A file as one encoding carries it."""

    encoding: str
    content: bytes
    etag: str


@csrf_exempt  # a POST is told 405, and not that a token is missing
@require_safe
def script(request: HttpRequest, name: str) -> HttpResponse:
    """GET or HEAD of one of CONTENT_TYPES; 304 where If-None-Match has the ETag of the encoding that would be sent."""
    form = _preferred(_forms(name), request.headers.get("Accept-Encoding", "identity"))
    whole = HttpResponse(form.content, content_type=CONTENT_TYPES[name], headers={"ETag": form.etag})
    if form.encoding != "identity":
        whole["Content-Encoding"] = form.encoding
    response = cast(HttpResponse, get_conditional_response(request, etag=form.etag, response=whole))
    for header, value in HEADERS.items():
        response[header] = value
    return response


@functools.cache
def _forms(name: str) -> list[Form]:
    """What was made of the file ahead; the map is read by developers only, and has no other form than its own."""
    paths = {encoding: FOLDER / f"{name}{suffix}" for encoding, suffix in SUFFIXES.items()}
    contents = {encoding: path.read_bytes() for encoding, path in paths.items() if path.exists()}
    return [
        Form(encoding, content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
        for encoding, content in contents.items()
    ]


def _preferred(forms: list[Form], accepted: str) -> Form:
    """The form with the highest weight, of equals the smallest; the plain one where nothing is accepted."""
    weights = dict(_weight(part) for part in accepted.lower().split(",") if part.strip())
    if "identity" not in weights and "*" not in weights:
        weights["identity"] = UNLISTED_IDENTITY
    best = max(forms, key=lambda form: weights.get(form.encoding, weights.get("*", 0.0)))
    is_accepted = weights.get(best.encoding, weights.get("*", 0.0)) > 0
    return best if is_accepted else forms[-1]


def _weight(part: str) -> tuple[str, float]:
    """`gzip;q=0.5` as ("gzip", 0.5); a weight that is none counts as 0."""
    coding, _, parameter = part.partition(";")
    name, _, value = parameter.replace(" ", "").replace("\t", "").partition("=")
    try:
        weight = float(value) if name == "q" else 1.0
    except ValueError:
        weight = 0.0
    return coding.strip(), weight if 0 <= weight <= 1 else 0.0
