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
LAST_USED_EVERY = timedelta(minutes=1)
PERIOD, FUDGE = 60, 5
LIMIT_IP = int(os.environ.get("RATE_LIMIT_IP") or 60)
LIMIT_READ = int(os.environ.get("RATE_LIMIT_READ_KEY") or 6000)
LIMIT_WRITE = int(os.environ.get("RATE_LIMIT_WRITE_KEY") or 600)

valkey = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=0.2, socket_connect_timeout=0.2)

Headers = list[tuple[bytes, bytes]]


class Refused(Exception):
    """Raised to answer with an error."""

    def __init__(self, status: int, sentence: str, word: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.word = status, sentence, word


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


async def admit(connection: Any, headers: dict[bytes, bytes], peer: str, usages: list[Usage], *, writes: bool) -> Key:
    """Authenticate a request and count it in the rate limits. Return its key.

    Each limit in which the request counts is appended to `usages`. Raises Refused.
    """
    key, refusal = None, None
    try:
        key = await _identify(connection, headers.get(b"authorization"))
    except Refused as error:
        refusal = error
    address = ipaddress.ip_address(peer)
    is_listed = key is not None and key.lists(address)
    if not is_listed:
        await _count(f"ip:{address}", LIMIT_IP, f"Too many requests from {address}", usages)
    if key is None:
        raise refusal or Refused(401, "Send an API key: Authorization: Bearer ptk_live_...", "not_authenticated")
    if key.allowed_cidrs and not is_listed:
        raise Refused(403, f"This key may not be used from {address}.", "address_not_allowed")
    limit = LIMIT_WRITE if key.may_write else LIMIT_READ
    await _count(f"key:{key.id}", limit, "Too many requests with this key", usages)
    if writes and not key.may_write:
        raise Refused(403, "This key has read scope; this call needs a key of scope write.", "read_only_key")
    return key


async def _identify(connection: Any, header: bytes | None) -> Key | None:
    if not header:
        return None
    match = BEARER.fullmatch(header.decode("latin-1"))
    if match is None or not _is_well_formed(match[1]):
        raise Refused(401, "Malformed API key: send Authorization: Bearer ptk_live_...", "malformed_key")
    digest = hashlib.sha256(match[1].encode()).digest()
    row = await (await connection.execute(sql.KEY, [digest], binary=True)).fetchone()
    if row is None:
        raise Refused(401, "Unknown API key.", "unknown_key")
    expires_at, last_used_at, revoked_at = row[11:14]
    now = datetime.now(UTC)
    if revoked_at is not None:
        raise Refused(401, "This API key has been revoked.", "revoked_key")
    if expires_at is not None and expires_at <= now:
        raise Refused(401, "This API key has expired.", "expired_key")
    if last_used_at is None or now - last_used_at >= LAST_USED_EVERY:
        await connection.execute(sql.KEY_USED, [now, row[0], now - LAST_USED_EVERY])
    return Key(row[0], row[1], row[2], row[4] == "write", row[8])


def _is_well_formed(secret: str) -> bool:
    if len(secret) != SECRET_LENGTH or not secret.startswith(PREFIX) or not secret.isascii():
        return False
    number, digits = zlib.crc32(secret[:-CHECKSUM_LENGTH].encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, rest = divmod(number, len(BASE62))
        digits = BASE62[rest] + digits
    return secret[-CHECKSUM_LENGTH:] == digits


async def _count(what: str, limit: int, sentence: str, usages: list[Usage]) -> None:
    """Count a call in the same one-minute window as django-ratelimit, in one round trip. Raises Refused above the limit."""
    now = int(time.time())
    window = now - now % PERIOD + zlib.crc32(what.partition(":")[2].encode()) % PERIOD
    if window < now:
        window += PERIOD
    name = f"floor:{what}:{window}"
    async with valkey.pipeline(transaction=False) as pipeline:
        pipeline.set(name, 0, ex=PERIOD + FUDGE, nx=True)
        pipeline.incr(name)
        _, count = await pipeline.execute()
    usages.append(Usage(limit, max(0, limit - count), window - now + 1))
    if count > limit:
        retry = f"{limit} a minute are allowed. Retry after {usages[-1].seconds_left} s."
        raise Refused(429, f"{sentence}: {retry}", "rate_limited")
