"""Data about visitors as JSON, for the export of a visitor and of a workspace."""

from typing import Any
from uuid import UUID

from conversations.inbox_json import visitor_detail_json
from conversations.models import Conversation, Message, Note, Visitor, private_operator_fields
from conversations.serializers import conversation_json, message_json, person_json
from leads.models import Lead
from leads.serializers import lead_json
from praxtalk.core.epoch import to_milliseconds


def visitor_data(visitor: Visitor) -> dict[str, Any]:
    """Return all data about a visitor in the JSON format of the REST API. Files are described, not included."""
    conversations = list(Conversation.objects.with_people().filter(visitor=visitor).order_by("created_at", "id"))
    messages_of: dict[UUID, list[Any]] = {conversation.pk: [] for conversation in conversations}
    notes_of: dict[UUID, list[Any]] = {conversation.pk: [] for conversation in conversations}
    for message in Message.objects.filter(conversation__in=conversations).select_related("author").order_by("position"):
        messages_of[message.conversation_id].append(message_export_json(message))
    rows = (
        Note.objects.filter(conversation__in=conversations)
        .select_related("author")
        .defer(*private_operator_fields("author"))
    )
    for note in rows.order_by("position"):
        notes_of[note.conversation_id].append(note_export_json(note))
    return {
        "visitor": visitor_export_json(visitor),
        "conversations": [
            conversation_export_json(conversation)
            | {"messages": messages_of[conversation.pk], "notes": notes_of[conversation.pk]}
            for conversation in conversations
        ],
        "leads": [lead_json(lead) for lead in Lead.objects.filter(conversation__in=conversations)],
    }


def conversation_export_json(conversation: Conversation) -> dict[str, Any]:
    """Return the conversation as in the REST API, with the visitor's rating, which the REST API does not return."""
    rating = {"rating": conversation.rating, "ratingComment": conversation.rating_comment or None}
    return conversation_json(conversation) | rating


def message_export_json(message: Message) -> dict[str, Any]:
    """Return the message as in the REST API, with `sender`: the name that operators see, such as that of an API key."""
    return message_json(message) | {"sender": message.sender}


def visitor_export_json(visitor: Visitor) -> dict[str, Any]:
    """Return the visitor as the inbox shows them, with the id of their brand and the time when they were blocked."""
    return visitor_detail_json(visitor) | {
        "brandId": str(visitor.brand_id),
        "blockedAt": to_milliseconds(visitor.blocked_at) if visitor.blocked_at else None,
        "createdAt": to_milliseconds(visitor.created_at),
    }


def note_export_json(note: Note) -> dict[str, Any]:
    """Return the note without its id and its conversation."""
    return {
        "body": note.body,
        "author": person_json(note.author),
        "sender": note.sender,
        "createdAt": to_milliseconds(note.created_at),
    }
