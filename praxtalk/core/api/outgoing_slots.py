"""Slots for requests that wait for somebody else's server: tests of webhooks, checks of sites.

Each holds a web thread until the other side has answered, or for 15 seconds. So that such requests never take all threads of
a process, nor all slots for one workspace:

1. a workspace has one slot, over all nodes: a lease in Valkey, which runs out if the process dies;
2. a process has one slot for every four threads. Two more kinds of requests hold a thread for long and have as many slots of
   their own: look-ups of host names (praxtalk/core/http/addresses.py) and exports (praxtalk/core/dashboard/export.py). So at
   least a quarter of the threads is free for other requests.

Where no slot is free the request is refused at once. While Valkey is unreachable, only the slots of the process count.
"""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from praxtalk.core.api.errors import TooManyRequests
from praxtalk.core.circuit_breaker import Breaker

LEASE_SECONDS = 30  # twice as long as an exchange may take
RETRY_AFTER_SECONDS = 5
UNREACHABLE = (ConnectionInterrupted, RedisError, OSError)


def slots_of(threads: int) -> int:
    """How many of a process's threads one kind of long requests may hold."""
    return max(1, threads // 4)


_breaker = Breaker("slots for outgoing calls")
_of_process = threading.BoundedSemaphore(slots_of(settings.WEB_THREADS))


class NoFreeSlot(TooManyRequests):
    """429: no slot is free."""

    def __init__(self, sentence: str) -> None:
        super().__init__(f"{sentence} Try again in {RETRY_AFTER_SECONDS} s.", RETRY_AFTER_SECONDS)


@contextmanager
def outgoing_slot(workspace_id: UUID) -> Iterator[None]:
    """A slot of this workspace and of this process, for a call that waits for somebody else's server. Raises NoFreeSlot."""
    with _workspace_slot(workspace_id), _process_slot():
        yield


@contextmanager
def _workspace_slot(workspace_id: UUID) -> Iterator[None]:
    key, owner = f"outgoing_slot.{workspace_id}", secrets.token_hex(8)
    if not _take_lease(key, owner):
        raise NoFreeSlot("Another test of this workspace is still waiting for its answer.")
    try:
        yield
    finally:
        _end_lease(key, owner)


@contextmanager
def _process_slot() -> Iterator[None]:
    if not _of_process.acquire(blocking=False):
        raise NoFreeSlot("This server is busy with other tests.")
    try:
        yield
    finally:
        _of_process.release()


def _take_lease(key: str, owner: str) -> bool:
    if not _breaker.allows():
        return True
    try:
        return bool(cache.add(key, owner, timeout=LEASE_SECONDS))
    except UNREACHABLE as error:
        _breaker.failed(error)
        return True


def _end_lease(key: str, owner: str) -> None:
    """Release the lease if this owner still holds it; if Valkey is unreachable, it expires."""
    if not _breaker.allows():
        return
    try:
        if cache.get(key) == owner:
            cache.delete(key)
    except UNREACHABLE as error:
        _breaker.failed(error)
