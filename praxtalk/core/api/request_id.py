"""X-Request-Id: an id in every response and in every log line of the request."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from praxtalk.core.db.ids import new_id


class RequestIdMiddleware:
    """Set the request id. It is always generated here, so that no client can put text of its own into the log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = new_id().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response
