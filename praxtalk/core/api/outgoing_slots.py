"""Slots for requests that wait for an external server, such as a test of a webhook or a check of a web page.

Each of them occupies a web thread until the external server has answered, for at most 15 seconds. Two limits ensure that
such requests never take all threads of a process, and that one workspace never takes all slots:

1. A workspace has one slot across all nodes. It is a lease in Valkey, which expires if the process dies.
2. A process has one slot for every four threads. Two more kinds of requests occupy a thread for long and have as many slots
   of their own: host name lookups (praxtalk/core/http/addresses.py) and exports (praxtalk/core/dashboard/export.py). So at
   least a quarter of the threads remains free for other requests.

If no slot is free, the request is refused immediately. While Valkey is unreachable, only the slots of the process count.
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
from praxtalk.core.circuit_breaker import CircuitBreaker

LEASE_SECONDS = 30  # twice as long as an exchange may take
RETRY_AFTER_SECONDS = 5
VALKEY_ERRORS = (ConnectionInterrupted, RedisError, OSError)


def slot_count(threads: int) -> int:
    """Return how many of a process's `threads` one kind of long request may occupy."""
    return max(1, threads // 4)


_breaker = CircuitBreaker("slots for outgoing calls")
_process_slots = threading.BoundedSemaphore(slot_count(settings.WEB_THREADS))


class NoFreeSlot(TooManyRequests):
    """429: no slot is free."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message} Try again in {RETRY_AFTER_SECONDS} s.", RETRY_AFTER_SECONDS)


@contextmanager
def outgoing_slot(workspace_id: UUID) -> Iterator[None]:
    """Occupy a slot of this workspace and of this process while the block waits for an external server. Raises NoFreeSlot."""
    with _workspace_slot(workspace_id), _process_slot():
        yield


@contextmanager
def _workspace_slot(workspace_id: UUID) -> Iterator[None]:
    key, owner = f"outgoing_slot.{workspace_id}", secrets.token_hex(8)
    if not _acquire_lease(key, owner):
        raise NoFreeSlot("Another test in this workspace is still waiting for a response.")
    try:
        yield
    finally:
        _release_lease(key, owner)


@contextmanager
def _process_slot() -> Iterator[None]:
    if not _process_slots.acquire(blocking=False):
        raise NoFreeSlot("This server is busy with other tests.")
    try:
        yield
    finally:
        _process_slots.release()


def _acquire_lease(key: str, owner: str) -> bool:
    if not _breaker.allows():
        return True
    try:
        return bool(cache.add(key, owner, timeout=LEASE_SECONDS))
    except VALKEY_ERRORS as error:
        _breaker.record_failure(error)
        return True


def _release_lease(key: str, owner: str) -> None:
    """Release the lease if this owner still holds it. If Valkey is unreachable, the lease expires by itself."""
    if not _breaker.allows():
        return
    try:
        if cache.get(key) == owner:
            cache.delete(key)
    except VALKEY_ERRORS as error:
        _breaker.record_failure(error)
