"""The error format of the JSON endpoints: {"error": "<what is wrong>"}, with a machine-readable code in X-Error-Code."""

from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

RETRY_AFTER_OUTAGE = "5"
BODY_ERROR_CODES = ("malformed_json", "malformed_form", "too_long")

log = structlog.get_logger("praxtalk.api")


class UnprocessableEntity(exceptions.APIException):
    """422: the request failed validation."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "invalid"

    def __init__(self, message: str, code: str = "invalid") -> None:
        super().__init__(message, code)


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

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Convert an exception to a response. This is DRF's EXCEPTION_HANDLER, so every exception in an API view ends here."""
    set_rollback()
    code, message, headers = (
        500,
        "An internal error occurred. Try again later.",
        {"X-Error-Code": "internal_error"},
    )
    if isinstance(error, ObjectDoesNotExist):  # the row was deleted after it was read and before an action locked it
        log.warning("a row no longer exists", error=type(error).__qualname__, exc_info=error)
        error = NotFound()
    if isinstance(error, Http404):
        error = NotFound()
    if isinstance(error, exceptions.ValidationError | exceptions.UnsupportedMediaType | exceptions.ParseError):
        error = UnprocessableEntity(error_message(error), _error_code(error))
    if isinstance(error, exceptions.APIException):
        code, message, headers = error.status_code, error_message(error), {"X-Error-Code": _error_code(error)}
        if isinstance(error, TooManyRequests):
            headers["Retry-After"] = str(error.retry_after)
        if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
            headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, OperationalError | InterfaceError):
        log.error("the database is unavailable", error=type(error).__name__)
        code, message = 503, "The database is temporarily unavailable. Try again later."
        headers = {"X-Error-Code": "unavailable", "Retry-After": RETRY_AFTER_OUTAGE}
    else:
        log.exception("unhandled error", exc_info=error)
    return Response({"error": message}, status=code, headers=headers)


def _error_code(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.UnsupportedMediaType):
        return "unsupported_media_type"
    if isinstance(error, exceptions.ValidationError):
        codes: Any = error.get_codes()
        return codes[0] if isinstance(codes, list) and codes[0] in BODY_ERROR_CODES else "invalid"
    return str(getattr(error.detail, "code", error.default_code))


def error_message(error: exceptions.APIException) -> str:
    """Return the message of the error, with the names of the fields it is about."""
    if isinstance(error, exceptions.UnsupportedMediaType):
        return "Content-Type must be application/json."
    return "; ".join(_flatten(error.detail)) or str(error.default_detail)


def _flatten(detail: Any, path: str = "") -> list[str]:
    """Flatten DRF's nested details to sentences, each with its field: `name: This field is required.`"""
    if isinstance(detail, dict):
        return [
            line
            for field, item in detail.items()
            for line in _flatten(item, f"{path}.{field}".lstrip(".") if field != "non_field_errors" else path)
        ]
    if isinstance(detail, list):
        return [line for item in detail for line in _flatten(item, path)]
    return [f"{path}: {detail}" if path else str(detail)]


def _error_view(status_code: int, message: str, error_code: str) -> Any:
    """Return a Django error handler: JSON for paths that begin with one of JSON_API_PREFIXES, Django's page for all others."""
    page = {
        400: defaults.bad_request,
        403: defaults.permission_denied,
        404: defaults.page_not_found,
    }.get(status_code)

    def handler(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        if request.path.startswith(settings.JSON_API_PREFIXES):
            return JsonResponse({"error": message}, status=status_code, headers={"X-Error-Code": error_code})
        return page(request, exception) if page and exception else defaults.server_error(request)

    return handler


bad_request = _error_view(400, "Bad request. Check that the host name is in ALLOWED_HOSTS.", "bad_request")
permission_denied = _error_view(403, "Permission denied.", "forbidden")
not_found = _error_view(404, "No such endpoint.", "not_found")
server_error = _error_view(500, "An internal error occurred. Try again later.", "internal_error")
