"""Pages and files: /widget.js with its source map, as `make widget` left them in static/widget, and /talk/ws_...

/widget.js?part=extras is what the script fetches when somebody needs it: under the one path that pages' policies allow.

The one script for every site: cacheable by anyone, for pages of any origin, also under COEP. Its answer depends on the
Accept-Encoding alone, so no cookie is read or set.
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
SUFFIXES = {"br": ".br", "gzip": ".gz", "identity": ""}  # the smallest first
CONTENT_TYPES = {".js": "text/javascript; charset=utf-8", ".js.map": "application/json"}
PARTS = {"": "widget", "extras": "extras"}
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
def script(request: HttpRequest, suffix: str) -> HttpResponse:
    """GET or HEAD of one of PARTS, or of its map; 304 where If-None-Match has the ETag of the encoding that would be sent."""
    part = PARTS.get(request.GET.get("part", ""))
    if part is None:
        raise Http404
    form = _preferred(_forms(f"{part}{suffix}"), request.headers.get("Accept-Encoding", "identity"))
    whole = HttpResponse(form.content, content_type=CONTENT_TYPES[suffix], headers={"ETag": form.etag})
    if form.encoding != "identity":
        whole["Content-Encoding"] = form.encoding
    response = cast(HttpResponse, get_conditional_response(request, etag=form.etag, response=whole))
    for header, value in HEADERS.items():
        response[header] = value
    return response


@require_safe
def talk(request: HttpRequest, widget_id: str) -> HttpResponse:
    """A page of our own with the widget open: where the links of e-mails lead if no page of the brand's is known."""
    brand = get_object_or_404(Brand, widget_id=widget_id)
    locale = request.headers.get("Accept-Language", "").split(",")[0].split(";")[0].strip()
    response = render(request, "widget/talk.html", configuration_json(brand, locale) | {"brand": brand})
    response["Referrer-Policy"] = "no-referrer"
    response["Vary"] = "Accept-Language"
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
