"""changed(topic): the word, after commit, that something changed. Losing one costs whoever waits a poll, nothing more."""

from functools import cache, partial

import redis
from django.conf import settings
from django.db import transaction

from praxtalk.data.breaker import Breaker

CHANNEL_PREFIX = "changed:"

_breaker = Breaker("changed topics")


def channel_of(topic: str) -> str:
    """The Valkey channel on which `topic` is announced."""
    return CHANNEL_PREFIX + topic


def changed(topic: str) -> None:
    """Announce `topic` once this transaction has committed; a rollback announces nothing. Never raises, never waits 0.5 s."""
    transaction.on_commit(partial(_publish, topic), robust=True)


def _publish(topic: str) -> None:
    if not _breaker.allows():
        return
    try:
        _client().publish(channel_of(topic), b"")
    except (redis.RedisError, OSError) as error:
        _breaker.failed(error)


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, **settings.VALKEY_OPTIONS)
