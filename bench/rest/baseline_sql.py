"""SQL of the baseline, with the same columns as the querysets of PraxTalk, and conversion of rows to JSON."""

import base64
import hashlib
import hmac
import os
import zlib
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import orjson

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PREVIEW_LENGTH = 140

_CONVERSATION = (
    "c.id, c.workspace_id, c.brand_id, c.visitor_id, c.assignee_id, c.status, c.channel, c.preview, c.message_count, "
    "c.last_position, c.snoozed_until, c.created_at, c.updated_at, c.last_message_at, c.waiting_since"
)
_VISITOR = "v.id, v.workspace_id, v.brand_id, v.name, v.email, v.phone, v.created_at"
_OPERATOR = "o.id, o.workspace_id, o.name"
_LISTED = (
    "c.id, c.status, c.channel, c.brand_id, c.preview, c.message_count, c.snoozed_until, c.created_at, c.updated_at, "
    "c.last_message_at, c.waiting_since, c.visitor_id, v.name, v.email, v.phone, c.assignee_id, o.name"
)
_BRAND = "b.id, b.workspace_id, b.slug, b.name, b.primary_color, b.widget_id, b.created_at"
_MESSAGE = (
    "m.id, m.workspace_id, m.conversation_id, m.position, m.role, m.channel, m.author_id, m.body, m.created_at, "
    "m.attachments"
)
_PEOPLE = """
    INNER JOIN conversations_visitor v ON c.visitor_id = v.id
    LEFT OUTER JOIN accounts_operator o ON c.assignee_id = o.id
"""

KEY = """
    SELECT id, workspace_id, brand_id, name, scope, digest, prefix, last_four, allowed_cidrs, created_by_id, created_at,
           expires_at, last_used_at, revoked_at
    FROM integrations_apikey WHERE digest = %s ORDER BY id LIMIT 1
"""
KEY_USED = """
    UPDATE integrations_apikey SET last_used_at = %s
    WHERE id = %s AND (last_used_at IS NULL OR last_used_at <= %s)
"""
LIST = f"""
    SELECT {_LISTED} FROM conversations_conversation c {_PEOPLE}
    WHERE c.workspace_id = %s AND c.status = %s ORDER BY c.last_activity_at DESC, c.id DESC LIMIT %s
"""
ONE = f"""
    SELECT {_CONVERSATION}, {_VISITOR}, {_OPERATOR}, {_BRAND} FROM conversations_conversation c
    INNER JOIN brands_brand b ON c.brand_id = b.id {_PEOPLE}
    WHERE c.id = %s AND c.workspace_id = %s ORDER BY c.id LIMIT 1
"""
THREAD = f"""
    SELECT {_MESSAGE}, {_OPERATOR} FROM conversations_message m LEFT OUTER JOIN accounts_operator o ON m.author_id = o.id
    WHERE m.conversation_id = %s AND m.workspace_id = %s AND m.position < %s ORDER BY m.position DESC LIMIT %s
"""
LOCKED = f"""
    SELECT {_CONVERSATION}, {_VISITOR}, {_OPERATOR} FROM conversations_conversation c {_PEOPLE}
    WHERE c.id = %s AND c.workspace_id = %s FOR NO KEY UPDATE OF c
"""
ADVANCE = """
    UPDATE conversations_conversation
    SET preview = %s, message_count = %s, last_position = %s, updated_at = %s, last_message_at = %s, last_activity_at = %s,
        waiting_since = NULL
    WHERE id = %s
"""
ADD_MESSAGE = """
    INSERT INTO conversations_message
        (id, workspace_id, conversation_id, position, role, channel, author_id, body, created_at, words, words_digest)
    VALUES (%(id)s, %(workspace)s, %(conversation)s, %(position)s, 'operator', 'api', NULL, %(body)s, %(now)s, %(words)s,
        md5('1' || chr(10) || %(body)s)::uuid)
"""
ADD_EVENT = """
    WITH event AS (
        INSERT INTO integrations_event (id, workspace_id, brand_id, name, body, created_at)
        VALUES (%(id)s, %(workspace)s, %(brand)s, %(name)s, %(body)s, %(now)s)
    )
    SELECT id FROM integrations_webhooksubscription
    WHERE workspace_id = %(workspace)s AND status = 'active' AND %(name)s = ANY(events)
        AND (brand_id IS NULL OR brand_id = %(brand)s)
    FOR KEY SHARE
"""
ADD_DELIVERY = """
    INSERT INTO integrations_delivery
        (id, workspace_id, subscription_id, event_id, status, attempts_made, interruptions, next_attempt_at, created_at)
    VALUES (%s, %s, %s, %s, 'pending', 0, 0, %s, %s)
"""

