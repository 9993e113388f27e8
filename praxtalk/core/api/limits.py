"""Rate limits of every REST call: one per client IP address, which needs no valid key, and one per accepted API key.

docs/rest.md ("Rate limits") describes the limits and the headers. django-ratelimit counts in Valkey, so all processes share
the counts. Both limits of a call take one round trip (praxtalk/core/api/counters.py). While Valkey is unreachable, calls are
served without being counted.
"""

import time
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.core.cache import caches
from django_ratelimit.core import get_usage
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from praxtalk.core.api.address import limited_unit
from praxtalk.core.api.counters import PrecountedCache
from praxtalk.core.api.errors import TooManyRequests
from praxtalk.core.circuit_breaker import Breaker

TESTS_A_MINUTE = 20

_breaker = Breaker("rate limits")


@dataclass(frozen=True)
class Usage:
    """The state of one limit after the current call."""

    limit: int  # calls per minute
    remaining: int
    seconds_left: int  # until the count restarts, at least 1

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(int(time.time()) + self.seconds_left),
        }


@dataclass(frozen=True)
class Limit:
    """The number of calls per minute that a caller may make."""

    group: str
    value: str  # identifies the caller within the group
    a_minute: int
    sentence: str  # the beginning of the error message


def per_ip(address: str) -> Limit:
    """Return the limit for this client IP address."""
    return Limit("ip", limited_unit(address), settings.RATE_LIMIT_IP, f"Too many requests from {address}")


def per_key(key: Any) -> Limit:
    """Return the limit for this API key."""
    a_minute = settings.RATE_LIMIT_WRITE_KEY if key.may_write else settings.RATE_LIMIT_READ_KEY
    return Limit("key", str(key.pk), a_minute, "Too many requests with this key")


def count_test(key: Any) -> Usage | None:
    """Count a webhook test, which waits for an external server, for the workspace of this key.

    Returns None while Valkey is unreachable. Raises LimitReached.
    """
    return count("test", str(key.workspace_id), TESTS_A_MINUTE, "Too many tests in this workspace")


def count_person(person: str, *, is_write: bool = True) -> Usage | None:
    """Count an operator's call of a live function, against the limit of an API key of the same scope.

    person: the operator's `principal_id`. Returns None while Valkey is unreachable. Raises LimitReached.
    """
    limit = settings.RATE_LIMIT_WRITE_KEY if is_write else settings.RATE_LIMIT_READ_KEY
    return count(f"live.{is_write}", person, limit, "Too many calls")


def count(group: str, value: str, limit: int, sentence: str) -> Usage | None:
    """Count one call for this value of a group, of which `limit` per minute are allowed.

    sentence: the beginning of the error message. Returns None while Valkey is unreachable. Raises LimitReached.
    """
    return count_each(Limit(group, value, limit, sentence))


def count_each(*limits: Limit) -> Usage | None:
    """Count a call against each of these limits, in one round trip.

    If one limit refuses the call, the limits after it do not count the call. Returns the usage of the limit that has the
    fewest calls left, or None while Valkey is unreachable. Raises LimitReached.
    """
    if not limits or not _breaker.allows():
        return None
    cache = cast(PrecountedCache, caches[settings.RATELIMIT_USE_CACHE])
    try:
        with cache.keys_asked_for() as asked:
            for limit in limits:
                _usage(limit)
        with cache.count(asked, [limit.a_minute for limit in limits]):
            usages = [_checked(limit, _usage(limit)) for limit in limits]
    except (ConnectionInterrupted, RedisError, OSError) as error:
        _breaker.failed(error)
        return None
    return min(usages, key=lambda usage: usage.remaining)


def most_restrictive(first: Usage | None, second: Usage | None) -> Usage | None:
    """Return the usage with fewer calls left; None if both are None."""
    usages = [usage for usage in (first, second) if usage]
    return min(usages, key=lambda usage: usage.remaining, default=None)


def _usage(limit: Limit) -> dict[str, int]:
    usage: dict[str, int] = get_usage(
        None, group=limit.group, key=lambda *_: limit.value, rate=(limit.a_minute, 60), increment=True
    )
    return usage


def _checked(limit: Limit, counted: dict[str, int]) -> Usage:
    # For django-ratelimit, a window includes the second in which it ends, so the count restarts one second later.
    usage = Usage(limit.a_minute, max(0, limit.a_minute - counted["count"]), max(1, counted["time_left"] + 1))
    if counted["should_limit"]:
        raise LimitReached(limit.sentence, usage)
    return usage


class LimitReached(TooManyRequests):
    """429: a limit is exceeded. `usage` holds the values for the rate limit headers."""

    def __init__(self, sentence: str, usage: Usage) -> None:
        super().__init__(
            f"{sentence}: {usage.limit} a minute are allowed. Retry after {usage.seconds_left} s.", usage.seconds_left
        )
        self.usage = usage
