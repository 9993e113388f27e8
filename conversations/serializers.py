"""The JSON of conversations and messages, and serializers for REST request bodies and query parameters."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts.models import Operator
from brands.serializers import BrandJson, brand_json
from conversations.attachments import SUFFIXES
from conversations.models import MAX_BODY_LENGTH, Channel, Conversation, Message
from praxtalk.core.api.serializers import (
    SYNCED_AT,
    UPDATED_SINCE,
    EpochField,
    IdField,
    MillisecondsField,
    OpenChoiceField,
    PageQuery,
    QueryMillisecondsField,
    StrictCharField,
    StrictSerializer,
)
from praxtalk.core.epoch import to_milliseconds

# --- responses ---


def person_json(operator: Operator | None) -> dict[str, Any] | None:
    """Return an operator as PersonJson declares it, or None if there is no operator."""
    return {"_id": str(operator.pk), "name": operator.name} if operator else None


# The columns from which the JSON of a conversation is built. A list reads only these, as tuples: three model instances for each
# of fifty rows cost more than the rest of the request.
CONVERSATION_COLUMNS = (
    "id",
    "status",
    "channel",
    "brand_id",
    "preview",
    "message_count",
    "snoozed_until",
    "created_at",
    "updated_at",
    "last_message_at",
    "waiting_since",
    "visitor_id",
    "visitor__name",
    "visitor__email",
    "visitor__phone",
    "assignee_id",
    "assignee__name",
)


def conversation_row_json(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a conversation as ConversationJson declares it. row: the values of CONVERSATION_COLUMNS."""
    (
        pk,
        status,
        channel,
        brand_id,
        preview,
        message_count,
        snoozed_until,
        created_at,
        updated_at,
        last_message_at,
        waiting_since,
        visitor_id,
        visitor_name,
        visitor_email,
        visitor_phone,
        assignee_id,
        assignee_name,
    ) = row
    return {
        "_id": str(pk),
        "status": status,
        "channel": channel,
        "brandId": str(brand_id),
        "visitor": {
            "_id": str(visitor_id),
            "name": visitor_name,
            "email": visitor_email or None,
            "phone": visitor_phone or None,
        },
        "assignee": {"_id": str(assignee_id), "name": assignee_name} if assignee_id else None,
        "preview": preview,
        "messageCount": message_count,
        "snoozedUntil": to_milliseconds(snoozed_until) if snoozed_until else None,
        "createdAt": to_milliseconds(created_at),
        "updatedAt": to_milliseconds(updated_at),
        "lastMessageAt": to_milliseconds(last_message_at),
        "waitingSince": to_milliseconds(waiting_since) if waiting_since else None,
    }


def conversation_json(conversation: Conversation) -> dict[str, Any]:
    """Return a conversation as ConversationJson declares it. Reads the visitor and the assignee: load them (`with_people`)."""
    return conversation_row_json(tuple(_column(conversation, path) for path in CONVERSATION_COLUMNS))


def _column(row: Any, path: str) -> Any:
    for name in path.split("__"):
        row = getattr(row, name) if row is not None else None
    return row


def message_json(message: Message) -> dict[str, Any]:
    """Return a message as MessageJson declares it. Reads the author: load it first."""
    return {
        "_id": str(message.pk),
        "conversationId": str(message.conversation_id),
        "role": message.role,
        "body": message.body,
        "attachments": message.attachments,
        "channel": message.channel,
        "author": person_json(message.author),
        "createdAt": to_milliseconds(message.created_at),
    }


def thread_json(conversation: Conversation, messages: list[Message]) -> dict[str, Any]:
    """Return a conversation with its brand and messages, as ThreadJson declares it."""
    return conversation_json(conversation) | {
        "brand": brand_json(conversation.brand),
        "messages": [message_json(message) for message in messages],
    }


# ruff: noqa: N815 - the field names are the keys of the JSON


class VisitorJson(serializers.Serializer[Any]):
    _id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)