Row = tuple[Any, ...]
BRAND_AT = 25  # index of the first column of the brand in ONE


def milliseconds(moment: datetime) -> int:
    """Return the milliseconds since the epoch, rounded down."""
    passed = moment - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1000 + passed.microseconds // 1000


def conversation_json(row: Row) -> dict[str, Any]:
    """Return the JSON of a conversation, from a row that begins with the columns of conversation, visitor and assignee."""
    return {
        "_id": str(row[0]),
        "status": row[5],
        "channel": row[6],
        "brandId": str(row[2]),
        "visitor": {"_id": str(row[15]), "name": row[18], "email": row[19] or None, "phone": row[20] or None},
        "assignee": {"_id": str(row[22]), "name": row[24]} if row[22] else None,
        "preview": row[7],
        "messageCount": row[8],
        "snoozedUntil": milliseconds(row[10]) if row[10] else None,
        "createdAt": milliseconds(row[11]),
        "updatedAt": milliseconds(row[12]),
        "lastMessageAt": milliseconds(row[13]),
        "waitingSince": milliseconds(row[14]) if row[14] else None,
    }


def listed_json(row: Row) -> dict[str, Any]:
    """Return the JSON of a conversation, from a row of LIST."""
    return {
        "_id": str(row[0]),
        "status": row[1],
        "channel": row[2],
        "brandId": str(row[3]),
        "visitor": {"_id": str(row[11]), "name": row[12], "email": row[13] or None, "phone": row[14] or None},
        "assignee": {"_id": str(row[15]), "name": row[16]} if row[15] else None,
        "preview": row[4],
        "messageCount": row[5],
        "snoozedUntil": milliseconds(row[6]) if row[6] else None,
        "createdAt": milliseconds(row[7]),
        "updatedAt": milliseconds(row[8]),
        "lastMessageAt": milliseconds(row[9]),
        "waitingSince": milliseconds(row[10]) if row[10] else None,
    }


def brand_json(row: Row) -> dict[str, Any]:
    """Return the JSON of a brand, from its columns."""
    return {
        "_id": str(row[0]),
        "slug": row[2],
        "name": row[3],
        "primaryColor": row[4],
        "widgetId": row[5],
        "createdAt": milliseconds(row[6]),
    }


def message_json(row: Row) -> dict[str, Any]:
    """Return the JSON of a message, from a row of THREAD: message and author."""
    return {
        "_id": str(row[0]),
        "conversationId": str(row[2]),
        "role": row[4],
        "body": row[7],
        "attachments": row[9],
        "channel": row[5],
        "author": {"_id": str(row[10]), "name": row[12]} if row[10] else None,
        "createdAt": milliseconds(row[8]),
    }


def sign(name: str, owner: UUID, key: list[Any]) -> str:
    """Return a cursor, signed as django.core.signing.Signer does."""
    data = orjson.dumps(key)
    packed = zlib.compress(data)
    text = "." + _base64(packed) if len(packed) < len(data) - 1 else _base64(data)
    return f"{text}:{_base64(hmac.digest(_signing_key(name, owner), text.encode(), 'sha256'))}"


@cache
def _signing_key(name: str, owner: UUID) -> bytes:
    return hashlib.sha256(f"cursor.{name}.{owner}signer{os.environ['SECRET_KEY']}".encode()).digest()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
