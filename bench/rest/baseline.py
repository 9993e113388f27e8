"""The baseline: what three REST calls cost without a framework between Granian, PostgreSQL and Valkey.

This is a hand-written ASGI application with an async connection pool and prepared statements. It runs the same SQL, makes the
same checks and gives the same answers as PraxTalk (bench/rest/parity.py verifies this), for these calls only:

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
from bench.rest.baseline_key import Headers, Key, Refused, Usage, admit, valkey
from praxtalk.core.db import sync_mark
from praxtalk.core.db.ids import new_id, parse_id

STATUSES = ("open", "snoozed", "resolved", "closed")
THREAD_LENGTH = 100
MAX_BODY = 10_000
CONNECTIONS = 8
EVENT = "message.created"
DUE = "changed:webhooks.due"

EXPOSED = (
    b"Date, Idempotency-Replayed, Link, Location, Retry-After, X-Error-Code, X-RateLimit-Limit, X-RateLimit-Remaining, "
    b"X-RateLimit-Reset, X-Request-Id"
)
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ALWAYS = [
    (b"Content-Type", b"application/json"),
    (b"Cache-Control", b"no-store"),
    (b"X-Frame-Options", b"DENY"),
    (b"Content-Security-Policy", POLICY),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"same-origin"),
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
    (b"Access-Control-Allow-Origin", b"*"),
    (b"Access-Control-Expose-Headers", EXPOSED),
]

pool = AsyncConnectionPool(
    os.environ["DATABASE_URL"],
    min_size=CONNECTIONS,
    max_size=CONNECTIONS,
    open=False,
    kwargs={"autocommit": True, "options": "-c timezone=UTC", "prepare_threshold": 0},
)

ALLOWED = {1: b"GET, HEAD, OPTIONS", 2: b"GET, PATCH, HEAD, OPTIONS", 3: b"POST, OPTIONS"}

Answer = tuple[int, dict[str, Any], Headers]


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The entry point for ASGI."""
    headers: Headers
    if scope["path"] == "/healthz":
        status, answer, headers = 200, {"ok": True}, []
    else:
        body = await _read(receive)
        if pool.closed:
            await pool.open(wait=True)
        async with pool.connection() as connection:
            status, answer, headers = await _answer(connection, scope, body)
    content = orjson.dumps(answer)
    headers += [(b"X-Request-Id", new_id().hex.encode()), (b"Content-Length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": ALWAYS + headers})
    await send({"type": "http.response.body", "body": content})


