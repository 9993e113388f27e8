"""The JSON that only operators see: rows of the inbox, the details of conversations and visitors, tags and canned replies."""

from typing import Any
from uuid import UUID

from conversations.inbox import tags_by_conversation
from conversations.models import CannedReply, Conversation, Message, Tag, Visitor
from conversations.search_query import TextQuery
from conversations.serializers import CONVERSATION_COLUMNS, conversation_json, conversation_row_json
from conversations.snippets import snippet
from praxtalk.core.epoch import to_milliseconds


def inbox_row_json(row: tuple[Any, ...], tags: dict[UUID, list[dict[str, str]]]) -> dict[str, Any]:
    """Return a row of the inbox: the REST API's JSON with `tags`, `rating`, `lastActivityAt`, and `unread` for this operator.

    row: the values of ROW_COLUMNS. tags: the result of `tags_by_conversation`.
    """
    rating, unread_position, last_activity_at, seen_position = row[len(CONVERSATION_COLUMNS) :]
    return conversation_row_json(row[: len(CONVERSATION_COLUMNS)]) | {
        "rating": rating,
        "unread": unread_position > seen_position,
        "lastActivityAt": to_milliseconds(last_activity_at),
        "tags": tags.get(row[0], []),
    }


def match_json(message: Message, query: TextQuery) -> dict[str, Any]:
    """Return the part of a message that a search has found, as texts that are marked or not."""
    return {
        "messageId": str(message.pk),
        "createdAt": to_milliseconds(message.created_at),
        "parts": snippet(message.body, query),
    }


def conversation_detail_json(conversation: Conversation) -> dict[str, Any]:
    """Return a model instance as JSON with `tags` and `rating`. There is no `unread`, because the operator is looking at it."""
    tags = tags_by_conversation(conversation.workspace_id, [conversation.pk])
    return conversation_json(conversation) | {"rating": conversation.rating, "tags": tags.get(conversation.pk, [])}


def visitor_detail_json(visitor: Visitor) -> dict[str, Any]:
    """Return a visitor with what they and their browser have said. Only operators may see it."""
    return {
        "_id": str(visitor.pk),
        "name": visitor.name,
        "email": visitor.email or None,
        "phone": visitor.phone or None,
        "externalId": visitor.external_id,
        "page": visitor.page or None,
        "referrer": visitor.referrer or None,
        "browser": visitor.browser or None,
        "timeZone": visitor.time_zone or None,
        "locale": visitor.locale or None,
    }


def tag_json(tag: Tag) -> dict[str, str]:
    return {"_id": str(tag.pk), "name": tag.name}


def canned_reply_json(reply: CannedReply) -> dict[str, Any]:
    return {
        "_id": str(reply.pk),
        "shortcut": reply.shortcut,
        "body": reply.body,
        "brandId": str(reply.brand_id) if reply.brand_id else None,
    }
