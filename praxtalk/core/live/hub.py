"""The hub, one per process: which topics its sockets watch, and one run for all who ask alike."""

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

from praxtalk.core.live.connection_limits import Places
from praxtalk.core.live.executor import with_fresh_connection
from praxtalk.core.live.pubsub import Words
from praxtalk.core.live.shared_queries import Listener, Watch
from praxtalk.core.live.timestamps import Timestamps

TEND_SECONDS = 1.0
DRAIN_SECONDS = 5.0
RETURN_SECONDS = 2.0  # over which all is read again when Valkey is back

log = structlog.get_logger("praxtalk.live")

T = TypeVar("T")


class Socket(Protocol):
    has_left: asyncio.Event

    async def tend(self, now: float) -> None:
        """Called each second; now: monotonic seconds."""

    def stop(self) -> None:
        """Close it, once what it was asked is done."""


class Hub:
    def __init__(self) -> None:
        self.timestamps = Timestamps()
        self.sockets: set[Socket] = set()
        self.connections = Places()
        # Threads for database work, each with a connection of its own.
        self._threads = ThreadPoolExecutor(settings.LIVE_THREADS, thread_name_prefix="live")
        self.places = asyncio.Semaphore(settings.LIVE_THREADS)
        self._watches: dict[Hashable, Watch[Any]] = {}
        self._by_topic: defaultdict[str, set[Watch[Any]]] = defaultdict(set)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._words = Words(on_word=self._on_word, on_return=self._on_return)
        self.spawn(self._words.listen())
        self.spawn(self._tend())

    async def listen(
        self,
        listener: Listener,
        key: Hashable,
        *,
        topics: frozenset[str],
        read: Callable[[], tuple[Any, datetime | None]],
        name: str,
        net_seconds: float,
    ) -> Watch[Any]:
        """Tell `listener` what `read` reads, now and after each change. Topics are joined before the first read.

        key: of those who may share one run; equal keys must mean equal topics and values.
        """
        watch = self._watches.get(key)
        if watch is None:
            read = partial(with_fresh_connection, read)
            watch = self._watches[key] = Watch(self, key, topics, read, name=name, net_seconds=net_seconds)
            for topic in topics:
                self._by_topic[topic].add(watch)
        watch.listeners.add(listener)
        listener.first_run = 10**18  # nothing yet: the topics come first
        await self._words.subscribe(topics)
        listener.first_run = watch.need(is_urgent=True)
        return watch

    def leave(self, watch: Watch[Any], listener: Listener) -> None:
        """The last one takes the watch along."""
        watch.listeners.discard(listener)
        if watch.listeners:
            return
        watch.stop()
        del self._watches[watch.key]
        for topic in watch.topics:
            self._by_topic[topic].discard(watch)
        unwatched = [topic for topic in watch.topics if not self._by_topic[topic]]
        for topic in unwatched:
            del self._by_topic[topic]
        self._words.forget(unwatched)
        self.spawn(self._words.unsubscribe_forgotten(unwatched))

    async def in_thread(self, do: Callable[[], T]) -> T:
        """Run what waits for the database."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, do)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drain(self) -> None:
        """Close every socket in order, in five seconds at most: their clients come back elsewhere."""
        sockets = list(self.sockets)
        for socket in sockets:
            socket.stop()
        leaving = [self.spawn(socket.has_left.wait()) for socket in sockets]
        if leaving:
            await asyncio.wait(leaving, timeout=DRAIN_SECONDS)

    def has_words_since(self, moment: float) -> bool:
        """Whether every word since then (monotonic seconds) was heard."""
        return self._words.connected_since is not None and self._words.connected_since < moment

    @property
    def is_hearing(self) -> bool:
        """Whether changes made by other processes are heard at once."""
        return not self._words.is_lost

    def _on_word(self, topic: str) -> None:
        for watch in self._by_topic.get(topic, ()):
            watch.need()

    def _on_return(self) -> None:
        """Words may have been missed: everything is read again, spread a little."""
        loop = asyncio.get_running_loop()
        for number, watch in enumerate(list(self._watches.values())):
            loop.call_later(RETURN_SECONDS * number / len(self._watches), watch.need)

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(TEND_SECONDS)
            await self.connections.beat()
            for socket in list(self.sockets):
                try:
                    await socket.tend(time.monotonic())
                except Exception:
                    log.exception("tending a socket failed")


_hubs: list[Hub] = []


async def drain() -> None:
    """The server stops."""
    for each in _hubs:
        await each.drain()


def is_hearing() -> bool:
    """Of this process; one without sockets misses nothing."""
    return all(each.is_hearing for each in _hubs)


def hub() -> Hub:
    """This process's. Made on its event loop, with the first socket."""
    if not _hubs:
        _hubs.append(Hub())
    return _hubs[0]
