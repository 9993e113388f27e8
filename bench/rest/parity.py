"""Verify that the baseline gives the same answers as PraxTalk.

A comparison of two programs that do different work would be meaningless.
"""

import base64
import http.client
import uuid
import zlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
import psycopg

from bench.run import Invalid

VARYING = {"x-request-id", "x-ratelimit-remaining", "x-ratelimit-reset", "date"}
MISTYPED = "ptk_live_" + "a" * 42

EVENTS = """
    SELECT workspace_id, brand_id, name, body FROM integrations_event ORDER BY sequence DESC LIMIT 2
"""

Answer = tuple[int, dict[str, str], bytes]


class NotTheSame(Invalid):
    """Raised when two answers differ. The message shows the difference."""


def check(product: int, floor: int, *, write_key: str, read_key: str, ids: Sequence[UUID]) -> int:
    """Send the same requests to both ports, and compare status, headers and JSON.

    Return how many answers were compared. Raises NotTheSame.
    """
    message = b'{"body": "Is it the same?"}'
    calls = [
        *[("GET", f"?status={status}&limit=50", read_key, b"") for status in ("open", "closed", "resolved", "snoozed")],
        ("GET", "?status=open&limit=1", write_key, b""),
        *[("GET", f"/{conversation_id}", read_key, b"") for conversation_id in ids],
        ("GET", f"/{uuid.uuid4()}", read_key, b""),
        ("GET", "?status=open", MISTYPED, b""),
        ("POST", f"/{ids[0]}/messages", read_key, message),
        ("POST", f"/{ids[0]}/messages", write_key, message),
        ("GET", f"/{ids[0]}", read_key, b""),
    ]
    for method, way, key, body in calls:
        ours, theirs = _call(product, method, way, key, body), _call(floor, method, way, key, body)
        if method == "POST" and ours[0] == theirs[0] == 201:
            ours, theirs = _without_message_id(ours), _without_message_id(theirs)
        if ours != theirs:
            raise NotTheSame(f"Not the same: {method} {way}\n{_difference(ours, theirs)}")
    return len(calls)


def _call(port: int, method: str, way: str, key: str, body: bytes) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Authorization": f"Bearer {key}"} | ({"Content-Type": "application/json"} if body else {})
    connection.request(method, f"/api/v1/conversations{way}", body or None, headers)
    response = connection.getresponse()
    try:
        told = orjson.loads(response.read())
        has_cursor = "nextCursor" in told
        answer = orjson.dumps(_timeless(told), option=orjson.OPT_SORT_KEYS)
    except orjson.JSONDecodeError as error:
        raise NotTheSame(f"{method} {way}: {response.status}, and no JSON.") from error
    connection.close()
    # A cursor contains the time and is compressed, so its length varies.
    varying = {*VARYING, "content-length"} if has_cursor else VARYING
    kept = {name.lower(): value for name, value in response.getheaders() if name.lower() not in varying}
    return response.status, kept, answer


def _timeless(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer without its times, which differ between two calls.

    `syncedAt` is replaced by whether it is present, and the cursor by its content without the time.
    """
    if "syncedAt" in answer and "nextCursor" in answer:
        packed = answer["nextCursor"].removeprefix(".").split(":")[0]
        data = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        *key, _ = orjson.loads(zlib.decompress(data) if answer["nextCursor"].startswith(".") else data)
        answer["nextCursor"] = key
    return answer | {"syncedAt": "syncedAt" in answer}


def check_events(database: str) -> None:
    """Compare the last two events, which both servers recorded for the message that `check` sent.

    Only the names and types of the fields are compared. Raises NotTheSame.
    """
    with psycopg.connect(database) as connection:
        rows = connection.execute(EVENTS).fetchall()
    theirs, ours = ((*row[:3], _shape(orjson.loads(row[3]))) for row in rows)
    if ours != theirs:
        raise NotTheSame(f"Not the same event:\nPraxTalk: {ours}\nthe floor: {theirs}")


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shape(below) for name, below in value.items()}
    return type(value).__name__


def _without_message_id(answer: Answer) -> Answer:
    return answer[0], answer[1], orjson.dumps(sorted(orjson.loads(answer[2])))


def _difference(ours: Answer, theirs: Answer) -> str:
    headers = sorted(ours[1].items() ^ theirs[1].items())
    pairs = enumerate(zip(ours[2], theirs[2], strict=False))
    start = next((place for place, (our, their) in pairs if our != their), 0)
    parts = [f"{answer[2][max(0, start - 60) : start + 60]!r}" for answer in (ours, theirs)]
    return (
        f"status: {ours[0]}, the floor {theirs[0]}\nheaders of one only: {headers}\nJSON: {parts[0]}\nfloor: {parts[1]}"
    )
