"""Serve /widget.js with its source map, as `make widget` builds them in static/widget, and the chat page /talk/ws_...

The script fetches /widget.js?part=lazy when it is first needed. Its path is the same because that is the one path that a
site's Content-Security-Policy allows.

All sites load the same script. Any cache may store it, and pages of any origin may load it, also under COEP. The response
depends on Accept-Encoding alone, so no cookie is read or set.
"""

import functools
import hashlib
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from brands.models import Brand
from widget.configuration import configuration_json

FOLDER = settings.BASE_DIR / "static/widget"
SUFFIXES = {"br": ".br", "gzip": ".gz", "identity": ""}  # smallest first
CONTENT_TYPES = {".js": "text/javascript; charset=utf-8", ".js.map": "application/json"}
PARTS = {"": "widget", "lazy": "lazy"}
HEADERS = {
    "Cache-Control": "public, max-age=300, stale-while-revalidate=86400",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}
UNLISTED_IDENTITY = 0.0001  # acceptable, but ranked below every encoding that the client lists (RFC 9110, 12.5.3)


@dataclass(frozen=True)
class EncodedFile:
    """A file in one content encoding."""

    encoding: str
    content: bytes
    etag: str


@csrf_exempt  # a POST gets 405 instead of an error about a missing CSRF token
@require_safe
def script(request: HttpRequest, suffix: str) -> HttpResponse:
    """Return one of PARTS or its source map; 304 if If-None-Match has the ETag of the encoding that would be sent."""
    part = PARTS.get(request.GET.get("part", ""))
    if part is None:
        raise Http404
    file = _preferred(_encoded_files(f"{part}{suffix}"), request.headers.get("Accept-Encoding", "identity"))
    full_response = HttpResponse(file.content, content_type=CONTENT_TYPES[suffix], headers={"ETag": file.etag})
    if file.encoding != "identity":
        full_response["Content-Encoding"] = file.encoding
    response = cast(HttpResponse, get_conditional_response(request, etag=file.etag, response=full_response))
    for header, value in HEADERS.items():
        response[header] = value
    return response


@require_safe
def chat(request: HttpRequest, widget_id: str) -> HttpResponse:
    """Show a page with the open widget. Links in e-mails lead here if they cannot lead to a page of the brand's site."""
    brand = get_object_or_404(Brand, widget_id=widget_id)
    locale = request.headers.get("Accept-Language", "").split(",")[0].split(";")[0].strip()
    response = render(request, "widget/chat.html", configuration_json(brand, locale) | {"brand": brand})
    response["Referrer-Policy"] = "no-referrer"
    response["Vary"] = "Accept-Language"
    return response


@functools.cache
def _encoded_files(name: str) -> list[EncodedFile]:
    """Return a file in each encoding in which it is stored. Source maps are not compressed, since only developers load them."""
    paths = {encoding: FOLDER / f"{name}{suffix}" for encoding, suffix in SUFFIXES.items()}
    contents = {encoding: path.read_bytes() for encoding, path in paths.items() if path.exists()}
    return [
        EncodedFile(encoding, content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
        for encoding, content in contents.items()
    ]


def _preferred(files: list[EncodedFile], accepted: str) -> EncodedFile:
    """Return the encoding with the highest weight; of equals, the smallest. If none is accepted, return the uncompressed file."""
    weights = dict(_weight(part) for part in accepted.lower().split(",") if part.strip())
    if "identity" not in weights and "*" not in weights:
        weights["identity"] = UNLISTED_IDENTITY
    best = max(files, key=lambda file: weights.get(file.encoding, weights.get("*", 0.0)))
    is_accepted = weights.get(best.encoding, weights.get("*", 0.0)) > 0
    return best if is_accepted else files[-1]


def _weight(part: str) -> tuple[str, float]:
    """Parse `gzip;q=0.5` into ("gzip", 0.5). An invalid weight counts as 0."""
    coding, _, parameter = part.partition(";")
    name, _, value = parameter.replace(" ", "").replace("\t", "").partition("=")
    try:
        weight = float(value) if name == "q" else 1.0
    except ValueError:
        weight = 0.0
    return coding.strip(), weight if 0 <= weight <= 1 else 0.0
