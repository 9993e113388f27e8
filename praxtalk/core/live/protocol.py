"""The typed messages of the sync protocol: parse the frames that clients send, and build the frames that they receive.

The format is that of the public clients (`convex` on npm and PyPI). Each frame is text and contains one JSON object.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from praxtalk.core.live import timestamps
from praxtalk.core.live.results import Failure, Result

MAX_ID = 2**31
MAX_NAME = 200
MAX_SESSION_ID = 100
MAX_MODIFICATIONS = 10_000

PING = '{"type":"Ping"}'


class Violation(Exception):
    """A frame that violates the protocol. No correct client sends it."""


# --- incoming ---


@dataclass(frozen=True)
class Connect:
    session_id: str
    max_observed_timestamp: int | None


@dataclass(frozen=True)
class Add:
    query_id: int
    name: str
    arguments: Any


@dataclass(frozen=True)
class Remove:
    query_id: int


@dataclass(frozen=True)
class ModifyQuerySet:
    base_version: int
    new_version: int
    modifications: list[Add | Remove]


@dataclass(frozen=True)
class Call:
    """A Mutation or an Action."""

    request_id: int
    name: str
    arguments: Any
    is_action: bool


@dataclass(frozen=True)
class Authenticate:
    """Authenticate the connection with `token`, or sign it out if that is None."""

    base_version: int
    token: str | None


@dataclass(frozen=True)
class Event:
    """Telemetry of the client, which is ignored."""


Message = Connect | ModifyQuerySet | Call | Authenticate | Event


def parse(text: str) -> Message:
    """Parse a frame. Raises Violation if it is malformed."""
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError:
        frame = _parse_leniently(text)
    if not isinstance(frame, dict):
        raise Violation("not an object")
    match frame.get("type"):
        case "Connect":
            return Connect(_session_id(frame), _observed(frame.get("maxObservedTimestamp")))
        case "ModifyQuerySet":
            modifications = frame.get("modifications")
            if not isinstance(modifications, list) or len(modifications) > MAX_MODIFICATIONS:
                raise Violation("modifications")
            base_version, new_version = _integer(frame, "baseVersion"), _integer(frame, "newVersion")
            return ModifyQuerySet(base_version, new_version, [*map(_modification, modifications)])
        case "Mutation" | "Action" as kind:
            name = _name(frame)
            return Call(_integer(frame, "requestId"), name, frame.get("args"), kind == "Action")
        case "Authenticate":
            kind, base_version = frame.get("tokenType"), _integer(frame, "baseVersion")
            if kind == "None":
                return Authenticate(base_version, None)
            # "Admin" means a Convex deployment key. PraxTalk has none: use an empty token, which is rejected as invalid.
            return Authenticate(base_version, _text(frame, "value") if kind == "User" else "")
        case "Event":
            return Event()
    raise Violation("type")


def _parse_leniently(text: str) -> Any:
    """Parse JSON with lone surrogates, which browsers send and orjson rejects. The call then fails with an error response.

    Closing the socket instead would make the client resend the frame forever.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Violation("not JSON") from error


def _modification(modification: Any) -> Add | Remove:
    if not isinstance(modification, dict):
        raise Violation("modification")
    query_id = _integer(modification, "queryId")
    match modification.get("type"):
        case "Add":
            return Add(query_id, _name(modification), modification.get("args"))
        case "Remove":
            return Remove(query_id)
    raise Violation("modification")


def _text(frame: dict[str, Any], field: str) -> str:
    value = frame.get(field)
    if not isinstance(value, str):
        raise Violation(field)
    return value


def _name(frame: dict[str, Any]) -> str:
    """Truncate the name. No function has a name of this length, so the call fails as an unknown function."""
    return _text(frame, "udfPath")[:MAX_NAME]


def _session_id(frame: dict[str, Any]) -> str:
    value = _text(frame, "sessionId")
    if len(value) > MAX_SESSION_ID or not value.isascii() or not value.isprintable():
        raise Violation("sessionId")
    return value


def _integer(frame: dict[str, Any], field: str) -> int:
    value = frame.get(field)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value < MAX_ID:
        raise Violation(field)
    return value


def _observed(value: Any) -> int | None:
    if value is None:
        return None
    try:
        return timestamps.decode(value)
    except (TypeError, ValueError) as error:
        raise Violation("maxObservedTimestamp") from error


# --- outgoing ---


class Version(NamedTuple):
    """The version of a client's results: its own counts of query-set and identity changes, and the time of the read.

    ts: in the unit of `timestamps`.
    """

    query_set: int
    identity: int
    ts: int


def query_removed(query_id: int) -> str:
    return f'{{"type":"QueryRemoved","queryId":{query_id}}}'


def query_result(query_id: int, result: Result) -> str:
    """Return the QueryUpdated or QueryFailed modification of a Transition."""
    kind = "QueryFailed" if isinstance(result, Failure) else "QueryUpdated"
    return f'{{"type":"{kind}","queryId":{query_id},{_result_members(result, "errorMessage", "value")},"journal":null}}'


def transition(start: Version, end: Version, modifications: Iterable[str]) -> str:
    """Return a Transition, the only message that carries query results.

    `start` must be the `end` of the previous Transition. Otherwise the client ignores every later update.
    """
    return (
        f'{{"type":"Transition","startVersion":{_version(start)},"endVersion":{_version(end)},'
        f'"modifications":[{",".join(modifications)}]}}'
    )


def _version(version: Version) -> str:
    query_set, identity, ts = version
    return f'{{"querySet":{query_set},"identity":{identity},"ts":"{timestamps.encode(ts)}"}}'


def mutation_response(request_id: int, result: Result, ts: int) -> str:
    """Return a MutationResponse. After a success, the client resolves its promise when a Transition reaches `ts`."""
    members = _result_members(result, "result", "result")
    is_success = not isinstance(result, Failure)
    ts_member = f',"ts":"{timestamps.encode(ts)}"' if is_success else ""
    head = f'{{"type":"MutationResponse","requestId":{request_id},"success":{str(is_success).lower()}'
    return f"{head},{members}{ts_member}}}"


def action_failed(request_id: int, failure: Failure) -> str:
    members = _result_members(failure, "result", "result")
    return f'{{"type":"ActionResponse","requestId":{request_id},"success":false,{members}}}'


def auth_error(message: str, base_version: int) -> str:
    """Return an AuthError. base_version: that of the rejected Authenticate."""
    frame = {"type": "AuthError", "error": message, "baseVersion": base_version, "authUpdateAttempted": True}
    return orjson.dumps(frame).decode()


def _result_members(result: Result, failed: str, succeeded: str) -> str:
    """Return the JSON members of a result, without braces. `failed` and `succeeded` are the names of the main member.

    A client raises a ConvexError if errorData is present, even if it is null, so it is left out where there is no data. logLines
    is always present.
    """
    if isinstance(result, Failure):
        data = f',"errorData":{result.data}' if result.data is not None else ""
        return f'"{failed}":{orjson.dumps(result.message).decode()}{data},"logLines":[]'
    return f'"{succeeded}":{result.value},"logLines":[]'
