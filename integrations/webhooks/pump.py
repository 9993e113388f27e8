"""The pump: claims what is due, sends it, settles it, for about a minute; woken by the word, polling as the safety net."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import redis.asyncio
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.utils import InterfaceError, OperationalError

from integrations.webhooks import delivery
from integrations.webhooks.delivery import Claimed
from integrations.webhooks.outbox import WEBHOOKS_DUE
from integrations.webhooks.transport import Transport, open_transport
from praxtalk.live.topics import channel_of

RUN_SECONDS = 55.0
POLL_SECONDS = 1.0
MAX_AT_ONCE = 100

log = structlog.get_logger("praxtalk.webhooks")

P = ParamSpec("P")
T = TypeVar("T")


class Pump:
    """One run. Any number may run at once: the claim keeps them apart."""

    def __init__(self, *, should_stop: Callable[[], bool], run_seconds: float = RUN_SECONDS) -> None:
        self._should_stop = should_stop
        self._run_seconds = run_seconds
        self._in_flight: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Until `run_seconds` are over or `should_stop()` says so; what is in flight is finished first."""
        until = time.monotonic() + self._run_seconds
        listener = asyncio.create_task(self._listen())
        async with open_transport() as transport:
            while time.monotonic() < until and not self._should_stop():
                self._woken.clear()
                found = await self._start_due(transport)
                if not found:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)
            if self._in_flight:
                await asyncio.wait(self._in_flight)
        listener.cancel()
        await _in_database(_disconnect)

    async def _start_due(self, transport: Transport) -> bool:
        room = MAX_AT_ONCE - len(self._in_flight)
        if room <= 0:
            return False
        try:
            await _in_database(delivery.release_expired)
            claimed = await _in_database(delivery.claim, room)
        except (OperationalError, InterfaceError) as error:
            log.error("database does not answer", error=type(error).__name__)
            return False
        for one in claimed:
            task = asyncio.create_task(self._deliver(transport, one))
            self._in_flight.add(task)
            task.add_done_callback(self._finished)
        return bool(claimed)

    async def _deliver(self, transport: Transport, claimed: Claimed) -> None:
        answer = await delivery.attempt(transport, claimed)
        settled = await _in_database(delivery.settle, claimed, answer)
        log.info(
            "webhook attempted",
            delivery=str(claimed.delivery_id),
            type=claimed.event_name,
            attempt=claimed.number,
            status_code=answer.status_code,
            duration_ms=answer.duration_ms,
            settled=settled,
        )

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._woken.set()  # its place may let the next one of its subscription go
        if not task.cancelled() and (error := task.exception()):
            log.error("an attempt could not be written; its lease will run out", exc_info=error)

    async def _listen(self) -> None:
        """Wake the run at each word; without Valkey the poll remains."""
        while True:
            with contextlib.suppress(redis.RedisError, OSError):
                async with redis.asyncio.Redis.from_url(settings.REDIS_URL) as client, client.pubsub() as words:
                    await words.subscribe(channel_of(WEBHOOKS_DUE))
                    async for _ in words.listen():
                        self._woken.set()
            await asyncio.sleep(POLL_SECONDS)


def _disconnect() -> None:
    connection.close()


async def _in_database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    def call() -> T:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        except (OperationalError, InterfaceError):
            connection.close()
            raise

    result: Any = await sync_to_async(call)()
    return result  # type: ignore[no-any-return]
