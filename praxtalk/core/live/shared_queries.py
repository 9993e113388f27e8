"""SharedQuery: run a query again when one of its topics changes, once for all its listeners.

1. A new listener requests a run that starts after the request. It shares a run that has not started yet, but not one in progress,
   which may already have read the data.
2. A message on a topic requests a run: at once, then at most one per 100 ms (for a slow query, one per five times its duration),
   and always one after the last change.
3. The query also runs at every refresh interval (60 s for queries, 30 s for identities, +/- 25 %), so a lost message delays a
   change by about one interval at most. If such a run finds a change that was never published, that is a bug and is logged.
4. Results are not cached for later listeners, so nothing has to be invalidated.
"""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import structlog
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from praxtalk.core.live.timestamps import Timestamps

COALESCE_SECONDS = 0.1
SLOW_FACTOR = 5  # pause of a slow query, as a multiple of its duration; leaves most of a thread to other queries
LATE_MESSAGE_SECONDS = 2.0
NOTIFY_BATCH_SIZE = 50  # listeners notified before yielding to the event loop; takes a few milliseconds
RETRY_SECONDS = 0.25
MAX_RETRY_SECONDS = 5.0

log = structlog.get_logger("praxtalk.live")

T = TypeVar("T")


@dataclass(frozen=True)
class QueryRun(Generic[T]):
    """The result of one run. number: the sequence number of the run within its SharedQuery."""

    value: T
    number: int


class Listener(Protocol):
    first_run: int  # runs with a lower number do not concern this listener

    def on_result(self, run: QueryRun[Any]) -> None: ...
    def on_error(self) -> None:
        """Called when a run raises an unexpected exception, which is a bug in PraxTalk."""


class Runtime(Protocol):
    """What shared queries run on: the Hub of the process."""

    query_slots: asyncio.Semaphore
    timestamps: Timestamps

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]: ...
    async def in_thread(self, do: Callable[[], T]) -> T: ...
    def was_connected_since(self, moment: float) -> bool: ...


class SharedQuery(Generic[T]):
    """A query with its listeners. Hub.subscribe() creates it, and Hub.unsubscribe() removes it with its last listener."""

    def __init__(
        self,
        runtime: Runtime,
        key: Hashable,
        topics: frozenset[str],
        read: Callable[[], tuple[T, datetime | None]],
        *,
        name: str,
        refresh_interval: float,
    ) -> None:
        """read: called in a thread. Returns the value and the time at which it changes without a write (None: never)."""
        self.key, self.topics = key, topics
        self.listeners: set[Listener] = set()
        self.latest: QueryRun[T] | None = None
        self._runtime, self._read, self._name, self._refresh_interval = runtime, read, name, refresh_interval
        self._started = 0
        self._started_at = float("-inf")
        self._pause = COALESCE_SECONDS
        self._is_running = self._is_requested = self._is_urgent = self._is_stopped = False
        self._requested_at = float("-inf")
        self._failures = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._set_timer("refresh", refresh_interval * random.uniform(0.75, 1.25))  # noqa: S311 - spreads load

    def request_run(self, *, is_urgent: bool = False) -> int:
        """Request a run that starts after this call, and return its number. is_urgent: skip the pause after the last run."""
        self._requested_at = time.monotonic()
        self._schedule(is_urgent)
        return self._started + 1

    def stop(self) -> None:
        self._is_stopped = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _schedule(self, is_urgent: bool) -> None:
        self._is_requested = True
        self._is_urgent |= is_urgent
        if self._is_running or self._is_stopped:
            return
        wait = 0.0 if self._is_urgent else self._started_at + self._pause - time.monotonic()
        if wait <= 0:
            self._start()
        elif "run" not in self._timers:
            self._timers["run"] = asyncio.get_running_loop().call_later(wait, self._start)

    def _start(self) -> None:
        if timer := self._timers.pop("run", None):
            timer.cancel()
        self._is_running = True
        self._runtime.spawn(self._run())

    async def _run(self) -> None:
        try:
            async with self._runtime.query_slots:
                self._is_requested = self._is_urgent = False
                self._started += 1
                self._started_at = time.monotonic()
                number, was_connected = self._started, self._runtime.was_connected_since(self._requested_at)
                try:
                    value, expires_at = await self._runtime.in_thread(self._read)
                except (OperationalError, InterfaceError) as error:
                    self._retry_later(error)
                    return
            self._failures = 0
            self._pause = max(COALESCE_SECONDS, SLOW_FACTOR * (time.monotonic() - self._started_at))
            self._detect_missed_change(value, was_connected)
            self.latest = run = QueryRun(value, number)
            self._schedule_timed_runs(expires_at)
            await self._notify(run)
        except Exception as error:
            log.exception("a live query failed", name=self._name, exc_info=error)
            for listener in list(self.listeners):
                listener.on_error()
        finally:
            self._is_running = False
            if self._is_requested:
                self._schedule(self._is_urgent)

    async def _notify(self, run: QueryRun[T]) -> None:
        """Notify all listeners, yielding to the event loop after each NOTIFY_BATCH_SIZE of them.

        They send the result with the same `ts`, so that sockets in the same state are sent the same text.
        """
        self._runtime.timestamps.next()
        for count, listener in enumerate(list(self.listeners), 1):
            if listener in self.listeners and listener.first_run <= run.number:
                listener.on_result(run)
            if count % NOTIFY_BATCH_SIZE == 0:
                await asyncio.sleep(0)

    def _retry_later(self, error: Exception) -> None:
        """Retry with backoff. Existing listeners keep the last value; new ones wait for their first."""
        if self._failures == 0:
            log.error("a live query is waiting for the database", name=self._name, error=type(error).__name__)
        self._failures += 1
        self._set_timer("retry", min(MAX_RETRY_SECONDS, RETRY_SECONDS * 2 ** min(self._failures, 8)))

    def _schedule_timed_runs(self, expires_at: datetime | None) -> None:
        self._set_timer("refresh", self._refresh_interval * random.uniform(0.75, 1.25))  # noqa: S311
        if expires_at is not None:
            self._set_timer("expiry", max(0.0, (expires_at - timezone.now()).total_seconds()) + 0.001)

    def _set_timer(self, name: str, seconds: float) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()
        if not self._is_stopped:
            due = self._refresh if name == "refresh" else self.request_run
            self._timers[name] = asyncio.get_running_loop().call_later(seconds, due)

    def _refresh(self) -> None:
        self._schedule(False)

    def _detect_missed_change(self, value: T, was_connected: bool) -> None:
        """Report a change found by a run that was not requested, unless its message arrives within two seconds."""
        was_unrequested = self._requested_at < self._started_at - LATE_MESSAGE_SECONDS
        if was_unrequested and was_connected and self.latest is not None and self.latest.value != value:
            asyncio.get_running_loop().call_later(LATE_MESSAGE_SECONDS, self._report_missed_change, self._started_at)

    def _report_missed_change(self, found_at: float) -> None:
        if self._requested_at < found_at - LATE_MESSAGE_SECONDS:
            log.error("a change was not published", name=self._name)
