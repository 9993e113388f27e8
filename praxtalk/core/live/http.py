"""POST /api/query, /api/mutation, /api/action: call the same functions without a WebSocket, as the clients' HTTP classes do.

If a function fails, the response is 200 with status "error". A malformed request, an exceeded per-IP limit and an unavailable
database lead to 4xx or 503 with {"code", "message"}. The clients expect both formats.
"""

from typing import Any

import orjson
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from praxtalk.core.api import limits
from praxtalk.core.api.address import client_address
from praxtalk.core.live import executor, functions, timestamps
from praxtalk.core.live.executor import QueryOutcome
from praxtalk.core.live.functions import FunctionCall
from praxtalk.core.live.results import Code, Failure, FunctionError, InvalidCall, Result, to_failure


@csrf_exempt  # no cookies are read
@require_POST
def call(request: HttpRequest, kind: str) -> HttpResponse:
    """Run the function that the body names. kind: "query", "mutation" or "action"."""
    try:
        body = orjson.loads(request.body)
        name, arguments = body["path"], body.get("args", {})
    except RequestDataTooBig:
        return _error(400, "TooLarge", "The request body must not exceed 1 MiB.")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return _error(
            400, "BadJson", 'Send {"path": "module:function", "args": {...}, "format": "convex_encoded_json"}.'
        )
    if not isinstance(name, str):
        return _error(400, "BadJson", "path: must be a string.")
    try:
        function_call = functions.parse_call(name, arguments, kind=kind, socket_token=_bearer_token(request))
        result = executor.run_mutation(function_call)[0] if kind == "mutation" else _run_query(function_call).result
    except (InvalidCall, FunctionError) as error:
        result = to_failure(error)
    except (OperationalError, InterfaceError):
        return _error(503, "Unavailable", "The database is temporarily unavailable. Try again later.")
    if _is_unidentified(result):
        try:
            limits.count_each(limits.per_ip(client_address(request)))
        except limits.LimitReached as error:
            response = _error(429, "RateLimited", str(error.detail))
            response["Retry-After"] = str(error.retry_after)
            return response
    return _result_response(result)


@csrf_exempt
@require_POST
def timestamp(request: HttpRequest) -> HttpResponse:
    """POST /api/query_ts: return a timestamp for /api/query_at_ts, which ignores it and always reads the current data."""
    return _json(f'{{"ts":"{timestamps.encode(timestamps.Timestamps().next())}"}}')


def _run_query(function_call: FunctionCall) -> QueryOutcome:
    caller = executor.identify(function_call.function.authenticator, function_call.token)
    try:
        limits.count_live_call(caller.principal_id, is_write=False)
    except limits.LimitReached as error:
        raise FunctionError(Code.RATE_LIMITED, str(error.detail), retry_after=error.retry_after) from error
    return executor.run_query(function_call, caller, function_call.validated_arguments())


def _is_unidentified(result: Result) -> bool:
    """Return whether the call may have failed before its caller was identified and counted.

    That is so for plain errors and UNAUTHENTICATED. Such calls count against the limit of the address.
    """
    return isinstance(result, Failure) and (result.data is None or Code.UNAUTHENTICATED.value in result.data)


def _bearer_token(request: HttpRequest) -> str | None:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _result_response(result: Result) -> HttpResponse:
    if isinstance(result, Failure):
        data = f',"errorData":{result.data}' if result.data is not None else ""
        return _json(f'{{"status":"error","errorMessage":{orjson.dumps(result.message).decode()}{data},"logLines":[]}}')
    return _json(f'{{"status":"success","value":{result.value},"logLines":[]}}')


def _error(status: int, code: str, message: str) -> HttpResponse:
    body: dict[str, Any] = {"code": code, "message": message}
    return _json(orjson.dumps(body).decode(), status)


def _json(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="application/json", headers={"Cache-Control": "no-store"})
