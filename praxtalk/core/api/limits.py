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

from praxtalk.core.api.address import rate_limit_unit
from praxtalk.core.api.counters import PrecountedCache
from praxtalk.core.api.errors import TooManyRequests
from praxtalk.core.circuit_breaker import CircuitBreaker

TESTS_PER_MINUTE = 20

_breaker = CircuitBreaker("rate limits")


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
    per_minute: int
    message: str  # the beginning of the error message


def per_ip(address: str) -> Limit:
    """Return the limit for this client IP address."""
    return Limit("ip", rate_limit_unit(address), settings.RATE_LIMIT_IP, f"Too many requests from {address}")


def per_key(key: Any) -> Limit:
    """Return the limit for this API key."""
    per_minute = settings.RATE_LIMIT_WRITE_KEY if key.may_write else settings.RATE_LIMIT_READ_KEY
    return Limit("key", str(key.pk), per_minute, "Too many requests with this key")


def count_webhook_test(key: Any) -> Usage | None:
    """Count a webhook test against the limit of this key's workspace. A test occupies a thread until a server responds.

    Returns None while Valkey is unreachable. Raises LimitReached.
    """
    return count("test", str(key.workspace_id), TESTS_PER_MINUTE, "Too many tests in this workspace")


def count_live_call(principal_id: str, *, is_write: bool = True) -> Usage | None:
    """Count an operator's call of a live function, against the limit of an API key of the same scope.

    Returns None while Valkey is unreachable. Raises LimitReached.
    """
    limit = settings.RATE_LIMIT_WRITE_KEY if is_write else settings.RATE_LIMIT_READ_KEY
    return count(f"live.{is_write}", principal_id, limit, "Too many calls")


def count(group: str, value: str, limit: int, message: str) -> Usage | None:
    """Count one call for this value of a group, of which `limit` per minute are allowed.

    message: the beginning of the error message. Returns None while Valkey is unreachable. Raises LimitReached.
    """
    return count_each(Limit(group, value, limit, message))


def count_each(*limits: Limit) -> Usage | None:
    """Count a call against each of these limits, in one round trip.

    If one limit refuses the call, the limits after it do not count the call. Returns the usage of the limit that has the
    fewest calls left, or None while Valkey is unreachable. Raises LimitReached.
    """
    if not limits or not _breaker.allows():
        return None
    cache = cast(PrecountedCache, caches[settings.RATELIMIT_USE_CACHE])
    try:
        with cache.record_keys() as keys:
            for limit in limits:
                _usage(limit)
        with cache.count(keys, [limit.per_minute for limit in limits]):
            usages = [_check(limit, _usage(limit)) for limit in limits]
    except (ConnectionInterrupted, RedisError, OSError) as error:
        _breaker.record_failure(error)
        return None
    return min(usages, key=lambda usage: usage.remaining)


def most_restrictive(first: Usage | None, second: Usage | None) -> Usage | None:
    """Return the usage with fewer calls left; None if both are None."""
    usages = [usage for usage in (first, second) if usage]
    return min(usages, key=lambda usage: usage.remaining, default=None)


def _usage(limit: Limit) -> dict[str, int]:
    usage: dict[str, int] = get_usage(
        None, group=limit.group, key=lambda *_: limit.value, rate=(limit.per_minute, 60), increment=True
    )
    return usage


def _check(limit: Limit, counted: dict[str, int]) -> Usage:
    # For django-ratelimit, a window includes the second in which it ends, so the count restarts one second later.
    usage = Usage(limit.per_minute, max(0, limit.per_minute - counted["count"]), max(1, counted["time_left"] + 1))
    if counted["should_limit"]:
        raise LimitReached(limit.message, usage)
    return usage


class LimitReached(TooManyRequests):
    """429: a limit is exceeded. `usage` holds the values for the rate limit headers."""

    def __init__(self, message: str, usage: Usage) -> None:
        super().__init__(
            f"{message}: the limit is {usage.limit} per minute. Retry after {usage.seconds_left} s.", usage.seconds_left
        )
        self.usage = usage
