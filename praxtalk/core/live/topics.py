"""Publish topics after commit.

If Valkey is unavailable, topics are published once it responds again. Subscribers also poll, so a message that is lost for good
only delays them. A topic is a name that contains ids. The messages are empty, so Valkey's channels never carry a tenant's data.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import redis
from django.conf import settings

from praxtalk.core.circuit_breaker import PAUSE_SECONDS, CircuitBreaker
from praxtalk.core.db.transactions import after_commit

CHANNEL_PREFIX = "changed:"
MAX_UNPUBLISHED = 10_000  # beyond this, topics are dropped and subscribers rely on polling

_breaker = CircuitBreaker("changed topics")
_unpublished = set[str]()
_unpublished_lock = threading.Lock()
_captured = threading.local()


def channel_of(topic: str) -> str:
    """Return the Valkey channel on which `topic` is published."""
    return CHANNEL_PREFIX + topic


def publish_on_commit(*topics: str) -> None:
    """Publish `topics` after the current transaction commits, or nothing if it is rolled back.

    All topics of one transaction are published in one round trip. Publishing never raises, and blocks for less than 0.5 s.
    """
    after_commit(_publish, topics)


@contextmanager
def capture_topics() -> Iterator[set[str]]:
    """Collect the topics that this thread publishes inside the block.

    A socket uses this to learn of its own changes without Valkey.
    """
    _captured.topics = topics = set[str]()
    try:
        yield topics
    finally:
        _captured.topics = None


def _publish(topics: set[str]) -> None:
    if (captured := getattr(_captured, "topics", None)) is not None:
        captured.update(topics)
    if not _breaker.allows():
        _publish_later(topics)
        return
    try:
        with _client().pipeline(transaction=False) as pipeline:
            for topic in topics:
                pipeline.publish(channel_of(topic), b"")
            pipeline.execute()
    except (redis.RedisError, OSError) as error:
        _breaker.record_failure(error)
        _publish_later(topics)


def _publish_later(topics: set[str]) -> None:
    """Publish `topics` after the circuit breaker's pause. If the process ends first, subscribers rely on polling."""
    with _unpublished_lock:
        is_scheduled = bool(_unpublished)
        if len(_unpublished) < MAX_UNPUBLISHED:
            _unpublished.update(topics)
    if not is_scheduled:
        timer = threading.Timer(PAUSE_SECONDS + 0.1, _publish_unpublished)
        timer.daemon = True
        timer.start()


def _publish_unpublished() -> None:
    with _unpublished_lock:
        topics = set(_unpublished)
        _unpublished.clear()
    _publish(topics)


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, **settings.VALKEY_OPTIONS)
