"""The baseline: what three REST calls cost without a framework between Granian, PostgreSQL and Valkey.

This is a hand-written ASGI application with an async connection pool and prepared statements. It runs the same SQL, makes the
same checks and sends the same headers and JSON as PraxTalk, for these calls only:

    GET /api/v1/conversations?status=&limit=    the first page; no other parameters
    GET /api/v1/conversations/:id
    POST /api/v1/conversations/:id/messages     without Idempotency-Key
"""

import os
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import orjson
from psycopg_pool import AsyncConnectionPool

from bench.rest import baseline_sql as sql
from bench.rest.baseline_access import Headers, Key, Rejected, Usage, authorize, valkey
from conversations.words import words_of
from praxtalk.core.db import sync_mark
from praxtalk.core.db.ids import new_id, parse_id

STATUSES = ("open", "snoozed", "resolved", "closed")
THREAD_LENGTH = 100
MAX_BODY = 10_000
MAX_LIMIT = 100
CONNECTIONS = 8
EVENT = "message.created"
WEBHOOKS_DUE_CHANNEL = "changed:webhooks.due"

EXPOSED_HEADERS = (
    b"Date, Idempotency-Replayed, Link, Location, Retry-After, X-Error-Code, X-RateLimit-Limit, X-RateLimit-Remaining, "
    b"X-RateLimit-Reset, X-Request-Id"
)
CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
COMMON_HEADERS = [
    (b"Content-Type", b"application/json"),
    (b"Cache-Control", b"no-store"),
    (b"X-Frame-Options", b"DENY"),
    (b"Content-Security-Policy", CONTENT_SECURITY_POLICY),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"same-origin"),
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
    (b"Access-Control-Allow-Origin", b"*"),
    (b"Access-Control-Expose-Headers", EXPOSED_HEADERS),
]

pool = AsyncConnectionPool(
    os.environ["DATABASE_URL"],
    min_size=CONNECTIONS,
    max_size=CONNECTIONS,
    open=False,
    kwargs={"autocommit": True, "options": "-c timezone=UTC", "prepare_threshold": 0},
)

ALLOWED_METHODS = {1: b"GET, HEAD, OPTIONS", 2: b"GET, PATCH, HEAD, OPTIONS", 3: b"POST, OPTIONS"}  # by path length

