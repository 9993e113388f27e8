"""Limits of one socket, and its close codes (RFC 6455, section 7.4.2, reserves 3000 to 4999 for applications)."""

import asyncio
import time
from enum import IntEnum

from praxtalk.core.live.connection_limits import ALIVE_SECONDS, ConnectionCounter

MAX_QUERIES = 64
MAX_SOCKETS_PER_SESSION = 20
MAX_SOCKETS_PER_ADDRESS = 100
RETRY_SECONDS = 2.0  # how often a socket that exceeds a limit tries to get a slot
MESSAGES_PER_SECOND = 6.0  # 60 in 10 s
MESSAGE_BURST = 120
MAX_PENDING_CHARACTERS = 8 * 1024 * 1024  # characters of received frames that are not yet processed


class CloseCode(IntEnum):
    """Close codes. Clients reconnect after each of them, with increasing delays."""

    VIOLATION = 4400
    UNAUTHENTICATED = 4401
    INTERNAL_ERROR = 4500
    TOO_MANY = 4503


class TokenBucket:
    """Limit the messages of one socket.

    When the bucket is spent, the socket accepts no more messages, processes those already received, and is closed. A client that
    resends a long queue therefore makes progress with each connection.
    """

    def __init__(self) -> None:
        self._tokens = float(MESSAGE_BURST)
        self._counted_at: float | None = None
        self._pending_characters = 0
        self.is_spent = False

    def spend(self, length: int, now: float) -> None:
        """Count one received message. length: characters; now: monotonic seconds."""
        if self._counted_at is not None:
            self._tokens = min(float(MESSAGE_BURST), self._tokens + (now - self._counted_at) * MESSAGES_PER_SECOND)
        self._counted_at = now
        self._tokens -= 1
        self._pending_characters += length
        self.is_spent = self._tokens < 1 or self._pending_characters > MAX_PENDING_CHARACTERS

    def on_processed(self, is_idle: bool) -> bool:
        """Record that a message was processed. Return whether to close the socket now. is_idle: no other message is waiting."""
        if is_idle:
            self._pending_characters = 0
        return is_idle and self.is_spent


class ConnectionSlots:
    """The connection slots of one socket: one for its address, and one for each session (`Caller.session`) that it uses."""

    def __init__(self, counter: ConnectionCounter, address: str) -> None:
        self._counter, self._address = counter, f"ip:{address}"
        self._held: dict[str, str | None] = {}
        self._retried_at = 0.0
        self._lock = asyncio.Lock()  # ensures that no slot is acquired while the slots are released, or after that
        self._is_released = False

    async def reserve(self, session: str | None = None) -> bool:
        """Reserve a slot for the address and, if given, for the session. Return True if a limit is exceeded."""
        async with self._lock:
            for holder in (self._address, f"session:{session}") if session is not None else (self._address,):
                if holder not in self._held and not self._is_released:
                    self._held[holder] = await self._acquire(holder)
            return None in self._held.values()

    async def heartbeat(self, now: float) -> bool:
        """Retry the slots that the socket did not get. Return True if it now has all of them. now: monotonic seconds."""
        if None not in self._held.values() or now - self._retried_at < RETRY_SECONDS or self._lock.locked():
            return False
        self._retried_at = now
        async with self._lock:
            for holder in [] if self._is_released else [holder for holder, name in self._held.items() if name is None]:
                self._held[holder] = await self._counter.acquire(holder, _limit_of(holder))
            return not self._is_released and None not in self._held.values()

    async def release(self) -> None:
        async with self._lock:
            self._is_released = True
            for holder, name in self._held.items():
                if name is not None:
                    await self._counter.release(holder, name)
            self._held.clear()

    async def _acquire(self, holder: str) -> str | None:
        """Retry for as long as a killed process may still hold slots, because its clients reconnect at once."""
        deadline = time.monotonic() + ALIVE_SECONDS + 1
        while (name := await self._counter.acquire(holder, _limit_of(holder))) is None and time.monotonic() < deadline:
            await asyncio.sleep(1)
        return name


def _limit_of(holder: str) -> int:
    return MAX_SOCKETS_PER_ADDRESS if holder.startswith("ip:") else MAX_SOCKETS_PER_SESSION
