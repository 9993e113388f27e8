"""The hub, one per process: it maps topics to queries, and runs a query once for all sockets that make the same call."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog
from django.conf import settings

from praxtalk.core.live.connection_limits import ConnectionCounter
from praxtalk.core.live.executor import with_fresh_connection
from praxtalk.core.live.pubsub import TopicSubscriber
from praxtalk.core.live.shared_queries import Listener, SharedQuery
from praxtalk.core.live.timestamps import Timestamps

HEARTBEAT_SECONDS = 1.0
DRAIN_SECONDS = 5.0
RECONNECT_SPREAD_SECONDS = 2.0  # all queries run again, spread over this time, when Valkey is back

log = structlog.get_logger("praxtalk.live")

T = TypeVar("T")


class Socket(Protocol):
    released: asyncio.Event

    async def heartbeat(self, now: float) -> None:
        """Do periodic work. Called every second. now: monotonic seconds."""

    def stop(self) -> None:
        """Process the messages already received, then close the socket."""


class Hub:
    def __init__(self) -> None:
        self.timestamps = Timestamps()
        self.sockets: set[Socket] = set()
        self.connections = ConnectionCounter()
        # Threads for database work, each with its own connection.
        self._threads = ThreadPoolExecutor(settings.LIVE_THREADS, thread_name_prefix="live")
        self.query_slots = asyncio.Semaphore(settings.LIVE_THREADS)
        self._queries: dict[Hashable, SharedQuery[Any]] = {}
        self._by_topic: defaultdict[str, set[SharedQuery[Any]]] = defaultdict(set)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._subscriber = TopicSubscriber(on_topic=self._on_topic, on_reconnect=self._on_reconnect)
        self.spawn(self._subscriber.listen())
        self.spawn(self._heartbeat())

    async def subscribe(
        self,
        listener: Listener,
        key: Hashable,
        *,
        topics: frozenset[str],
        read: Callable[[], tuple[Any, datetime | None]],
        name: str,
        refresh_interval: float,
    ) -> SharedQuery[Any]:
        """Pass the result of `read` to `listener`, now and after each change. Return the shared query.

        The topics are subscribed to before the first read.

        key: listeners with equal keys share one query. Equal keys must mean equal topics and values.
        read: called in a thread. Returns the value and the time at which it changes without a write (None: never).
        name: for the log.
        refresh_interval: seconds.
        """
        query = self._queries.get(key)
        if query is None:
            read = partial(with_fresh_connection, read)
            query = self._queries[key] = SharedQuery(
                self, key, topics, read, name=name, refresh_interval=refresh_interval
            )
            for topic in topics:
                self._by_topic[topic].add(query)
        query.listeners.add(listener)
        listener.first_run = 10**18  # ignore all runs until the topics are subscribed to
        await self._subscriber.subscribe(topics)
        listener.first_run = query.request_run(is_urgent=True)
        return query

    def unsubscribe(self, query: SharedQuery[Any], listener: Listener) -> None:
        """Remove `listener` from `query`. With its last listener, the query stops, and unsubscribes from its topics."""
        query.listeners.discard(listener)
        if query.listeners:
            return
        query.stop()
        del self._queries[query.key]
        for topic in query.topics:
            self._by_topic[topic].discard(query)
        unused = [topic for topic in query.topics if not self._by_topic[topic]]
        for topic in unused:
            del self._by_topic[topic]
        self._subscriber.drop(unused)
        self.spawn(self._subscriber.unsubscribe_dropped(unused))

    async def in_thread(self, do: Callable[[], T]) -> T:
        """Run `do`, which blocks on the database, in the thread pool, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, do)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drain(self) -> None:
        """Let every socket finish and close, for at most five seconds. The clients reconnect to another process."""
        sockets = list(self.sockets)
        for socket in sockets:
            socket.stop()
        waits = [self.spawn(socket.released.wait()) for socket in sockets]
        if waits:
            await asyncio.wait(waits, timeout=DRAIN_SECONDS)

    def was_connected_since(self, moment: float) -> bool:
        """Return whether no message since `moment` (monotonic seconds) can have been missed."""
        return self._subscriber.connected_since is not None and self._subscriber.connected_since < moment

    @property
    def is_connected(self) -> bool:
        """Return whether changes made by other processes arrive at once."""
        return not self._subscriber.is_lost

    def _on_topic(self, topic: str) -> None:
        for query in self._by_topic.get(topic, ()):
            query.request_run()

    def _on_reconnect(self) -> None:
        """Run all queries again, spread over RECONNECT_SPREAD_SECONDS, because messages may have been missed."""
        loop = asyncio.get_running_loop()
        for number, query in enumerate(list(self._queries.values())):
            loop.call_later(RECONNECT_SPREAD_SECONDS * number / len(self._queries), query.request_run)

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self.connections.renew()
            for socket in list(self.sockets):
                try:
                    await socket.heartbeat(time.monotonic())
                except Exception:
                    log.exception("the heartbeat of a socket failed")


_hubs: list[Hub] = []


async def drain() -> None:
    """Close all sockets of this process. Called when the server stops."""
    for each in _hubs:
        await each.drain()


def is_connected() -> bool:
    """Return whether changes made by other processes arrive at once here. True for a process that never had a socket."""
    return all(each.is_connected for each in _hubs)


def hub() -> Hub:
    """Return the hub of this process. The first socket creates it, on the event loop."""
    if not _hubs:
        _hubs.append(Hub())
    return _hubs[0]
