"""Receive published topics: one Valkey connection per process, subscribed to the topics of its queries."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable

import redis
import redis.asyncio
import structlog
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from praxtalk.core.live.topics import CHANNEL_PREFIX, channel_of

RECONNECT_SECONDS = 0.5
IDLE_SECONDS = 10.0  # then send a ping; without a response for as long again, the connection is lost
ACKNOWLEDGE_SECONDS = 1.0
PUBSUB_STATUS = "pubsub-status"  # local to this process: published when the connection is lost or restored
KEEPALIVE_CHANNEL = channel_of("")  # always subscribed: a connection without a subscription would end

log = structlog.get_logger("praxtalk.live")


class TopicSubscriber:
    """Call `on_topic(topic)` for each published topic, and `on_reconnect()` when messages may have been missed.

    `on_topic(PUBSUB_STATUS)` is called when the connection to Valkey is lost or restored.
    """

    def __init__(self, *, on_topic: Callable[[str], None], on_reconnect: Callable[[], None]) -> None:
        self._on_topic, self._on_reconnect = on_topic, on_reconnect
        self.is_lost = False
        self._channels: set[str] = set()
        self._acknowledgements: dict[str, asyncio.Future[None]] = {}
        self._write_lock = asyncio.Lock()
        self._pubsub: redis.asyncio.client.PubSub | None = None
        self.connected_since: float | None = None  # monotonic seconds; None while there is no connection

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Subscribe, and return once Valkey has acknowledged it, so that a read that starts afterwards misses no change.

        Returns after one second without an acknowledgement, and at once without a connection.
        """
        channels = [channel_of(topic) for topic in topics]
        new = [channel for channel in channels if channel not in self._channels]
        self._channels.update(new)
        if self._pubsub is None:
            return
        for channel in new:
            self._acknowledgements[channel] = asyncio.Future()
        with contextlib.suppress(redis.RedisError, OSError):
            if new:
                async with self._write_lock:
                    await self._pubsub.subscribe(*new)
            if acknowledged := [
                self._acknowledgements[channel] for channel in channels if channel in self._acknowledgements
            ]:
                await asyncio.wait(acknowledged, timeout=ACKNOWLEDGE_SECONDS)

    def drop(self, topics: Iterable[str]) -> None:
        """Stop keeping the subscriptions to `topics`, which no query uses any more. See `unsubscribe_dropped`."""
        self._channels.difference_update(map(channel_of, topics))

    async def unsubscribe_dropped(self, topics: Iterable[str]) -> None:
        """Unsubscribe in Valkey from those `topics` that no query has subscribed to again."""
        with contextlib.suppress(redis.RedisError, OSError):
            async with self._write_lock:
                channels = [channel for channel in map(channel_of, topics) if channel not in self._channels]
                if self._pubsub is not None and channels:
                    await self._pubsub.unsubscribe(*channels)

    async def listen(self) -> None:
        """Receive messages forever. Reconnect whenever the connection to Valkey is lost."""
        is_first = True
        while True:
            try:
                await self._listen(is_first)
            except (redis.RedisError, OSError) as error:
                if self.connected_since is not None or is_first:
                    log.warning(
                        "valkey is unavailable: changes made by other processes arrive late", error=type(error).__name__
                    )
            finally:
                self._pubsub, self.connected_since = None, None
            self._set_lost(is_lost=True)
            is_first = False
            await asyncio.sleep(RECONNECT_SECONDS)

    def _set_lost(self, *, is_lost: bool) -> None:
        if self.is_lost != is_lost:
            self.is_lost = is_lost
            self._on_topic(PUBSUB_STATUS)

    async def _listen(self, is_first: bool) -> None:
        # Do not let redis-py reconnect by itself: that would hide that messages may have been missed.
        no_retry = Retry(NoBackoff(), 0)
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, retry=no_retry)
        async with client, client.pubsub() as pubsub:
            await pubsub.subscribe(KEEPALIVE_CHANNEL, *self._channels)
            self._pubsub, self.connected_since = pubsub, time.monotonic()
            self._set_lost(is_lost=False)
            if not is_first:
                self._on_reconnect()
            is_pinged = False
            while True:
                message = await pubsub.get_message(timeout=IDLE_SECONDS)
                if message is None and is_pinged:
                    raise redis.ConnectionError("no response to a ping")
                is_pinged = message is None
                if message is None:
                    await pubsub.ping()
                else:
                    self._on_message(message)

    def _on_message(self, message: dict[str, object]) -> None:
        channel = message["channel"].decode() if isinstance(message["channel"], bytes) else ""
        if message["type"] == "message":
            self._on_topic(channel.removeprefix(CHANNEL_PREFIX))
        elif (
            message["type"] == "subscribe"
            and (future := self._acknowledgements.pop(channel, None))
            and not future.done()
        ):
            future.set_result(None)
