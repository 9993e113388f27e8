"""The two limits on every REST call: per IP before authentication, per key after it.

Numbers and headers: the seed's "Rate limits". django-ratelimit counts, in Valkey, so that all processes count together; both
limits of a call take one round trip (praxtalk/core/api/counters.py). While Valkey is away, calls are served uncounted.
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
    """One limit as it stands after this call."""

    limit: int  # calls a minute
    remaining: int
    seconds_left: int  # until the count starts again, at least 1

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(int(time.time()) + self.seconds_left),
        }


@dataclass(frozen=True)
class Limit:
    """How often a caller may call."""

    group: str
    value: str  # who is counted, within the group
    a_minute: int
    sentence: str  # of the refusal


def per_ip(address: str) -> Limit:
    """Of this address."""
    return Limit("ip", limited_unit(address), settings.RATE_LIMIT_IP, f"Too many requests from {address}")


def per_key(key: Any) -> Limit:
    """Of this API key."""
    a_minute = settings.RATE_LIMIT_WRITE_KEY if key.may_write else settings.RATE_LIMIT_READ_KEY
    return Limit("key", str(key.pk), a_minute, "Too many requests with this key")


def count_test(key: Any) -> Usage | None:
    """Count a call that waits for a stranger's server, for the workspace of this key. Raises LimitReached."""
    return count("test", str(key.workspace_id), TESTS_A_MINUTE, "Too many tests in this workspace")


def count_person(person: str, *, is_write: bool = True) -> Usage | None:
    """Count a live call of this operator, with the limit of a key. Raises LimitReached; None while Valkey is away."""
    limit = settings.RATE_LIMIT_WRITE_KEY if is_write else settings.RATE_LIMIT_READ_KEY
    return count(f"live.{is_write}", person, limit, "Too many calls")


def count(group: str, value: str, limit: int, sentence: str) -> Usage | None:
    """Count one of `limit` a minute for this value of a group. Raises LimitReached; None while Valkey is away."""
    return count_each(Limit(group, value, limit, sentence))


def count_each(*limits: Limit) -> Usage | None:
    """Count a call by each of these limits, in one round trip. A call that one refuses is not counted by those behind it.

    Returns the usage of the limit that will be reached first; None while Valkey is away. Raises LimitReached.
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
    """The limit that will be reached first."""
    usages = [usage for usage in (first, second) if usage]
    return min(usages, key=lambda usage: usage.remaining, default=None)


def _usage(limit: Limit) -> dict[str, int]:
    usage: dict[str, int] = get_usage(
        None, group=limit.group, key=lambda *_: limit.value, rate=(limit.a_minute, 60), increment=True
    )
    return usage


def _checked(limit: Limit, counted: dict[str, int]) -> Usage:
    # django-ratelimit counts the second in which a window ends to that window, so one more has to pass.
    usage = Usage(limit.a_minute, max(0, limit.a_minute - counted["count"]), max(1, counted["time_left"] + 1))
    if counted["should_limit"]:
        raise LimitReached(limit.sentence, usage)
    return usage


class LimitReached(TooManyRequests):
    """429 with the usage that its headers tell."""

    def __init__(self, sentence: str, usage: Usage) -> None:
        super().__init__(
            f"{sentence}: {usage.limit} a minute are allowed. Retry after {usage.seconds_left} s.", usage.seconds_left
        )
        self.usage = usage