Response = tuple[int, dict[str, Any], Headers]


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The entry point for ASGI."""
    headers: Headers
    if scope["path"] == "/healthz":
        status, data, headers = 200, {"ok": True}, []
    else:
        body = await _read(receive)
        if pool.closed:
            await pool.open(wait=True)
        async with pool.connection() as connection:
            status, data, headers = await _respond(connection, scope, body)
    content = orjson.dumps(data)
    headers += [(b"X-Request-Id", new_id().hex.encode()), (b"Content-Length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": COMMON_HEADERS + headers})
    await send({"type": "http.response.body", "body": content})


async def _read(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def _respond(connection: Any, scope: dict[str, Any], body: bytes) -> Response:
    method, path = scope["method"], scope["path"].removeprefix("/api/v1/conversations").split("/")
    headers: Headers = [(b"Allow", ALLOWED_METHODS[len(path)])]
    usages: list[Usage] = []
    data: dict[str, Any]
    try:
        key = await authorize(connection, dict(scope["headers"]), scope["client"][0], usages, writes=method != "GET")
        status = 200
        if method == "GET" and len(path) == 1:
            data = await _list(connection, key, dict(parse_qsl(scope["query_string"].decode())))
        elif method == "GET":
            data = await _get(connection, key, path[1])
        else:
            status, data = 201, await _send(connection, key, path[1], body, headers)
    except Rejected as error:
        status, data = error.status, {"error": str(error)}
        headers.append((b"X-Error-Code", error.code.encode()))
    if usages:
        headers += min(usages, key=lambda usage: usage.remaining).headers
    return status, data, headers


async def _rows(connection: Any, statement: str, values: list[Any] | dict[str, Any]) -> list[sql.Row]:
    found: list[sql.Row] = await (await connection.execute(statement, values, binary=True)).fetchall()
    return found


async def _conversation(connection: Any, statement: str, key: Key, text: str) -> sql.Row:
    """Return the conversation's row. Raises Rejected if it does not exist or belongs to another brand than the key's."""
    conversation_id = parse_id(text)
    found = await _rows(connection, statement, [conversation_id, key.workspace_id]) if conversation_id else []
    if not found:
        raise Rejected(404, "not_found")
    if key.brand_id is not None and key.brand_id != found[0][2]:
        raise Rejected(403, "other_brand")
    return found[0]


async def _list(connection: Any, key: Key, query: dict[str, str]) -> dict[str, Any]:
    status, limit = query.get("status", ""), query.get("limit", "50")
    if query.keys() - {"status", "limit"} or status not in STATUSES or not limit.isdecimal() or int(limit) > MAX_LIMIT:
        raise Rejected(422, "invalid")
    now = datetime.now(UTC)
    ((age,),) = await _rows(connection, sync_mark.OLDEST_TRANSACTION, [])
    synced_at = sql.milliseconds(now - age - sync_mark.MARGIN)
    rows = await _rows(connection, sql.LIST, [key.workspace_id, status, int(limit) + 1])
    page = rows[: int(limit)]
    data: dict[str, Any] = {"conversations": [sql.listed_json(row) for row in page]}
    if len(rows) > len(page):
        last = [page[-1][9].isoformat(), str(page[-1][0]), synced_at]
        data["nextCursor"] = sql.sign("conversations", key.workspace_id, last)
    return data | {"syncedAt": synced_at}


async def _get(connection: Any, key: Key, text: str) -> dict[str, Any]:
    row = await _conversation(connection, sql.ONE, key, text)
    messages = await _rows(connection, sql.THREAD, [row[0], key.workspace_id, row[9] + 1, THREAD_LENGTH + 1])
    thread = sql.conversation_json(row)
    thread["brand"] = sql.brand_json(row[sql.BRAND_AT :])
    thread["messages"] = [sql.message_json(message) for message in messages[:THREAD_LENGTH][::-1]]
    return {"conversation": thread}


async def _send(connection: Any, key: Key, text: str, body: bytes, headers: Headers) -> dict[str, Any]:
    async with connection.transaction():
        row = await _conversation(connection, sql.LOCKED, key, text)
        message_id, has_deliveries = await _append(connection, row, _validated_body(body))
    if has_deliveries:
        await valkey.publish(WEBHOOKS_DUE_CHANNEL, b"")
    headers.append((b"Location", f"/api/v1/messages?conversationId={row[0]}".encode()))
    return {"messageId": str(message_id)}


def _validated_body(body: bytes) -> str:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Rejected(422, "malformed_json") from error
    text = given.get("body") if isinstance(given, dict) else None
    if not isinstance(text, str) or len(given) > 1 or "\0" in text or not 1 <= len(text.strip()) <= MAX_BODY:
        raise Rejected(422, "invalid")
    return text.strip()


async def _append(connection: Any, row: sql.Row, body: str) -> tuple[UUID, bool]:
    """Insert a message with its event and deliveries. Return its id, and whether there are deliveries."""
    now = max(datetime.now(UTC), row[13])
    position, count, preview, updated_at = row[9] + 1, row[8] + 1, body[: sql.PREVIEW_LENGTH], max(row[12], now)
    await connection.execute(sql.ADVANCE, [preview, count, position, updated_at, now, now, row[0]])
    message_id, event_id = new_id(), new_id()
    added = {
        "id": message_id,
        "workspace": row[1],
        "conversation": row[0],
        "position": position,
        "body": body,
        "now": now,
        "words": " ".join(words_of(body)),
    }
    await connection.execute(sql.ADD_MESSAGE, added)
    changed = (*row[:7], preview, count, position, row[10], row[11], updated_at, now, None, *row[15:])
    message = (message_id, row[1], row[0], position, "operator", "api", None, body, now, [], *[None] * 3)
    event = {
        "id": str(event_id),
        "type": EVENT,
        "createdAt": sql.milliseconds(now),
        "workspaceId": str(row[1]),
        "brandId": str(row[2]),
        "data": {"message": sql.message_json(message), "conversation": sql.conversation_json(changed)},
    }
    recorded = {
        "id": event_id,
        "workspace": row[1],
        "brand": row[2],
        "name": EVENT,
        "body": orjson.dumps(event),
        "now": now,
    }
    subscribers = await _rows(connection, sql.ADD_EVENT, recorded)
    for (subscription,) in subscribers:
        await connection.execute(sql.ADD_DELIVERY, [new_id(), row[1], subscription, event_id, now, now])
    return message_id, bool(subscribers)
