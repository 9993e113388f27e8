"""Serializers for the arguments of the live functions."""

from typing import Any

from rest_framework import serializers

from conversations.models import MAX_BODY, MAX_CLIENT_ID, MAX_TAG, MAX_TAGS, Conversation
from conversations.serializers import StatusChange
from praxtalk.core.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from praxtalk.core.api.serializers import (
    MAX_CURSOR,
    Id,
    Integer,
    Milliseconds,
    StrictBooleanField,
    StrictSerializer,
    Text,
)

MAX_MENTIONS = 20

# ruff: noqa: N815 - the field names are the keys of the JSON


class OfConversation(StrictSerializer):
    conversationId = Id()


class InboxQuery(StrictSerializer):
    status = serializers.ChoiceField(Conversation.Status.choices, required=False)
    brandId = Id(required=False)
    assignee = Id(required=False)
    q = Text(required=False, max_length=200, allow_blank=True)
    limit = Integer(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)


class InboxPage(InboxQuery):
    tagId = Id(required=False)
    after = Text(required=False, max_length=MAX_CURSOR)


class CountsQuery(StrictSerializer):
    brandId = Id(required=False)


class ThreadQuery(OfConversation):
    before = Id(required=False)


class EntriesQuery(OfConversation):
    before = Integer(required=False, min_value=1, max_value=2**31 - 1)


class LiveMessage(OfConversation):
    body = Text(max_length=MAX_BODY)
    clientMessageId = Text(required=False, max_length=MAX_CLIENT_ID)
    seenMessageId = Id(required=False)


class NewNote(OfConversation):
    body = Text(max_length=MAX_BODY)
    clientMessageId = Text(required=False, max_length=MAX_CLIENT_ID)
    mentions = serializers.ListField(child=Id(), required=False, max_length=MAX_MENTIONS)


class LiveStatusChange(OfConversation, StatusChange):
    pass


class Assignment(OfConversation):
    operatorId = Id(allow_null=True)


class ChangeOfMany(StrictSerializer):
    """Omitted fields leave the conversations unchanged."""

    conversationIds = serializers.ListField(child=Id(), min_length=1, max_length=MAX_LIMIT)
    operatorId = Id(allow_null=True, required=False)
    status = StatusChange().fields["status"]
    snoozedUntil = StatusChange().fields["snoozedUntil"]

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        fields["status"].required = False
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "status" in attrs:
            StatusChange().validate(attrs)
        elif "snoozedUntil" in attrs:
            raise serializers.ValidationError({"snoozedUntil": "Only with status snoozed."})
        if not {"status", "operatorId"} & set(attrs):
            raise serializers.ValidationError({"status": "Send status, operatorId, or both."})
        return attrs


class AssignmentsSeen(StrictSerializer):
    until = Milliseconds(required=False)


class PresenceTouch(OfConversation):
    typing = StrictBooleanField(default=False)


class TagChange(OfConversation):
    add = serializers.ListField(child=Id(), max_length=MAX_TAGS, default=list)
    remove = serializers.ListField(child=Id(), max_length=MAX_TAGS, default=list)


class NewTag(StrictSerializer):
    name = Text(max_length=MAX_TAG)


class TranscriptTo(OfConversation):
    to = serializers.ChoiceField(["visitor", "me"])


class Blocking(OfConversation):
    blocked = StrictBooleanField()


class OfVisitor(StrictSerializer):
    visitorId = Id()


class OfBrand(StrictSerializer):
    brandId = Id(required=False)
