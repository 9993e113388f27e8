"""The two limits on every REST call: per IP before authentication, per key after it.

Numbers and headers: the seed's "Rate limits". Counting is django-ratelimit's, in Valkey, so all processes count together.
A Valkey that is down takes no call down: the call is served uncounted.
"""

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from praxtalk.api.address import limited_unit
from praxtalk.api.errors import TooManyRequests
from praxtalk.data.breaker import Breaker

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


def count_ip(request: HttpRequest, address: str) -> Usage | None:
    """Count a call from this address. Raises TooManyRequests; None while Valkey is away."""
    unit = limited_unit(address)
    return _count(request, "ip", unit, settings.RATE_LIMIT_IP, f"Too many requests from {address}")


def count_key(request: HttpRequest, key: Any) -> Usage | None:
    """Count a call with this key. Raises TooManyRequests; None while Valkey is away."""
    limit = settings.RATE_LIMIT_WRITE_KEY if key.may_write else settings.RATE_LIMIT_READ_KEY
    return _count(request, "key", str(key.pk), limit, "Too many requests with this key")


def count_test(request: HttpRequest, key: Any) -> Usage | None:
    """Count a call that waits for a stranger's server, for the workspace of this key. Raises TooManyRequests."""
    return _count(request, "test", str(key.workspace_id), TESTS_A_MINUTE, "Too many tests in this workspace")


def count_person(person: str, *, is_write: bool = True) -> Usage | None:
    """Count a live call of this operator, with the limit of a key. Raises LimitReached; None while Valkey is away."""
    limit = settings.RATE_LIMIT_WRITE_KEY if is_write else settings.RATE_LIMIT_READ_KEY
    return _count(None, f"live.{is_write}", person, limit, "Too many calls")


def count(group: str, value: str, limit: int, sentence: str) -> Usage | None:
    """Count one of `limit` a minute for this value of a group. Raises LimitReached; None while Valkey is away."""
    return _count(None, group, value, limit, sentence)


def tighter(first: Usage | None, second: Usage | None) -> Usage | None:
    """The limit that will be reached first."""
    usages = [usage for usage in (first, second) if usage]
    return min(usages, key=lambda usage: usage.remaining, default=None)


def _count(request: HttpRequest | None, group: str, value: str, limit: int, sentence: str) -> Usage | None:
    if not _breaker.allows():
        return None
    try:
        counted = get_usage(request, group=group, key=lambda *_: value, rate=(limit, 60), increment=True)
    except (ConnectionInterrupted, RedisError, OSError) as error:
        _breaker.failed(error)
        return None
    if counted is None or counted["limit"] == 0:
        return None
    # django-ratelimit counts the second in which a window ends to that window, so one more has to pass.
    usage = Usage(limit, max(0, limit - counted["count"]), max(1, counted["time_left"] + 1))
    if counted["should_limit"]:
        raise LimitReached(sentence, usage)
    return usage


class LimitReached(TooManyRequests):
    """429 with the usage that its headers tell."""

    def __init__(self, sentence: str, usage: Usage) -> None:
        super().__init__(
            f"{sentence}: {usage.limit} a minute are allowed. Retry after {usage.seconds_left} s.", usage.seconds_left
        )
        self.usage = usage
