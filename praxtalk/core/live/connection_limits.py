"""Count the open sockets of an address or session over all processes, as a set of slot names in Valkey.

A slot name begins with the id of its process. Each process renews a key with an expiry time every second. If a process is killed,
its slots are free again after a few seconds, when its clients reconnect.
"""

import asyncio
import uuid
from typing import Any

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from praxtalk.core.circuit_breaker import Breaker

ALIVE_SECONDS = 3
KEPT_SECONDS = 25 * 3600  # longer than the maximum age of a socket (LIFE_SECONDS in consumer.py)
CONNECTIONS = 4  # to Valkey: if thousands of sockets open or close at once, they share these
PREFIX = "praxtalk:sockets"


class ConnectionCounter:
    """Reserve and release slots. While Valkey is unavailable, no socket is rejected."""

    def __init__(self) -> None:
        options = settings.VALKEY_OPTIONS | {"retry": Retry(NoBackoff(), 0)}
        self._client: Any = redis.asyncio.Redis.from_url(settings.REDIS_URL, decode_responses=True, **options)
        self._breaker = Breaker("socket counts")
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._process = uuid.uuid4().hex

    async def beat(self) -> None:
        """Renew the key of this process. Called every second."""
        if self._breaker.allows():
            try:
                await self._client.set(_alive(self._process), "", ex=ALIVE_SECONDS)
            except (redis.RedisError, OSError) as error:
                self._breaker.failed(error)

    async def take(self, holder: str, limit: int) -> str | None:
        """Reserve a slot for one more socket of `holder`. Return its name, for `leave`; None if the limit is reached."""
        name, key = f"{self._process}.{uuid.uuid4().hex}", f"{PREFIX}:{holder}"
        async with self._turns:
            if not self._breaker.allows():
                return name
            try:
                async with self._client.pipeline() as pipeline:
                    pipeline.set(_alive(self._process), "", ex=ALIVE_SECONDS)
                    pipeline.sadd(key, name)
                    pipeline.expire(key, KEPT_SECONDS)
                    pipeline.scard(key)
                    *_, taken = await pipeline.execute()
                if taken > limit and taken - await self._free_of_the_dead(key) > limit:
                    await self._client.srem(key, name)
                    return None
            except (redis.RedisError, OSError) as error:
                self._breaker.failed(error)
        return name

    async def leave(self, holder: str, name: str) -> None:
        async with self._turns:
            if self._breaker.allows():
                try:
                    await self._client.srem(f"{PREFIX}:{holder}", name)
                except (redis.RedisError, OSError) as error:
                    self._breaker.failed(error)

    async def _free_of_the_dead(self, key: str) -> int:
        """Remove the slots of processes that have ended. Return their number."""
        names: set[str] = await self._client.smembers(key)
        processes = {name.split(".")[0] for name in names}
        dead = {process for process in processes if not await self._client.exists(_alive(process))}
        ghosts = [name for name in names if name.split(".")[0] in dead]
        return int(await self._client.srem(key, *ghosts)) if ghosts else 0


def _alive(process: str) -> str:
    return f"{PREFIX}:process:{process}"