class PersonJson(serializers.Serializer[Any]):
    _id = serializers.UUIDField()
    name = serializers.CharField()


class AttachmentJson(serializers.Serializer[Any]):
    _id = serializers.UUIDField()
    name = serializers.CharField()
    contentType = OpenChoiceField(sorted(SUFFIXES))
    size = serializers.IntegerField(help_text="In bytes")
    width = serializers.IntegerField(allow_null=True, help_text="In pixels; null if the file is not an image")
    height = serializers.IntegerField(allow_null=True, help_text="In pixels; null if the file is not an image")


class MessageJson(serializers.Serializer[Any]):
    _id = serializers.UUIDField()
    conversationId = serializers.UUIDField()
    role = serializers.ChoiceField(Message.Role.choices)
    body = serializers.CharField(help_text="The text, or the file name if a file was sent without text")
    attachments = AttachmentJson(many=True)
    channel = OpenChoiceField(Channel.values)
    author = PersonJson(allow_null=True)
    createdAt = EpochField()


class ConversationJson(serializers.Serializer[Any]):
    _id = serializers.UUIDField()
    status = serializers.ChoiceField(Conversation.Status.choices)
    channel = OpenChoiceField(Channel.values)
    brandId = serializers.UUIDField()
    visitor = VisitorJson()
    assignee = PersonJson(allow_null=True)
    preview = serializers.CharField(help_text="The beginning of the newest message")
    messageCount = serializers.IntegerField()
    snoozedUntil = EpochField(allow_null=True)
    createdAt = EpochField()
    updatedAt = EpochField()
    lastMessageAt = EpochField()
    waitingSince = EpochField(
        allow_null=True,
        help_text="The time of the visitor's first message that nobody has answered; null if none waits",
    )


class ThreadJson(ConversationJson):
    brand = BrandJson()
    messages = MessageJson(many=True, help_text="The newest 100 messages, oldest first")
    olderCursor = serializers.CharField(
        required=False, help_text="Cursor for GET /messages, present if there are older messages"
    )


class ConversationList(serializers.Serializer[Any]):
    conversations = ConversationJson(many=True)
    nextCursor = serializers.CharField(required=False)
    syncedAt = EpochField(help_text=SYNCED_AT)


@extend_schema_serializer(component_name="ConversationAnswer")
class ConversationResponse(serializers.Serializer[Any]):
    conversation = ThreadJson()


class MessageList(serializers.Serializer[Any]):
    messages = MessageJson(many=True)
    nextCursor = serializers.CharField(required=False, help_text="Cursor of the next, newer messages")
    olderCursor = serializers.CharField(
        required=False, help_text="Cursor of older messages, if the request had an olderCursor as its cursor"
    )


class MessageSent(serializers.Serializer[Any]):
    messageId = serializers.UUIDField()


# --- requests ---


class ConversationQuery(PageQuery):
    status = serializers.ChoiceField(Conversation.Status.choices, required=False)
    brandId = IdField(required=False)
    updatedSince = QueryMillisecondsField(required=False, help_text=UPDATED_SINCE)


class StatusChange(StrictSerializer):
    status = serializers.ChoiceField(Conversation.Status.choices)
    snoozedUntil = MillisecondsField(
        required=False,
        allow_null=True,
        help_text="When a snoozed conversation reopens by itself (milliseconds since the epoch)",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        snoozed_until = attrs.get("snoozedUntil")
        if snoozed_until and attrs["status"] != Conversation.Status.SNOOZED:
            raise serializers.ValidationError({"snoozedUntil": "Only allowed when status is snoozed."})
        if snoozed_until and snoozed_until <= timezone.now():
            raise serializers.ValidationError({"snoozedUntil": "Must be in the future."})
        return attrs


class NewMessage(StrictSerializer):
    body = StrictCharField(max_length=MAX_BODY_LENGTH)
    operatorId = IdField(
        required=False,
        allow_null=True,
        help_text="The operator who wrote the reply: an active one who sees the conversation's brand",
    )


class MessageQuery(PageQuery):
    conversationId = IdField()
