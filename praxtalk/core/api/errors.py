"""The error format of the JSON endpoints: {"error": "<what is wrong>"}, with a machine-readable code in X-Error-Code."""

from typing import Any

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

JSON_PREFIXES = ("/api/", "/widget/v1/")
RETRY_AFTER_OUTAGE = "5"
OF_THE_WHOLE_BODY = ("malformed_json", "malformed_form", "too_long")

log = structlog.get_logger("praxtalk.api")


class UnprocessableEntity(exceptions.APIException):
    """422: the request failed validation."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "invalid"

    def __init__(self, sentence: str, code: str = "invalid") -> None:
        super().__init__(sentence, code)


class OtherBrand(exceptions.PermissionDenied):
    """403: the key is limited to another brand."""

    default_detail = "This key is limited to another brand."
    default_code = "other_brand"


class NotFound(exceptions.NotFound):
    """404: the key's workspace has no such object."""


class Gone(exceptions.APIException):
    """410: the requested objects existed and have been deleted."""

    status_code = status.HTTP_410_GONE
    default_code = "forgotten"


class TooManyRequests(exceptions.APIException):
    """429. retry_after: the seconds to wait before a retry."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "rate_limited"

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Convert an exception to a response. This is DRF's EXCEPTION_HANDLER, so every exception in an API view ends here."""
    set_rollback()
    code, sentence, headers = (
        500,
        "Something went wrong on our side. Try again later.",
        {"X-Error-Code": "internal_error"},
    )
    if isinstance(error, ObjectDoesNotExist):  # the row was deleted after it was read and before an action locked it
        log.warning("a row is gone", error=type(error).__qualname__, exc_info=error)
        error = NotFound()
    if isinstance(error, Http404):
        error = NotFound()
    if isinstance(error, exceptions.ValidationError | exceptions.UnsupportedMediaType | exceptions.ParseError):
        error = UnprocessableEntity(error_message(error), _error_code(error))
    if isinstance(error, exceptions.APIException):
        code, sentence, headers = error.status_code, error_message(error), {"X-Error-Code": _error_code(error)}
        if isinstance(error, TooManyRequests):
            headers["Retry-After"] = str(error.retry_after)
        if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
            headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, OperationalError | InterfaceError):
        log.error("database does not answer", error=type(error).__name__)
        code, sentence = 503, "The database does not answer. Try again in a moment."
        headers = {"X-Error-Code": "unavailable", "Retry-After": RETRY_AFTER_OUTAGE}
    else:
        log.exception("unhandled error", exc_info=error)
    return Response({"error": sentence}, status=code, headers=headers)


def _error_code(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.UnsupportedMediaType):
        return "unsupported_media_type"
    if isinstance(error, exceptions.ValidationError):
        codes: Any = error.get_codes()
        return codes[0] if isinstance(codes, list) and codes[0] in OF_THE_WHOLE_BODY else "invalid"
    return str(getattr(error.detail, "code", error.default_code))


def error_message(error: exceptions.APIException) -> str:
    """Return the message of the error, with the names of the fields it is about."""
    if isinstance(error, exceptions.UnsupportedMediaType):
        return "Content-Type must be application/json."
    return "; ".join(_flat(error.detail)) or str(error.default_detail)


def _flat(detail: Any, path: str = "") -> list[str]:
    """Flatten DRF's nested details to sentences, each with its field: `name: This field is required.`"""
    if isinstance(detail, dict):
        return [
            line
            for field, below in detail.items()
            for line in _flat(below, f"{path}.{field}".lstrip(".") if field != "non_field_errors" else path)
        ]
    if isinstance(detail, list):
        return [line for below in detail for line in _flat(below, path)]
    return [f"{path}: {detail}" if path else str(detail)]


def _outside_drf(status_code: int, sentence: str, word: str) -> Any:
    """Return a Django error handler: JSON for paths that begin with one of JSON_PREFIXES, Django's own page for all others."""
    page = {
        400: defaults.bad_request,
        403: defaults.permission_denied,
        404: defaults.page_not_found,
    }.get(status_code)

    def handler(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        if request.path.startswith(JSON_PREFIXES):
            return JsonResponse({"error": sentence}, status=status_code, headers={"X-Error-Code": word})
        return page(request, exception) if page and exception else defaults.server_error(request)

    return handler


bad_request = _outside_drf(400, "The request was not understood: is the host name one of ALLOWED_HOSTS?", "bad_request")
permission_denied = _outside_drf(403, "Refused.", "forbidden")
not_found = _outside_drf(404, "No such endpoint.", "not_found")
server_error = _outside_drf(500, "Something went wrong on our side. Try again later.", "internal_error")
