"""Count the open sockets of an address or session over all processes: each has a set of slot names in Valkey.

A slot name begins with the id of its process. Each process has a key that expires, and renews it every second. If a process is
killed, its slots therefore become free after a few seconds, when its clients reconnect.
"""

import asyncio
import uuid
from typing import Any

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from praxtalk.core.circuit_breaker import CircuitBreaker

ALIVE_SECONDS = 3
EXPIRY_SECONDS = 25 * 3600  # longer than the maximum age of a socket (MAX_AGE_SECONDS in consumer.py)
MAX_CONNECTIONS = 4  # to Valkey: if thousands of sockets open or close at once, they share these
PREFIX = "praxtalk:sockets"


class ConnectionCounter:
    """Reserve and release slots. While Valkey is unavailable, no socket is rejected."""

    def __init__(self) -> None:
        options = settings.VALKEY_OPTIONS | {"retry": Retry(NoBackoff(), 0)}
        self._client: Any = redis.asyncio.Redis.from_url(settings.REDIS_URL, decode_responses=True, **options)
        self._breaker = CircuitBreaker("socket counts")
        self._connections = asyncio.Semaphore(MAX_CONNECTIONS)
        self._process_id = uuid.uuid4().hex

    async def renew(self) -> None:
        """Renew the key of this process. Called every second."""
        if self._breaker.allows():
            try:
                await self._client.set(_process_key(self._process_id), "", ex=ALIVE_SECONDS)
            except (redis.RedisError, OSError) as error:
                self._breaker.record_failure(error)

    async def acquire(self, holder: str, limit: int) -> str | None:
        """Reserve a slot for one more socket of `holder`. Return its name, for `release`; None if the limit is reached."""
        name, key = f"{self._process_id}.{uuid.uuid4().hex}", f"{PREFIX}:{holder}"
        async with self._connections:
            if not self._breaker.allows():
                return name
            try:
                async with self._client.pipeline() as pipeline:
                    pipeline.set(_process_key(self._process_id), "", ex=ALIVE_SECONDS)
                    pipeline.sadd(key, name)
                    pipeline.expire(key, EXPIRY_SECONDS)
                    pipeline.scard(key)
                    *_, count = await pipeline.execute()
                if count > limit and count - await self._remove_stale(key) > limit:
                    await self._client.srem(key, name)
                    return None
            except (redis.RedisError, OSError) as error:
                self._breaker.record_failure(error)
        return name

    async def release(self, holder: str, name: str) -> None:
        async with self._connections:
            if self._breaker.allows():
                try:
                    await self._client.srem(f"{PREFIX}:{holder}", name)
                except (redis.RedisError, OSError) as error:
                    self._breaker.record_failure(error)

    async def _remove_stale(self, key: str) -> int:
        """Remove the slots of processes that have ended. Return their number."""
        names: set[str] = await self._client.smembers(key)
        processes = {name.split(".")[0] for name in names}
        dead = {process for process in processes if not await self._client.exists(_process_key(process))}
        stale = [name for name in names if name.split(".")[0] in dead]
        return int(await self._client.srem(key, *stale)) if stale else 0


def _process_key(process: str) -> str:
    return f"{PREFIX}:process:{process}"
