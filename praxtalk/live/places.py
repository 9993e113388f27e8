"""How many sockets somebody may hold, over all processes: their names in Valkey, refreshed while they live."""

import time
import uuid

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from praxtalk.data.breaker import Breaker

REFRESH_SECONDS = 30.0
FORGOTTEN_SECONDS = 90.0  # a socket whose process was killed


class Places:
    """A Valkey that is away refuses nobody."""

    def __init__(self) -> None:
        options = settings.VALKEY_OPTIONS | {"retry": Retry(NoBackoff(), 0)}
        self._client = redis.asyncio.Redis.from_url(settings.REDIS_URL, **options)
        self._breaker = Breaker("socket counts")

    async def take(self, holder: str, limit: int) -> str | None:
        """A place for one more socket of `holder`: its name for the other calls; None when all are taken."""
        name, key, now = uuid.uuid4().hex, _key(holder), time.time()
        if not self._breaker.allows():
            return name
        try:
            async with self._client.pipeline() as pipeline:
                pipeline.zremrangebyscore(key, "-inf", now - FORGOTTEN_SECONDS)
                pipeline.zcard(key)
                _, taken = await pipeline.execute()
            if taken >= limit:
                return None
            await self._put(key, name, now)
        except (redis.RedisError, OSError) as error:
            self._breaker.failed(error)
        return name

    async def refresh(self, holder: str, name: str) -> None:
        if self._breaker.allows():
            try:
                await self._put(_key(holder), name, time.time())
            except (redis.RedisError, OSError) as error:
                self._breaker.failed(error)

    async def leave(self, holder: str, name: str) -> None:
        if self._breaker.allows():
            try:
                await self._client.zrem(_key(holder), name)
            except (redis.RedisError, OSError) as error:
                self._breaker.failed(error)

    async def _put(self, key: str, name: str, now: float) -> None:
        async with self._client.pipeline() as pipeline:
            pipeline.zadd(key, {name: now})
            pipeline.expire(key, int(FORGOTTEN_SECONDS))
            await pipeline.execute()


def _key(holder: str) -> str:
    return f"praxtalk:sockets:{holder}"
