"""CORS for the JSON endpoints: every origin is allowed, never with credentials (docs/rest.md, "CORS").

An endpoint that serves only some sites checks the origin itself. With an open CORS policy, the page can read the error response.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

EXPOSED = (
    "Date, Idempotency-Replayed, Link, Location, Retry-After, X-Error-Code, X-RateLimit-Limit, X-RateLimit-Remaining, "
    "X-RateLimit-Reset, X-Request-Id"
)
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Convex-Client, Idempotency-Key",
    "Access-Control-Max-Age": "86400",
}


class CorsMiddleware:
    """Answer OPTIONS requests (204, without key and rate limit) and add the CORS headers to all responses, including errors."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(settings.JSON_API_PREFIXES):
            return self.get_response(request)
        is_preflight = request.method == "OPTIONS"
        response = HttpResponse(status=204, headers=PREFLIGHT) if is_preflight else self.get_response(request)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Expose-Headers"] = EXPOSED
        return response
