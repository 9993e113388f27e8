"""Hearing `changed(topic)`: one Valkey connection per process, subscribed to the topics that its sockets watch."""

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
SILENT_SECONDS = 10.0  # then a ping; a second silence means that Valkey vanished without a word
ACKNOWLEDGED_SECONDS = 1.0
PUBSUB_STATUS = "hearing"  # the topic of whether words are heard; of this process alone
KEEPALIVE_CHANNEL = channel_of("")  # a subscription that is always there: a connection without one would end

log = structlog.get_logger("praxtalk.live")


class TopicSubscriber:
    """Tells `on_word(topic)`, with HEARING when Valkey is lost or found; and `on_return()` when words may have been missed."""

    def __init__(self, *, on_topic: Callable[[str], None], on_reconnect: Callable[[], None]) -> None:
        self._on_topic, self._on_reconnect = on_topic, on_reconnect
        self.is_lost = False
        self._channels: set[str] = set()
        self._awaited: dict[str, asyncio.Future[None]] = {}
        self._writing = asyncio.Lock()
        self._pubsub: redis.asyncio.client.PubSub | None = None
        self.connected_since: float | None = None  # monotonic seconds; None while there is no connection

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Returns once Valkey has the subscription, so that a read begun now misses nothing; or after a second without it."""
        channels = [channel_of(topic) for topic in topics]
        new = [channel for channel in channels if channel not in self._channels]
        self._channels.update(new)
        if self._pubsub is None:
            return
        for channel in new:
            self._awaited[channel] = asyncio.Future()
        with contextlib.suppress(redis.RedisError, OSError):
            if new:
                async with self._writing:
                    await self._pubsub.subscribe(*new)
            if acknowledged := [self._awaited[channel] for channel in channels if channel in self._awaited]:
                await asyncio.wait(acknowledged, timeout=ACKNOWLEDGED_SECONDS)

    def forget(self, topics: Iterable[str]) -> None:
        """Nobody watches them any more."""
        self._channels.difference_update(map(channel_of, topics))

    async def unsubscribe_forgotten(self, topics: Iterable[str]) -> None:
        """Tell Valkey of those that nobody has come to watch meanwhile."""
        with contextlib.suppress(redis.RedisError, OSError):
            async with self._writing:
                channels = [channel for channel in map(channel_of, topics) if channel not in self._channels]
                if self._pubsub is not None and channels:
                    await self._pubsub.unsubscribe(*channels)

    async def listen(self) -> None:
        """For ever, whatever becomes of Valkey."""
        is_first = True
        while True:
            try:
                await self._listen(is_first)
            except (redis.RedisError, OSError) as error:
                if self.connected_since is not None or is_first:
                    log.warning("live changes of other processes come late: no valkey", error=type(error).__name__)
            finally:
                self._pubsub, self.connected_since = None, None
            self._turn(is_lost=True)
            is_first = False
            await asyncio.sleep(RECONNECT_SECONDS)

    def _turn(self, *, is_lost: bool) -> None:
        if self.is_lost != is_lost:
            self.is_lost = is_lost
            self._on_topic(PUBSUB_STATUS)

    async def _listen(self, is_first: bool) -> None:
        never_again = Retry(
            NoBackoff(), 0
        )  # a connection that came back by itself would hide what was missed meanwhile
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, retry=never_again)
        async with client, client.pubsub() as pubsub:
            await pubsub.subscribe(KEEPALIVE_CHANNEL, *self._channels)
            self._pubsub, self.connected_since = pubsub, time.monotonic()
            self._turn(is_lost=False)
            if not is_first:
                self._on_reconnect()
            is_pinged = False
            while True:
                message = await pubsub.get_message(timeout=SILENT_SECONDS)
                if message is None and is_pinged:
                    raise redis.ConnectionError("no answer")
                is_pinged = message is None
                if message is None:
                    await pubsub.ping()
                else:
                    self._heard(message)

    def _heard(self, message: dict[str, object]) -> None:
        channel = message["channel"].decode() if isinstance(message["channel"], bytes) else ""
        if message["type"] == "message":
            self._on_topic(channel.removeprefix(CHANNEL_PREFIX))
        elif message["type"] == "subscribe" and (awaited := self._awaited.pop(channel, None)) and not awaited.done():
            awaited.set_result(None)
