"""Which operators are looking at a conversation, and who is typing in it. This is stored only in Valkey, where it expires.

Each conversation has one hash. Its fields are the ids of operators, and VISITOR; a value holds the times, in milliseconds since
1970, until which the person is present and until which they are typing (0 if they are not).

While Valkey is unreachable, nobody is shown as present or typing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

import redis
from django.conf import settings
from django.utils import timezone

from conversations.models import Conversation
from praxtalk.core.circuit_breaker import CircuitBreaker
from praxtalk.core.epoch import from_milliseconds, to_milliseconds

PRESENCE_TTL = timedelta(seconds=30)
TYPING_TTL = timedelta(seconds=10)
VISITOR = "visitor"

_breaker = CircuitBreaker("presence")


@dataclass(frozen=True)
class Presence:
    """Until when a person is present, and until when they are typing. typing_until: None if they are not typing."""

    until: datetime
    typing_until: datetime | None


def topic(workspace_id: object, conversation_id: object) -> str:
    """Return the topic on which changes of presence, typing and read positions in a conversation are published."""
    return f"presence.{workspace_id}.{conversation_id}"


def present_operators(workspace_id: UUID, conversation_id: UUID) -> dict[UUID, Presence]:
    """Return the operators who are looking at the conversation now, by their ids."""
    members = _read(workspace_id, conversation_id)
    return {UUID(member): presence for member, presence in members.items() if member != VISITOR}


def visitor_typing_until(workspace_id: UUID, conversation_id: UUID) -> datetime | None:
    """Return until when the visitor is typing; None if they are not."""
    visitor = _read(workspace_id, conversation_id).get(VISITOR)
    return visitor.typing_until if visitor else None


def record_operator(conversation: Conversation, operator_id: UUID, *, is_typing: bool) -> bool:
    """Record that an operator is looking at the conversation now. Return whether others see a difference."""
    return _record(conversation, str(operator_id), is_typing=is_typing)


def record_visitor(conversation: Conversation, *, is_typing: bool) -> bool:
    """Record whether the visitor is typing now. Return whether operators see a difference."""
    return _record(conversation, VISITOR, is_typing=is_typing)


def _record(conversation: Conversation, member: str, *, is_typing: bool) -> bool:
    now = timezone.now()
    value = f"{to_milliseconds(now + PRESENCE_TTL)} {to_milliseconds(now + TYPING_TTL) if is_typing else 0}"
    key = _key(conversation.workspace_id, conversation.pk)
    if not _breaker.allows():
        return False
    try:
        with _client().pipeline(transaction=True) as pipeline:
            pipeline.hget(key, member)
            pipeline.hset(key, member, value)
            pipeline.pexpire(key, PRESENCE_TTL)
            before, *_ = pipeline.execute()
    except (redis.RedisError, OSError) as error:
        _breaker.record_failure(error)
        return False
    known = _current({member: before}, now).get(member) if before else None
    was_present = member == VISITOR or known is not None  # a visitor's presence is never shown, only typing
    was_typing = known is not None and known.typing_until is not None
    return not was_present or was_typing != is_typing


def _read(workspace_id: UUID, conversation_id: UUID) -> dict[str, Presence]:
    if not _breaker.allows():
        return {}
    try:
        stored: Mapping[str, str] = _client().hgetall(_key(workspace_id, conversation_id))  # type: ignore[assignment]
    except (redis.RedisError, OSError) as error:
        _breaker.record_failure(error)
        return {}
    return _current(stored, timezone.now())


def _current(stored: Mapping[str, str], now: datetime) -> dict[str, Presence]:
    """Parse the fields of the hash that have not expired."""
    found = {}
    for member, value in stored.items():
        until, typing_until = (from_milliseconds(int(number)) for number in value.split())
        if until > now:
            found[member] = Presence(until, typing_until if typing_until > now else None)
    return found


def _key(workspace_id: UUID, conversation_id: UUID) -> str:
    return f"presence:{workspace_id}:{conversation_id}"


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, decode_responses=True, **settings.VALKEY_OPTIONS)
