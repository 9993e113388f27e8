"""The webhook events of conversations, for the OpenAPI document."""

from typing import Any

from rest_framework import serializers

from conversations.models import Conversation
from conversations.serializers import ConversationJson, MessageJson
from integrations.models import EventName
from integrations.serializers.events import EventJson
from integrations.webhooks.openapi import event_type, webhook

# ruff: noqa: N815 - the field names are the keys of the JSON


class ConversationCreatedData(serializers.Serializer[Any]):
    conversation = ConversationJson()


class ConversationCreatedEvent(EventJson):
    type = event_type(EventName.CONVERSATION_CREATED)
    data = ConversationCreatedData()  # type: ignore[assignment]


class ConversationStatusChangedData(serializers.Serializer[Any]):
    conversation = ConversationJson()
    previousStatus = serializers.ChoiceField(Conversation.Status.choices)


class ConversationStatusChangedEvent(EventJson):
    type = event_type(EventName.CONVERSATION_STATUS_CHANGED)
    data = ConversationStatusChangedData()  # type: ignore[assignment]


class MessageCreatedData(serializers.Serializer[Any]):
    message = MessageJson()
    conversation = ConversationJson()


class MessageCreatedEvent(EventJson):
    type = event_type(EventName.MESSAGE_CREATED)
    data = MessageCreatedData()  # type: ignore[assignment]


# One constant each, because the setting SPECTACULAR_SETTINGS["WEBHOOKS"] refers to each by its dotted path.
CONVERSATION_CREATED = webhook(
    EventName.CONVERSATION_CREATED, ConversationCreatedEvent, summary="A visitor started a conversation"
)
CONVERSATION_STATUS_CHANGED = webhook(
    EventName.CONVERSATION_STATUS_CHANGED, ConversationStatusChangedEvent, summary="A conversation's status changed"
)
MESSAGE_CREATED = webhook(
    EventName.MESSAGE_CREATED, MessageCreatedEvent, summary="A visitor, an operator or Atlas sent a message"
)
