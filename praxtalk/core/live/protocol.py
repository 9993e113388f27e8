"""The messages of the sync protocol, typed: what a client sends is parsed here, what it is sent is written here.

From the wire of the public clients (npm and PyPI `convex`). All frames are text, one JSON object each.
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
    """A frame that no client of the protocol sends."""


# --- in ---


@dataclass(frozen=True)
class Connect:
    session_id: str
    observed: int | None


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
    base: int
    new: int
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
    """token: None signs out."""

    base: int
    token: str | None


@dataclass(frozen=True)
class Event:
    """Telemetry of the client; nothing is done with it."""


Message = Connect | ModifyQuerySet | Call | Authenticate | Event


def parse(text: str) -> Message:
    """The message in a frame. Raises Violation."""
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError:
        frame = _read_leniently(text)
    if not isinstance(frame, dict):
        raise Violation("not an object")
    match frame.get("type"):
        case "Connect":
            return Connect(_session_id(frame), _observed(frame.get("maxObservedTimestamp")))
        case "ModifyQuerySet":
            listed = frame.get("modifications")
            if not isinstance(listed, list) or len(listed) > MAX_MODIFICATIONS:
                raise Violation("modifications")
            return ModifyQuerySet(_count(frame, "baseVersion"), _count(frame, "newVersion"), [*map(_change, listed)])
        case "Mutation" | "Action" as kind:
            name = _name(frame)
            return Call(_count(frame, "requestId"), name, frame.get("args"), kind == "Action")
        case "Authenticate":
            kind, base = frame.get("tokenType"), _count(frame, "baseVersion")
            if kind == "None":
                return Authenticate(base, None)
            # "Admin" is a deployment's key, which there is none of here: refused as a token that is not good.
            return Authenticate(base, _text(frame, "value") if kind == "User" else "")
        case "Event":
            return Event()
    raise Violation("type")


def _read_leniently(text: str) -> Any:
    """Half of a surrogate pair is JSON to browsers. It has to come as far as a failed answer: closed sockets are resent to."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Violation("not JSON") from error


def _change(modification: Any) -> Add | Remove:
    if not isinstance(modification, dict):
        raise Violation("modification")
    query_id = _count(modification, "queryId")
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
    """Cut off where no function's name reaches: it is answered as unknown then."""
    return _text(frame, "udfPath")[:MAX_NAME]


def _session_id(frame: dict[str, Any]) -> str:
    value = _text(frame, "sessionId")
    if len(value) > MAX_SESSION_ID or not value.isascii() or not value.isprintable():
        raise Violation("sessionId")
    return value


def _count(frame: dict[str, Any], field: str) -> int:
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
        return timestamps.read(value)
    except (TypeError, ValueError) as error:
        raise Violation("maxObservedTimestamp") from error


# --- out ---


class Version(NamedTuple):
    """What a value is of: the client's counts of its own requests, and the time of the read."""

    query_set: int
    identity: int
    ts: int


def query_removed(query_id: int) -> str:
    return f'{{"type":"QueryRemoved","queryId":{query_id}}}'


def query_answered(query_id: int, result: Result) -> str:
    """QueryUpdated or QueryFailed."""
    kind = "QueryFailed" if isinstance(result, Failure) else "QueryUpdated"
    return f'{{"type":"{kind}","queryId":{query_id},{_told(result, "errorMessage", "value")},"journal":null}}'


def transition(start: Version, end: Version, modifications: Iterable[str]) -> str:
    """The only carrier of results. `start` must be the `end` of the one before, or the client is lost."""
    return (
        f'{{"type":"Transition","startVersion":{_version(start)},"endVersion":{_version(end)},'
        f'"modifications":[{",".join(modifications)}]}}'
    )


def _version(version: Version) -> str:
    query_set, identity, ts = version
    return f'{{"querySet":{query_set},"identity":{identity},"ts":"{timestamps.written(ts)}"}}'


def mutation_response(request_id: int, result: Result, ts: int) -> str:
    """A promise resolves when a Transition of at least `ts` follows a success."""
    told = _told(result, "result", "result")
    is_success = not isinstance(result, Failure)
    covered = f',"ts":"{timestamps.written(ts)}"' if is_success else ""
    head = f'{{"type":"MutationResponse","requestId":{request_id},"success":{str(is_success).lower()}'
    return f"{head},{told}{covered}}}"


def action_failed(request_id: int, failure: Failure) -> str:
    told = _told(failure, "result", "result")
    return f'{{"type":"ActionResponse","requestId":{request_id},"success":false,{told}}}'


def auth_error(sentence: str, base: int) -> str:
    """base: the identity's version before the one that is refused."""
    told = {"type": "AuthError", "error": sentence, "baseVersion": base, "authUpdateAttempted": True}
    return orjson.dumps(told).decode()


def _told(result: Result, failed: str, succeeded: str) -> str:
    """errorData only where there is some: its presence makes a ConvexError, null or not. logLines always."""
    if isinstance(result, Failure):
        data = f',"errorData":{result.data}' if result.data is not None else ""
        return f'"{failed}":{orjson.dumps(result.message).decode()}{data},"logLines":[]'
    return f'"{succeeded}":{result.value},"logLines":[]'
