"""The cache under django-ratelimit, which lets it count several limits in one round trip.

django-ratelimit asks a cache for each limit in turn: `add` the key, and `incr` it if it is there. Whoever counts several limits

1. asks django-ratelimit for all of them inside `keys_asked_for`: the cache notes the keys and sends nothing;
2. calls `count` with these keys: one script counts them all;
3. asks django-ratelimit again: `add` and `incr` answer from what was counted.

A key that was not counted, since a new window has begun after step 1, costs round trips of its own.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django_redis.cache import RedisCache

# Counting stops at the first limit exceeded, so a refused call does not count against later limits.
COUNT = """
local counts = {}
for place, key in ipairs(KEYS) do
    counts[place] = redis.call('INCR', key)
    if counts[place] == 1 then redis.call('EXPIRE', key, ARGV[2 * place - 1]) end
    if counts[place] > tonumber(ARGV[2 * place]) then break end
end
return counts
"""


class RequestedKey(NamedTuple):
    """What django-ratelimit would count by."""

    key: str
    seconds: int  # until the key expires


class _State(threading.local):
    """Per thread, because threads may share the cache object."""

    def __init__(self) -> None:
        self.requested: list[RequestedKey] | None = None
        self.counted: dict[str, int] = {}


_state = _State()


class PrecountedCache(RedisCache):  # type: ignore[misc] # django_redis has no types
    """A django-redis cache that can answer from counts made in advance."""

    @contextmanager
    def keys_asked_for(self) -> Iterator[list[RequestedKey]]:
        """The keys that django-ratelimit asks for inside the block, which counts nothing."""
        requested: list[RequestedKey] = []
        _state.requested = requested
        try:
            yield requested
        finally:
            _state.requested = None

    @contextmanager
    def count(self, requested: Sequence[RequestedKey], limits: Sequence[int]) -> Iterator[None]:
        """Count one of each key, in this order and up to the first limit that is passed. Inside the block `add` and `incr`
        answer with these counts. Raises RedisError."""
        client = self.client.get_client(write=True)
        keys = [str(self.client.make_key(each.key)) for each in requested]
        values = [value for each, limit in zip(requested, limits, strict=True) for value in (each.seconds, limit)]
        counts = client.register_script(COUNT)(keys, values)
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
