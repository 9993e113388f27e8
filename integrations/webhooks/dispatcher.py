"""The dispatcher: claim due deliveries, send them and store the results, for about a minute.

A published topic wakes it. It also polls, in case a message is lost.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ParamSpec, TypeVar

import redis.asyncio
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.utils import DatabaseError, InterfaceError, OperationalError

from integrations.actions import replays
from integrations.webhooks import delivery, leases, results
from integrations.webhooks.delivery import MAX_IN_FLIGHT, MAX_IN_FLIGHT_FAILING, ClaimedDelivery
from integrations.webhooks.outbox import WEBHOOKS_DUE
from integrations.webhooks.results import FinishedAttempt
from praxtalk.core.http.transport import Transport, open_transport
from praxtalk.core.live.topics import channel_of

RUN_SECONDS = 55.0
POLL_SECONDS = 1.0
MAX_CONNECTIONS = 512  # connections of one run; praxtalk/celery.py raises the limit of open files accordingly
RESULT_BATCH_SIZE = 100
BATCH_DELAY_SECONDS = 0.01  # between two claims, and before results are stored, so that both are done in batches
STORE_TRIES = 3
NO_LOCK = nullcontext()

log = structlog.get_logger("praxtalk.webhooks")

P = ParamSpec("P")
T = TypeVar("T")


class Dispatcher:
    """One run of the dispatcher. Any number of runs may overlap: the lease ensures that only one of them sends a delivery."""

    def __init__(
        self,
        *,
        should_stop: Callable[[], bool],
        run_seconds: float = RUN_SECONDS,
        claim_lock: AbstractContextManager[object] = NO_LOCK,
    ) -> None:
        """claim_lock: held from the first claim to the last one.

        The next run can therefore start claiming while this one finishes its requests.
        """
        self._should_stop = should_stop
        self._claim_lock = claim_lock
        self._run_seconds = run_seconds
        self._in_flight: set[asyncio.Task[None]] = set()
        self._finished_attempts: asyncio.Queue[FinishedAttempt] = asyncio.Queue()
        self._wake_up = asyncio.Event()
        self._maintain_at = 0.0

    async def run(self) -> None:
        """Run until `run_seconds` are over or `should_stop()` returns True.

        Requests that are in flight then are finished, and their results are stored.
        """
        async with open_transport() as transport:
            with self._claim_lock:
                listener, writer = asyncio.create_task(self._listen()), asyncio.create_task(self._write())
                await self._claim(transport)
            if self._in_flight:
                await asyncio.wait(self._in_flight)
        await self._finished_attempts.join()
        for task in (listener, writer):
            task.cancel()
        await _run_in_database(_disconnect)

    async def _claim(self, transport: Transport) -> None:
        until = time.monotonic() + self._run_seconds
        while time.monotonic() < until and not self._should_stop():
            self._wake_up.clear()
            if await self._start_due(transport):
                await asyncio.sleep(BATCH_DELAY_SECONDS)
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake_up.wait(), POLL_SECONDS)

    async def _start_due(self, transport: Transport) -> bool:
        """Start the deliveries that are due. Return whether there were any."""
        has_more = await self._maintain() if time.monotonic() >= self._maintain_at else False
        free_slots = MAX_CONNECTIONS - len(self._in_flight)
        claimed = (await _run_in_database(leases.claim, *allocate_slots(free_slots)) if free_slots else None) or []
        for each in claimed:
            task = asyncio.create_task(self._deliver(transport, each))
            self._in_flight.add(task)
            task.add_done_callback(self._on_done)
        return bool(claimed) or has_more

    async def _maintain(self) -> bool:
        """Release leases, apply pauses and advance replays.

        Return whether more may be left; if not, the next call is due in a second.
        """
        steps = (leases.release_expired, leases.apply_pauses, replays.advance)
        has_more = any([await _run_in_database(step) for step in steps])
        if not has_more:
            self._maintain_at = time.monotonic() + POLL_SECONDS
        return has_more

    async def _deliver(self, transport: Transport, claimed: ClaimedDelivery) -> None:
        self._finished_attempts.put_nowait(FinishedAttempt(claimed, await delivery.attempt(transport, claimed)))

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("webhook attempt failed unexpectedly, its lease will expire", exc_info=error)

    async def _write(self) -> None:
        """Store the results of finished attempts, in batches."""
        while True:
            batch = [await self._finished_attempts.get()]
            await asyncio.sleep(BATCH_DELAY_SECONDS)
            while len(batch) < RESULT_BATCH_SIZE and not self._finished_attempts.empty():
                batch.append(self._finished_attempts.get_nowait())
            try:
                await self._store_results(batch)
            except Exception as error:  # a bug must not stop the storing of later results
                log.error("webhook results were not stored, their leases will expire", exc_info=error)
            self._wake_up.set()  # the freed slots may allow the next deliveries of these subscriptions
            for _ in batch:
                self._finished_attempts.task_done()

    async def _store_results(self, batch: list[FinishedAttempt]) -> None:
        """Store a batch of results, with retries.

        If a result is not stored, its delivery is sent again once its lease has expired.
        """
        for _ in range(STORE_TRIES):
            stored = await _run_in_database(results.store_results, batch)
            if stored is not None:
                for each in batch:
                    _log(each, is_stored=each.claimed.delivery_id in stored)
                return

    async def _listen(self) -> None:
        """Wake the run at each published message. Without Valkey, the run only polls."""
        while True:
            with contextlib.suppress(redis.RedisError, OSError):
                async with redis.asyncio.Redis.from_url(settings.REDIS_URL) as client, client.pubsub() as pubsub:
                    await pubsub.subscribe(channel_of(WEBHOOKS_DUE))
                    async for _ in pubsub.listen():
                        self._wake_up.set()
            await asyncio.sleep(POLL_SECONDS)


def allocate_slots(free_slots: int) -> tuple[int, int]:
    """Return how many of the free slots to fill, and how many deliveries one subscription may have in flight.

    The first half of all slots is filled with up to MAX_IN_FLIGHT deliveries of a subscription, the third quarter with up to
    MAX_IN_FLIGHT_FAILING, the last quarter with one. However many receivers hang, slots remain for subscriptions that have
    nothing in flight.
    """
    for reserved, per_subscription in (
        (MAX_CONNECTIONS // 2, MAX_IN_FLIGHT),
        (MAX_CONNECTIONS // 4, MAX_IN_FLIGHT_FAILING),
    ):
        if free_slots > reserved:
            return free_slots - reserved, per_subscription
    return free_slots, 1


def _log(each: FinishedAttempt, *, is_stored: bool) -> None:
    log.info(
        "webhook attempted",
        delivery=str(each.claimed.delivery_id),
        type=each.claimed.event_name,
        attempt=each.claimed.number,
        status_code=each.result.status_code,
        duration_ms=each.result.duration_ms,
        stored=is_stored,
    )


def _disconnect() -> None:
    connection.close()


async def _run_in_database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Return the function's result. If the database raises an error, log it and return None, so that the run continues."""

    def call() -> T | None:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        except (DatabaseError, InterfaceError) as error:
            log.error(
                "webhook database error", what=function.__name__, error=type(error).__name__, text=_first_line(error)
            )
            if isinstance(error, OperationalError | InterfaceError):
                connection.close()
            return None

    result: Any = await sync_to_async(call)()
    return result  # type: ignore[no-any-return]


def _first_line(error: Exception) -> str:
    """Return the first line of PostgreSQL's message. The lines after it may contain values of the row."""
    return str(error).split("\n", 1)[0]
