"""How many sockets somebody may hold, over all processes: their names in Valkey, refreshed while they live."""

import asyncio
import time
import uuid
from typing import Any

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from praxtalk.data.breaker import Breaker

REFRESH_SECONDS = 30.0
FORGOTTEN_SECONDS = 90.0  # a socket whose process was killed
CONNECTIONS = 4  # to Valkey: thousands of sockets that come or go at once take turns


class Places:
    """A Valkey that is away refuses nobody."""

    def __init__(self) -> None:
        options = settings.VALKEY_OPTIONS | {"retry": Retry(NoBackoff(), 0)}
        self._client = redis.asyncio.Redis.from_url(settings.REDIS_URL, **options)
        self._breaker = Breaker("socket counts")
        self._turns = asyncio.Semaphore(CONNECTIONS)

    async def take(self, holder: str, limit: int) -> str | None:
        """A place for one more socket of `holder`: its name for the other calls; None when all are taken."""
        name, key, now = uuid.uuid4().hex, _key(holder), time.time()
        async with self._turns:
            if not self._breaker.allows():
                return name
            try:
                async with self._client.pipeline() as pipeline:
                    pipeline.zremrangebyscore(key, "-inf", now - FORGOTTEN_SECONDS)
                    self._put(pipeline, key, name, now)
                    pipeline.zcard(key)
                    *_, taken = await pipeline.execute()
                if taken > limit:
                    await self._client.zrem(key, name)
                    return None
            except (redis.RedisError, OSError) as error:
                self._breaker.failed(error)
        return name

    async def refresh(self, holder: str, name: str) -> None:
        async with self._turns:
            if self._breaker.allows():
                try:
                    async with self._client.pipeline() as pipeline:
                        self._put(pipeline, _key(holder), name, time.time())
                        await pipeline.execute()
                except (redis.RedisError, OSError) as error:
                    self._breaker.failed(error)

    async def leave(self, holder: str, name: str) -> None:
        async with self._turns:
            if self._breaker.allows():
                try:
                    await self._client.zrem(_key(holder), name)
                except (redis.RedisError, OSError) as error:
                    self._breaker.failed(error)

    def _put(self, pipeline: Any, key: str, name: str, now: float) -> None:
        pipeline.zadd(key, {name: now})
        pipeline.expire(key, int(FORGOTTEN_SECONDS))


def _key(holder: str) -> str:
    return f"praxtalk:sockets:{holder}"
