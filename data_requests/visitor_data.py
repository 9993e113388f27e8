"""Data about visitors as JSON, for the export of a visitor and of a workspace."""

from typing import Any
from uuid import UUID

from conversations.models import Conversation, Message, Note, Visitor, private_operator_fields
from conversations.serializers import conversation_json, message_json, person_json
from leads.models import Lead
from leads.serializers import lead_json
from praxtalk.core.epoch import to_milliseconds


def visitor_data(visitor: Visitor) -> dict[str, Any]:
    """Return all data about a visitor in the JSON shapes of REST. Files are described, not included."""
    conversations = list(Conversation.objects.with_people().filter(visitor=visitor).order_by("created_at", "id"))
    messages_of: dict[UUID, list[Any]] = {one.pk: [] for one in conversations}
    notes_of: dict[UUID, list[Any]] = {one.pk: [] for one in conversations}
    for message in Message.objects.filter(conversation__in=conversations).select_related("author").order_by("position"):
        messages_of[message.conversation_id].append(message_export_json(message))
    rows = (
        Note.objects.filter(conversation__in=conversations)
        .select_related("author")
        .defer(*private_operator_fields("author"))
    )
    for note in rows.order_by("position"):
        shown = {
            "body": note.body,
            "author": person_json(note.author),
            "sender": note.sender,
            "createdAt": to_milliseconds(note.created_at),
        }
        notes_of[note.conversation_id].append(shown)
    return {
        "visitor": visitor_json(visitor),
        "conversations": [
            conversation_export_json(one) | {"messages": messages_of[one.pk], "notes": notes_of[one.pk]}
            for one in conversations
        ],
        "leads": [lead_json(lead) for lead in Lead.objects.filter(conversation__in=conversations)],
    }


def conversation_export_json(conversation: Conversation) -> dict[str, Any]:
    """Return the conversation as in REST, with the visitor's rating, which REST does not return."""
    rating = {"rating": conversation.rating, "ratingComment": conversation.rating_comment or None}
    return conversation_json(conversation) | rating


def message_export_json(message: Message) -> dict[str, Any]:
    """Return the message as in REST, with `sender`: the name that operators see, such as that of an API key."""
    return message_json(message) | {"sender": message.sender}


def visitor_json(visitor: Visitor) -> dict[str, Any]:
    """Return the visitor with all fields, including those that no other response contains."""
    return {
        "_id": str(visitor.pk),
        "brandId": str(visitor.brand_id),
        "name": visitor.name,
        "email": visitor.email or None,
        "phone": visitor.phone or None,
        "externalId": visitor.external_id,
        "locale": visitor.locale or None,
        "page": visitor.page or None,
        "referrer": visitor.referrer or None,
        "browser": visitor.browser or None,
        "timeZone": visitor.time_zone or None,
        "blockedAt": to_milliseconds(visitor.blocked_at) if visitor.blocked_at else None,
        "createdAt": to_milliseconds(visitor.created_at),
    }