async def _read(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def _answer(connection: Any, scope: dict[str, Any], body: bytes) -> Answer:
    method, way = scope["method"], scope["path"].removeprefix("/api/v1/conversations").split("/")
    query = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
    headers: Headers = [(b"Allow", ALLOWED[len(way)])]
    usages: list[Usage] = []
    try:
        key = await admit(connection, dict(scope["headers"]), scope["client"][0], usages, writes=method != "GET")
        status = 200
        if method == "GET" and len(way) == 1:
            answer = await _list(connection, key, query)
        elif method == "GET" and len(way) == 2:
            answer = await _one(connection, key, way[1], query)
        else:
            status, answer = 201, await _send(connection, key, way[1], query, body, headers)
    except Refused as refusal:
        status, answer = refusal.status, {"error": refusal.sentence}
        headers.append((b"X-Error-Code", refusal.word.encode()))
        if refusal.status == 401:
            headers.append((b"WWW-Authenticate", b"Bearer"))
    if usages:
        headers += min(usages, key=lambda usage: usage.remaining).headers
    return status, answer, headers


async def _rows(connection: Any, statement: str, values: list[Any] | dict[str, Any]) -> list[sql.Row]:
    found: list[sql.Row] = await (await connection.execute(statement, values, binary=True)).fetchall()
    return found


async def _in_scope(connection: Any, statement: str, key: Key, text: str) -> sql.Row:
    conversation_id = parse_id(text)
    found = await _rows(connection, statement, [conversation_id, key.workspace_id]) if conversation_id else []
    if not found:
        raise Refused(404, "Not found.", "not_found")
    if key.brand_id is not None and key.brand_id != found[0][2]:
        raise Refused(403, "This key is limited to another brand.", "other_brand")
    return found[0]


def _no_parameters(query: list[tuple[str, str]]) -> None:
    if query:
        raise Refused(422, f"{query[0][0]}: this call takes no query parameters.", "invalid")


async def _list(connection: Any, key: Key, query: list[tuple[str, str]]) -> dict[str, Any]:
    given = dict(query)
    status, limit = given.get("status", ""), given.get("limit", "50")
    if len(given) != len(query) or given.keys() - {"status", "limit"} or status not in STATUSES:
        raise Refused(422, "The floor takes one status and one limit.", "invalid")
    if not limit.isdecimal() or not 1 <= int(limit) <= 100:
        raise Refused(422, "limit: 1 to 100.", "invalid")
    now = datetime.now(UTC)
    ((age,),) = await _rows(connection, sync_mark.OLDEST_TRANSACTION, [])
    synced_at = sql.milliseconds(now - age - sync_mark.MARGIN)
    rows = await _rows(connection, sql.LIST, [key.workspace_id, status, int(limit) + 1])
    page = rows[: int(limit)]
    answer: dict[str, Any] = {"conversations": [sql.listed_json(row) for row in page]}
    if len(rows) > len(page):
        last = [page[-1][9].isoformat(), str(page[-1][0]), synced_at]
        answer["nextCursor"] = sql.sign("conversations", key.workspace_id, last)
    return answer | {"syncedAt": synced_at}


async def _one(connection: Any, key: Key, text: str, query: list[tuple[str, str]]) -> dict[str, Any]:
    _no_parameters(query)
    row = await _in_scope(connection, sql.ONE, key, text)
    found = await _rows(connection, sql.THREAD, [row[0], key.workspace_id, row[9] + 1, THREAD_LENGTH + 1])
    page = found[:THREAD_LENGTH][::-1]
    thread = sql.conversation_json(row)
    thread["brand"] = sql.brand_json(row[sql.BRAND_AT :])
    thread["messages"] = [sql.message_json(message) for message in page]
    if len(found) > THREAD_LENGTH:
        thread["olderCursor"] = sql.sign("messages", row[0], ["before", page[0][3]])
    return {"conversation": thread}


async def _send(
    connection: Any, key: Key, text: str, query: list[tuple[str, str]], body: bytes, headers: Headers
) -> dict[str, Any]:
    async with connection.transaction():
        row = await _in_scope(connection, sql.LOCKED, key, text)
        _no_parameters(query)
        message_id, is_due = await _append(connection, row, _checked(body))
    if is_due:
        await valkey.publish(DUE, b"")
    headers.append((b"Location", f"/api/v1/messages?conversationId={row[0]}".encode()))
    return {"messageId": str(message_id)}


def _checked(body: bytes) -> str:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(422, f"The body is not valid JSON: {error}.", "malformed_json") from error
    text = given.get("body") if isinstance(given, dict) else None
    if not isinstance(text, str) or len(given) > 1 or "\0" in text or not 1 <= len(text.strip()) <= MAX_BODY:
        raise Refused(422, "body: 1 to 10000 characters, and nothing else.", "invalid")
    return text.strip()


async def _append(connection: Any, row: sql.Row, body: str) -> tuple[UUID, bool]:
    """Insert a message with its event and deliveries. Return its id, and whether there are deliveries."""
    now = max(datetime.now(UTC), row[13])
    position, count, preview, updated_at = row[9] + 1, row[8] + 1, body[: sql.PREVIEW_LENGTH], max(row[12], now)
    await connection.execute(sql.ADVANCE, [preview, count, position, updated_at, now, now, row[0]])
    message_id, event_id = new_id(), new_id()
    await connection.execute(sql.ADD_MESSAGE, [message_id, row[1], row[0], position, body, now])
    changed = (*row[:7], preview, count, position, row[10], row[11], updated_at, now, *row[14:])
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
