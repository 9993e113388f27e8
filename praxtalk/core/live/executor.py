"""Run functions, called over a WebSocket or over HTTP. Everything here runs in a thread with a database connection."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection

from praxtalk.core.api import limits
from praxtalk.core.db.inserts import insert_if_new
from praxtalk.core.db.transactions import joined_transaction
from praxtalk.core.live import wire_format
from praxtalk.core.live.functions import Caller, ExpiringResult, FunctionCall, TokenAuthenticator
from praxtalk.core.live.models import MutationLog
from praxtalk.core.live.results import Code, Failure, FunctionError, InvalidCall, Result, Success, to_failure
from praxtalk.core.live.topics import capture_topics

log = structlog.get_logger("praxtalk.live")

T = TypeVar("T")


@dataclass(frozen=True)
class QueryOutcome:
    """The result of a query. Outcomes with equal results have equal digests.

    expires_at: when the value changes without a write; None: never.
    """

    result: Result = field(compare=False)
    expires_at: datetime | None = field(default=None, compare=False)
    digest: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", hashlib.blake2b(self.result.text.encode(), digest_size=16).digest())


@dataclass(frozen=True)
class MutationId:
    """The id that a client gives to a mutation. A mutation that is sent twice with the same id is executed once."""

    session_id: str
    request_id: int


def identify(authenticator: TokenAuthenticator, token: str | None) -> Any:
    """Return the Caller behind a token. Raises FunctionError if it is missing or not valid."""
    if not token:
        raise FunctionError(Code.UNAUTHENTICATED, f"Pass {authenticator.argument}, or authenticate the connection.")
    return authenticator.authenticate(token)


def run_query(call: FunctionCall, caller: Caller, arguments: dict[str, Any]) -> QueryOutcome:
    """Run a query. Errors are returned as Failure; raises OperationalError or InterfaceError if the database fails."""
    expires_at = None
    try:
        value = call.function.run(caller, arguments)
        if isinstance(value, ExpiringResult):
            value, expires_at = value.value, value.expires_at
        return QueryOutcome(Success(wire_format.encode(value)), expires_at)
    except (OperationalError, InterfaceError):
        raise
    except (FunctionError, InvalidCall) as error:
        return QueryOutcome(to_failure(error))
    except Exception as error:
        return QueryOutcome(_internal_error(call, error))


def run_mutation(call: FunctionCall, mutation_id: MutationId | None = None) -> tuple[Result, set[str]]:
    """Run a mutation. Return its result and the topics that it published.

    Errors are returned as Failure; raises OperationalError or InterfaceError if the database fails.

    1. Identify the caller, and count the call against the rate limit, which is that of a write key. If the token is no longer
       valid, return the stored result, provided that the mutation was executed while the token was valid.
    2. With `mutation_id`, insert the log row first, unless the mutation is ephemeral. If the same mutation is sent twice, the
       second waits here for the first to commit.
    3. If the row already exists, return its stored result, provided that the call is the same.
    4. Run the function. Its changes, its events and the stored result commit together.
    """
    with capture_topics() as topics:
        try:
            try:
                caller = identify(call.function.authenticator, call.token)
            except FunctionError:
                if (value := _stored_result(call, mutation_id)) is not None:
                    return Success(value), set()
                raise
            _count_call(caller)
            with caller.audit_actor(), joined_transaction():
                return Success(_run_once(call, caller, mutation_id)), topics
        except (OperationalError, InterfaceError):
            raise
        except (FunctionError, InvalidCall) as error:
            return to_failure(error), set()
        except Exception as error:
            return _internal_error(call, error), set()


def _run_once(call: FunctionCall, caller: Caller, mutation_id: MutationId | None) -> str:
    if mutation_id is None or call.function.is_ephemeral:
        return wire_format.encode(call.function.run(caller, call.validated_arguments()))
    fingerprint = _fingerprint(call)
    key = {
        "workspace_id": caller.workspace_id,
        "principal_id": caller.principal_id,
        "session_id": mutation_id.session_id,
        "request_id": mutation_id.request_id,
    }
    if not insert_if_new(MutationLog(**key, fingerprint=fingerprint)):
        row = MutationLog.objects.get(**key)
        if bytes(row.fingerprint) != fingerprint:
            raise FunctionError(Code.INVALID, "This request id has already been used for a different mutation.")
        return row.value
    value = wire_format.encode(call.function.run(caller, call.validated_arguments()))
    MutationLog.objects.filter(**key).update(value=value)
    return value


def _stored_result(call: FunctionCall, mutation_id: MutationId | None) -> str | None:
    """Return the stored result of this mutation, if it was executed while its token was still valid."""
    if mutation_id is None or not call.token:
        return None
    workspace_id, principal_id = call.function.authenticator.issued_to(call.token)
    row = MutationLog.objects.filter(
        workspace_id=workspace_id,
        principal_id=principal_id,
        session_id=mutation_id.session_id,
        request_id=mutation_id.request_id,
        fingerprint=_fingerprint(call),
    ).first()
    return row.value if row else None


def _fingerprint(call: FunctionCall) -> bytes:
    return hashlib.sha256(call.function.name.encode() + b"\0" + call.fingerprint).digest()


def _count_call(caller: Caller) -> None:
    try:
        limits.count_live_call(caller.principal_id)
    except limits.LimitReached as error:
        raise FunctionError(Code.RATE_LIMITED, str(error.detail), retry_after=error.retry_after) from error


def _internal_error(call: FunctionCall, error: Exception) -> Failure:
    """Log an unexpected error. The arguments are not logged, because they contain tokens and what users write."""
    request_id = uuid.uuid4().hex[:16]
    log.error("a live function failed", function=call.function.name, request_id=request_id, exc_info=error)
    return Failure(f"[Request ID: {request_id}] Server Error")


def with_fresh_connection(do: Callable[[], T]) -> T:
    """Run `do`, and run it again if the thread's connection turns out to be dead. Raises the error of the second run.

    `do` must be safe to run twice.
    """
    try:
        return do()
    except (OperationalError, InterfaceError):
        connection.close()
    try:
        return do()
    except (OperationalError, InterfaceError):
        connection.close()
        raise


def with_checked_connection(do: Callable[[], T]) -> T:
    """Check the thread's connection, then run `do` once. For functions that are not safe to run twice."""
    connection.close_if_unusable_or_obsolete()
    try:
        return do()
    except (OperationalError, InterfaceError):
        connection.close()
        raise
