"""The cache backend of django-ratelimit, with which several limits are counted in one round trip.

For each limit, django-ratelimit calls the cache separately: `add` with the key, then `incr` if the key exists. To count several
limits at once, the caller

1. checks all limits with django-ratelimit inside `record_keys`: the cache records the keys without asking Valkey;
2. calls `count` with these keys: one Lua script counts all of them;
3. checks the limits again: `add` and `incr` return the values from step 2.

If a new window begins after step 1, its key was not counted in step 2 and costs separate round trips.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django_redis.cache import RedisCache

# Counting stops at the first limit exceeded, so a refused call does not count against later limits.
COUNT_SCRIPT = """
local counts = {}
for index, key in ipairs(KEYS) do
    counts[index] = redis.call('INCR', key)
    if counts[index] == 1 then redis.call('EXPIRE', key, ARGV[2 * index - 1]) end
    if counts[index] > tonumber(ARGV[2 * index]) then break end
end
return counts
"""


class RequestedKey(NamedTuple):
    """A key that django-ratelimit wants to count."""

    key: str
    seconds: int  # until the key expires


class _State(threading.local):
    """Per thread, because threads may share the cache object."""

    def __init__(self) -> None:
        self.requested: list[RequestedKey] | None = None
        self.counted: dict[str, int] = {}


_state = _State()


class PrecountedCache(RedisCache):  # type: ignore[misc] # django_redis has no types
    """A django-redis cache that can return counts of an earlier round trip."""

    @contextmanager
    def record_keys(self) -> Iterator[list[RequestedKey]]:
        """Record the keys that django-ratelimit adds inside the block, without counting. Yields the list of keys."""
        requested: list[RequestedKey] = []
        _state.requested = requested
        try:
            yield requested
        finally:
            _state.requested = None

    @contextmanager
    def count(self, requested: Sequence[RequestedKey], limits: Sequence[int]) -> Iterator[None]:
        """Increment each key by one, in this order, and stop at the first limit that is exceeded.

        Inside the block, `add` and `incr` return these counts. Raises RedisError.
        """
        client = self.client.get_client(write=True)
        keys = [str(self.client.make_key(each.key)) for each in requested]
        values = [value for each, limit in zip(requested, limits, strict=True) for value in (each.seconds, limit)]
        counts = client.register_script(COUNT_SCRIPT)(keys, values)
        _state.counted = {each.key: count for each, count in zip(requested, counts, strict=False)}
        try:
            yield
        finally:
            _state.counted = {}

    def add(self, key: str, value: Any, timeout: Any = None, **options: Any) -> bool:
        if _state.requested is not None:
            _state.requested.append(RequestedKey(key, timeout))
            return True
        return key not in _state.counted and bool(super().add(key, value, timeout, **options))

    def incr(self, key: str, delta: int = 1, **options: Any) -> int:
        counted = _state.counted.get(key)
        return counted if counted is not None else int(super().incr(key, delta, **options))
