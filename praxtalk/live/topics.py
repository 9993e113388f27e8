"""Publish a topic after commit. Best effort: subscribers also poll, so a lost message only delays them.

A topic is a name with ids in it. The message is empty, so no tenant's data is ever in Valkey's channels.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import redis
from django.conf import settings

from praxtalk.data.breaker import Breaker
from praxtalk.data.transactions import after_commit

CHANNEL_PREFIX = "changed:"

_breaker = Breaker("changed topics")
_witness = threading.local()


def channel_of(topic: str) -> str:
    """The Valkey channel on which `topic` is announced."""
    return CHANNEL_PREFIX + topic


def changed(*topics: str) -> None:
    """Publish `topics` once this transaction has committed: all that it changed in one round trip. A rollback publishes
    nothing. Never raises, never waits 0.5 s."""
    after_commit(_publish, topics)


@contextmanager
def witnessed() -> Iterator[set[str]]:
    """The topics that this thread announces inside the block: who made a change need not wait for Valkey to hear of it."""
    _witness.topics = topics = set[str]()
    try:
        yield topics
    finally:
        _witness.topics = None


def _publish(topics: set[str]) -> None:
    if (witness := getattr(_witness, "topics", None)) is not None:
        witness.update(topics)
    if not _breaker.allows():
        return
    try:
        with _client().pipeline(transaction=False) as pipeline:
            for topic in topics:
                pipeline.publish(channel_of(topic), b"")
            pipeline.execute()
    except (redis.RedisError, OSError) as error:
        _breaker.failed(error)


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, **settings.VALKEY_OPTIONS)
