"""Running a function: in a thread with a database connection, whether it was asked over a socket or over HTTP."""

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
from praxtalk.core.db.transactions import one_transaction
from praxtalk.core.live import wire_format
from praxtalk.core.live.functions import Asked, Caller, Door, Fading, WrongArguments, failure_from
from praxtalk.core.live.models import PerformedMutation
from praxtalk.core.live.results import Code, Failure, Outcome, Refused, Success
from praxtalk.core.live.topics import witnessed

log = structlog.get_logger("praxtalk.live")

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What a query came to. Equal answers have equal digests.

    until: when the value changes by itself.
    """

    outcome: Outcome = field(compare=False)
    until: datetime | None = field(default=None, compare=False)
    digest: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", hashlib.blake2b(self.outcome.text.encode(), digest_size=16).digest())


@dataclass(frozen=True)
class Once:
    """The client's name for one mutation: it may be sent twice, and happens once."""

    session_id: str
    request_id: int


def identify(door: Door, token: str | None) -> Any:
    """The Caller behind a token. Raises Refused."""
    if not token:
        raise Refused(Code.UNAUTHENTICATED, f"Pass {door.argument}, or authenticate the connection.")
    return door.open(token)


def answer(asked: Asked, caller: Caller, arguments: dict[str, Any]) -> Answer:
    """A query's value now. Raises only when the database does not answer."""
    until = None
    try:
        value = asked.function.run(caller, arguments)
        if isinstance(value, Fading):
            value, until = value.value, value.until
        return Answer(Success(wire_format.encode(value)), until)
    except (OperationalError, InterfaceError):
        raise
    except (Refused, WrongArguments) as error:
        return Answer(failure_from(error))
    except Exception as error:
        return Answer(_our_fault(asked, error))


def perform(asked: Asked, once: Once | None = None) -> tuple[Outcome, set[str]]:
    """Do a mutation: what came of it, and the topics it announced. Raises only when the database does not answer.

    1. Who is it? Counted with the limit of a write key. A token that has ended since may still learn what came of a mutation that
       was done in its time.
    2. With `once`, the transaction begins by inserting the log's row: the same mutation sent twice waits there for the first.
    3. Not the first: the answer of then, if it is the same call.
    4. The function runs; its effect, its events and the row's answer commit together.
    """
    with witnessed() as topics:
        try:
            try:
                caller = identify(asked.function.door, asked.token)
            except Refused:
                if (value := _value_of_then(asked, once)) is not None:
                    return Success(value), set()
                raise
            _count(caller)
            with caller.acting(), one_transaction():
                return Success(_performed(asked, caller, once)), topics
        except (OperationalError, InterfaceError):
            raise
        except (Refused, WrongArguments) as error:
            return failure_from(error), set()
        except Exception as error:
            return _our_fault(asked, error), set()


def _performed(asked: Asked, caller: Caller, once: Once | None) -> str:
    if once is None:
        return wire_format.encode(asked.function.run(caller, asked.checked()))
    fingerprint = _fingerprint(asked)
    name = {
        "workspace_id": caller.workspace_id,
        "person": caller.person,
        "session_id": once.session_id,
        "request_id": once.request_id,
    }
    if not insert_if_new(PerformedMutation(**name, fingerprint=fingerprint)):
        row = PerformedMutation.objects.get(**name)
        if bytes(row.fingerprint) != fingerprint:
            raise Refused(Code.INVALID, "This request number was used for another mutation.")
        return row.value
    value = wire_format.encode(asked.function.run(caller, asked.checked()))
    PerformedMutation.objects.filter(**name).update(value=value)
    return value


def _value_of_then(asked: Asked, once: Once | None) -> str | None:
    """What this very mutation came to when its token was good."""
    if once is None or not asked.token:
        return None
    workspace_id, person = asked.function.door.minted_for(asked.token)
    row = PerformedMutation.objects.filter(
        workspace_id=workspace_id,
        person=person,
        session_id=once.session_id,
        request_id=once.request_id,
        fingerprint=_fingerprint(asked),
    ).first()
    return row.value if row else None


def _fingerprint(asked: Asked) -> bytes:
    return hashlib.sha256(asked.function.name.encode() + b"\0" + asked.fingerprint).digest()


def _count(caller: Caller) -> None:
    try:
        limits.count_person(caller.person)
    except limits.LimitReached as error:
        raise Refused(Code.RATE_LIMITED, str(error.detail), retry_after=error.retry_after) from error


def _our_fault(asked: Asked, error: Exception) -> Failure:
    """Arguments are not logged: they hold tokens and what people write."""
    number = uuid.uuid4().hex[:16]
    log.error("a live function failed", function=asked.function.name, request_id=number, exc_info=error)
    return Failure(f"[Request ID: {number}] Server Error")


def with_fresh_connection(do: Callable[[], T]) -> T:
    """Run what may be run twice, again if the thread's connection turns out to be dead. Raises the second error."""
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
    """Run what may be run once only, on a connection that has just been looked at."""
    connection.close_if_unusable_or_obsolete()
    try:
        return do()
    except (OperationalError, InterfaceError):
        connection.close()
        raise
