"""changed(topic, ...): the word, after commit, that something changed. Losing one costs whoever waits a poll, nothing more.

A topic is a name with ids in it; the word carries nothing else, so no tenant's data is ever in Valkey's channels.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial

import redis
from django.conf import settings
from django.db import transaction

from praxtalk.data.breaker import Breaker

CHANNEL_PREFIX = "changed:"

_breaker = Breaker("changed topics")
_witness = threading.local()


def channel_of(topic: str) -> str:
    """The Valkey channel on which `topic` is announced."""
    return CHANNEL_PREFIX + topic


def changed(*topics: str) -> None:
    """Announce `topics` once this transaction has committed; a rollback announces nothing. Never raises, never waits 0.5 s."""
    transaction.on_commit(partial(_publish, topics), robust=True)


@contextmanager
def witnessed() -> Iterator[set[str]]:
    """The topics that this thread announces inside the block: who made a change need not wait for Valkey to hear of it."""
    _witness.topics = topics = set[str]()
    try:
        yield topics
    finally:
        _witness.topics = None


def _publish(topics: tuple[str, ...]) -> None:
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
