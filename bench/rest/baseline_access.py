"""Access checks of the baseline: API key, client address and rate limits.

They are the same checks in the same order as in praxtalk/core/api/view.py.
"""

import hashlib
import ipaddress
import os
import re
import string
import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import redis.asyncio

from bench.rest import baseline_sql as sql

BASE62 = string.ascii_letters + string.digits
PREFIX, SECRET_LENGTH, CHECKSUM_LENGTH = "ptk_live_", 51, 6
BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)
LAST_USED_INTERVAL = timedelta(minutes=1)
PERIOD, FUDGE = 60, 5
LIMIT_IP = int(os.environ.get("RATE_LIMIT_IP") or 60)
LIMIT_READ = int(os.environ.get("RATE_LIMIT_READ_KEY") or 6000)
LIMIT_WRITE = int(os.environ.get("RATE_LIMIT_WRITE_KEY") or 600)

valkey = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=0.2, socket_connect_timeout=0.2)

Headers = list[tuple[bytes, bytes]]


class Rejected(Exception):
    """Raised to respond with an error."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class Usage:
    """The state of one rate limit after this call."""

    limit: int
    remaining: int
    seconds_left: int

    @property
    def headers(self) -> Headers:
        return [
            (b"X-RateLimit-Limit", b"%d" % self.limit),
            (b"X-RateLimit-Remaining", b"%d" % self.remaining),
            (b"X-RateLimit-Reset", b"%d" % (int(time.time()) + self.seconds_left)),
        ]


@dataclass(frozen=True, slots=True)
class Key:
    """The fields of an authenticated key that the endpoints use."""

    id: UUID
    workspace_id: UUID
    brand_id: UUID | None
    may_write: bool
    allowed_cidrs: list[str]

    def lists(self, address: Any) -> bool:
        return any(address in ipaddress.ip_network(cidr) for cidr in self.allowed_cidrs)


async def authorize(
    connection: Any, headers: dict[bytes, bytes], client: str, usages: list[Usage], *, writes: bool
) -> Key:
    """Authenticate a request and count it in the rate limits. Return its key.

    Each limit in which the request counts is appended to `usages`. Raises Rejected.
    """
    key = await _authenticate(connection, headers.get(b"authorization", b""))
    address = ipaddress.ip_address(client)
    is_listed = key is not None and key.lists(address)
    if not is_listed:
        await _count(f"ip:{address}", LIMIT_IP, usages)
    if key is None:
        raise Rejected(401, "not_authenticated")
    if key.allowed_cidrs and not is_listed:
        raise Rejected(403, "address_not_allowed")
    await _count(f"key:{key.id}", LIMIT_WRITE if key.may_write else LIMIT_READ, usages)
    if writes and not key.may_write:
        raise Rejected(403, "read_only_key")
    return key


async def _authenticate(connection: Any, header: bytes) -> Key | None:
    match = BEARER.fullmatch(header.decode("latin-1"))
    if match is None or not _is_well_formed(match[1]):
        return None
    digest = hashlib.sha256(match[1].encode()).digest()
    row = await (await connection.execute(sql.KEY, [digest], binary=True)).fetchone()
    if row is None:
        return None
    expires_at, last_used_at, revoked_at = row[11:14]
    now = datetime.now(UTC)
    if revoked_at is not None or (expires_at is not None and expires_at <= now):
        return None
    if last_used_at is None or now - last_used_at >= LAST_USED_INTERVAL:
        await connection.execute(sql.KEY_USED, [now, row[0], now - LAST_USED_INTERVAL])
    return Key(row[0], row[1], row[2], row[4] == "write", row[8])


def _is_well_formed(secret: str) -> bool:
    if len(secret) != SECRET_LENGTH or not secret.startswith(PREFIX) or not secret.isascii():
        return False
    number, digits = zlib.crc32(secret[:-CHECKSUM_LENGTH].encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, rest = divmod(number, len(BASE62))
        digits = BASE62[rest] + digits
    return secret[-CHECKSUM_LENGTH:] == digits


async def _count(what: str, limit: int, usages: list[Usage]) -> None:
    """Count a call in the same one-minute window as django-ratelimit, in one round trip. Raises Rejected above the limit."""
    now = int(time.time())
    window = now - now % PERIOD + zlib.crc32(what.partition(":")[2].encode()) % PERIOD
    if window < now:
        window += PERIOD
    name = f"baseline:{what}:{window}"
    async with valkey.pipeline(transaction=False) as pipeline:
        pipeline.set(name, 0, ex=PERIOD + FUDGE, nx=True)
        pipeline.incr(name)
        _, count = await pipeline.execute()
    usages.append(Usage(limit, max(0, limit - count), window - now + 1))
    if count > limit:
        raise Rejected(429, "rate_limited")
