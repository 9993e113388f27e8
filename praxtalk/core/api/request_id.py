"""X-Request-Id: on every answer, and in every log line that the request writes."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from praxtalk.core.db.ids import new_id


class RequestIdMiddleware:
    """First in the chain. The id is always made here, so that nobody outside writes into the log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = new_id().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response
